"""The warnings of a fit, in the words of its verdict."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ranef.callers import caller_level
from ranef.errors import ConvergenceWarning

if TYPE_CHECKING:
    from ranef.fitstate import FitState


def warn_about(fit: FitState) -> None:
    """Warn, at the user's line, where the fit's estimates cannot be used as they are."""
    problems = fit.verdict.problems
    named = [finding for finding in problems if finding.kind in ("separation", "rounding")]
    if any(finding.kind == "unbounded" for finding in problems):
        named = [finding for finding in named if finding.kind == "separation"]
    others = [finding for finding in problems if finding not in named]
    if others:
        text = "; ".join(str(finding) for finding in others)
        warnings.warn(f"the fit did not converge: {text}", ConvergenceWarning, stacklevel=caller_level())
    for finding in named:
        warnings.warn(str(finding), ConvergenceWarning, stacklevel=caller_level())
