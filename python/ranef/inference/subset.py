"""The model of some of a fit's rows: what case deletion refits."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef import _core
from ranef.design.design import Design, PredictorDesign, RandomDesign

if TYPE_CHECKING:
    from ranef.result import Fit
    from ranef.unfitted import Model

Bools = NDArray[np.bool_]


def subset_design(design: Design, kept: Bools) -> Design:
    """The rows of a design where `kept` is true; levels that lose all their rows stay, with their prior alone."""
    whole = design.kept.copy()
    whole[design.kept] = kept
    response = dataclasses.replace(
        design.response,
        values=design.response.values[kept],
        trials=None if design.response.trials is None else design.response.trials[kept],
    )
    weights = design.weights
    return dataclasses.replace(
        design,
        response=response,
        weights=None if weights is None else dataclasses.replace(weights, values=weights.values[kept]),
        predictors=tuple(_predictor(p, kept) for p in design.predictors),
        terms=tuple(_term(t, kept) for t in design.terms),
        kept=whole,
    )


def _predictor(predictor: PredictorDesign, kept: Bools) -> PredictorDesign:
    fixed = dataclasses.replace(predictor.fixed, matrix=np.asfortranarray(predictor.fixed.matrix[kept]))
    offset = None if predictor.offset is None else predictor.offset[kept]
    return dataclasses.replace(predictor, fixed=fixed, offset=offset)


def _term(term: RandomDesign, kept: Bools) -> RandomDesign:
    return dataclasses.replace(
        term,
        levels=term.levels[kept],
        basis=None if term.basis is None else np.ascontiguousarray(term.basis[kept]),
        column=None if term.column is None else term.column[kept],
    )


def is_estimable(design: Design) -> bool:
    """Whether the columns of every predictor are independent."""
    return all(
        len(_core.independent_columns(p.fixed.matrix)) == p.fixed.matrix.shape[1]
        for p in design.predictors
        if p.fixed.matrix.shape[1]
    )


def subset_model(fit: Fit, kept: Bools) -> Model | None:
    """The fit's model for some of its rows, to start at its estimates; None where a coefficient is not estimable."""
    from ranef.unfitted import Model

    design = subset_design(fit.design, kept)
    if not is_estimable(design):
        return None
    values = None if fit.singular else dict(zip(fit.model.names, fit.estimate.values.tolist(), strict=True))
    specification = dataclasses.replace(fit.model.specification, start=values)
    return Model(specification, design, parameter_info=fit.model.parameter_info)
