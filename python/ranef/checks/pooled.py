"""The response among its simulations, and each simulation among the others: reference distributions of any statistic.

Of a right model the observed response and its `draws` simulations are M = draws + 1 data sets alike, in whatever way
their rows depend on each other. Ranking each row's M values gives every data set residuals of the same kind; the
p-value of a statistic is the share of the M data sets that have one as extreme, the observed one among them (Barnard
1963, JRSS B 25, 294; Davison and Hinkley 1997, *Bootstrap Methods and their Application*, 4.2). Tallies add up over
blocks of rows what a statistic needs of each data set, so that no matrix of rows and draws is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ranef.checks.simulators import Simulator
from ranef.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_ALTERNATIVES = ("two-sided", "greater", "less")
# Digits in which equal statistics may differ.
_ROUNDING = 1e-9
# Directions of a covariance below this share of its largest are none.
_RANK_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class PooledBlock:
    """Some rows of all data sets, the observed one first.

    Attributes
    ----------
    rows : (m,) their numbers
    values : (m, M) responses
    middle : (m, M) share of the row's values that are less, and half of those that are equal
    position : (m, M) the same with ties broken at random: uniform on (0, 1)
    centre, spread : (m,) mean and standard deviation of the row's values
    standard : (m, M) values about the centre in units of the spread; 0 where a row does not vary
    """

    rows: Ints
    values: Floats
    middle: Floats
    position: Floats
    centre: Floats
    spread: Floats
    standard: Floats

    @classmethod
    def of(cls, rows: Ints, values: Floats, rng: np.random.Generator) -> PooledBlock:
        """Ranks and moments of each row."""
        less, equal = ranks(values)
        count = values.shape[1]
        centre, spread = values.mean(axis=1), values.std(axis=1)
        scale = np.where(spread > 0, spread, np.inf)[:, None]
        position = (less + rng.random(values.shape) * equal) / count
        middle = (less + 0.5 * equal) / count
        return cls(rows, values, middle, position, centre, spread, (values - centre[:, None]) / scale)


class Tally(Protocol):
    """Adds up what a statistic needs of each data set."""

    def add(self, block: PooledBlock) -> None: ...


class WeightedSums:
    """sums (k, M): over the rows, of weights (n, k) times a function of the block (m, M)."""

    def __init__(self, weights: Floats, function: Callable[[PooledBlock], Floats]) -> None:
        self.weights = weights
        self.sums = np.zeros((weights.shape[1], 1))
        self._function = function

    def add(self, block: PooledBlock) -> None:
        """The rows of a block."""
        self.sums = self.sums + self.weights[block.rows].T @ self._function(block)


class GroupSums:
    """sums (columns, M): over the rows, of a sparse design (n, columns) times the standardised responses."""

    def __init__(self, design: sparse.csr_array, scale: Floats) -> None:
        self.sums = np.zeros((design.shape[1], 1))
        self._design = design
        self._scale = scale

    def add(self, block: PooledBlock) -> None:
        """The rows of a block."""
        weight = self._scale[block.rows] / np.where(block.spread > 0, block.spread, np.inf)
        self.sums = self.sums + self._design[block.rows].T @ (weight[:, None] * block.standard)


class Histograms:
    """counts (bins, M) of the positions of all rows, or of the rows of each level: (levels, bins, M)."""

    def __init__(self, bins: int, levels: Ints | None = None) -> None:
        self.bins = bins
        self._levels = levels
        self._levels_count = 1 if levels is None else int(levels.max()) + 1
        self._counts: Floats | None = None

    @property
    def counts(self) -> Floats:
        """(levels, bins, M)."""
        assert self._counts is not None
        return self._counts

    def add(self, block: PooledBlock) -> None:
        """The rows of a block."""
        sets = block.position.shape[1]
        place = np.minimum((block.position * self.bins).astype(np.intp), self.bins - 1)
        if self._levels is not None:
            place += self.bins * self._levels[block.rows][:, None]
        size = self._levels_count * self.bins
        flat = np.bincount((place * sets + np.arange(sets)).ravel(), minlength=size * sets)
        counts = flat.reshape(self._levels_count, self.bins, sets).astype(np.float64)
        self._counts = counts if self._counts is None else self._counts + counts


class Ends:
    """Rows of each data set that lie outside all other values of the row, and the farthest of all rows."""

    def __init__(self) -> None:
        self.outside: Floats = np.zeros(1)
        self.farthest: Floats = np.zeros(1)

    def add(self, block: PooledBlock) -> None:
        """The rows of a block."""
        margin = 1.0 / block.position.shape[1]
        outside = (block.position < margin) | (block.position > 1.0 - margin)
        self.outside = self.outside + np.count_nonzero(outside, axis=0)
        self.farthest = np.maximum(self.farthest, np.abs(block.standard).max(axis=0))


class Successions:
    """Of rows in an order: sums over the data sets of squared differences of successive positions, and of squares."""

    def __init__(self) -> None:
        self.differences: Floats = np.zeros(1)
        self.squares: Floats = np.zeros(1)
        self.total: Floats = np.zeros(1)
        self.count = 0
        self._last: Floats | None = None

    def add(self, block: PooledBlock) -> None:
        """The rows of a block, which follow those of the block before."""
        about = block.position - 0.5
        joined = about if self._last is None else np.vstack([self._last, about])
        self.differences = self.differences + np.sum(np.diff(joined, axis=0) ** 2, axis=0)
        self.squares = self.squares + np.sum(about**2, axis=0)
        self.total = self.total + about.sum(axis=0)
        self.count += about.shape[0]
        self._last = about[-1:]


def pooled_blocks(observed: Floats, simulator: Simulator, seed: int) -> Iterator[PooledBlock]:
    """All rows, block after block."""
    rng = np.random.default_rng([seed, 4])
    for rows, draws in simulator.blocks():
        yield PooledBlock.of(rows, np.column_stack([observed[rows], draws]), rng)


def tally(observed: Floats, simulator: Simulator, seed: int, tallies: Sequence[Tally]) -> None:
    """One pass over the draws for all of the tallies."""
    for block in pooled_blocks(observed, simulator, seed):
        for one in tallies:
            one.add(block)


def pooled_p_value(statistics: Floats, alternative: str = "greater") -> float:
    """Share of the data sets (M,) whose statistic is as extreme as the first one's; two-sided: twice the smaller tail.

    Raises
    ------
    DataError
        If there is no such alternative.

    Examples
    --------
    >>> pooled_p_value(np.array([3.0, 1.0, 2.0, 4.0]))
    0.5
    """
    if alternative not in _ALTERNATIVES:
        raise DataError(f"alternative must be one of {', '.join(map(repr, _ALTERNATIVES))}, got {alternative!r}")
    slack = _ROUNDING * max(float(np.abs(statistics).max()), 1e-300)
    greater = float(np.mean(statistics >= statistics[0] - slack))
    less = float(np.mean(statistics <= statistics[0] + slack))
    if alternative == "greater":
        return greater
    return less if alternative == "less" else min(1.0, 2.0 * min(greater, less))


def resolution(sets: int, alternative: str = "greater") -> float:
    """The smallest p-value that so many data sets can give."""
    return (2.0 if alternative == "two-sided" else 1.0) / sets


def distances(scores: Floats) -> Floats:
    """(M,) squared lengths of the data sets' scores (k, M) about their mean, in units of their covariance."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    scale = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    scaled = centred[scale[:, 0] > 0] / scale[scale[:, 0] > 0]
    if not scaled.size:
        return np.zeros(scores.shape[1])
    vectors, values, _ = np.linalg.svd(scaled, full_matrices=False)
    used = values > np.sqrt(_RANK_TOLERANCE) * values[0]
    whitened = (vectors[:, used] / values[used]).T @ scaled
    return np.asarray(scaled.shape[1] * np.sum(whitened**2, axis=0))


def ranks(values: Floats) -> tuple[Floats, Floats]:
    """Numbers of the row's values less than each, and equal to it, itself among them."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    less, equal = np.empty(values.shape), np.ones(values.shape)
    count = values.shape[1]
    places = np.broadcast_to(np.arange(count, dtype=np.float64), values.shape)
    new = np.diff(ordered, axis=1) > 0
    if new.all():
        np.put_along_axis(less, order, places, axis=1)
        return less, equal
    first = np.zeros(values.shape)
    first[:, 1:] = np.where(new, places[:, 1:], 0.0)
    first = np.maximum.accumulate(first, axis=1)
    after = np.full(values.shape, float(count))
    after[:, :-1] = np.where(new, places[:, 1:], float(count))
    after = np.minimum.accumulate(after[:, ::-1], axis=1)[:, ::-1]
    np.put_along_axis(less, order, first, axis=1)
    np.put_along_axis(equal, order, after - first, axis=1)
    return less, equal
