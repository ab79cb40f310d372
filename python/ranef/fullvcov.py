"""Covariance of all parameters, the fixed effects that REML integrates out included.

With C the covariance of beta given theta, D = d beta^ / d theta and V that of theta (law of total variance):

    Var(beta) = C + D V D',    Cov(beta, theta) = D V
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef import _core
from ranef.refitting import evaluate_at

if TYPE_CHECKING:
    from ranef.fitstate import FitState

Floats = NDArray[np.float64]

# Relative step of the differences of beta in theta.
_STEP = 1e-4


def full_vcov(fit: FitState) -> Floats:
    """Covariance of `fit.parameter_info`; NaN for what is held, or undetermined because a variance is zero."""
    theta = fit.uncertainty.vcov.copy()
    known = np.nan_to_num(theta, nan=0.0)
    outside = fit.outside_count
    made = np.full((outside + theta.shape[0],) * 2, np.nan)
    made[outside:, outside:] = theta
    if outside:
        cross = _coefficient_jacobian(fit) @ known
        made[:outside, outside:] = np.where(np.isnan(np.diag(theta)), np.nan, cross)
        made[outside:, :outside] = made[:outside, outside:].T
        made[:outside, :outside] = _coefficient_vcov(fit, known)
    made[fit.held, :] = made[:, fit.held] = np.nan
    return made


def _coefficient_vcov(fit: FitState, theta: Floats) -> Floats:
    """Var(beta), entry (i, j) from the variances of beta_i + beta_j, beta_i and beta_j."""
    count = fit.outside_count
    left, right = np.tril_indices(count)
    sums = np.zeros((left.size, count))
    np.add.at(sums, (np.arange(left.size), left), 1.0)
    np.add.at(sums, (np.arange(left.size), right), 1.0)
    matrices = [sums, *(np.zeros((left.size, len(p.fixed.names))) for p in fit.design.predictors[1:])]
    predictors = [_core.Predictor(np.asfortranarray(m), None) for m in matrices]
    result = fit.core_result
    with fit.model.computing():
        covariance = fit.model.core.predictor_covariance(result, theta, predictors, [None] * len(fit.design.terms))
    total = np.empty((count, count))
    total[left, right] = total[right, left] = covariance[:, 0, 0]
    variances = np.diag(total) / 4.0
    return np.asarray((total - variances[:, None] - variances) / 2.0)


def _coefficient_jacobian(fit: FitState) -> Floats:
    """d beta^ / d theta by central differences; a parameter at zero does not move."""
    values = np.asarray(fit.estimate.values)
    made = np.zeros((fit.outside_count, values.size))
    for place, value in enumerate(values):
        if place in fit.estimate.at_zero:
            continue
        step = _STEP * max(abs(value), 0.1)
        ends = []
        for sign in (-1.0, 1.0):
            moved = values.copy()
            moved[place] += sign * step
            ends.append(np.asarray(evaluate_at(fit, moved).beta[0]))
        made[:, place] = (ends[1] - ends[0]) / (2.0 * step)
    return made
