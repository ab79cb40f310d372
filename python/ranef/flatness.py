"""Directions in which the log-likelihood hardly changes: parameters that the data do not determine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.errors import ConvergenceError
from ranef.finding import Finding
from ranef.redundancy import FLAT, is_immaterial
from ranef.separation import separation_findings
from ranef.unbounded import vanishing_residual
from ranef.uncertainty import Uncertainty

if TYPE_CHECKING:
    from ranef.fitstate import FitState

Floats = NDArray[np.float64]

# Variance parameters may move by this multiple of themselves (correlations: of 1) within one standard error before
# they count as undetermined, provided the likelihood needs them: without them it falls by more than `_NEEDED`.
_LOOSE = 30.0
_NEEDED = 0.5

# Distance of a shared correlation from the ends of its range at which it has reached one.
_END = 1e-4


def spectrum_findings(fit: FitState) -> list[Finding]:
    """What the Hessian's spectrum says: directions without information, or with curvature of the wrong sign.

    Directions of coefficients that run to infinity are left to the findings on those.
    """
    uncertainty = fit.certificate
    if uncertainty is None or not uncertainty.eigenvalues.size:
        return []
    eigenvalues = uncertainty.eigenvalues
    settled = {*fit.estimate.at_zero, *fit.estimate.at_bound}
    if eigenvalues.min() > FLAT and settled.issuperset(uncertainty.unidentified):
        return []
    infinite = {name for finding in separation_findings(fit) for name in finding.parameters}
    at_edge = _edge_parameters(fit)
    findings: list[Finding] = []
    immaterial = False
    for place, value in enumerate(eigenvalues):
        if value > FLAT:
            continue
        if is_immaterial(fit, uncertainty, place):
            immaterial = True
            continue
        guilty = _loadings(fit, uncertainty.eigenvectors[:, place])
        if infinite.issuperset(guilty) or (value >= -FLAT and at_edge.issuperset(guilty)):
            continue
        if value < -FLAT:
            message = f"the log-likelihood curves upwards along {', '.join(guilty)}: this is no maximum"
            remedy = "fit again from other starting values (start=)"
            findings.append(Finding("not a maximum", True, guilty, message, remedy))
        else:
            findings.append(_flat(tuple(sorted(guilty))))
    named = {name for finding in findings for name in finding.parameters}
    rest = tuple(
        name for name in _undetermined(fit, uncertainty, bool(infinite)) if name not in named | infinite | at_edge
    )
    return [*findings, _flat(rest)] if rest and not findings and not immaterial else list(dict.fromkeys(findings))


def _edge_parameters(fit: FitState) -> set[str]:
    """A residual sd at its limit of zero; shared correlations at an end of their range or without a pair.

    Their range is open: the log-likelihood is flat towards its ends, and where nothing is correlated.
    """
    edge = {name for finding in vanishing_residual(fit) for name in finding.parameters}
    for parameter, value in zip(fit.model.parameter_info, fit.estimate.values, strict=True):
        if parameter.kind == "cor" and fit.design.terms[parameter.owner].structure in ("cs", "ar1"):
            block = fit.covariance_blocks[parameter.owner]
            low = -1.0 / (len(block.names) - 1) if block.structure == "cs" else -1.0
            if np.sum(block.sd > 0) < 2 or not low + _END < value < 1.0 - _END:
                edge.add(parameter.name)
    return edge


def _undetermined(fit: FitState, uncertainty: Uncertainty, beside_infinite: bool) -> list[str]:
    """Parameters that the core left without a standard error though they are neither zero nor at the end of a range.

    Beside coefficients that run to infinity others are undetermined because of them, and not for themselves.
    """
    settled = {*fit.estimate.at_zero, *fit.estimate.at_bound}
    singular = fit.deficient_terms
    return [
        p.name
        for place, p in enumerate(fit.model.parameter_info)
        if place in uncertainty.unidentified
        and place not in settled
        and not (p.kind == "beta" and beside_infinite)
        and not (p.kind != "beta" and p.owner in singular)
    ]


def _loadings(fit: FitState, vector: Floats) -> tuple[str, ...]:
    """Parameters that make up a direction, the largest share first."""
    weight = np.abs(vector)
    return tuple(fit.model.names[int(i)] for i in np.argsort(-weight) if weight[i] > 0.3 * weight.max())


def _flat(guilty: tuple[str, ...]) -> Finding:
    them = "it" if len(guilty) == 1 else "them"
    message = f"the log-likelihood is flat along {', '.join(guilty)}: the data do not determine {them}"
    return Finding("flat", True, guilty, message, "leave a term out, or hold a parameter at a value (fixed=)")


def variance_findings(fit: FitState) -> list[Finding]:
    """Variance parameters that trade off against each other, or that only their product with others determines."""
    uncertainty = fit.certificate
    places = [] if uncertainty is None else _free_variance_places(fit, uncertainty)
    if uncertainty is None or not places:
        return []
    values = np.asarray(fit.estimate.values)[places]
    sizes = np.array(
        [abs(v) if fit.model.parameter_info[p].kind == "sd" else 1.0 for p, v in zip(places, values, strict=True)]
    )
    relative = uncertainty.vcov[np.ix_(places, places)] / np.outer(sizes, sizes)
    spreads, vectors = np.linalg.eigh(relative)
    findings = []
    for k in np.flatnonzero(spreads > _LOOSE**2):
        weight = np.abs(vectors[:, k])
        loose = [places[i] for i in np.argsort(-weight) if weight[i] > 0.3 * weight.max()]
        if _loss_without(fit, loose) > _NEEDED:
            findings.append(_flat(tuple(fit.model.names[p] for p in loose)))
    return findings


def _free_variance_places(fit: FitState, uncertainty: Uncertainty) -> list[int]:
    """Places of variance parameters that have a standard error and are not at zero."""
    variances = np.diag(uncertainty.vcov)
    zero = set(fit.estimate.at_zero)
    return [
        k
        for k, parameter in enumerate(fit.model.parameter_info)
        if parameter.kind != "beta"
        and k not in zero
        and variances[k] > 0
        and (parameter.kind == "cor" or fit.estimate.values[k] > 0)
    ]


def _loss_without(fit: FitState, places: list[int]) -> float:
    """Log-likelihood lost where these parameters are zero, the others as estimated."""
    values = np.array(fit.estimate.values)
    values[places] = 0.0
    try:
        without = fit.model.evaluate(fit.model.core.loglik, np.nan_to_num(values, nan=0.0))
    except ConvergenceError:
        return float("inf")
    return fit.loglik - without if np.isfinite(without) else float("inf")
