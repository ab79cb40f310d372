"""The value of an expression of a formula (a response, an offset) on a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranef.design.columns import Floats
from ranef.design.frame import Table, name_rows
from ranef.design.interpreter import Memory, interpret
from ranef.errors import DataError, FormulaError, RanefError
from ranef.formula.expression import Expression


def evaluate(expression: Expression, table: Table, role: str, memory: Memory | None = None) -> NDArray[Any]:
    """Numbers (float64) or truth values (bool), one a row.

    Parameters
    ----------
    expression : what to evaluate; its columns are in `table`
    table : the rows
    role : ``"response"`` or ``"offset"``, for messages
    memory : what transforms found in the fitted rows, to be filled where these are they

    Raises
    ------
    FormulaError
        If the expression cannot be evaluated.
    DataError
        If its value is not finite in some row.
    """
    if expression.is_name:
        column = table[expression.variables[0]]
        value: Any = column.values if column.values.dtype == np.bool_ else column.numbers()
    else:
        value = _interpreted(expression, table, role, {} if memory is None else memory)
    array = np.asarray(value) if isinstance(value, float | np.ndarray | np.generic | int) else np.empty((0, 0))
    array = np.broadcast_to(array, (table.n_rows,)) if array.ndim == 0 else array
    if array.shape != (table.n_rows,) or array.dtype.kind not in "fiub":
        raise FormulaError(f"the {role} {expression.source!r} does not give one number a row")
    if array.dtype == np.bool_:
        return array.copy()
    numbers = np.array(array, dtype=np.float64)  # a copy: the design must not change with the caller's table
    check_finite(
        numbers, table, f"the {role} {(expression.variables[0] if expression.is_name else expression.source)!r}"
    )
    return numbers


def _interpreted(expression: Expression, table: Table, role: str, memory: Memory) -> Any:
    try:
        return interpret(expression, table, {}, memory)
    except RanefError:
        raise
    except Exception as error:
        raise FormulaError(f"cannot evaluate the {role} {expression.source!r:.200}: {error}") from error


def check_finite(values: Floats, table: Table, what: str) -> None:
    """Every value is a finite number; `what` names them in the message."""
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise DataError(f"{what} is {values[wrong[0]]} in {name_rows(table.index, wrong)}: fix or leave out these rows")
