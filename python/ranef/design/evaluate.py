"""The value of an expression of a formula (a response, an offset) on a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranef.design.columns import Floats
from ranef.design.frame import Table, name_rows
from ranef.errors import DataError, FormulaError
from ranef.formula.expression import Expression
from ranef.formula.functions import FUNCTIONS, standardised


def evaluate(expression: Expression, table: Table, role: str) -> NDArray[Any]:
    """Numbers (float64) or truth values (bool), one a row.

    Parameters
    ----------
    expression : what to evaluate; its columns are in `table`
    role : ``"response"`` or ``"offset"``, for messages; a response may be standardised by ``scale``

    Raises
    ------
    FormulaError
        If the expression cannot be evaluated.
    DataError
        If its value is not finite in some row.
    """
    if expression.is_name and table[expression.variables[0]].values.dtype == np.bool_:
        return table[expression.variables[0]].values.copy()
    columns = {f"_v{k}": table[name].numbers() for k, name in enumerate(expression.variables)}
    stateful = {"scale": standardised} if role == "response" else {}
    scope = {"__builtins__": {}, "np": np, "pi": np.pi, **FUNCTIONS, **stateful}
    try:
        with np.errstate(all="ignore"):
            value = eval(expression.code, scope, columns)
    except Exception as error:
        raise FormulaError(f"cannot evaluate the {role} {expression.source!r}: {error}") from error
    array = np.broadcast_to(np.asarray(value), (table.n_rows,)) if np.ndim(value) == 0 else np.asarray(value)
    if array.shape != (table.n_rows,) or array.dtype.kind not in "fiub":
        raise FormulaError(f"the {role} {expression.source!r} does not give one number a row")
    if array.dtype == np.bool_:
        return array
    numbers = np.array(array, dtype=np.float64)  # a copy: the design must not change with the caller's table
    check_finite(numbers, table, f"the {role} {expression.source.strip('`')!r}")
    return numbers


def check_finite(values: Floats, table: Table, what: str) -> None:
    """Every value is a finite number; `what` names them in the message."""
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise DataError(f"{what} is {values[wrong[0]]} in {name_rows(table.index, wrong)}: fix or leave out these rows")
