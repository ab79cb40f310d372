"""Intervals of parameters. Wald's: each parameter on the scale where its estimate is most nearly normal.

Coefficients as they are; standard deviations on the log scale, sd * exp(+-z se / sd); correlations on Fisher's,
tanh(atanh(r) +- z se / (1 - r^2)); a constant dispersion, a log already, as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.parameters import Parameter, check_name, is_constant
from ranef.tables import coefficient_errors, component_slice, normal_quantile, wald

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


Method = Literal["wald", "profile", "boot"]
METHODS = ("wald", "profile", "boot")


def confint(
    fit: Fit, method: str, parm: str | Sequence[str] | None, level: float, n: int, seed: int | None, threads: int
) -> pd.DataFrame:
    """Intervals of the model's parameters; see `Fit.confint`."""
    from ranef.inference import bootstrap, profile

    if method not in METHODS:
        raise DataError(f"method must be 'wald', 'profile' or 'boot', got {method!r}")
    if not isinstance(parm, str | Sequence | pd.Index | None):
        raise DataError(f"parm must be a parameter name or a list of them, got {parm!r}")
    if method == "profile":
        return profile.intervals(fit, parm, level)
    if method == "boot":
        for name in parameters_asked_for(fit, parm):
            check_name(name, fit.parameter_names, "parm")
        replicates = bootstrap.bootstrap(fit, n, None, seed, 1, threads, "simulate", progress=True)
        return replicates.confint(level, parm=parm)
    return wald_intervals(fit, parm, level)


def parameters_asked_for(fit: Fit, parm: str | Sequence[str] | None) -> list[str]:
    """The names in `parm`; None: all."""
    return list(fit.parameter_names) if parm is None else [parm] if isinstance(parm, str) else list(parm)


def wald_intervals(fit: Fit, parm: str | Sequence[str] | None, level: float) -> pd.DataFrame:
    """Each parameter's interval on its own scale."""
    half_width = normal_quantile(level)
    names = list(fit.parameter_names)
    wanted = parameters_asked_for(fit, parm)
    for name in wanted:
        check_name(name, names, "parm")
    chosen = [fit.parameter_info[names.index(name)] for name in wanted]
    variances = any(p.kind != "beta" or p.component == "disp" for p in chosen)
    std_error = parameter_errors(fit, variances)
    rows = []
    for name in wanted:
        place = names.index(name)
        estimate = float(fit.parameter_values[place])
        low, high = wald_interval(fit.parameter_info[place].kind, estimate, float(std_error[place]), half_width)
        rows.append((estimate, low, high))
    return pd.DataFrame(rows, index=pd.Index(wanted, name="parameter"), columns=["estimate", "conf_low", "conf_high"])


def parameter_errors(fit: Fit, variances: bool) -> Floats:
    """Standard errors of all parameters; those of variance parameters NaN unless `variances` asks for them."""
    errors = np.full(len(fit.parameter_info), np.nan)
    if variances:
        errors = np.sqrt(np.diag(fit.parameter_vcov)).copy()
    for predictor in fit.design.predictors:
        component = predictor.component
        if variances or component != "disp":
            errors[fit.beta_places[component_slice(fit, component)]] = coefficient_errors(fit, component)
    return errors


def wald_interval(kind: str, estimate: float, std_error: float, half_width: float) -> tuple[float, float]:
    """The interval of one parameter; NaN where its standard error is (a standard deviation of zero, say)."""
    if not np.isfinite(std_error):
        return float("nan"), float("nan")
    if kind == "sd":
        if estimate <= 0:
            return float("nan"), float("nan")
        with np.errstate(over="ignore"):  # an interval may well be (0, inf)
            factor = float(np.exp(half_width * std_error / estimate))
        return estimate / factor, estimate * factor
    if kind == "cor":
        if abs(estimate) >= 1:
            return float("nan"), float("nan")
        centre, margin = np.arctanh(estimate), half_width * std_error / (1.0 - estimate**2)
        return float(np.tanh(centre - margin)), float(np.tanh(centre + margin))
    return estimate - half_width * std_error, estimate + half_width * std_error


def natural_intervals(fit: Fit, half_width: float) -> pd.DataFrame:
    """Every parameter as it is reported: a constant dispersion as itself, not as its log.

    Returns
    -------
    DataFrame with columns ``kind``, ``component``, ``group``, ``term``, ``estimate``, ``std_error``, ``statistic``,
    ``p_value`` (both NaN for variance parameters, whose estimates are not normal at zero), ``conf_low``, ``conf_high``.
    """
    errors = parameter_errors(fit, variances=True)
    rows = []
    for parameter, value, error in zip(fit.parameter_info, fit.parameter_values, errors, strict=True):
        low, high = wald_interval(parameter.kind, float(value), float(error), half_width)
        row = (*_label(parameter), float(value), float(error), low, high)
        rows.append(_on_natural_scale(fit, row) if is_dispersion_constant(fit, parameter) else row)
    columns = ["kind", "component", "group", "term", "estimate", "std_error", "conf_low", "conf_high"]
    table = pd.DataFrame(rows, columns=columns)
    statistic, p_value = wald(table["estimate"].to_numpy(), table["std_error"].to_numpy())
    beta = (table["kind"] == "beta").to_numpy()
    table.insert(6, "statistic", np.where(beta, statistic, np.nan))
    table.insert(7, "p_value", np.where(beta, p_value, np.nan))
    return table


_Row = tuple[str, str, str | None, str, float, float, float, float]


def _label(parameter: Parameter) -> tuple[str, str, str | None, str]:
    term = parameter.name if parameter.component == "cond" else parameter.name.removeprefix(f"{parameter.component}:")
    return parameter.kind, parameter.component, parameter.group, term


def is_dispersion_constant(fit: Fit, parameter: Parameter) -> bool:
    """Whether a parameter is the dispersion of a model without a formula for it."""
    if parameter.kind != "beta" or parameter.component != "disp":
        return False
    return is_constant(fit.design.predictors[parameter.owner].fixed.names)


def _on_natural_scale(fit: Fit, row: _Row) -> _Row:
    """exp of a log parameter; its standard error by the delta method."""
    _, component, _, _, log_value, error, low, high = row
    value = float(np.exp(log_value))
    name = fit.family.dispersion_name()
    group = "Residual" if name == "sigma" else None
    with np.errstate(over="ignore"):
        ends = float(np.exp(low)), float(np.exp(high))
    return "dispersion", component, group, name, value, value * error, *ends
