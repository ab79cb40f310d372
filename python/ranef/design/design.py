"""The design of a model: every matrix the core needs, and what new data need to be treated alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class FixedDesign:
    """Fixed effects of one linear predictor.

    Attributes
    ----------
    matrix : array (n, p), float64, Fortran order, full column rank
    names : the p coefficient names, as formulaic writes them
    dropped : names of columns left out because they depend on columns before them
    spec : levels, contrasts and what transforms found in the fitted rows, for new data
    """

    matrix: Floats
    names: tuple[str, ...]
    dropped: tuple[str, ...]
    spec: Any


@dataclass(frozen=True, slots=True)
class PredictorDesign:
    """One linear predictor: component ``"cond"``, ``"disp"`` or ``"zi"``, fixed effects and offset (n) or None."""

    component: str
    fixed: FixedDesign
    offset: Floats | None
    offset_sources: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RandomDesign:
    """One random term: the block of columns `term_names` for every level of `group`.

    Attributes
    ----------
    component : linear predictor the term belongs to
    group : name of the grouping factor, ``"Subject"`` or ``"cask:batch"``
    structure : ``"us"``, ``"diag"``, ``"homdiag"``, ``"cs"``, ``"ar1"``
    levels : int32 (n,), level of every row
    labels : the names of the levels (``n_levels = len(labels)``)
    term_names : the q columns of a block, ``("Intercept", "Days")``
    basis : (n, q) float64 C order, or None
    column : int32 (n,), the one column of a block that is 1 in a row (``0 + factor``), or None;
        with neither, the term is an intercept
    spec : memory for new data
    """

    component: str
    group: str
    structure: str
    levels: Ints
    labels: pd.Index
    term_names: tuple[str, ...]
    basis: Floats | None
    column: Ints | None
    spec: Any


@dataclass(frozen=True, slots=True)
class ResponseDesign:
    """The response as the core sees it.

    Attributes
    ----------
    name : what stands left of the tilde
    values : float64 (n,): the response; successes where there are trials
    trials : float64 (n,) or None
    form : ``"plain"``, ``"factor"``, ``"cbind"`` or ``"proportion"``
    levels : the two levels of a factor response, else None
    """

    name: str
    values: Floats
    trials: Floats | None
    form: str
    levels: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class WeightsDesign:
    """Weights by kind: ``"trials"``, ``"precision"``, ``"frequency"``, ``"likelihood"``; values (n,)."""

    kind: str
    values: Floats
    name: str


@dataclass(frozen=True, slots=True)
class Design:
    """All that a fit computes with; immutable.

    Attributes
    ----------
    response, weights : see their classes (weights None: none given)
    predictors : in the core's order: cond, disp (where the family has one), zi (where asked for)
    terms : random terms of all components
    index : the caller's row labels, all rows (dropped ones too)
    kept : bool (rows of the caller's table), False where a row was dropped for missing values
    dropped_by : {column: rows with a missing value in it}
    columns : names of the data columns the model uses
    formula : the conditional formula as it was written
    """

    response: ResponseDesign
    weights: WeightsDesign | None
    predictors: tuple[PredictorDesign, ...]
    terms: tuple[RandomDesign, ...]
    index: pd.Index
    kept: NDArray[np.bool_]
    dropped_by: dict[str, int]
    columns: Sequence[str]
    formula: str = ""

    @property
    def n_rows(self) -> int:
        """Rows that enter the fit."""
        return int(self.response.values.shape[0])


@dataclass(frozen=True, slots=True)
class NewTerm:
    """A random term for new data: `levels` (-2: one that was not fitted), `basis` and `column` as in RandomDesign."""

    levels: Ints
    basis: Floats | None
    column: Ints | None


@dataclass(frozen=True, slots=True)
class NewDesign:
    """The columns of new data, treated as those that were fitted.

    Attributes
    ----------
    predictors : in the core's order, None for components that were not asked for
    terms : in the design's order, None for terms that were not asked for
    index : the caller's row labels, all rows
    kept : bool (rows of the caller's table), False where a value is missing
    dropped_by : {column: rows with a missing value in it}
    """

    predictors: tuple[PredictorDesign | None, ...]
    terms: tuple[NewTerm | None, ...]
    index: pd.Index
    kept: NDArray[np.bool_]
    dropped_by: dict[str, int]

    @property
    def n_rows(self) -> int:
        """Rows without missing values."""
        return int(np.count_nonzero(self.kept))
