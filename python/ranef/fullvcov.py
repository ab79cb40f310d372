"""Covariance of all parameters, the fixed effects that REML integrates out included.

With C the covariance of beta given theta, D = d beta^ / d theta and V that of theta (law of total variance):

    Var(beta) = C + D V D',    Cov(beta, theta) = D V
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.errors import ConvergenceError

if TYPE_CHECKING:
    from ranef.fitstate import FitState

Floats = NDArray[np.float64]


def full_vcov(fit: FitState) -> Floats:
    """Covariance of `fit.parameter_info`; NaN for what is held or undetermined, and where the fit has no likelihood."""
    theta = fit.uncertainty.vcov
    made = _with_integrated(fit, theta) if fit.outside_count else theta.copy()
    made[fit.held, :] = made[:, fit.held] = np.nan
    return made


def _with_integrated(fit: FitState, theta: Floats) -> Floats:
    try:
        with fit.at_estimates("the parameters have no covariance"):
            return np.array(fit.model.core.parameter_covariance(fit.core_result, theta))
    except ConvergenceError:  # the fit has warned, and its diagnosis says why
        return np.full((fit.outside_count + theta.shape[0],) * 2, np.nan)
