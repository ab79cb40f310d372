"""One linear predictor: its fixed effects and the sum of its offsets, for fitted and for new rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ranef.design.columns import Floats
from ranef.design.complete_rows import CompleteRows
from ranef.design.design import PredictorDesign
from ranef.design.evaluate import evaluate
from ranef.design.fixed import build_fixed, new_fixed
from ranef.design.frame import Source, Table
from ranef.design.interpreter import Memory
from ranef.design.weights import RowNumbers, read_row_numbers
from ranef.errors import DataError
from ranef.formula.expression import Expression, column_expression
from ranef.formula.functions import UserFunction
from ranef.formula.parse import RightSide, parse_expression

# glmmTMB holds the log residual sd of `dispformula = ~0` here.
NO_RESIDUAL_LOG_SD = float(np.log(np.finfo(np.float64).eps) / 4.0)


@dataclass(frozen=True, slots=True)
class OffsetSource:
    """Where an offset came from: an expression, a constant, or (both None) an array given with the data.

    Attributes
    ----------
    expression, constant : see above
    memory : what the expression's transforms found in the fitted rows
    """

    expression: Expression | None
    constant: float | None = None
    memory: Memory = field(default_factory=dict)


def read_offset(
    offset: Any, source: Source, functions: tuple[UserFunction, ...] = ()
) -> Expression | RowNumbers | None:
    """The offset given beside the formula: a column name or expression, or an array."""
    if offset is None:
        return None
    if isinstance(offset, str):
        return column_expression(offset) if offset in source.names else parse_expression(offset, functions)
    return read_row_numbers(offset, source, "offset")


def build_predictor(
    component: str,
    side: RightSide,
    rows: CompleteRows,
    contrasts: Mapping[str, str],
    extra: Expression | RowNumbers | None,
) -> PredictorDesign:
    """The linear predictor of `component`; `extra` is the offset given beside the formula.

    A dispersion without any part is that of ``dispformula="~ 0"``, held at a residual sd next to nothing.
    """
    fixed = build_fixed(side.fixed, rows.table, contrasts)
    sources = [OffsetSource(e) for e in [*side.offsets, *([extra] if isinstance(extra, Expression) else [])]]
    parts = [evaluate(s.expression, rows.table, "offset", s.memory) for s in sources if s.expression is not None]
    if isinstance(extra, RowNumbers):
        parts.append(extra.take(rows.kept, rows.index, minimum=None).values)
        sources.append(OffsetSource(None))
    if component == "disp" and not (fixed.names or parts or side.random):
        parts.append(np.full(rows.table.n_rows, NO_RESIDUAL_LOG_SD))
        sources.append(OffsetSource(None, NO_RESIDUAL_LOG_SD))
    return PredictorDesign(component, fixed, _sum(parts), tuple(sources))


def new_predictor(old: PredictorDesign, table: Table, array: Floats | None) -> PredictorDesign:
    """The predictor's columns and offset for new data; `array` stands for an offset given as an array.

    Raises
    ------
    DataError
        If the fitted offset was an array and there is none now.
    """
    parts: list[Any] = []
    for source in old.offset_sources:
        if source.expression is not None:
            parts.append(evaluate(source.expression, table, "offset", source.memory))
        elif source.constant is not None:
            parts.append(np.full(table.n_rows, source.constant))
        elif array is not None:
            parts.append(array)
        else:
            raise DataError(
                "the model was fitted with an offset given as an array, so new data need one too: pass offset=, "
                "or fit with offset(column) in the formula"
            )
    return PredictorDesign(old.component, new_fixed(old.fixed, table), _sum(parts), old.offset_sources)


def _sum(parts: list[Any]) -> Floats | None:
    if not parts:
        return None
    return np.ascontiguousarray(np.sum(parts, axis=0), dtype=np.float64)
