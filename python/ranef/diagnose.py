"""A fit's certificate in words: what stopped it, what is not identified, what is zero, and the remedy."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.finding import Finding
from ranef.separation import separation_findings
from ranef.uncertainty import Uncertainty

if TYPE_CHECKING:
    from ranef.fitstate import FitState
    from ranef.result import Fit

Floats = NDArray[np.float64]

# A log-likelihood this flat (eigenvalue of the scaled Hessian, relative to the largest) says nothing on its direction.
_FLAT = 1e-9


class Diagnosis:
    """All findings of a fit; prints as sentences.

    Attributes
    ----------
    findings : what was found, problems first
    certificate : numbers behind them: ``expected_gain``, ``max_gradient``, ``smallest_eigenvalue``, ``iterations`` ...
    """

    def __init__(self, findings: tuple[Finding, ...], certificate: dict[str, object]) -> None:
        self.findings = tuple(sorted(findings, key=lambda f: not f.problem))
        self.certificate = certificate

    @property
    def ok(self) -> bool:
        """Whether nothing was found that makes the result unusable."""
        return not any(finding.problem for finding in self.findings)

    def to_frame(self) -> pd.DataFrame:
        """The findings as a table: ``kind``, ``problem``, ``parameters``, ``message``, ``remedy``."""
        rows = [(f.kind, f.problem, ", ".join(f.parameters), f.message, f.remedy) for f in self.findings]
        return pd.DataFrame(rows, columns=["kind", "problem", "parameters", "message", "remedy"])

    def __str__(self) -> str:
        lines = ["The fit is sound." if self.ok else "The fit has problems."]
        lines += [f"- {finding}" for finding in self.findings]
        lines.append("Certificate: " + ", ".join(f"{k} {_shown(v)}" for k, v in self.certificate.items()))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def diagnose(fit: Fit) -> Diagnosis:
    """Everything that can be said of a fit, the curvature at the optimum included."""
    uncertainty = fit.uncertainty
    findings = [*cheap_findings(fit), *spectrum_findings(fit, uncertainty), *separation_findings(fit)]
    estimate = fit.estimate
    gradient = np.abs(estimate.gradient)
    eigenvalues = uncertainty.eigenvalues
    certificate: dict[str, object] = {
        "expected_gain": estimate.expected_gain,
        "max_gradient": float(gradient.max()) if gradient.size else 0.0,
        "smallest_eigenvalue": float(eigenvalues.min()) if eigenvalues.size else float("nan"),
        "iterations": estimate.iterations,
        "evaluations": estimate.evaluations,
        "stopped": estimate.reason,
    }
    return Diagnosis(tuple(findings), certificate)


def cheap_findings(fit: FitState) -> list[Finding]:
    """Findings that need no further computation."""
    findings = [] if fit.converged else [_not_converged(fit)]
    zero = fit.zero_names
    if zero:
        message = f"{', '.join(zero)} estimated as zero: the data show no such variance"
        remedy = "a valid result; leave the term out for a simpler model with the same likelihood"
        findings.append(Finding("singular", False, zero, message, remedy))
    elif fit.singular:
        findings.append(_perfect_correlation(fit))
    bound = tuple(fit.model.names[i] for i in fit.estimate.at_bound)
    if bound:
        message = f"{', '.join(bound)} reached the end of its range"
        remedy = "its standard error is not valid; a simpler structure would fit as well"
        findings.append(Finding("bound", False, bound, message, remedy))
    return findings


def _not_converged(fit: FitState) -> Finding:
    estimate = fit.estimate
    worst = _steepest(fit)
    message = (
        f"stopped after {estimate.iterations} iterations ({estimate.reason}) with {estimate.expected_gain:.2g} "
        f"log-likelihood units still to be gained"
    )
    if worst:
        message += f", most along {worst[0]}"
    limit = fit.model.specification.control.max_iterations
    if estimate.iterations >= limit:
        remedy = f"raise Control(max_iterations={limit})"
    else:
        remedy = "call diagnose(); rescale covariates, try other starting values (start=), or simplify the term named"
    return Finding("convergence", True, worst, message, remedy)


def _steepest(fit: FitState) -> tuple[str, ...]:
    """The parameter whose gradient, held and zero ones aside, is largest."""
    if fit.stored is not None:
        return ()
    with fit.model.computing():
        gradient = np.abs(np.asarray(fit.model.core.gradient(np.asarray(fit.estimate.values))))
    gradient = np.where(fit.held[fit.outside_count :] | ~np.isfinite(gradient), 0.0, gradient)
    gradient[list(fit.estimate.at_zero)] = 0.0
    return (fit.model.names[int(np.argmax(gradient))],) if gradient.any() else ()


def _perfect_correlation(fit: FitState) -> Finding:
    guilty = tuple(
        p.name
        for p, value in zip(fit.parameter_info, fit.parameter_values, strict=True)
        if p.kind == "cor" and abs(value) > 1 - 1e-4
    )
    message = f"a covariance matrix of random effects has not full rank ({', '.join(guilty) or 'see varcorr()'})"
    remedy = "a valid result; independent effects, (x || g), would be simpler"
    return Finding("singular", False, guilty, message, remedy)


def spectrum_findings(fit: Fit, uncertainty: Uncertainty) -> list[Finding]:
    """What the Hessian's spectrum says: directions without information, or with curvature of the wrong sign."""
    findings = []
    unidentified = tuple(fit.model.names[i] for i in uncertainty.unidentified)
    alone = tuple(name for name in unidentified if name not in fit.zero_names)
    if alone:
        message = f"the data do not determine {', '.join(alone)}"
        remedy = "its standard error is not available; leave the parameter out or hold it (fixed=)"
        findings.append(Finding("flat", not fit.singular, alone, message, remedy))
    eigenvalues = uncertainty.eigenvalues
    scale = float(np.abs(eigenvalues).max()) if eigenvalues.size else 0.0
    for place, value in enumerate(eigenvalues):
        guilty = tuple(n for n in _loadings(fit, uncertainty.eigenvectors[:, place]) if n not in unidentified)
        if value < -_FLAT * scale:
            message = f"the log-likelihood curves upwards along {', '.join(guilty)}: this is no maximum"
            remedy = "fit again from other starting values (start=)"
            findings.append(Finding("not a maximum", True, guilty, message, remedy))
        elif value < _FLAT * scale and guilty:
            message = f"the log-likelihood is flat along {', '.join(guilty)}"
            remedy = "the data cannot tell these apart: leave one out, or rescale the covariate"
            findings.append(Finding("flat", True, guilty, message, remedy))
    return findings


def _loadings(fit: Fit, vector: Floats) -> list[str]:
    """Parameters that make up a direction, the largest share first."""
    weight = np.abs(vector)
    return [fit.model.names[int(i)] for i in np.argsort(-weight) if weight[i] > 0.3 * weight.max()]
