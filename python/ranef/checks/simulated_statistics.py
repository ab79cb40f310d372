"""Statistics of the observed data against the same statistics of simulated data.

The textbook p-value is a fraction of the simulations, at least the observed or at most the observed value; two-sided,
twice the smaller, at most 1. Its resolution is 1 / draws: 0 means less than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.errors import DataError

Floats = NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]
Statistic = Callable[[Floats], float]

_ALTERNATIVES = ("two-sided", "greater", "less")
_NAMED: dict[str, Statistic] = {
    "mean": lambda y: float(np.mean(y)),
    "sd": lambda y: float(np.std(y, ddof=1)),
    "var": lambda y: float(np.var(y, ddof=1)),
    "min": lambda y: float(np.min(y)),
    "max": lambda y: float(np.max(y)),
}


def simulation_p_value(observed: float, simulated: Floats, alternative: str) -> float:
    """Fraction of the simulated values at least as extreme as the observed one.

    Raises
    ------
    DataError
        If there is no such alternative.

    Examples
    --------
    >>> simulation_p_value(3.0, np.array([1.0, 2.0, 2.5, 4.0]), "greater")
    0.25
    """
    if alternative not in _ALTERNATIVES:
        raise DataError(f"alternative must be one of {', '.join(map(repr, _ALTERNATIVES))}, got {alternative!r}")
    less, greater = float(np.mean(simulated <= observed)), float(np.mean(simulated >= observed))
    if alternative == "less":
        return less
    if alternative == "greater":
        return greater
    return min(2.0 * min(less, greater), 1.0)


def dispersion_ratio(observed: float, simulated: Floats, alternative: str) -> tuple[float, float]:
    """Variance of the observed residuals about the fitted values over the simulated data's mean, and its p-value."""
    p_value = simulation_p_value(observed, simulated, alternative)
    mean = float(np.mean(simulated))
    return observed / mean if mean > 0 else float("nan"), p_value


def dispersion(ratio: float, p_value: float, alternative: str, resolution: float, of: str) -> CheckResult:
    """What a ratio of variances says; `of` names them."""
    times = f"the data vary {ratio:.3g} times as much (in variance) as the model says."
    if not p_value < SIGNIFICANT:
        meaning, advice = "No evidence against the variance that the model gives the data.", ""
    elif ratio > 1:
        meaning = f"Overdispersion: {times}"
        advice = (
            "Look for missing covariates, interactions and outliers, then for a family with a dispersion parameter "
            "(nbinom2, betabinomial), a dispformula, or random effects of the observations."
        )
    else:
        meaning = f"Underdispersion: {times}"
        advice = "Standard errors are too large; look for a family with less variance, or rows that repeat each other."
    return CheckResult(
        f"Dispersion ({of}, observed over simulated)",
        "ratio",
        ratio,
        p_value,
        alternative,
        meaning,
        advice,
        resolution=resolution,
    )


def zero_ratio(observed: int, simulated: Floats, alternative: str) -> tuple[float, float, float]:
    """Number of zeros over the mean number in the simulated data, its p-value, and that mean."""
    mean = float(np.mean(simulated))
    ratio = observed / mean if mean > 0 else float("nan") if observed == 0 else float("inf")
    return ratio, simulation_p_value(float(observed), simulated, alternative), mean


def zero_inflation(
    observed: float, expected: float, ratio: float, p_value: float, alternative: str, resolution: float, name: str
) -> CheckResult:
    """What a number of zeros says; `name` is what the expected number is called."""
    found = p_value < SIGNIFICANT
    advice = ""
    if expected <= 0:
        meaning = (
            "No zeros, and the model expects none." if observed == 0 else f"{observed:g} zeros: the model has none."
        )
    else:
        meaning = f"{observed:g} zeros where the model expects {expected:.4g}"
        meaning += ": no evidence against it." if not found else ": too many." if ratio > 1 else ": too few."
    if found:
        advice = (
            "First give the counts room to vary (nbinom2, random effects): that makes zeros too; then ziformula, "
            "or a hurdle (a truncated family with ziformula)."
            if observed > expected
            else "Leave zero inflation out, or use a family with fewer zeros."
        )
    return CheckResult(
        "Zeros (number, observed over expected)",
        "ratio",
        ratio,
        p_value,
        alternative,
        meaning,
        advice,
        {"observed": float(observed), name: expected},
        resolution=resolution,
    )


def generic(
    value: float, simulated: Floats, name: str, p_value: float, alternative: str, resolution: float
) -> CheckResult:
    """What any statistic of a data set, over its mean in the simulated data sets, says."""
    mean = float(np.mean(simulated))
    ratio = value / mean if mean != 0 else float("nan") if value == 0 else float("inf")
    found = p_value < SIGNIFICANT
    return CheckResult(
        f"{name} (observed over mean simulated)",
        "ratio",
        ratio,
        p_value,
        alternative,
        f"{name} is {value:.4g}; simulated data have {mean:.4g} on average"
        + (", and hardly ever a value as extreme." if found else ": no evidence against the model."),
        "The model does not reproduce this feature of the data; ask which part of it should." if found else "",
        {"observed": value, "mean_simulated": mean},
        resolution=resolution,
    )


def values_of(statistic: str | Statistic, observed: Floats, columns: Iterable[Floats]) -> tuple[float, Floats, str]:
    """The statistic of the observed data, of every simulated data set, and its name.

    Raises
    ------
    DataError
        If the statistic has no known name, or is not a finite number for the data or for a simulation.
    """
    function, name = statistic_of(statistic)
    value = _number(function(observed), name, "the observed response")
    return value, np.array([_number(function(c), name, "a simulated response") for c in columns]), name


def statistic_of(statistic: str | Statistic) -> tuple[Statistic, str]:
    """The function and its name.

    Raises
    ------
    DataError
        If it is neither a function nor a known name.
    """
    if callable(statistic):
        return statistic, str(getattr(statistic, "__name__", "the statistic"))
    if statistic not in _NAMED:
        raise DataError(
            f"statistic must be a function of an array or one of {', '.join(map(repr, _NAMED))}, got {statistic!r}"
        )
    return _NAMED[statistic], statistic


def _number(value: object, name: str, of_what: str) -> float:
    number = np.asarray(value, dtype=np.float64)
    if number.size != 1 or not np.isfinite(number).all():
        raise DataError(f"{name} of {of_what} must be one finite number, got {value!r}")
    return float(number.reshape(()))
