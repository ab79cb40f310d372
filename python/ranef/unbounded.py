"""Likelihoods without a maximum: a dispersion that goes to zero in rows that are fitted exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import has_component
from ranef.design.checks import gives_cell_a_row, has_cell_a_row, reaches_every_row
from ranef.finding import Finding
from ranef.parameters import is_constant

if TYPE_CHECKING:
    from ranef.fitstate import FitState

Floats = NDArray[np.float64]

# Log of the factor by which some rows' residual sd falls short of the others', or all rows' of the response's own sd,
# when a search that found no maximum was on its way to zero.
_TINY = 8.0
# Residual sd, in shares of the largest response, that is rounding.
_ROUNDING = 1e-12
# The same beside random effects of every row, along which the log-likelihood is flat.
_SMALL = 2.0


def unbounded_findings(fit: FitState) -> list[Finding]:
    """The dispersion coefficients that carry the residual sd of some rows to zero.

    Asked only of searches that ended without a maximum: a residual that is merely small has one.
    """
    if fit.family.name not in _SPREADS or fit.stored is not None or not has_component(fit.design, "disp"):
        return []
    place = fit.predictor_place("disp")
    predictor, beta = fit.design.predictors[place].fixed, fit.estimate.beta[place]
    log_sd = _log_sd(fit)
    if not beta.size or not log_sd.size:
        return []
    if _vanishes(fit, log_sd):
        return [] if has_cell_a_row(fit.design) else [_exact_fit(fit)]
    low = log_sd < np.median(log_sd) - _TINY
    if is_constant(predictor.names) or not low.any():
        return []
    moved = np.abs(predictor.matrix[low] * beta).max(axis=0)
    guilty = tuple(f"disp:{predictor.names[k]}" for k in np.flatnonzero(moved > 0.3 * moved.max()))
    rows = f"{int(low.sum())} row{'s' if low.sum() > 1 else ''}"
    remedy = "merge that level or range with another in dispformula, or leave it out of the mean"
    return [_finding(guilty, f"{rows} there {'are' if low.sum() > 1 else 'is'} fitted exactly", remedy)]


def exact_fit_findings(fit: FitState) -> list[Finding]:
    """Linear models whose effects fit every row: by rounding alone the search ends, or at a maximum that is only local.

    By maximum likelihood the fixed and random effects together must not reach every response: where [X Z] has the rank
    of the rows and Z has not, |Z S Z' + sigma^2 I| goes to zero with sigma while the fit stays exact. REML takes the
    fixed effects out first.
    """
    if fit.family.name != "gaussian" or fit.family.link != "identity" or fit.stored is not None:
        return []
    place = fit.predictor_place("disp")
    if not fit.estimate.beta[place].size or _holds_dispersion(fit):
        return []
    exact = _is_rounding(fit, fit.estimate.eta[place]) and not has_cell_a_row(fit.design)
    return [_exact_fit(fit)] if exact or (not fit.reml and reaches_every_row(fit.design)) else []


def _is_rounding(fit: FitState, log_sd: Floats) -> bool:
    """Whether the residual sd is no more than the responses' rounding."""
    largest = float(np.abs(fit.design.response.values).max(initial=0.0))
    return largest > 0 and bool(np.max(log_sd, initial=-np.inf) < np.log(_ROUNDING * largest))


def _holds_dispersion(fit: FitState) -> bool:
    if not fit.model.specification.fixed:  # which spares usual fits the parameters' names
        return False
    own = [k for k, p in enumerate(fit.model.parameter_info) if p.kind == "beta" and p.component == "disp"]
    return bool(fit.held[fit.outside_count :][own].any())


def _exact_fit(fit: FitState) -> Finding:
    columns, rows = len(fit.design.predictors[0].fixed.names), fit.design.n_rows
    effects = sum(len(t.labels) * len(t.term_names) for t in fit.design.terms if t.component == "cond")
    place = fit.predictor_place("disp")
    names = fit.design.predictors[place].fixed.names
    guilty = (fit.family.dispersion,) if is_constant(names) else tuple(f"disp:{name}" for name in names)
    if columns + effects <= rows:
        return _finding(guilty, "the model fits the data exactly", "leave terms out")
    terms = " and ".join(dict.fromkeys(t.spec.term.source for t in fit.design.terms if t.component == "cond"))
    why = f"{columns} fixed and {effects} random effects of {terms} fit {rows} rows exactly"
    return _finding(guilty, why, "leave terms out" if fit.reml else "leave terms out, or use reml=True")


def vanishing_residual(fit: FitState) -> tuple[Finding, ...]:
    """A residual sd that goes to zero because random effects of every row stand for it: a valid limit."""
    if fit.family.name != "gaussian" or fit.stored is not None or not has_cell_a_row(fit.design):
        return ()
    place = fit.predictor_place("disp")
    if not is_constant(fit.design.predictors[place].fixed.names):
        return ()
    if not _vanishes(fit, fit.estimate.eta[place]) and not _is_taken_over(fit):
        return ()
    name = fit.family.dispersion
    message = f"{name} runs to minus infinity: random effects of every row leave no residual"
    return (Finding("bound", False, (name,), message, "a valid limit; dispformula='~ 0' says so"),)


# Families whose density grows without limit as the dispersion goes to zero, and the responses on the scale of their sd.
_SPREADS: dict[str, Callable[[Floats], Floats]] = {
    "gaussian": lambda y: y,
    "gamma": np.log,
    "beta": lambda y: np.log(y) - np.log1p(-y),
}


def _log_sd(fit: FitState) -> Floats:
    """Log of the rows' residual sd on the scale of `_SPREADS`, to a factor of order one."""
    eta = np.asarray(fit.estimate.eta[fit.predictor_place("disp")])
    return eta if fit.family.name == "gaussian" else -0.5 * eta


def _vanishes(fit: FitState, log_sd: Floats) -> bool:
    """Whether the residual sd is all but zero beside the response's own."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _SPREADS[fit.family.name](np.asarray(fit.design.response.values, dtype=np.float64))
    spread = float(np.std(values[np.isfinite(values)]))
    return bool(spread > 0 and log_sd.max() < np.log(spread) - _TINY)


def _is_taken_over(fit: FitState) -> bool:
    """Whether random effects of every row are far larger than a residual whose sd is all but undetermined."""
    certificate, place = fit.certificate, fit.model.names.index(fit.family.dispersion)
    if certificate is None or certificate.vcov[place, place] <= _TINY**2:  # of an undetermined one it is NaN
        return False
    smallest = [
        float(block.sd.min())
        for term, block in zip(fit.design.terms, fit.covariance_blocks, strict=True)
        if gives_cell_a_row(term, fit.design)
    ]
    return bool(fit.estimate.values[place] < np.log(max(smallest)) - _SMALL)


def _finding(guilty: tuple[str, ...], why: str, remedy: str) -> Finding:
    message = (
        f"the likelihood has no maximum: it grows without limit as the residual standard deviation goes to zero along "
        f"{', '.join(guilty)}, because {why}"
    )
    return Finding("unbounded", True, guilty, message, remedy)
