"""The warnings of a fit, in the words of its diagnosis: no certified optimum, or coefficients that are infinite."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ranef.callers import caller_level
from ranef.diagnose import convergence_findings
from ranef.errors import ConvergenceWarning
from ranef.flatness import spectrum_findings
from ranef.rounding import rounding_findings
from ranef.separation import separation_findings

if TYPE_CHECKING:
    from ranef.fitstate import FitState


def certified(fit: FitState) -> bool:
    """Whether the fit is at its optimum: by the core's certificate, or at a limit that the likelihood approaches.

    At such a limit (a dispersion parameter that runs to infinity, because the data are no more dispersed than a
    Poisson's) the Hessian is flat along the infinite coefficients and a maximum in all other directions.
    """
    if fit.estimate.converged:
        return True
    if fit.estimate.reason != "not_positive_definite" or not fit.uncertainty.eigenvalues.size:
        return False
    return bool(separation_findings(fit)) and not spectrum_findings(fit)


def warn_about(fit: FitState) -> None:
    """Warn, at the user's line, where the fit's estimates cannot be used as they are."""
    if not fit.converged:
        text = "; ".join(str(finding) for finding in convergence_findings(fit))
        warnings.warn(f"the fit did not converge: {text}", ConvergenceWarning, stacklevel=caller_level())
    for finding in [*separation_findings(fit), *rounding_findings(fit)]:
        if finding.problem:
            warnings.warn(str(finding), ConvergenceWarning, stacklevel=caller_level())
