"""What a reader of a fit must know beside its numbers: weights, rows and columns left out, zero variances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ranef import tables
from ranef.assemble import COMPONENT_TITLES
from ranef.design.random import numeric_levels
from ranef.verdict import ending

if TYPE_CHECKING:
    from ranef.result import Fit

_WEIGHT_MEANINGS = {
    "trials": "numbers of trials of a binomial proportion",
    "precision": "precisions, Var = sigma^2 / w",
    "frequency": "frequencies; the number of observations is their sum",
    "likelihood": "multipliers of each row's log-likelihood",
}


def notes(fit: Fit) -> list[str]:
    """The remarks of a summary, each one sentence."""
    remarks = [_weights_note(fit), _dropped_rows_note(fit), *_dropped_columns_notes(fit), _held_note(fit)]
    remarks += [*_time_notes(fit), _singular_note(fit), _no_error_note(fit), _convergence_note(fit)]
    return [remark for remark in remarks if remark]


def _weights_note(fit: Fit) -> str | None:
    weights = fit.design.weights
    return None if weights is None else f"weights {weights.name!r} taken as {_WEIGHT_MEANINGS[weights.kind]}"


def _dropped_rows_note(fit: Fit) -> str | None:
    total, used = fit.row_counts
    if total == used:
        return None
    causes = ", ".join(f"{column} ({count})" for column, count in fit.design.dropped_by.items())
    if not causes:
        return f"{total - used} of {total} rows left out: their weight is zero"
    return f"{total - used} of {total} rows left out for missing values in: {causes}"


def _dropped_columns_notes(fit: Fit) -> list[str]:
    return [
        f"{COMPONENT_TITLES[p.component]} model: left out, being linear combinations of columns before them: "
        f"{', '.join(p.fixed.dropped)}"
        for p in fit.design.predictors
        if p.fixed.dropped
    ]


def _held_note(fit: Fit) -> str | None:
    held = [name for name, fixed in zip(fit.parameter_names, fit.held, strict=True) if fixed]
    return f"held at the given value, not estimated: {', '.join(held)}" if held else None


def _time_notes(fit: Fit) -> list[str]:
    """What is taken as time by autoregressive terms whose levels could be read otherwise."""
    made = []
    for term in fit.design.terms:
        times = numeric_levels(term.spec.effects.levels) if term.structure == "ar1" else None
        if times is None:
            continue
        levels, source, steps = term.spec.effects.levels, term.spec.term.source, np.diff(times)
        if (steps <= 0).any():  # declared in an order of their own
            continue
        if levels.inferred_type == "string" and not levels.is_monotonic_increasing:
            made.append(f"{source}: its times are text that reads as numbers, and stand in the numbers' order")
        wide = np.flatnonzero(steps > steps.min() * (1.0 + 1e-9))
        if wide.size:
            first = f"{levels[wide[0]]} and {levels[wide[0] + 1]}"
            made.append(f"{source}: times are not evenly spaced, but successive ones are one lag apart, as {first} are")
    return made


def _singular_note(fit: Fit) -> str | None:
    if not fit.singular:
        return None
    zero, left_out = fit.zero_names, fit.left_out_names
    parts = [f"singular fit: estimated as zero: {', '.join(zero)}"] if zero else []
    parts += [f"left out of the model, as it could not be estimated: {', '.join(left_out)}"] if left_out else []
    if parts:
        return "; ".join(parts)
    return "singular fit: a covariance matrix of random effects has not full rank (a correlation of 1 or -1)"


def _no_error_note(fit: Fit) -> str | None:
    """Coefficients that were estimated but have no finite standard error: infinite, or not determined."""
    held = fit.model.specification.fixed or {}
    without: list[str] = []
    for component in tables.components(fit):
        if tables.has_own_model(fit, component):
            errors = tables.fixed_table(fit, component)["std_error"]
            prefix = "" if component == "cond" else f"{component}:"
            without += [prefix + str(term) for term in errors.index[~np.isfinite(errors)]]
    without = [name for name in without if name not in held]
    return f"no finite standard error: {', '.join(without)}; diagnose() says why" if without else None


def _convergence_note(fit: Fit) -> str | None:
    return None if fit.converged else f"NOT CONVERGED: {ending(fit)}; see diagnose()"
