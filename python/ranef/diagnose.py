"""A fit's certificate in words: what stopped it, what is not identified, what is zero, and the remedy."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import ConvergenceError
from ranef.finding import Finding
from ranef.flatness import spectrum_findings, variance_findings
from ranef.rounding import rounding_findings
from ranef.separation import separation_findings

if TYPE_CHECKING:
    from ranef.fitstate import FitState
    from ranef.result import Fit

Floats = NDArray[np.float64]

# A larger predicted gain says only that the quadratic approximation behind it does not hold.
_BELIEVABLE_GAIN = 1e4


_LOOK_COLUMNS = ["look", "parameters", "gained"]
_LOOKS = {
    "zero": "at zero",
    "raised": "raised from zero",
    "correlation": "strongly correlated",
    "shift": "at or from a limit",
}


class Diagnosis:
    """All findings of a fit; prints as sentences.

    Attributes
    ----------
    findings : what was found, problems first
    certificate : numbers behind them: ``expected_gain``, ``max_gradient``, ``smallest_eigenvalue``, ``iterations`` ...
    looks : table of what was tried for a better optimum beside the one first found: ``look``, ``parameters`` and the
        log-likelihood ``gained``, zero where nothing better was found; empty where every parameter is well determined
    """

    def __init__(
        self, findings: tuple[Finding, ...], certificate: dict[str, object], looks: pd.DataFrame | None = None
    ) -> None:
        self.findings = tuple(sorted(findings, key=lambda f: not f.problem))
        self.certificate = certificate
        self.looks = pd.DataFrame(columns=_LOOK_COLUMNS) if looks is None else looks

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
        lines.append(
            "Certificate: "
            + ", ".join(f"{k}{':' * isinstance(v, str)} {_shown(v)}" for k, v in self.certificate.items())
        )
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _shown(value: object) -> str:
    return f"{value + 0.0:.3g}" if isinstance(value, float) else str(value)


def diagnose(fit: Fit) -> Diagnosis:
    """Everything that can be said of a fit, the curvature at the optimum included."""
    estimate = fit.estimate
    gradient = np.abs(estimate.gradient)
    eigenvalues = fit.uncertainty.eigenvalues
    certificate: dict[str, object] = {
        "expected_gain": estimate.expected_gain,
        "max_gradient": float(gradient.max()) if gradient.size else 0.0,
        "smallest_eigenvalue": float(eigenvalues.min()) if eigenvalues.size else float("nan"),
        "iterations": estimate.iterations,
        "evaluations": estimate.evaluations,
        "stopped": estimate.stopped,
    }
    return Diagnosis(all_findings(fit), certificate, _looks(fit))


def _looks(fit: Fit) -> pd.DataFrame:
    rows = [(_LOOKS[k.kind], ", ".join(fit.model.names[i] for i in k.places), k.gained) for k in fit.estimate.looks]
    return pd.DataFrame(rows, columns=_LOOK_COLUMNS)


def all_findings(fit: Fit) -> tuple[Finding, ...]:
    """Every finding once."""
    if fit.stored is not None:
        return fit.stored.findings
    found = [*convergence_findings(fit), *boundary_findings(fit), *spectrum_findings(fit)]
    found += [*variance_findings(fit), *separation_findings(fit), *rounding_findings(fit)]
    return tuple(dict.fromkeys(found))


def convergence_findings(fit: FitState) -> list[Finding]:
    """Why no optimum could be certified; empty where one was."""
    if fit.converged:
        return []
    if fit.estimate.reason == "pole":
        return [_pole(fit)]
    if fit.estimate.reason == "breakdown":
        return [_breakdown(fit)]
    if fit.estimate.reason == "not_positive_definite":
        named = spectrum_findings(fit)
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
    elif fit.singular and not fit.left_out_names:
        message = f"a covariance matrix of random effects has not full rank ({', '.join(perfect) or 'see varcorr()'})"
        remedy = "a valid result; independent effects, (x || g), would be simpler"
        findings.append(Finding("singular", False, perfect, message, remedy))
    bound = tuple(fit.model.names[i] for i in fit.estimate.at_bound)
    if bound:
        message = f"{', '.join(bound)} reached the end of its range"
        remedy = "its standard error is not valid; a simpler structure would fit as well"
        findings.append(Finding("bound", False, bound, message, remedy))
    return findings


def _pole(fit: FitState) -> Finding:
    """The approximation's pole: where the Hessian of the random effects turns singular, -1/2 log|H| is infinite."""
    pole = "a pole, where the data leave a random effect more uncertain than its prior"
    guilty = fit.left_out_names
    if not guilty:
        message = f"the search ran into {pole}: the Laplace approximation has no maximum on the way"
        return Finding("pole", True, (), message, "simplify the random effects, or try other starting values (start=)")
    it = "it" if len(guilty) == 1 else "them"
    message = f"{', '.join(guilty)} could not be estimated: with {it} the Laplace approximation only rises, towards "
    message += f"{pole}; all else is estimated without {it}"
    where = {"zi": "ziformula", "disp": "dispformula"}
    formulas = " and ".join(where[c] for c in where if any(name.startswith(f"{c}:") for name in guilty))
    remedy = f"leave the random effects out of {formulas}, which gives these estimates"
    return Finding("pole", True, guilty, message, remedy)


def _breakdown(fit: FitState) -> Finding:
    """A maximum at which a random effect's posterior has nothing Gaussian left: none of the integral."""
    info = fit.model.parameter_info
    widest = max((p for p in zip(info, fit.estimate.values, strict=True) if p[0].kind == "sd"), key=lambda p: p[1])
    name, value = widest[0].name, widest[1]
    message = (
        f"the Laplace approximation has a maximum at {name} = {value:.3g} where it says nothing about the likelihood"
    )
    remedy = "the data hardly determine that standard deviation: leave the term out, or hold it at a value (fixed=)"
    return Finding("breakdown", True, (name,), message, remedy)


def _not_converged(fit: FitState) -> Finding:
    estimate = fit.estimate
    worst = _steepest(fit)
    message = f"stopped after {estimate.iterations} iterations ({estimate.stopped}) "
    if 0 <= estimate.expected_gain < _BELIEVABLE_GAIN:
        message += f"with {estimate.expected_gain:.2g} log-likelihood units still to be gained"
    else:
        message += "far from an optimum"
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
    try:
        gradient = np.abs(fit.model.evaluate(fit.model.core.gradient, np.array(fit.estimate.values)))
    except ConvergenceError:
        return ()
    gradient = np.where(fit.held[fit.outside_count :] | ~np.isfinite(gradient), 0.0, gradient)
    gradient[list(fit.estimate.at_zero)] = 0.0
    return (fit.model.names[int(np.argmax(gradient))],) if gradient.any() else ()


def _perfect_correlations(fit: FitState) -> tuple[str, ...]:
    return tuple(
        p.name
        for p, value in zip(fit.parameter_info, fit.parameter_values, strict=True)
        if p.kind == "cor" and p.owner in fit.deficient_terms and abs(value) > 1 - 1e-4
    )
