"""Intervals for any quantity computed from a fit, by one of three methods.

A statistic g is a function of a fit, and so of its parameters theta; V is their covariance.

- ``wald``: the delta method, se^2 = g'V g, g' by central differences in the parameters on the scales on which they are
  unbounded (log of a standard deviation, Fisher's of a correlation);
- ``profile``: the least and the greatest value of g at which twice the log-likelihood is within z^2 of its maximum,
  which is what inverting the profile likelihood ratio test of g = c gives (Venzon and Moolgavkar 1988, Applied
  Statistics 37, 87-94);
- ``boot``: percentiles over data sets simulated from the fit, g computed from the fit to each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import ConvergenceError, DataError, NotAvailableError
from ranef.inference.expressions import expression_statistic
from ranef.inference.working_scale import WorkingScale
from ranef.tables import normal_quantile

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Statistic: TypeAlias = "Callable[[Fit], float | pd.Series]"
Method = Literal["wald", "profile", "boot"]

METHODS = ("wald", "profile", "boot")

# Steps of the differences, in standard errors: small against curvature, large against rounding.
_STEP = 2e-3
# A statistic that moves by less than this share of its size over one such step does not depend on a parameter.
_UNMOVED = 1e-9


def derived_interval(
    fit: Fit,
    statistic: Statistic | str | dict[str, str],
    method: Method = "wald",
    level: float = 0.95,
    n: int = 1000,
    seed: int | None = None,
) -> pd.DataFrame:
    """Interval of a quantity computed from a fit; see `Fit.derive`."""
    if method not in METHODS:
        raise DataError(f"method must be 'wald', 'profile' or 'boot', got {method!r}")
    if method != "wald":
        raise NotAvailableError(f"derive(method={method!r}) comes in a later version; method='wald' is available")
    half_width = normal_quantile(level)
    fit.require_data("derive()")
    function = statistic if callable(statistic) else expression_statistic(fit, statistic)
    estimate = evaluate(function, fit)
    return _wald(fit, function, estimate, half_width)


def evaluate(statistic: Statistic, fit: Fit) -> pd.Series:
    """What `statistic` makes of a fit, as a Series of floats.

    Raises
    ------
    DataError
        If the statistic raises, or gives something else than a number or a Series of numbers.
    """
    try:
        found = statistic(fit)
    except Exception as error:
        raise DataError(f"the statistic raised {type(error).__name__}: {error}") from error
    try:
        if isinstance(found, pd.Series):
            return found.astype(np.float64)
        return pd.Series([float(found)], index=[_name(statistic)])
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the statistic gave {type(found).__name__}; it must give a number, or a Series of numbers by name"
        ) from error


def _name(statistic: Statistic) -> str:
    name = getattr(statistic, "__name__", "value")
    return "value" if name == "<lambda>" else name


def _wald(fit: Fit, statistic: Statistic, estimate: pd.Series, half_width: float) -> pd.DataFrame:
    gradient = statistic_gradient(fit, statistic, estimate)
    covariance = np.nan_to_num(fit.parameter_vcov, nan=0.0)
    std_error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", gradient, covariance, gradient), 0.0))
    return pd.DataFrame(
        {
            "estimate": estimate,
            "std_error": std_error,
            "conf_low": estimate - half_width * std_error,
            "conf_high": estimate + half_width * std_error,
        }
    )


def statistic_gradient(fit: Fit, statistic: Statistic, estimate: pd.Series) -> Floats:
    """(statistics, parameters): derivatives of a statistic in the values of all parameters.

    Parameters that were held, and standard deviations that are zero, are taken as given: their columns are zero.

    Raises
    ------
    ConvergenceError
        If the statistic depends on a parameter about which the data say nothing.
    """
    scale = WorkingScale(fit)
    variance = np.diag(fit.parameter_vcov)
    given = fit.held.copy()
    given[[fit.outside_count + place for place in fit.estimate.at_zero]] = True
    centre = scale.to_working(fit.parameter_values)
    slope = scale.slope(fit.parameter_values)
    gradient = np.zeros((estimate.size, variance.size))
    for place in np.flatnonzero(~given):
        known = bool(np.isfinite(variance[place]))
        step = _STEP * float(np.sqrt(variance[place])) / slope[place] if known else _STEP
        ends = []
        for sign in (-1.0, 1.0):
            moved = centre.copy()
            moved[place] += sign * step
            ends.append(_same_shape(evaluate(statistic, fit.at(scale.to_values(moved))), estimate))
        change = ends[1] - ends[0]
        if not known and np.any(np.abs(change) > _UNMOVED * np.maximum(np.abs(estimate.to_numpy()), 1.0)):
            raise ConvergenceError(
                f"the statistic depends on {fit.parameter_names[place]}, whose standard error the data leave open; "
                f"see fit.diagnose()"
            )
        gradient[:, place] = change / (2.0 * step * slope[place])
    return gradient


def _same_shape(found: pd.Series, estimate: pd.Series) -> Floats:
    if not found.index.equals(estimate.index):
        raise DataError("the statistic gives other names at other parameter values; it must give the same rows always")
    values = found.to_numpy()
    if not np.isfinite(values).all():
        name = found.index[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise DataError(f"the statistic {name!r} is not finite near the estimates, and has no derivative there")
    return np.asarray(values)
