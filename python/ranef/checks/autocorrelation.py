"""Residuals that resemble their neighbours, in time or in space.

Time: the ratio of Durbin and Watson (1950, Biometrika 37, 409-428) of the residuals about their mean, that is von
Neumann's, whose mean 2 and variance 4 (n - 2) / ((n + 1) (n - 1)) under independence are exact for normal residuals
(von Neumann 1941, Annals of Mathematical Statistics 12, 367-395); the p-value is by the normal distribution.

Space: Moran's I with weights 1 / distance, each row of weights summing to 1, and its moments over all permutations of
the residuals (Cliff and Ord 1981, *Spatial Processes*, 2.4); the p-value is by the normal distribution.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.errors import DataError

Floats = NDArray[np.float64]

# Numbers of the distance matrix held at a time; and the rows for which their square is still computed, once and for
# every simulated data set.
_BLOCK = 2_000_000
MOST_PLACES = 20_000
MOST_SIMULATED_PLACES = 4_000
_FEWEST = 4


def durbin_watson(values: Floats, time: Floats, alternative: str) -> CheckResult:
    """Successive residuals in the order of `time`.

    Raises
    ------
    DataError
        If two rows have the same time, or there are fewer than 4.
    """
    order = time_order(time)
    centred = values[order] - values.mean()
    _check_varies(centred)
    n = values.size
    statistic = float(np.sum(np.diff(centred) ** 2) / np.sum(centred**2))
    z = (statistic - 2.0) / np.sqrt(4.0 * (n - 2) / ((n + 1.0) * (n - 1.0)))
    p_value = _normal_p(-z, alternative)
    return temporal_result(statistic, p_value, 2.0, alternative, {"z": -float(z)})


def time_order(time: Floats) -> NDArray[np.intp]:
    """The rows in the order of time.

    Raises
    ------
    DataError
        If two rows have the same time, or there are fewer than 4.
    """
    _check_enough(time)
    order = np.argsort(time)
    same = np.diff(time[order]) == 0
    if same.any():
        repeated = time[order][:-1][same][0]
        raise DataError(
            f"several rows have the time {repeated:g}: use recalculate(group) with the time as group, then test the "
            "aggregated residuals at the unique times"
        )
    return order


def temporal_result(
    statistic: float,
    p_value: float,
    expected: float,
    alternative: str,
    details: Mapping[str, float],
    resolution: float = 0.0,
) -> CheckResult:
    """What the ratio says; `expected` is its value under the model."""
    found = p_value < SIGNIFICANT
    kind = "resemble the ones before them more" if statistic < expected else "alternate more"
    return CheckResult(
        "Temporal autocorrelation of the residuals (Durbin-Watson)",
        "DW",
        statistic,
        p_value,
        alternative,
        f"Successive residuals {kind} than the model says ({expected:.3g} is expected)."
        if found
        else "No evidence against the model's independence in time.",
        "Add a trend, or random effects in time such as ar1(0 + time | group)." if found else "",
        details,
        resolution=resolution,
    )


def moran(values: Floats, x: Floats, y: Floats, alternative: str) -> CheckResult:
    """Residuals at places (x, y), near ones weighing more.

    Raises
    ------
    DataError
        If two rows have the same place, or there are fewer than 4 or more than 20,000.
    """
    check_places(values.size, MOST_PLACES)
    centred = values - values.mean()
    _check_varies(centred)
    lag, column_sums, s1 = _weights(centred, x, y)
    n = float(values.size)
    variance_sum = float(centred @ centred)
    statistic = float(centred @ lag) / variance_sum
    s0, s2 = n, float(np.sum((1.0 + column_sums) ** 2))
    kurtosis = n * float(np.sum(centred**4)) / variance_sum**2
    expected = -1.0 / (n - 1.0)
    first = n * ((n * n - 3.0 * n + 3.0) * s1 - n * s2 + 3.0 * s0**2)
    second = kurtosis * (n * (n - 1.0) * s1 - 2.0 * n * s2 + 6.0 * s0**2)
    variance = (first - second) / ((n - 1.0) * (n - 2.0) * (n - 3.0) * s0**2) - expected**2
    z = (statistic - expected) / np.sqrt(variance)
    p_value = _normal_p(float(z), alternative)
    return spatial_result(statistic, p_value, alternative, {"expected": expected, "sd": float(np.sqrt(variance))})


def check_places(count: int, most: int) -> None:
    """Refuse too few places, and so many that their distances take too long.

    Raises
    ------
    DataError
        If there are fewer than 4 or more than `most`.
    """
    if count < _FEWEST:
        raise DataError(f"a test of autocorrelation needs at least {_FEWEST} residuals, got {count}")
    if count > most:
        raise DataError(
            f"Moran's I needs all distances: at most {most} rows, got {count}; aggregate first with recalculate(group)"
            + (", or take reference='asymptotic'" if most < MOST_PLACES else "")
        )


def spatial_result(
    statistic: float, p_value: float, alternative: str, details: Mapping[str, float], resolution: float = 0.0
) -> CheckResult:
    """What Moran's I says; the details have its expectation."""
    found = p_value < SIGNIFICANT
    return CheckResult(
        "Spatial autocorrelation of the residuals (Moran's I, weights 1 / distance)",
        "I",
        statistic,
        p_value,
        alternative,
        ("Near residuals are " + ("more alike" if statistic > details["expected"] else "more unlike"))
        + " than the model says."
        if found
        else "No evidence against the model's independence in space.",
        "Add covariates that vary in space, or random effects of regions." if found else "",
        details,
        resolution=resolution,
    )


def lagged(centred: Floats, x: Floats, y: Floats) -> Floats:
    """W r for every column of (n, M) residuals."""
    made = np.empty(centred.shape)
    size = max(1, _BLOCK // x.size)
    for start in range(0, x.size, size):
        block = slice(start, min(start + size, x.size))
        near = _closeness(x, y, block)
        made[block] = near @ centred / near.sum(axis=1, keepdims=True)
    return made


def _weights(centred: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats, float]:
    """W r, the columns' sums of W, and 1/2 sum (w_ij + w_ji)^2, W having rows that sum to 1.

    With D the distances and s the sums of 1 / D over rows, w_ij = 1 / (D_ij s_i).
    """
    n = centred.size
    sums = np.empty(n)
    size = max(1, _BLOCK // n)
    blocks = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    for block in blocks:
        sums[block] = _closeness(x, y, block).sum(axis=1)
    lag, column_sums, s1 = np.empty(n), np.zeros(n), 0.0
    for block in blocks:
        near = _closeness(x, y, block)
        weights = near / sums[block, None]
        lag[block] = weights @ centred
        column_sums += weights.sum(axis=0)
        s1 += 0.5 * float(np.sum((weights + near / sums[None, :]) ** 2))
    return lag, column_sums, s1


def _closeness(x: Floats, y: Floats, block: slice) -> Floats:
    """1 / distance of the rows of a block to all, 0 to themselves."""
    distance = np.hypot(x[block, None] - x[None, :], y[block, None] - y[None, :])
    own = np.arange(x.size)[block]
    distance[np.arange(own.size), own] = np.inf
    if (distance == 0).any():
        i, j = np.argwhere(distance == 0)[0]
        raise DataError(
            f"several rows lie at x = {x[j]:g}, y = {y[j]:g} (one is row number {own[i]}): use recalculate(group) with "
            "the place as group, then test the aggregated residuals at the unique places"
        )
    return np.asarray(1.0 / distance)


def _normal_p(z: float, alternative: str) -> float:
    """`greater`: positive autocorrelation."""
    from scipy.special import ndtr

    tails = {"two-sided": 2.0 * float(ndtr(-abs(z))), "greater": float(ndtr(-z)), "less": float(ndtr(z))}
    if alternative not in tails:
        raise DataError(f"alternative must be one of {', '.join(map(repr, tails))}, got {alternative!r}")
    return tails[alternative]


def _check_enough(values: Floats) -> None:
    if values.size < _FEWEST:
        raise DataError(f"a test of autocorrelation needs at least {_FEWEST} residuals, got {values.size}")


def _check_varies(centred: Floats) -> None:
    if not np.abs(centred).max() > 0:
        raise DataError("all residuals are equal: nothing to correlate")
