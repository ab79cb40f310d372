"""Linear predictors of the fitted rows, put together from coefficients and random effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import component_index, predictor_offset

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


def fixed_part(fit: Fit) -> list[Floats]:
    """X beta + offset of every predictor, for the rows that entered the fit."""
    made = []
    for place, (predictor, beta) in enumerate(zip(fit.design.predictors, fit.estimate.beta, strict=True)):
        offset = predictor_offset(fit.design, place)
        eta = predictor.fixed.matrix @ beta
        made.append(eta if offset is None else eta + offset)
    return made


def add_random_effects(fit: Fit, base: Sequence[Floats], effects: Sequence[Floats]) -> list[Floats]:
    """The predictors `base` plus the random effects given for every term (levels, q)."""
    eta = [b.copy() for b in base]
    for term, values in zip(fit.design.terms, effects, strict=True):
        place = component_index(fit.design.predictors, term.component)
        eta[place] += contribution(values, term.levels, term.basis, term.column)
    return eta


def contribution(effects: Floats, levels: Ints, basis: Floats | None, column: Ints | None) -> Floats:
    """What one term adds to each row; rows with a negative level get nothing.

    Parameters
    ----------
    effects : (levels, q)
    levels : (m,), negative where the term does not apply
    basis, column : the row's multipliers (m, q), or its one column (m,); with neither, an intercept
    """
    known = np.maximum(levels, 0)
    if basis is not None:
        values = np.einsum("ij,ij->i", basis, effects[known])
    elif column is not None:
        values = effects[known, np.maximum(column, 0)]
    else:
        values = effects[known, 0]
    outside = levels < 0 if column is None else (levels < 0) | (column < 0)
    return np.asarray(np.where(outside, 0.0, values))
