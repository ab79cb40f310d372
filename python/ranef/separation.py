"""Estimates that are infinite: perfectly predicted responses, and components that the data do not need.

The optimiser stops where the log-likelihood is flat to its tolerance; the coefficient then is far out on the linear
predictor's scale and its standard error farther still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.finding import Finding
from ranef.parameters import is_constant

if TYPE_CHECKING:
    from ranef.fitstate import FitState

Floats = NDArray[np.float64]

# A linear predictor this far out whose standard error is as large is an infinite one, cut short: the means differ
# by a factor of e^8.
_FAR = 8.0
_SATURATING_LINKS = ("log", "logit", "probit", "cloglog", "cauchit")


def separation_findings(fit: FitState) -> list[Finding]:
    """Coefficients that run to infinity, by component."""
    findings = []
    start = 0
    for predictor, beta in zip(fit.design.predictors, fit.estimate.beta, strict=True):
        own = slice(start, start + beta.size)
        start += beta.size
        if beta.size and _saturates(fit, predictor.component):
            # A mean without an upper end has no limit there: large counts are no separation.
            downwards = predictor.component == "cond" and fit.family.mean_range != "unit"
            vcov = fit.coefficient_vcov(own)
            places = infinite_coefficients(predictor.fixed.matrix, beta, vcov, downwards, _has_curvature(fit))
            if places:
                findings.append(_finding(fit, predictor.component, [predictor.fixed.names[i] for i in places]))
    return findings


def infinite_names(fit: FitState) -> set[str]:
    """Names of the parameters that run to infinity."""
    findings = separation_findings(fit) if fit.stored is None else fit.stored.findings
    return {name for finding in findings if finding.kind == "separation" for name in finding.parameters}


def _saturates(fit: FitState, component: str) -> bool:
    """Whether the likelihood has a limit as the component's linear predictor goes to infinity."""
    if component == "cond":
        return fit.family.link in _SATURATING_LINKS and (fit.family.mean_range == "unit" or fit.family.is_count)
    return component == "zi" or fit.family.is_count or fit.family.has_trials


def _has_curvature(fit: FitState) -> bool:
    """Whether the fit has standard errors at all, so that one that is missing says something."""
    return bool(np.isfinite(np.diag(fit.estimate.beta_vcov)).any())


def infinite_coefficients(
    matrix: Floats, beta: Floats, vcov: Floats, downwards: bool = False, has_curvature: bool = False
) -> list[int]:
    """Places of the coefficients that carry some row's linear predictor to infinity.

    Whether a coefficient is far out depends on its column's units, and an intercept's on where the columns have
    their zero; so the judges are rows: those where x'beta and its standard error are both beyond e^8. Rows are
    looked at only if some coefficient, times its column's largest entry, is that far out with such an error. With
    `downwards` only a linear predictor that runs to minus infinity counts. With `has_curvature` a missing variance
    means that there is no curvature: such coefficients make up for infinite ones in the remaining rows.
    """
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diag(vcov))
        largest = np.abs(matrix).max(axis=0, initial=0.0)
        suspects = np.flatnonzero((np.abs(beta) * largest > _FAR) & ~(errors * largest <= _FAR))
        if not suspects.size:
            return []
        eta = matrix @ beta
        rows = np.flatnonzero((-eta if downwards else np.abs(eta)) > _FAR)
        row_errors = np.sqrt(np.einsum("ij,jk,ik->i", matrix[rows], vcov, matrix[rows], optimize=True))
    far = matrix[rows[~(row_errors <= _FAR)]]
    moved = np.abs(far * beta).max(axis=0, initial=0.0)
    beside = np.isnan(errors) & (has_curvature and far.size > 0)
    return [int(i) for i in suspects if moved[i] > _FAR or beside[i]]


def _finding(fit: FitState, component: str, names: list[str]) -> Finding:
    constant = component == "disp" and is_constant(names)
    prefix = "" if component == "cond" else f"{component}:"
    guilty = (fit.family.dispersion,) if constant else tuple(prefix + name for name in names)
    who = f"{', '.join(guilty)} {'runs' if len(guilty) == 1 else 'run'} to infinity"
    if component == "zi":
        message = f"{who}: the data need no structural zeros there"
        return Finding("separation", False, guilty, message, "a valid limit; ziformula could be simpler")
    if component == "disp":
        message = f"{who}: the data are no more dispersed than the family's limit (Poisson, binomial)"
        return Finding("separation", False, guilty, message, "a valid limit; the simpler family fits as well")
    message = f"{who}: some level or range of {'it' if len(guilty) == 1 else 'them'} predicts the response perfectly"
    remedy = "merge or leave out the separated level; Wald tests of such a coefficient mean nothing"
    return Finding("separation", True, guilty, message, remedy)
