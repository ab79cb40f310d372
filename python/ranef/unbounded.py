"""Likelihoods without a maximum: a residual variance that goes to zero in rows that are fitted exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import has_component
from ranef.design.checks import has_cell_a_row
from ranef.finding import Finding
from ranef.parameters import is_constant

if TYPE_CHECKING:
    from ranef.fitstate import FitState

Floats = NDArray[np.float64]

# Log of the factor by which some rows' residual sd falls short of the others', or all rows' of the response's own sd,
# when a search that found no maximum was on its way to zero.
_TINY = 8.0


def unbounded_findings(fit: FitState) -> list[Finding]:
    """The dispersion coefficients that carry the residual sd of some rows to zero.

    Asked only of searches that ended without a maximum: a residual that is merely small has one.
    """
    if fit.family.name != "gaussian" or fit.stored is not None or not has_component(fit.design, "disp"):
        return []
    place = fit.predictor_place("disp")
    predictor, beta = fit.design.predictors[place].fixed, fit.estimate.beta[place]
    log_sd = np.asarray(fit.estimate.eta[place])
    if not beta.size or not log_sd.size:
        return []
    if is_constant(predictor.names):
        if not _vanishes(fit, log_sd) or has_cell_a_row(fit.design):
            return []
        return [_finding((fit.family.dispersion,), "the model fits the data exactly", "leave terms out")]
    low = log_sd < np.median(log_sd) - _TINY
    if not low.any():
        return []
    moved = np.abs(predictor.matrix[low] * beta).max(axis=0)
    guilty = tuple(f"disp:{predictor.names[k]}" for k in np.flatnonzero(moved > 0.3 * moved.max()))
    rows = f"{int(low.sum())} row{'s' if low.sum() > 1 else ''}"
    remedy = "merge that level or range with another in dispformula, or leave it out of the mean"
    return [_finding(guilty, f"{rows} there {'are' if low.sum() > 1 else 'is'} fitted exactly", remedy)]


def vanishing_residual(fit: FitState) -> tuple[Finding, ...]:
    """A residual sd that goes to zero because random effects of every row stand for it: a valid limit."""
    if fit.family.name != "gaussian" or fit.stored is not None or not has_cell_a_row(fit.design):
        return ()
    place = fit.predictor_place("disp")
    if not is_constant(fit.design.predictors[place].fixed.names) or not _vanishes(fit, fit.estimate.eta[place]):
        return ()
    name = fit.family.dispersion
    message = f"{name} runs to minus infinity: random effects of every row leave no residual"
    return (Finding("bound", False, (name,), message, "a valid limit; dispformula='~ 0' says so"),)


def _vanishes(fit: FitState, log_sd: Floats) -> bool:
    """Whether the residual sd is all but zero beside the response's own."""
    spread = float(np.std(fit.design.response.values))
    return bool(spread > 0 and log_sd.max() < np.log(spread) - _TINY)


def _finding(guilty: tuple[str, ...], why: str, remedy: str) -> Finding:
    message = (
        f"the likelihood has no maximum: it grows without limit as the residual standard deviation goes to zero along "
        f"{', '.join(guilty)}, because {why}"
    )
    return Finding("unbounded", True, guilty, message, remedy)
