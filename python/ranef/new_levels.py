"""Quantiles for rows of levels that were not fitted: their variance is an estimate with degrees of freedom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ranef.integrate import term_variances, variance_derivative
from ranef.tables import normal_quantile

if TYPE_CHECKING:
    from ranef.result import Fit
    from ranef.rows import Rows

Floats = NDArray[np.float64]


def half_widths(fit: Fit, rows: Rows, include: Sequence[bool], covariance: Floats, level: float) -> Floats:
    """(m, K): half-widths of central intervals in standard errors, given the linear predictors' covariances (m, K, K).

    Normal quantiles; in rows of new levels those of Student's t with Satterthwaite's degrees of freedom
    2 V^2 / Var(V), V the variance and Var(V) by the delta method from that of the random effects' covariance. With
    balanced groups and little variance within them these are the number of groups less one.
    """
    made = np.full(covariance.shape[:2], normal_quantile(level))
    new = term_variances(fit, rows, include, fit.covariance_blocks, only_new=True)
    if not new.any():
        return made
    slopes = variance_derivative(
        fit, rows, include, lambda blocks: term_variances(fit, rows, include, blocks, only_new=True)
    )
    of_variance = np.einsum("iks,st,ikt->ik", slopes, np.nan_to_num(fit.parameter_vcov, nan=0.0), slopes)
    uncertain = of_variance > 0.0
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    degrees = 2.0 * variance[uncertain] ** 2 / of_variance[uncertain]
    made[uncertain] = stdtrit(np.maximum(degrees, 1.0), 0.5 + level / 2.0)
    return made
