"""From a design to the core's model: predictors, terms, and what each kind of weights means."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ranef import _core, _lapack
from ranef.design.design import Design, PredictorDesign, RandomDesign
from ranef.errors import DataError
from ranef.families import Family

Floats = NDArray[np.float64]

COMPONENTS = ("cond", "zi", "disp")
COMPONENT_TITLES = {"cond": "Conditional", "zi": "Zero-inflation", "disp": "Dispersion"}


def core_model(
    design: Design, family: Family, reml: bool, pairs: Collection[int] = (), joint: bool = False
) -> _core.Model:
    """The core's model of `design`.

    `pairs` are terms of two correlated effects of which one parameter is to be held alone: for the core they are
    compound-symmetric, which for two effects is the same family of covariances, written as standard deviations and
    correlation instead of a Cholesky factor. `joint`: the mean's coefficients are found with the random effects' mode.
    """
    return _core.Model(
        family.likelihood(has_component(design, "zi")),
        design.response.values,
        [_core.Predictor(p.fixed.matrix, predictor_offset(design, k)) for k, p in enumerate(design.predictors)],
        [
            core_term(design.predictors, replace(term, structure="cs") if place in pairs else term)
            for place, term in enumerate(design.terms)
        ],
        trials=design.response.trials,
        weights=likelihood_weights(design),
        reml=reml,
        joint=joint,
        kernels=_lapack.kernels(),
    )


def has_component(design: Design, component: str) -> bool:
    """Whether the model has a linear predictor for `component`."""
    return any(p.component == component for p in design.predictors)


def component_index(predictors: Sequence[PredictorDesign], component: str) -> int:
    """Place of a component among the core's predictors.

    Raises
    ------
    DataError
        If the model has no such component.
    """
    components = [p.component for p in predictors]
    if component not in components:
        raise DataError(f"this model has no component {component!r}; it has: {', '.join(components)}")
    return components.index(component)


def core_term(
    predictors: Sequence[PredictorDesign],
    term: RandomDesign,
    levels: NDArray[np.int32] | None = None,
    basis: Floats | None = None,
    column: NDArray[np.int32] | None = None,
) -> _core.Term:
    """A random term for the core; `levels`, `basis` and `column` replace the design's own (new data)."""
    own = levels is None
    return _core.Term(
        component_index(predictors, term.component),
        term.structure,
        term.levels if levels is None else levels,
        len(term.labels),
        basis=term.basis if own else basis,
        column=term.column if own else column,
        n_columns=len(term.term_names),
    )


def likelihood_weights(design: Design) -> Floats | None:
    """Multipliers of the log-likelihood: frequency and likelihood weights; None where all are one."""
    if design.weights is None or design.weights.kind not in ("frequency", "likelihood"):
        return None
    return design.weights.values


def predictor_offset(design: Design, place: int) -> Floats | None:
    """Offset of a predictor; precision weights w are one of the log residual sd: Var = sigma^2 / w."""
    predictor = design.predictors[place]
    weights = design.weights
    if predictor.component != "disp" or weights is None or weights.kind != "precision":
        return predictor.offset
    own = 0.0 if predictor.offset is None else predictor.offset
    return np.asarray(own - 0.5 * np.log(weights.values), dtype=np.float64)


def observations(design: Design) -> float:
    """Number of observations: rows, or the sum of frequency weights."""
    if design.weights is not None and design.weights.kind == "frequency":
        return float(design.weights.values.sum())
    return float(design.n_rows)
