"""Upper tail of the studentized range, accurate in relative terms however small.

With Phi and phi the normal distribution function and density, the range of m independent standard normals exceeds q
with probability

    T(q) = m int phi(x) { Phi(x)^(m-1) - [Phi(x) - Phi(x - q)]^(m-1) } dx,

whose integrand is positive: nothing cancels. Divided by an independent s with nu s^2 ~ chi-square(nu), the range has
the tail int T(q s) g(s) ds. Both integrals are taken by the trapezoidal rule, the outer one in log s; it converges
geometrically for these integrands. m need not be a whole number.

Reference: Copenhaver and Holland (1988), Journal of Statistical Computation and Simulation 30, 1-15 (the integrals).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, log_ndtr, ndtr, stdtr

Floats = NDArray[np.float64]

# Inner rule: half-width and step, in standard deviations.
_HALF_WIDTH, _STEP = 9.0, 0.25
# Outer rule: smallest number of nodes, largest step, and decay at its ends (logarithm).
_NODES, _LONGEST, _DECAY = 60, 0.12, 45.0
_ROOT_2PI = float(np.sqrt(2.0 * np.pi))


def range_tail(q: float, means: float, df: float) -> float:
    """P(Q > q) for the studentized range of `means` normals with `df` degrees of freedom (infinite: no division).

    Examples
    --------
    >>> round(range_tail(3.633, 3, 15), 3)
    0.053
    """
    if q <= 0 or means <= 1 or q == np.inf:
        return 1.0 if q <= 0 else 0.0
    if not np.isfinite(df):
        return float(_normal_tail(np.array([q]), means)[0])
    logs = _log_scale_nodes(q, df)
    constant = np.log(2.0) + 0.5 * df * np.log(0.5 * df) - gammaln(0.5 * df)
    density = np.exp(constant + df * logs - 0.5 * df * np.exp(2.0 * logs))
    total = float(np.sum(density * _normal_tail(q * np.exp(logs), means))) * float(logs[1] - logs[0])
    return min(total, 1.0)


def _normal_tail(q: Floats, means: float) -> Floats:
    """T(q), for every entry of q (n,)."""
    grid = np.arange(-_HALF_WIDTH, _HALF_WIDTH + 0.5 * _STEP, _STEP)
    x = 0.5 * q[:, None] + grid
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        share = np.minimum(np.exp(log_ndtr(x - q[:, None]) - log_ndtr(x)), 1.0)
        missing = -np.expm1((means - 1.0) * np.log1p(-share))
        height = np.exp(-0.5 * x * x) * ndtr(x) ** (means - 1.0) * missing
    return np.asarray(np.minimum(means * _STEP / _ROOT_2PI * height.sum(axis=1), 1.0))


def _log_scale_nodes(q: float, df: float) -> Floats:
    """Nodes of log s from where the integrand is negligible on the left to where it is on the right."""
    tail = max(2.0 * float(stdtr(df, -q / np.sqrt(2.0))), 1e-300)
    depth = _DECAY - np.log(tail)
    # df (u - (exp(2u) - 1) / 2) = -depth: below the normal part's and above the exponential part's solution.
    left = -(depth / df + min(np.sqrt(depth / df), 0.5 + depth / df))
    right = np.log1p(np.sqrt(2.0 * _DECAY / df)) + 0.5 * np.log1p(2.0 * _DECAY / df)
    return np.linspace(left, right, max(_NODES, int(np.ceil((right - left) / _LONGEST))))
