"""The rows a prediction is made for: the fitted ones or new data, in the same form."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef import _core, joint
from ranef.assemble import component_index, core_term
from ranef.callers import caller_level
from ranef.design.build import new_design
from ranef.design.design import Design, NewTerm
from ranef.errors import ConvergenceError, RanefWarning
from ranef.linear import contribution

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to predict for.

    Attributes
    ----------
    matrices, offsets : per predictor, fixed-effect matrix (m, p) and offset (m,)
    terms : per random term its levels and columns; None where it is left out
    index : labels of all rows; kept : which of them have no missing values
    trials : numbers of trials of the fitted rows; None for new data or without trials
    """

    matrices: tuple[Floats, ...]
    offsets: tuple[Floats, ...]
    terms: tuple[NewTerm | None, ...]
    index: pd.Index
    kept: NDArray[np.bool_]
    trials: Floats | None

    @property
    def count(self) -> int:
        """Rows without missing values."""
        return int(self.matrices[0].shape[0])

    def on_index(self, values: Floats) -> Floats:
        """Values of complete rows spread over all rows, NaN elsewhere."""
        full = np.full(self.kept.size, np.nan)
        full[self.kept] = values
        return full

    def core_predictors(self) -> list[_core.Predictor]:
        """The fixed parts for the core."""
        return [_core.Predictor(m, o) for m, o in zip(self.matrices, self.offsets, strict=True)]


def rows_for(fit: Fit, newdata: Any, needed: Sequence[bool], allow_new_levels: bool, offset: Any) -> Rows:
    """The rows of `newdata`, or the fitted ones; random terms that are not `needed` are left out."""
    if newdata is None:
        fit.require_data("predict() without newdata")
        return _fitted_rows(fit.design, needed)
    new = new_design(fit.design, newdata, terms=list(needed), allow_new_levels=allow_new_levels, offset=offset)
    predictors = [p for p in new.predictors if p is not None]
    return Rows(
        matrices=tuple(p.fixed.matrix for p in predictors),
        offsets=tuple(_offset(p.offset, p.fixed.matrix.shape[0]) for p in predictors),
        terms=tuple(term if need else None for term, need in zip(new.terms, needed, strict=True)),
        index=new.index,
        kept=new.kept,
        trials=None,
    )


def _fitted_rows(design: Design, needed: Sequence[bool]) -> Rows:
    return Rows(
        matrices=tuple(p.fixed.matrix for p in design.predictors),
        offsets=tuple(_offset(p.offset, design.n_rows) for p in design.predictors),
        terms=tuple(
            NewTerm(t.levels, t.basis, t.column) if need else None for t, need in zip(design.terms, needed, strict=True)
        ),
        index=design.index,
        kept=design.kept,
        trials=design.response.trials,
    )


def _offset(offset: Floats | None, count: int) -> Floats:
    return np.zeros(count) if offset is None else offset


def linear_predictors(fit: Fit, rows: Rows, include: Sequence[bool]) -> list[Floats]:
    """eta of every predictor, with the conditional modes of the terms to `include`."""
    eta = [
        matrix @ beta + offset
        for matrix, beta, offset in zip(rows.matrices, fit.estimate.beta, rows.offsets, strict=True)
    ]
    for term, design, modes, included in zip(rows.terms, fit.design.terms, fit.estimate.modes, include, strict=True):
        if term is not None and included:
            place = component_index(fit.design.predictors, design.component)
            eta[place] = eta[place] + contribution(modes, term.levels, term.basis, term.column)
    return eta


def predictor_covariance(fit: Fit, rows: Rows, include: Sequence[bool]) -> Floats:
    """(m, K, K): covariance of the linear predictors, from parameters and included random effects."""
    if not any(include):
        return _fixed_covariance(fit, rows)
    if fit.stored is not None:
        made = joint.predictor_covariance(fit, fit.stored.joint, rows, include)
        if np.isnan(made).any():
            _warn_about_missing("the saved fit had no covariance of its random effects; fit.diagnose() says why")
        return made
    vcov = np.nan_to_num(fit.parameter_vcov[fit.outside_count :, fit.outside_count :], nan=0.0)
    expected = fit.coefficients_are_orthogonal
    terms = [
        core_term(fit.design.predictors, design, term.levels, term.basis, term.column)
        if term is not None and included
        else None
        for term, design, included in zip(rows.terms, fit.design.terms, include, strict=True)
    ]
    predictors = rows.core_predictors()
    try:
        with fit.at_estimates("predictions have no covariance"):
            made = fit.model.core.predictor_covariance(fit.core_result, vcov, predictors, terms, expected)
    except ConvergenceError as error:
        _warn_about_missing(str(error))
        return np.full((rows.count, len(predictors), len(predictors)), np.nan)
    return np.asarray(made, dtype=np.float64)


def _warn_about_missing(why: str) -> None:
    warnings.warn(f"standard errors are NaN: {why}", RanefWarning, stacklevel=caller_level())


def _fixed_covariance(fit: Fit, rows: Rows) -> Floats:
    """X V X' of every row."""
    sizes = np.cumsum([0, *(m.shape[1] for m in rows.matrices)])
    vcov = fit.fixed_vcov
    count = len(rows.matrices)
    made = np.empty((rows.count, count, count))
    for a in range(count):
        for b in range(a + 1):
            block = vcov[sizes[a] : sizes[a + 1], sizes[b] : sizes[b + 1]]
            made[:, a, b] = made[:, b, a] = np.einsum(
                "ij,jk,ik->i", rows.matrices[a], block, rows.matrices[b], optimize=True
            )
    return made
