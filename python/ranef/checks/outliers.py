"""Observations outside all, or nearly all, of their simulations.

With `draws` simulations a residual below 1 / (draws + 1) or above 1 - 1 / (draws + 1) is an outlier. A continuous
response of a right model lies outside all of its simulations with probability 2 / (draws + 1), whatever its
distribution, since it is one more draw from it; the number of outliers is then binomial. For counts, whose ties make
the residuals a mixture, and for dependent rows the number is compared with that of the simulated data themselves: each
takes a turn as the data, the others as its simulations. Of many counts only the expected number is taken from there,
row by row, and the number compared with the Poisson distribution of that mean.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtr, pdtrc

from ranef.checks.pooled import ranks
from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.checks.simulated_statistics import simulation_p_value
from ranef.checks.simulators import Simulator

Floats = NDArray[np.float64]


def outlier_count(values: Floats, draws: int) -> int:
    """Residuals at the ends."""
    margin = 1.0 / (draws + 1)
    return int(np.count_nonzero((values < margin) | (values > 1.0 - margin)))


def by_binomial(values: Floats, draws: int) -> CheckResult:
    """The number of outliers against the binomial distribution."""
    from scipy.stats import binomtest

    count, expected = outlier_count(values, draws), 2.0 / (draws + 1)
    p_value = float(binomtest(count, values.size, expected).pvalue)
    return _result(values, count, p_value, expected, "binomial")


def by_bootstrap(values: Floats, simulator: Simulator, rng: np.random.Generator) -> CheckResult:
    """The number of outliers against that in each simulated data set."""
    draws = simulator.draws
    counts = _counts_among_themselves(simulator, rng)
    count = outlier_count(values, draws)
    p_value = simulation_p_value(float(count), counts, "two-sided")
    return _result(values, count, p_value, float(counts.mean()) / values.size, "bootstrap", 1.0 / draws)


def by_expectation(values: Floats, simulator: Simulator) -> CheckResult:
    """The number of outliers against a Poisson distribution whose mean the simulations give."""
    draws = simulator.draws
    expected = float(sum(np.sum(_outlier_probability(block)) for _, block in simulator.blocks()))
    count = outlier_count(values, draws)
    at_least = float(pdtrc(count - 1, expected)) if count else 1.0
    p_value = min(1.0, 2.0 * min(float(pdtr(count, expected)), at_least))
    return _result(values, count, p_value, expected / values.size, "expected of counts")


def _outlier_probability(simulations: Floats) -> Floats:
    """(n,) probability that one of a row's draws, taken at random, is an outlier among the others.

    Only the smallest and the largest value can be one. With c draws at such a value the residual is uniform over the
    last (c - 1) / others of the range, of which 1 / (others + 1) is outside.
    """
    draws = simulations.shape[1]
    others = draws - 1
    made = np.zeros(simulations.shape[0])
    for end in (simulations.min(axis=1), simulations.max(axis=1)):
        tied = np.count_nonzero(simulations == end[:, None], axis=1)
        outside = np.minimum(1.0, others / (others + 1.0) / np.maximum(tied - 1, 1e-300))
        made += tied / draws * outside
    return np.minimum(made, 1.0)


def among_simulations(
    count: float, rows: int, p_value: float, details: Mapping[str, float], resolution: float
) -> CheckResult:
    """What a test against the outliers of the simulated data sets, one-sided, says."""
    expected = details["expected"]
    found = p_value < SIGNIFICANT
    many = count > expected
    meaning = f"{count:g} of {rows} rows lie outside their simulations; {expected:.3g} are expected of a right model."
    if found and not many:
        meaning += f" The farthest lies {details['farthest']:.3g} standard deviations from its expectation."
    return CheckResult(
        "Outliers (rows outside their simulations)",
        "outliers",
        count,
        p_value,
        "greater",
        meaning,
        _LOOK if found else "",
        {"share": count / rows, "expected": expected / rows},
        resolution=resolution,
    )


_LOOK = "Look at these rows (values near 0 or 1); many of them point to a wrong family or too little dispersion."


def _result(
    values: Floats, count: int, p_value: float, expected: float, kind: str, resolution: float = 0.0
) -> CheckResult:
    share = count / values.size
    found = p_value < SIGNIFICANT
    few = found and share < expected
    return CheckResult(
        f"Outliers (rows outside their simulations, {kind})",
        "outliers",
        float(count),
        p_value,
        "two-sided",
        f"{count} of {values.size} rows lie outside their simulations; "
        + (f"{expected * values.size:.3g} are expected of a right model."),
        "" if not found else "Too few: the model's spread is too large; see test_dispersion()." if few else _LOOK,
        {"share": share, "expected": expected},
        resolution=resolution,
    )


def _counts_among_themselves(simulator: Simulator, rng: np.random.Generator) -> Floats:
    """Outliers of every simulated data set among the others."""
    others = simulator.draws - 1
    margin = 1.0 / (others + 1)
    counts = np.zeros(simulator.draws)
    for _, block in simulator.blocks():
        less, equal = ranks(block)
        values = (less + rng.random(block.shape) * (equal - 1)) / others
        counts += np.count_nonzero((values < margin) | (values > 1.0 - margin), axis=0)
    return counts
