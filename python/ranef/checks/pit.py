"""Where responses lie in their predictive distributions: the probability integral transform, randomised for counts.

With F the distribution function of an observation, u = F(y) is uniform where F is continuous. A count has jumps, and
u = F(y-) + v (F(y) - F(y-)), v uniform on (0, 1), is uniform again (Dunn and Smyth 1996, Journal of Computational and
Graphical Statistics 5, 236-244). Simulated residuals put the distribution of the simulations in the place of F
(Gelman and Hill 2007, *Data Analysis Using Regression and Multilevel/Hierarchical Models*, chapter 8).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def randomised(lower: Floats, upper: Floats, uniform: Floats) -> Floats:
    """Numbers between `lower` and `upper`, at the fractions `uniform`.

    Examples
    --------
    >>> randomised(np.array([0.2, 0.5]), np.array([0.4, 0.5]), np.array([0.5, 0.9]))
    array([0.3, 0.5])
    """
    return np.asarray(lower + uniform * (upper - lower))


def counts_below(simulations: Floats, observed: Floats) -> tuple[Floats, Floats]:
    """How many of a row's simulations (n, draws) are less than, and equal to, the row's observation (n,)."""
    less = np.count_nonzero(simulations < observed[:, None], axis=1)
    equal = np.count_nonzero(simulations == observed[:, None], axis=1)
    return less.astype(np.float64), equal.astype(np.float64)
