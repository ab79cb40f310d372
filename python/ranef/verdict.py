"""The verdict on a fit, from which `converged`, the warning and the diagnosis all follow: one of a few states.

A verdict is `sound` at a maximum and at a limit that the likelihood approaches (a negative binomial that is a Poisson);
in every other state the findings say what is wrong, with whom, and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ranef.finding import Finding
from ranef.flatness import spectrum_findings, variance_findings
from ranef.redundancy import redundancy_findings
from ranef.rounding import rounding_findings
from ranef.separation import separation_findings
from ranef.unbounded import exact_fit_findings, unbounded_findings, vanishing_residual
from ranef.unfinished import breakdown_finding, pole_finding, unfinished_finding

if TYPE_CHECKING:
    from ranef.fitstate import FitState

State: TypeAlias = Literal[
    "maximum",
    "limit",
    "separated",
    "unbounded",
    "flat",
    "not a maximum",
    "pole",
    "breakdown",
    "rounding",
    "iterations ran out",
    "stalled",
]

_KINDS: dict[str, State] = {
    "separation": "separated",
    "unbounded": "unbounded",
    "flat": "flat",
    "not a maximum": "not a maximum",
    "pole": "pole",
    "breakdown": "breakdown",
    "rounding": "rounding",
}

# How a search ended that stopped as it should, but where there is no maximum.
_ENDINGS = {
    "separation": "estimates run to infinity",
    "unbounded": "the likelihood has no maximum",
    "flat": "the log-likelihood is flat in some direction",
    "not a maximum": "the log-likelihood curves upwards in some direction",
    "rounding": "rounding leaves too few digits",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said of a fit.

    Attributes
    ----------
    state : the most telling of what was found
    problems : findings that make the result unusable as it is; empty if and only if the fit is sound
    limits : what else is to be known of a valid result, foremost infinite estimates at which the likelihood has its
        supremum
    """

    state: State
    problems: tuple[Finding, ...]
    limits: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether the fit is at a maximum or a limit."""
        return not self.problems


def judge(fit: FitState) -> Verdict:
    """The verdict on a fit, by the certificate of its search."""
    infinite, rounded = separation_findings(fit), rounding_findings(fit)
    found = [*infinite, *rounded, *vanishing_residual(fit), *redundancy_findings(fit)]
    limits = tuple(finding for finding in found if not finding.problem)
    exact, wrong = exact_fit_findings(fit), [finding for finding in found if finding.problem]
    wrong = [*exact, *wrong] if exact else [*wrong, *_shortcomings(fit, bool(infinite))]
    problems = tuple(dict.fromkeys(wrong))
    return Verdict(_state(fit, problems, limits), problems, limits)


def ending(fit: FitState) -> str:
    """How the search ended, in words that agree with the verdict."""
    if fit.converged:
        return "converged"
    findings = fit.verdict.problems if fit.stored is None else fit.stored.findings
    kinds = [finding.kind for finding in findings if finding.problem]
    return next((_ENDINGS[kind] for kind in kinds if kind in _ENDINGS), fit.estimate.stopped)


def _shortcomings(fit: FitState, infinite: bool) -> list[Finding]:
    """Why the end of the search is no maximum, infinite coefficients aside."""
    reason = fit.estimate.reason
    if reason == "pole":
        return unbounded_findings(fit) or [pole_finding(fit)]
    if reason == "breakdown":
        return [breakdown_finding(fit)]
    shape = [*spectrum_findings(fit), *variance_findings(fit)]
    unfinished = reason not in ("converged", "not_positive_definite")
    if shape or unfinished:
        unbounded = unbounded_findings(fit)
        if unbounded:
            return unbounded
    unshaped = reason == "not_positive_definite" and not shape and not infinite
    if unfinished or (unshaped and not _has_spectrum(fit)):
        return [*shape, unfinished_finding(fit)]
    return shape


def _has_spectrum(fit: FitState) -> bool:
    """Whether a curvature better than the search's own could judge the shape."""
    certificate = fit.certificate
    return certificate is not None and certificate.eigenvalues.size > 0


def _state(fit: FitState, problems: tuple[Finding, ...], limits: tuple[Finding, ...]) -> State:
    if not problems:
        return "limit" if any(finding.kind in ("separation", "bound") for finding in limits) else "maximum"
    kind = problems[0].kind
    if kind in _KINDS:
        return _KINDS[kind]
    return "iterations ran out" if fit.estimate.reason == "max_iterations" else "stalled"
