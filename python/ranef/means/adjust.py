"""Multiplicity: p-values and critical values of a family of tests.

``dunnettx`` is the quick approximation to Dunnett's two-sided test (k estimates with pairwise correlations of 1/2)
that users of R's emmeans know: its probabilities equal the average, with weights (k - 1) / k and 1 / k, of the
studentized range of (1 + sqrt(1 + 8k)) / 2 means and of k independent tests. ``mvt`` uses the true correlations.

References: Benjamini and Hochberg (1995) ``fdr``; Benjamini and Yekutieli (2001) ``by``; Hochberg (1988); Holm (1979);
Scheffe (1953); Sidak (1967); Tukey (1953) with Kramer's (1956) standard errors.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, stdtr, stdtrit

from ranef.errors import DataError
from ranef.means.multivariate_t import LargestT, largest_t
from ranef.means.studentized_range import range_tail

Floats = NDArray[np.float64]
Adjustment = Literal[
    "none", "tukey", "bonferroni", "holm", "hochberg", "sidak", "fdr", "by", "dunnettx", "scheffe", "mvt"
]

ADJUSTMENTS: tuple[str, ...] = get_args(Adjustment)
_ALIASES = {"single-step": "mvt", "bh": "fdr", "dunnett": "dunnettx", "scheffé": "scheffe", "šidák": "sidak"}
# Step-wise methods have no intervals of their own; Bonferroni's are valid beside them.
_STEPWISE = ("holm", "hochberg", "fdr", "by")
# Critical values are found one by one for so many distinct degrees of freedom, and interpolated for more.
_NODES = 16


@dataclass(frozen=True, slots=True)
class FamilyOfTests:
    """Tests that are adjusted together.

    Attributes
    ----------
    statistics : t or z, (n,)
    df : degrees of freedom (n,), infinite for z
    means : how many means the pairwise comparisons are between; None for other families
    rank : dimension of the space that the linear functions span
    correlation : of the estimates (n, n)
    """

    statistics: Floats
    df: Floats
    means: int | None
    rank: int
    correlation: Floats

    @property
    def size(self) -> int:
        """Number of tests."""
        return int(self.statistics.size)


def resolve_adjustment(name: str | None) -> str:
    """The adjustment called `name` (R's names and ours).

    Raises
    ------
    DataError
        If there is none; the nearest name is offered.
    """
    key = "none" if name is None else str(name).lower()
    key = _ALIASES.get(key, key)
    if key not in ADJUSTMENTS:
        close = difflib.get_close_matches(key, [*ADJUSTMENTS, *_ALIASES], n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise DataError(f"there is no adjustment {name!r}; {hint}offered: {', '.join(ADJUSTMENTS)}, single-step")
    return key


def interval_method(method: str) -> str:
    """The adjustment that intervals beside p-values of `method` get."""
    return "bonferroni" if method in _STEPWISE else method


def plain_p_values(statistics: Floats, df: Floats) -> Floats:
    """Two-sided p-values of t (z where df is infinite), one at a time."""
    return np.asarray(2.0 * stdtr(df, -np.abs(statistics)))


def adjusted_p_values(method: str, family: FamilyOfTests) -> Floats:
    """Two-sided p-values (n,) of a family.

    Parameters
    ----------
    method : one of `ADJUSTMENTS`
    family : the tests; every statistic is a number
    """
    plain = plain_p_values(family.statistics, family.df)
    if method == "none" or family.size == 0:
        return plain
    if method in _STEPWISE:
        return _stepwise(method, plain)
    tail = _tail_function(method, family)
    each = [tail(abs(t), d) for t, d in zip(family.statistics, family.df, strict=True)]
    # Whatever the method, the joint probability is no less than one test's.
    return np.clip(each, plain, 1.0)


def critical_values(method: str, family: FamilyOfTests, level: float) -> Floats:
    """Half-widths of the simultaneous intervals, in standard errors (n,)."""
    alpha = 1.0 - level
    single = -stdtrit(family.df, alpha / 2.0)
    method = interval_method(method)
    if method == "none" or family.size == 0:
        return np.asarray(single)
    n = family.size
    if method == "bonferroni":
        return np.asarray(-stdtrit(family.df, alpha / (2.0 * n)))
    if method == "sidak":
        return np.asarray(-stdtrit(family.df, -np.expm1(np.log1p(-alpha) / n) / 2.0))
    tail = _tail_function(method, family)
    distinct, places = np.unique(family.df, return_inverse=True)
    if len(distinct) <= _NODES:
        return np.array([_inverted(tail, df, alpha) for df in distinct])[places]
    return _interpolated(tail, family.df, alpha)


def _inverted(tail: Callable[..., float], df: float, alpha: float) -> float:
    """The critical value at some degrees of freedom."""
    return _invert(partial(tail, df=df), alpha, float(-stdtrit(df, alpha / 2.0)))


def _interpolated(tail: Callable[..., float], df: Floats, alpha: float) -> Floats:
    """Critical values at many degrees of freedom: a polynomial in 1 / df through Chebyshev's nodes."""
    from scipy.interpolate import BarycentricInterpolator

    inverse = 1.0 / df
    low, high = float(inverse.min()), float(inverse.max())
    angles = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
    nodes = low + 0.5 * (high - low) * (1.0 + angles)
    return np.asarray(BarycentricInterpolator(nodes, [_inverted(tail, 1.0 / x, alpha) for x in nodes])(inverse))


def _invert(tail: Callable[[float], float], alpha: float, low: float) -> float:
    """Where a decreasing tail is `alpha`; at `low` it is not below."""
    from scipy.optimize import brentq

    if tail(low) <= alpha:
        return float(low)
    high = 1.5 * low
    while tail(high) > alpha:
        high *= 1.5
    return float(brentq(lambda t: tail(t) - alpha, low, high, xtol=1e-10, rtol=1e-12))


def _tail_function(method: str, family: FamilyOfTests) -> Callable[..., float]:
    """P(the family's largest |t| exceeds its argument) by `method`, as a function of t and df."""
    n = family.size
    if method == "bonferroni":
        return lambda t, df: min(1.0, n * _two_sided(t, df))
    if method == "sidak":
        return lambda t, df: _independent(t, df, n)
    if method == "tukey":
        means = family.means
        assert means is not None
        return lambda t, df: range_tail(np.sqrt(2.0) * t, means, df)
    if method == "dunnettx":
        return lambda t, df: _dunnett_tail(t, df, n)
    if method == "scheffe":
        return lambda t, df: _scheffe_tail(t, df, family.rank)
    largest: LargestT = largest_t(family.correlation)
    return lambda t, df: min(largest.tail(t, df), _independent(t, df, n))


def _two_sided(t: float, df: float) -> float:
    return float(2.0 * stdtr(df, -t))


def _independent(t: float, df: float, count: int) -> float:
    """Sidak's bound, which holds for the largest of any multivariate t."""
    single = min(_two_sided(t, df), 1.0)
    return float(-np.expm1(count * np.log1p(-single))) if single < 1.0 else 1.0


def _dunnett_tail(t: float, df: float, count: int) -> float:
    means = 0.5 * (1.0 + np.sqrt(1.0 + 8.0 * count))
    blended = (count - 1) * range_tail(np.sqrt(2.0) * t, means, df) + _independent(t, df, count)
    return blended / count


def _scheffe_tail(t: float, df: float, rank: int) -> float:
    squared = t * t
    return float(fdtrc(rank, df, squared / rank) if np.isfinite(df) else chdtrc(rank, squared))


def _stepwise(method: str, plain: Floats) -> Floats:
    """Holm's, Hochberg's, Benjamini and Hochberg's, and Benjamini and Yekutieli's p-values."""
    n = plain.size
    order = np.argsort(plain)
    ranks = np.arange(1, n + 1)
    if method == "holm":
        stepped = np.maximum.accumulate((n - ranks + 1) * plain[order])
    else:
        harmonic = float(np.sum(1.0 / ranks)) if method == "by" else 1.0
        factor = n - ranks + 1 if method == "hochberg" else harmonic * n / ranks
        stepped = np.minimum.accumulate((factor * plain[order])[::-1])[::-1]
    made = np.empty(n)
    made[order] = np.minimum(stepped, 1.0)
    return made
