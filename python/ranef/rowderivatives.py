"""Derivatives of each row's negative log-likelihood in its linear predictors, from the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import has_component, likelihood_weights

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


def row_derivatives(fit: Fit) -> tuple[Floats, Floats]:
    """Gradient (n, K) and Hessian (n, K, K) of the negative log-likelihood of every row, weights included."""
    likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
    response, trials = fit.design.response.values, fit.design.response.trials
    gradient, hessian = likelihood.derivatives(response, list(fit.estimate.eta), trials)
    weights = likelihood_weights(fit.design)
    if weights is None:
        return gradient, hessian
    return gradient * weights[:, None], hessian * weights[:, None, None]
