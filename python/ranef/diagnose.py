"""A fit's certificate in words: what stopped it, what is not identified, what is zero, and the remedy."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.finding import Finding
from ranef.verdict import ending

if TYPE_CHECKING:
    from ranef.fitstate import FitState
    from ranef.result import Fit

Floats = NDArray[np.float64]

_LOOK_COLUMNS = ["look", "parameters", "gained"]
LOOKS = {
    "zero": "at zero",
    "raised": "raised",
    "correlation": "otherwise correlated",
    "shift": "at or from a limit",
    "scattered": "scales of all sizes",
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
        "stopped": ending(fit),
    }
    return Diagnosis(all_findings(fit), certificate, _looks(fit))


def _looks(fit: Fit) -> pd.DataFrame:
    rows = [(LOOKS[k.kind], ", ".join(fit.model.names[i] for i in k.places), k.gained) for k in fit.estimate.looks]
    return pd.DataFrame(rows, columns=_LOOK_COLUMNS)


def all_findings(fit: Fit) -> tuple[Finding, ...]:
    """Every finding once."""
    if fit.stored is not None:
        return fit.stored.findings
    return (*fit.verdict.problems, *boundary_findings(fit), *fit.verdict.limits)


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


def _perfect_correlations(fit: FitState) -> tuple[str, ...]:
    return tuple(
        p.name
        for p, value in zip(fit.parameter_info, fit.parameter_values, strict=True)
        if p.kind == "cor" and p.owner in fit.deficient_terms and abs(value) > 1 - 1e-4
    )
