"""The reference grid: the values of the predictors at which a model is asked for its means.

Every factor has its levels. A covariate has its mean over the rows of the fit, so that a transformed one, log(z),
stands at log(mean(z)), and an offset log(effort) at log(mean(effort)). A covariate with no more than two distinct
values is treated as a factor. Other values are asked for by `at`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.build import new_design
from ranef.design.design import PredictorDesign
from ranef.design.evaluate import evaluate
from ranef.design.frame import Table, open_table
from ranef.errors import DataError
from ranef.means.estimability import defects
from ranef.means.variable import GridVariable, given_at, is_number

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Reducer = Callable[[Floats], Any]

# A covariate with at most so many distinct values is treated as a factor.
_FEW_VALUES = 2
# Points that a grid may have.
_MOST_POINTS = 2_000_000


@dataclass(frozen=True, slots=True)
class ReferenceGrid:
    """Axes of the grid, and the data they came from.

    Attributes
    ----------
    components : linear predictors that the grid is for
    variables : one axis each, in the order of the formulas
    table : the predictors' columns, the rows of the fit
    offset : a number in place of the model's offset, or None
    """

    components: tuple[str, ...]
    variables: tuple[GridVariable, ...]
    table: Table
    offset: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(v.name for v in self.variables)

    def variable(self, name: str) -> GridVariable:
        """The axis called `name`.

        Raises
        ------
        DataError
            If there is none; the nearest name is offered.
        """
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise DataError(_unknown_variable(name, self.names))


@dataclass(frozen=True, slots=True)
class GridRows:
    """Linear predictors at points of the grid.

    Attributes
    ----------
    matrices : per component, (m, p): the linear functions of its coefficients
    offsets : per component, (m,)
    defects : (m, r), zero where a point's linear predictors are estimable
    """

    matrices: tuple[Floats, ...]
    offsets: tuple[Floats, ...]
    defects: Floats


def reference_grid(
    fit: Fit,
    components: Sequence[str],
    at: Mapping[str, Any] | None = None,
    *,
    offset: float | None = None,
    reduce: Reducer | Mapping[str, Reducer] | None = None,
) -> ReferenceGrid:
    """The grid of some linear predictors of a fit.

    Parameters
    ----------
    fit : the fit
    components : ``"cond"``, ``"zi"``, ``"disp"``
    at : values of covariates, or levels of factors, by name
    offset : in place of the model's own offset at the grid's points
    reduce : what to reduce covariates by, instead of the mean: one function (n,) -> number or numbers, or by name

    Raises
    ------
    DataError
        If `at` names no variable of the model or a level that its factor does not have.
    """
    fit.require_data("emmeans()")
    predictors = [p for p in fit.design.predictors if p.component in components]
    names = list(dict.fromkeys(name for p in predictors for name in _variables_of(p)))
    source = open_table(fit.data)
    table = source.columns(names, fit.formula).take(fit.design.kept)
    levels = {name: known for p in predictors for name, known in p.fixed.spec.matrix.levels.items()}
    variables = tuple(_axis(table, name, levels.get(name), reduce) for name in names)
    grid = ReferenceGrid(tuple(components), variables, table, offset)
    return _with_values(grid, at or {})


def grid_frame(variables: Sequence[GridVariable]) -> pd.DataFrame:
    """All combinations of the variables' values; the last varies fastest."""
    sizes = [len(v.values) for v in variables]
    if math.prod(sizes) > _MOST_POINTS:
        axes = " x ".join(f"{v.name} ({len(v.values)})" for v in variables if len(v.values) > 1)
        raise DataError(f"the reference grid has {math.prod(sizes)} points, {axes}: hold some of them by at=")
    places = np.indices(sizes).reshape(len(sizes), -1) if sizes else np.zeros((0, 1), dtype=np.intp)
    columns = {v.name: _column(v.values)[p] for v, p in zip(variables, places, strict=True)}
    return pd.DataFrame(columns, index=pd.RangeIndex(places.shape[1]))


def grid_rows(fit: Fit, grid: ReferenceGrid, frame: pd.DataFrame) -> GridRows:
    """The linear predictors' functions at the points of `frame`, which has a column for every variable of the grid."""
    needless = [False] * len(fit.design.terms)
    predictors = [p for p in fit.design.predictors if p.component in grid.components]
    arrays = [_array_offset(p, grid.table) for p in predictors]
    array = next((a for a in arrays if a is not None), None)
    given = None if array is None else np.full(len(frame), array)
    new = new_design(fit.design, frame, components=grid.components, terms=needless, offset=given)
    rows = [p for p in new.predictors if p is not None]
    offsets = [_grid_offset(p, grid.offset, len(frame)) for p in rows]
    defect = [defects(p.fixed, grid.table, frame) for p in predictors]
    return GridRows(tuple(p.fixed.matrix for p in rows), tuple(offsets), np.concatenate(defect, axis=1))


def cell_counts(fit: Fit, grid: ReferenceGrid, variables: Sequence[GridVariable]) -> Floats:
    """Rows of the data (or the sum of their weights) in every cell of `variables`, one axis each.

    Every value of a covariate counts the same.
    """
    sizes = [len(v.values) for v in variables]
    inside = np.ones(grid.table.n_rows, dtype=np.bool_)
    places = np.zeros(grid.table.n_rows, dtype=np.intp)
    for variable, size in zip(variables, sizes, strict=True):
        place = _places(grid.table, variable) if variable.is_factor else np.zeros(grid.table.n_rows, dtype=np.intp)
        inside &= place >= 0
        places = places * (size if variable.is_factor else 1) + np.maximum(place, 0)
    weights = fit.design.weights
    counted = None if weights is None else weights.values[inside]
    shape = [size if v.is_factor else 1 for v, size in zip(variables, sizes, strict=True)]
    counts = np.bincount(places[inside], weights=counted, minlength=int(np.prod(shape, dtype=np.intp)))
    return np.broadcast_to(counts.reshape(shape).astype(np.float64), sizes)


def _variables_of(predictor: PredictorDesign) -> list[str]:
    """Columns that the fixed effects and offsets of a linear predictor read."""
    expressions = [s.expression for s in predictor.offset_sources if s.expression is not None]
    return [*predictor.fixed.spec.matrix.terms.variables, *(n for e in expressions for n in e.variables)]


def _axis(table: Table, name: str, levels: pd.Index | None, reduce: Any) -> GridVariable:
    column = table[name]
    if levels is not None or column.is_factor:
        known = tuple(column.factor()[1] if levels is None else levels)
        return GridVariable(name, known, known)
    own = reduce.get(name) if isinstance(reduce, Mapping) else None
    few = _distinct(column.values)
    if own is None and few is not None:
        return GridVariable(name, few, few, numeric=True)
    reducer = None if isinstance(reduce, Mapping) else reduce
    reducer = reducer if own is None else own
    numbers = column.numbers()
    reduced = np.atleast_1d(np.asarray(numbers.mean() if reducer is None else reducer(numbers), dtype=np.float64))
    return GridVariable(name, tuple(float(v) for v in reduced), None)


def _distinct(values: NDArray[Any]) -> tuple[Any, ...] | None:
    """The distinct values, ascending, if there are few."""
    if values.dtype != np.bool_ and len(values) > _FEW_VALUES:
        others = values[values != values[0]]
        if len(others) and (others != others[0]).any():
            return None
    return tuple(v.item() for v in np.unique(values))


def _with_values(grid: ReferenceGrid, at: Mapping[str, Any]) -> ReferenceGrid:
    if not isinstance(at, Mapping):
        raise DataError(f"at must be a dict such as {{'x': [1, 2]}}, got {at!r}")
    changed = {name: given_at(grid.variable(name), at[name]) for name in at}
    return replace(grid, variables=tuple(changed.get(v.name, v) for v in grid.variables))


def _places(table: Table, variable: GridVariable) -> NDArray[np.intp]:
    """Place of every row's value among the grid's, -1 where it is not on the grid."""
    column = table[variable.name]
    if column.is_factor or variable.known is None or not _is_plain_number(column.values):
        codes = column.codes_in(pd.Index(list(variable.values)))
        return np.asarray(codes, dtype=np.intp)
    places = np.full(table.n_rows, -1, dtype=np.intp)
    for k, value in enumerate(variable.values):
        places[column.values == value] = k
    return places


def _is_plain_number(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "iufb"


def _column(values: Sequence[Any]) -> NDArray[Any]:
    """Values as one column: numbers as numbers, levels as they are."""
    if all(isinstance(v, (bool, np.bool_)) for v in values):
        return np.array(values, dtype=np.bool_)
    if all(is_number(v) for v in values):
        return np.array(values)
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def _array_offset(predictor: PredictorDesign, table: Table) -> float | None:
    """Mean of an offset that was given as an array; None if there is none."""
    known_sources = [(s.expression, s.memory) for s in predictor.offset_sources if s.expression is not None]
    if predictor.offset is None or all(s.expression or s.constant is not None for s in predictor.offset_sources):
        return None
    known = sum(float(np.mean(evaluate(e, table, "offset", memory))) for e, memory in known_sources)
    return float(predictor.offset.mean()) - known


def _grid_offset(predictor: PredictorDesign, given: float | None, count: int) -> Floats:
    if given is not None and predictor.component == "cond":
        return np.full(count, float(given))
    return np.zeros(count) if predictor.offset is None else predictor.offset


def _unknown_variable(name: str, names: Sequence[str]) -> str:
    if not names:
        return f"there is no {name!r} in this part of the model, which is a constant: ask for '~ 1'"
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"there is no {name!r} among the predictors of this part of the model; {hint}they are: {', '.join(names)}"
