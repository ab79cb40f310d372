"""Digits of a residual variance that rounding has taken: what is left after random effects that are far larger."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ranef.finding import Finding

if TYPE_CHECKING:
    from ranef.fitstate import FitState

# Relative errors of the residual variance above this are told.
_TOLD = 1e-6


def rounding_findings(fit: FitState) -> list[Finding]:
    """That few digits of the residual variance are left, and how many; that none are left of its standard error."""
    error = fit.estimate.residual_error
    if fit.estimate.tiny_residual and not error > _TOLD:
        message = "the residual is less than a thousandth of what the random effects take"
        remedy = "the estimates are right, but the variance parameters have no standard errors: use profile()"
        return [Finding("rounding", False, (), message, remedy)]
    if not error > _TOLD:
        return []
    digits = max(0, math.floor(-math.log10(error))) if math.isfinite(error) else 0
    message = (
        "the residual standard deviation is so far below what the random effects take that rounding leaves it "
        f"{digits} digit{'' if digits == 1 else 's'}"
    )
    remedy = "hold it at zero (dispformula='~ 0') if the fit is to be exact, else give more digits"
    return [Finding("rounding", True, (), message, remedy)]
