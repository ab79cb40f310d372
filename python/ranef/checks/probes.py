"""Statistics of the residuals of every data set, observed and simulated, and what they say of the observed one.

A probe names the tallies that it needs of a pass over the draws, then finds its statistic in them, less what the fit
matches (matched.py), and its p-value (pooled.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ranef.checks.matched import left_over
from ranef.checks.pooled import (
    Ends,
    Histograms,
    Tally,
    WeightedSums,
    distances,
    pooled_p_value,
    resolution,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_BINS = 128
# Variance of a uniform residual.
_VARIANCE = 1.0 / 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What a probe found.

    Attributes
    ----------
    statistic, p_value : of the observed data
    resolution : the smallest p-value that so many simulations can give
    details : other numbers by name
    """

    statistic: float
    p_value: float
    resolution: float
    details: Mapping[str, float] = field(default_factory=dict)


class Probe(Protocol):
    """One statistic: what it needs of the draws, and what it finds."""

    @property
    def tallies(self) -> Sequence[Tally]: ...

    @property
    def later_tallies(self) -> Sequence[Tally]:
        """What it needs of a second pass, when the first is over."""
        return ()

    def finding(self, matched: Floats) -> Finding: ...


class Uniformity(Probe):
    """Kolmogorov and Smirnov's distance of the positions from the uniform distribution."""

    def __init__(self) -> None:
        self._histogram = Histograms(_BINS)

    @property
    def tallies(self) -> Sequence[Tally]:
        """Positions by bins."""
        return [self._histogram]

    def distances(self, matched: Floats) -> Floats:
        """(M,) distances."""
        counts = self._histogram.counts[0]
        return np.asarray(np.abs(np.cumsum(left_over(counts, matched), axis=0)).max(axis=0) / counts[:, 0].sum())

    def finding(self, matched: Floats) -> Finding:
        """The observed distance."""
        found = self.distances(matched)
        return Finding(float(found[0]), pooled_p_value(found), resolution(found.size))


class Dispersion(Probe):
    """Mean square of the response standardised by its simulations, over its expectation: where there is no fit."""

    def __init__(self, rows: int, alternative: str = "two-sided") -> None:
        self._alternative = alternative
        self._squares = WeightedSums(np.full((rows, 1), 1.0 / rows), lambda block: block.standard**2)

    @property
    def tallies(self) -> Sequence[Tally]:
        """Squares."""
        return [self._squares]

    def finding(self, matched: Floats) -> Finding:
        """The ratio, given what the fit matches."""
        squares = self._squares.sums
        left = left_over(squares, matched)[0]
        mean = float(squares.mean())
        ratio = 1.0 + float(left[0]) / mean if mean > 0 else float("nan")
        p_value = pooled_p_value(left, self._alternative)
        return Finding(ratio, p_value, resolution(left.size, self._alternative))


class Outliers(Probe):
    """Rows outside all other values of the row; among data sets with as many, the farthest row decides."""

    def __init__(self) -> None:
        self._ends = Ends()

    @property
    def tallies(self) -> Sequence[Tally]:
        """Rows at the ends."""
        return [self._ends]

    def finding(self, matched: Floats) -> Finding:
        """Too many of them."""
        outside, farthest = self._ends.outside, self._ends.farthest
        order = np.lexsort((farthest, outside))
        ranks = np.empty(order.size)
        ranks[order] = np.arange(order.size)
        details = {"expected": float(outside.mean()), "farthest": float(farthest[0])}
        return Finding(float(outside[0]), pooled_p_value(ranks), resolution(ranks.size), details)


class Zeros(Probe):
    """Number of zeros."""

    def __init__(self, rows: int, alternative: str = "two-sided") -> None:
        self._alternative = alternative
        self._zeros = WeightedSums(np.ones((rows, 1)), lambda block: (block.values == 0).astype(np.float64))

    @property
    def tallies(self) -> Sequence[Tally]:
        """Zeros."""
        return [self._zeros]

    def finding(self, matched: Floats) -> Finding:
        """Observed over expected, given what the fit matches."""
        zeros = self._zeros.sums
        left = left_over(zeros, matched)[0]
        observed = float(zeros[0, 0])
        expected = max(observed - float(left[0]), 0.0)
        ratio = observed / expected if expected > 0 else float("nan") if observed == 0 else float("inf")
        p_value = pooled_p_value(left, self._alternative)
        details = {"observed": observed, "expected": expected}
        return Finding(ratio, p_value, resolution(left.size, self._alternative), details)


class Along(Probe):
    """Level and spread of the residuals along columns made of a covariate; the level's may be none."""

    def __init__(self, level: Floats, spread: Floats) -> None:
        self._level = WeightedSums(level, lambda block: block.middle - 0.5)
        self._spread = WeightedSums(spread, lambda block: (block.middle - 0.5) ** 2)

    @property
    def tallies(self) -> Sequence[Tally]:
        """Sums along the columns."""
        return [self._level, self._spread]

    def finding(self, matched: Floats) -> Finding:
        """Distance of both from what they should be; the p-values of each alone tell what it is."""
        level, spread = left_over(self._level.sums, matched), left_over(self._spread.sums, matched)
        together = distances(np.vstack([level, spread]))
        alone = {"p_level": pooled_p_value(distances(level)), "p_spread": pooled_p_value(distances(spread))}
        return Finding(float(together[0]), pooled_p_value(together), resolution(together.size), alone)


class SpreadAlong(Probe):
    """Whether the residuals spread more, or less, where a predictor is larger."""

    def __init__(self, predictor: Floats) -> None:
        self._sums = WeightedSums(predictor[:, None], lambda block: (block.middle - 0.5) ** 2)

    @property
    def tallies(self) -> Sequence[Tally]:
        """The sum."""
        return [self._sums]

    def finding(self, matched: Floats) -> Finding:
        """In standard deviations of the simulated data sets."""
        left = left_over(self._sums.sums, matched)[0]
        spread = float(left.std())
        z = float(left[0]) / spread if spread > 0 else 0.0
        return Finding(z, pooled_p_value(left, "two-sided"), resolution(left.size, "two-sided"))


class Quartiles(Probe):
    """Shares of the residuals below each quantile, along columns made of a predictor."""

    def __init__(self, basis: Floats, taus: Sequence[float]) -> None:
        def excess(tau: float) -> WeightedSums:
            return WeightedSums(basis, lambda block: np.asarray(tau - (block.position < tau), dtype=np.float64))

        self.columns = basis.shape[1]
        self._sums = [excess(tau) for tau in taus]

    @property
    def tallies(self) -> Sequence[Tally]:
        """Sums along the columns."""
        return self._sums

    def scores(self, matched: Floats) -> list[Floats]:
        """(k, M) of every quantile."""
        return [left_over(one.sums, matched) for one in self._sums]

    def parts(self, matched: Floats) -> tuple[Floats, Floats]:
        """Statistics and p-values of the quantiles."""
        found = [distances(score) for score in self.scores(matched)]
        return np.array([one[0] for one in found]), np.array([pooled_p_value(one) for one in found])

    def finding(self, matched: Floats) -> Finding:
        """The largest distance."""
        largest = np.max([distances(score) for score in self.scores(matched)], axis=0)
        return Finding(float(largest[0]), pooled_p_value(largest), resolution(largest.size))


class Categories(Probe):
    """Uniform residuals within each level of a factor, and equal spread between the levels."""

    def __init__(self, codes: Ints, levels: int) -> None:
        self._counts = np.bincount(codes, minlength=levels)
        self._histograms = Histograms(_BINS // 2, codes)
        indicators = (codes[:, None] == np.arange(levels)).astype(np.float64)
        self._spread = WeightedSums(indicators, lambda block: (block.position - 0.5) ** 2)

    @property
    def tallies(self) -> Sequence[Tally]:
        """Positions by level, and their spread."""
        return [self._histograms, self._spread]

    def parts(self, matched: Floats) -> tuple[Floats, Floats, Floats]:
        """Distances (levels, M) within levels, the distance (M,) between spreads, mean squares (levels,)."""
        within = [
            np.abs(np.cumsum(left_over(counts, matched), axis=0)).max(axis=0) / size
            for counts, size in zip(self._histograms.counts, self._counts, strict=True)
        ]
        between = distances(left_over(self._spread.sums, matched))
        return np.array(within), between, self._spread.sums[:, 0] / self._counts / _VARIANCE

    def finding(self, matched: Floats) -> Finding:
        """The smallest p-value of the levels, times their number, and of the spread."""
        within, between, _ = self.parts(matched)
        p_within, p_between = _p_values(within), _p_values(between[None])[0]
        smallest = np.minimum(within.shape[0] * p_within.min(axis=0), p_between)
        details = {"smallest_p_within": float(p_within[:, 0].min()), "spread_p": float(p_between[0])}
        overall = pooled_p_value(smallest, "less")
        return Finding(float(within[:, 0].max()), overall, resolution(between.size), details)


def _p_values(statistics: Floats) -> Floats:
    """(k, M) p-value of every data set in the place of the observed one."""
    ordered = np.sort(statistics, axis=1)
    sets = statistics.shape[1]
    below = [np.searchsorted(o, s, side="left") for o, s in zip(ordered, statistics, strict=True)]
    return np.asarray(1.0 - np.array(below) / sets)
