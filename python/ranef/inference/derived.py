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

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import ConvergenceError, DataError
from ranef.inference import constrained
from ranef.inference.bootstrap import bootstrap
from ranef.inference.derived_values import Statistic, evaluate
from ranef.inference.expressions import expression_statistic
from ranef.inference.profile import maximum
from ranef.inference.working_scale import WorkingScale
from ranef.tables import normal_quantile

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
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
    half_width = normal_quantile(level)
    fit.require_data("derive()")
    function = statistic if callable(statistic) else expression_statistic(fit, statistic)
    if method == "boot":
        return _boot(fit, function, level, n, seed)
    if method == "profile":
        return _profile(maximum(fit), function, half_width)
    return _wald(fit, function, evaluate(function, fit), half_width)


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


def _profile(fit: Fit, statistic: Statistic, half_width: float) -> pd.DataFrame:
    table = _wald(fit, statistic, evaluate(statistic, fit), half_width)
    area = constrained.region(fit, half_width)
    for name in table.index:
        low, high = constrained.ends(area, _entry(statistic, name), str(name))
        table.loc[name, ["conf_low", "conf_high"]] = low, high
    return table


def _entry(statistic: Statistic, name: Hashable) -> Callable[[Fit], float]:
    """One of the statistic's numbers."""
    return lambda fit: float(evaluate(statistic, fit).loc[name])


def _boot(fit: Fit, statistic: Statistic, level: float, n: int, seed: int | None) -> pd.DataFrame:
    made = bootstrap(fit, n, statistic, seed, n_jobs=1, threads=1, use_re="simulate", progress=False)
    table = made.confint(level)
    table.insert(1, "std_error", made.summary()["std_error"])
    table.index.name = None
    return table


def statistic_gradient(fit: Fit, statistic: Statistic, estimate: pd.Series) -> Floats:
    """(statistics, parameters): derivatives of a statistic in the values of all parameters.

    Parameters that were held, standard deviations that are zero, and correlations at the end of their range are taken
    as given: their columns are zero.

    Raises
    ------
    ConvergenceError
        If the statistic depends on a parameter about which the data say nothing.
    """
    scale = WorkingScale(fit)
    variance = np.diag(fit.parameter_vcov)
    given = fit.held.copy()
    given[[fit.outside_count + place for place in fit.estimate.at_zero]] = True
    given |= variance == 0.0
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
