"""The warnings of a fit, in the words of its diagnosis: no certified optimum, or coefficients that are infinite."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ranef.callers import caller_level
from ranef.diagnose import convergence_findings
from ranef.errors import ConvergenceWarning
from ranef.separation import separation_findings

if TYPE_CHECKING:
    from ranef.fitstate import FitState


def warn_about(fit: FitState) -> None:
    """Warn, at the user's line, where the fit's estimates cannot be used as they are."""
    if not fit.converged:
        text = "; ".join(str(finding) for finding in convergence_findings(fit))
        warnings.warn(f"the fit did not converge: {text}", ConvergenceWarning, stacklevel=caller_level())
    for finding in separation_findings(fit):
        if finding.problem:
            warnings.warn(str(finding), ConvergenceWarning, stacklevel=caller_level())
