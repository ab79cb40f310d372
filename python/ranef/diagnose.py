"""A fit's certificate in words: what stopped it, what is not identified, what is zero, and the remedy."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.finding import Finding
from ranef.parameters import Parameter
from ranef.separation import separation_findings
from ranef.uncertainty import Uncertainty

if TYPE_CHECKING:
    from ranef.fitstate import FitState
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Eigenvalues of the Hessian, relative to the largest, that count as zero: where all are positive, and where some are
# not and the rounding of differenced derivatives decides the sign.
_FLAT = 1e-11
_NOISE = 1e-5


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
    found = [*convergence_findings(fit), *boundary_findings(fit)]
    found += [*spectrum_findings(fit, uncertainty), *separation_findings(fit)]
    findings = tuple(dict.fromkeys(found))
    estimate = fit.estimate
    gradient = np.abs(estimate.gradient)
    eigenvalues = uncertainty.eigenvalues
    certificate: dict[str, object] = {
        "expected_gain": estimate.expected_gain,
        "max_gradient": float(gradient.max()) if gradient.size else 0.0,
        "smallest_eigenvalue": float(eigenvalues.min()) if eigenvalues.size else float("nan"),
        "iterations": estimate.iterations,
        "evaluations": estimate.evaluations,
        "stopped": estimate.stopped,
    }
    return Diagnosis(findings, certificate)


def convergence_findings(fit: FitState) -> list[Finding]:
    """Why no optimum could be certified; empty where one was."""
    if fit.converged:
        return []
    if fit.estimate.reason == "not_positive_definite":
        named = [f for f in spectrum_findings(fit, fit.uncertainty) if f.problem]
        if named:
            return named
    return [_not_converged(fit)]


def boundary_findings(fit: FitState) -> list[Finding]:
    """Variances of zero, perfect correlations, parameters at the end of their range: all valid results."""
    findings = []
    zero, perfect = fit.zero_names, _perfect_correlations(fit)
    if zero:
        message = f"{', '.join(zero)} estimated as zero: the data show no such variance"
        remedy = "a valid result; leave the term out for a simpler model with the same likelihood"
        findings.append(Finding("singular", False, zero, message, remedy))
    elif fit.singular:
        message = f"a covariance matrix of random effects has not full rank ({', '.join(perfect) or 'see varcorr()'})"
        remedy = "a valid result; independent effects, (x || g), would be simpler"
        findings.append(Finding("singular", False, perfect, message, remedy))
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
        f"stopped after {estimate.iterations} iterations ({estimate.stopped}) with {estimate.expected_gain:.2g} "
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


def _perfect_correlations(fit: FitState) -> tuple[str, ...]:
    return tuple(
        p.name
        for p, value in zip(fit.parameter_info, fit.parameter_values, strict=True)
        if p.kind == "cor" and abs(value) > 1 - 1e-4
    )


def spectrum_findings(fit: FitState, uncertainty: Uncertainty) -> list[Finding]:
    """What the Hessian's spectrum says: directions without information, or with curvature of the wrong sign."""
    eigenvalues = uncertainty.eigenvalues
    if not eigenvalues.size:
        return []
    scale = float(np.abs(eigenvalues).max())
    limit = _FLAT if eigenvalues.min() > 0 else _NOISE
    findings = []
    for place, value in enumerate(eigenvalues):
        if value > limit * scale:
            continue
        guilty = _loadings(fit, uncertainty.eigenvectors[:, place])
        if value < -limit * scale:
            message = f"the log-likelihood curves upwards along {', '.join(guilty)}: this is no maximum"
            remedy = "fit again from other starting values (start=)"
            findings.append(Finding("not a maximum", True, guilty, message, remedy))
        else:
            message = f"the log-likelihood is flat along {', '.join(guilty)}: the data do not determine them"
            remedy = "leave a term out, or hold a parameter at a value (fixed=)"
            findings.append(Finding("flat", True, guilty, message, remedy))
    return findings


def _loadings(fit: FitState, vector: Floats) -> tuple[str, ...]:
    """Parameters that make up a direction, the largest share first, each in the unit of what it multiplies."""
    weight = np.abs(vector) * np.array([_unit(fit, p) for p in fit.model.parameter_info])
    return tuple(fit.model.names[int(i)] for i in np.argsort(-weight) if weight[i] > 0.3 * weight.max())


def _unit(fit: FitState, parameter: Parameter) -> float:
    """Root mean square of the column that a coefficient or standard deviation multiplies."""
    column = np.ones(1)
    if parameter.kind == "beta":
        column = fit.design.predictors[parameter.owner].fixed.matrix[:, parameter.row]
    elif parameter.kind == "sd" and parameter.row >= 0:
        basis = fit.design.terms[parameter.owner].basis
        column = column if basis is None else basis[:, parameter.row]
    return float(np.sqrt(np.mean(column**2))) if column.size else 1.0
