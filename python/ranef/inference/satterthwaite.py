"""Satterthwaite's degrees of freedom of a linear mixed model.

The variance v = l'C(theta)l of a contrast is estimated; its own variance is g'A g, with g the gradient of v in the
variance parameters and A their covariance, the inverse of the observed information. A scaled chi-square of the same
two moments has 2 v^2 / g'A g degrees of freedom (Giesbrecht and Burns 1985, Biometrics 41, 477-486). Several contrasts
are rotated to be uncorrelated and F's denominator found from the mean of the sum of their squared t statistics
(Fai and Cornelius 1996, J. Statist. Comput. Simul. 54, 363-378). All derivatives are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.errors import ConvergenceError
from ranef.inference.gaussian_system import gaussian_system
from ranef.inference.small_sample import FTest, SmallSample, f_p_value
from ranef.inference.variance_information import directions, variance_information

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Scaled eigenvalues of the information below this are noise: the criterion is flat there.
_FLAT = 1e-9
# Degrees of freedom this close to each other are the same.
_SAME = 1e-8


class Satterthwaite(SmallSample):
    """Tests by Satterthwaite's method.

    Attributes
    ----------
    gradients : (m, p, p): derivatives of the coefficients' covariance in the m variance parameters
    parameter_vcov : (m, m): covariance of those
    """

    def __init__(self, beta: Floats, vcov: Floats, gradients: Floats, parameter_vcov: Floats) -> None:
        super().__init__(beta, vcov)
        self.gradients = gradients
        self.parameter_vcov = parameter_vcov

    def df(self, contrasts: Floats) -> Floats:
        """Satterthwaite's degrees of freedom, (m,)."""
        return variance_df(contrasts, self.vcov, self.gradients, self.parameter_vcov)

    def f_test(self, contrast: Floats, value: Floats | None = None) -> FTest:
        """Fai and Cornelius' F test."""
        total, rows = self.quadratic(contrast, value)
        rank = rows.shape[0]
        df = pooled_df(self.df(rows))
        return FTest(total / rank, rank, df, f_p_value(total / rank, rank, df))


def variance_df(contrasts: Floats, vcov: Floats, gradients: Floats, parameter_vcov: Floats) -> Floats:
    """Degrees of freedom 2 E(v)^2 / Var(v) of the estimated variances v = l'Cl, (m,); infinite where v is certain.

    Parameters
    ----------
    contrasts : (m, p), rows l
    vcov, gradients : C (p, p), and its derivatives in the variance parameters (k, p, p)
    parameter_vcov : (k, k): covariance of the variance parameters
    """
    rows = np.asarray(contrasts, dtype=np.float64)
    variance = np.einsum("ka,ab,kb->k", rows, vcov, rows)
    gradient = np.einsum("ka,iab,kb->ki", rows, gradients, rows)
    spread = np.einsum("ki,ij,kj->k", gradient, parameter_vcov, gradient)
    return np.asarray(np.where(spread > 0, 2.0 * variance**2 / np.where(spread > 0, spread, 1.0), np.inf))


def pooled_df(df: Floats) -> float:
    """Denominator of F whose mean is that of the mean of squared t statistics with `df` degrees of freedom.

    A t statistic with two degrees or fewer has no variance: F gets two, the limit.

    Examples
    --------
    >>> import numpy as np
    >>> float(pooled_df(np.array([10.0, 10.0])))
    10.0
    """
    if np.isinf(df).all() or df.max() - df.min() < _SAME:
        return float(df[0])
    if df.min() <= 2.0:
        return 2.0
    finite = df[np.isfinite(df)]
    excess = float(np.sum(2.0 / (finite - 2.0)))
    return 2.0 * (df.size + excess) / excess


def satterthwaite(fit: Fit) -> Satterthwaite:
    """The method for a fit by REML or ML that `small_sample` has checked.

    Raises
    ------
    ConvergenceError
        If the criterion is flat in the variance parameters.
    """
    system = gaussian_system(fit)
    ways = directions(fit, system, "roots")
    information = variance_information(system, ways)
    observed = information.observed(system.vcov, fit.reml)
    gradients = np.einsum("ab,ibc,cd->iad", system.vcov, information.slopes, system.vcov)
    return Satterthwaite(np.asarray(fit.estimate.beta[0]), system.vcov, gradients, inverse_information(observed))


def inverse_information(information: Floats) -> Floats:
    """Inverse of a positive definite information, whatever its units.

    Raises
    ------
    ConvergenceError
        If it is singular or indefinite.
    """
    diagonal = np.diag(information)
    if (diagonal > 0).all():
        scale = 1.0 / np.sqrt(diagonal)
        values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
        if values.size == 0 or values[0] > _FLAT:
            half = vectors * (1.0 / np.sqrt(values)) * scale[:, None]
            return np.asarray(half @ half.T)
    raise ConvergenceError(
        "the data do not determine the variance parameters (the criterion is flat in one of them), so that degrees of "
        "freedom cannot be had: fit.diagnose() names it; leave that random term out, or use ddf='asymptotic'"
    )
