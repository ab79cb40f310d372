"""The largest of several correlated t statistics, in absolute value: its tail and its quantiles.

Let T = L Z / s, with Z standard normal in r dimensions, nu s^2 ~ chi-square(nu) and R = L L' the correlation (of rank
r, singular or not). Z = |Z| u splits into independent length and direction, and in direction u the largest |T_i| is
|Z| / s times m(u) = max_i |(L u)_i|. As |Z|^2 / (r s^2) follows F(r, nu),

    P(max_i |T_i| > t) = E_u P( F(r, nu) > t^2 / (r m(u)^2) ),

an average over the sphere of a smooth function with the radius integrated exactly (Somerville 1998, Journal of
Computational and Graphical Statistics 7, 529-544). It is taken by randomised quasi Monte Carlo: scrambled Sobol
points with a fixed seed, so that the same question always has the same answer. Several independent scramblings give
the standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, ndtri

Floats = NDArray[np.float64]

_SEED = 20_040_623
# Independent scramblings, points in each (a power of two), and points kept of each after merging neighbours.
_REPLICATES, _POINTS, _KEPT = 8, 2**14, 512
# Products of directions and statistics held in memory at a time.
_BLOCK = 4_000_000
# Eigenvalues of a correlation matrix below this share of the largest are rounding.
_RANK = 1e-9


@dataclass(frozen=True, slots=True)
class LargestT:
    """Distribution of max |T_i| for a correlation matrix.

    Attributes
    ----------
    reach : m(u) of the directions (replicates, kept), each row ascending
    rank : dimension of the sphere
    """

    reach: Floats
    rank: int

    def tail(self, t: float, df: float) -> float:
        """P(max |T_i| > t) with `df` degrees of freedom (may be infinite)."""
        return float(self._tails(t, df).mean())

    def error(self, t: float, df: float) -> float:
        """Standard error of `tail` at `t`, from the spread of the scramblings."""
        tails = self._tails(t, df)
        return float(tails.std(ddof=1) / np.sqrt(len(tails)))

    def _tails(self, t: float, df: float) -> Floats:
        if t <= 0:
            return np.ones(len(self.reach))
        squared = (t / self.reach) ** 2
        each = fdtrc(self.rank, df, squared / self.rank) if np.isfinite(df) else chdtrc(self.rank, squared)
        return np.asarray(each.mean(axis=1))


def largest_t(correlation: Floats) -> LargestT:
    """The distribution for a correlation matrix (n, n) of any rank.

    Examples
    --------
    >>> independent = largest_t(np.eye(2))
    >>> round(independent.tail(1.959964, np.inf), 4)
    0.0975
    """
    values, vectors = np.linalg.eigh(correlation)
    used = values > _RANK * values[-1]
    loadings = vectors[:, used] * np.sqrt(values[used])
    rank = int(used.sum())
    if rank == 1:
        return LargestT(np.ones((_REPLICATES, 1)), 1)
    return LargestT(np.stack([_reach(loadings, _SEED + k) for k in range(_REPLICATES)]), rank)


def _reach(loadings: Floats, seed: int) -> Floats:
    """m(u) for Sobol directions, ascending, neighbours merged."""
    from scipy.stats.qmc import Sobol

    rank = loadings.shape[1]
    points = np.clip(Sobol(rank, scramble=True, seed=seed).random(_POINTS), 1e-12, 1.0 - 1e-12)
    directions = ndtri(points)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    parts = np.array_split(directions, -(-_POINTS * len(loadings) // _BLOCK))
    farthest = np.concatenate([np.abs(part @ loadings.T).max(axis=1) for part in parts])
    return np.asarray(np.sort(farthest).reshape(_KEPT, -1).mean(axis=1))
