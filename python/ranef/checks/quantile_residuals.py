"""Quantile residuals: exact where the distribution function is known, with no simulation.

r = Phi^-1(u), u = F(y-) + v (F(y) - F(y-)), v uniform on (0, 1) and of no effect where F is continuous (Dunn and Smyth
1996, Journal of Computational and Graphical Statistics 5, 236-244). Of a right model they are standard normal. Both
log u and log(1 - u) are computed, so that a row far out in a tail has a large residual and not an infinite one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ranef.checks.distributions import log_tails, predictive
from ranef.checks.log_tails import log_mix

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


def quantile_residuals(fit: Fit, seed: int | None) -> Floats:
    """(n,) quantile residuals given the random effects, of the rows that entered the fit."""
    rows, y = predictive(fit), np.asarray(fit.design.response.values)
    lower, lower_rest = log_tails(rows, y, strict=True)
    upper, upper_rest = log_tails(rows, y)
    share = np.random.default_rng(seed).random(y.size)
    log_u, log_rest = log_mix(lower, upper, share), log_mix(lower_rest, upper_rest, share)
    small = log_u < log_rest
    return np.asarray(np.where(small, special.ndtri_exp(log_u), -special.ndtri_exp(np.where(small, -1.0, log_rest))))
