"""Kenward and Roger's adjusted covariance and F test of a linear mixed model fitted by REML.

With C the covariance of the coefficients given the variance parameters, P_i = -X'V^-1 V_i V^-1 X,
Q_ij = X'V^-1 V_i V^-1 V_j V^-1 X, R_ij = X'V^-1 V_ij V^-1 X and W the inverse of the expected information about the
variance parameters (Kenward and Roger 1997, Biometrics 53, 983-997):

    C_A = C + 2 C { sum_ij W_ij (Q_ij - P_i C P_j - R_ij / 4) } C.

R_ij is zero where V is linear in its parameters: variances and covariances are those of ``us``, ``diag`` and
``homdiag`` terms; ``cs`` and ``ar1`` count it, with variance and correlation as parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.inference.gaussian_system import gaussian_system
from ranef.inference.satterthwaite import inverse_information, variance_df
from ranef.inference.small_sample import FTest, SmallSample, f_p_value
from ranef.inference.variance_information import directions, variance_information
from ranef.invertible import invertible

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


class KenwardRoger(SmallSample):
    """Tests by Kenward and Roger's method.

    Attributes
    ----------
    given : (p, p): covariance of the coefficients given the variance parameters
    slopes : (m, p, p): C P_i C, the negative derivatives of `given`
    parameter_vcov : (m, m): W
    """

    def __init__(self, beta: Floats, adjusted: Floats, given: Floats, slopes: Floats, parameter_vcov: Floats) -> None:
        super().__init__(beta, adjusted)
        self.given = given
        self.slopes = slopes
        self.parameter_vcov = parameter_vcov

    def df(self, contrasts: Floats) -> Floats:
        """Kenward-Roger's degrees of freedom of single contrasts, (m,)."""
        return variance_df(contrasts, self.given, self.slopes, self.parameter_vcov)

    def f_test(self, contrast: Floats, value: Floats | None = None) -> FTest:
        """Kenward and Roger's scaled F test."""
        total, rows = self.quadratic(contrast, value)
        rank = rows.shape[0]
        if rank == 1:
            df, scale = float(self.df(rows)[0]), 1.0
        else:
            df, scale = matched_moments(*self._moments(rows), rank)
        statistic = scale * total / rank
        return FTest(statistic, rank, df, f_p_value(statistic, rank, df), scale)

    def _moments(self, rows: Floats) -> tuple[float, float]:
        """A1 and A2: sums of W_ij tr(H_i) tr(H_j) and of W_ij tr(H_i H_j), H_i = (L C L')^-1 L C P_i C L'."""
        with invertible("the covariance of what is tested"):
            inverse = np.linalg.inv(rows @ self.given @ rows.T)
        h = inverse @ (rows @ self.slopes @ rows.T)
        traces = np.einsum("iaa->i", h)
        return (
            float(traces @ self.parameter_vcov @ traces),
            float(np.einsum("ij,iab,jba->", self.parameter_vcov, h, h)),
        )


def matched_moments(a1: float, a2: float, rank: int) -> tuple[float, float]:
    """Denominator degrees of freedom and scale of F that match its approximate mean and variance.

    Kenward and Roger 1997, section 3, their expressions modified to be exact for Hotelling's T^2 and for balanced
    analyses of variance.

    Raises
    ------
    DataError
        If the approximate moments are those of no F distribution.

    Examples
    --------
    >>> matched_moments(0.8, 0.4, 2)
    (10.0, 1.0)
    """
    if a2 <= 0:
        return float("inf"), 1.0
    b = (a1 + 6.0 * a2) / (2.0 * rank)
    g = ((rank + 1) * a1 - (rank + 4) * a2) / ((rank + 2) * a2)
    bottom = 3.0 * rank + 2.0 * (1.0 - g)
    c1, c2, c3 = g / bottom, (rank - g) / bottom, (rank + 2 - g) / bottom
    shrink, middle, last = 1.0 - a2 / rank, 1.0 - c2 * b, 1.0 - c3 * b
    if shrink > 0 and middle > 0 and last > 0:
        excess = (shrink / middle) ** 2 * (1.0 + c1 * b) / last - 1.0
        if excess > 0:
            df = 4.0 + (rank + 2) / excess
            return df, df * shrink / (df - 2.0)
    raise DataError(
        f"Kenward-Roger's approximation fails for this hypothesis of rank {rank}: the groups are too few for it; "
        f"use ddf='satterthwaite'"
    )


def kenward_roger(fit: Fit) -> KenwardRoger:
    """The method for a REML fit that `small_sample` has checked.

    Raises
    ------
    ConvergenceError
        If the data do not determine the variance parameters.
    """
    system = gaussian_system(fit)
    ways = directions(fit, system, "entries")
    information = variance_information(system, ways)
    c = system.vcov
    w = inverse_information(information.expected(c, reml=True))
    tilted = np.einsum("iab,bc,jcd->ijad", information.slopes, c, information.slopes)
    bias = information.products - tilted - 0.25 * information.second_slopes
    middle = np.einsum("ij,ijab->ab", w, bias)
    adjusted = c + c @ (middle + middle.T) @ c
    slopes = -np.einsum("ab,ibc,cd->iad", c, information.slopes, c)
    return KenwardRoger(np.asarray(fit.estimate.beta[0]), adjusted, c, slopes, w)
