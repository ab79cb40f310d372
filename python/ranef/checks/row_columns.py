"""A variable that a test needs, one value a row: a column of the fitted data by name, or the caller's array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.columns import Column, column_from_values
from ranef.design.frame import name_rows, open_table
from ranef.errors import DataError

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def row_column(given: Any, what: str, data: Any, index: pd.Index, kept: Bools) -> Column:
    """The column of the rows in `kept`.

    Parameters
    ----------
    given : name of a column of `data`, or values for all rows or for those in `kept`
    what : the argument's name, for messages
    data : the fit's table, None where there is none
    index : labels of all rows; kept : which of them have a residual

    Raises
    ------
    DataError
        If there is no such column, the length is another, or a value is missing.
    """
    if isinstance(given, str):
        if data is None:
            raise DataError(
                f"{what}={given!r}: there is no table to take a column from; give an array, one value a row"
            )
        column = open_table(data).columns([given], what)[given]
    else:
        values = given if hasattr(given, "shape") else np.asarray(given)
        if len(np.shape(values)) != 1 or len(values) not in (kept.size, int(kept.sum())):
            sizes = " or ".join(dict.fromkeys((str(kept.size), str(int(kept.sum())))))
            raise DataError(f"{what} must have one value a row: {sizes} values, got shape {np.shape(values)}")
        column = column_from_values(what, values)
    if column.values.size == kept.size:
        column = column.take(kept)
    if column.missing is not None:
        rows = name_rows(index[kept], np.flatnonzero(column.missing))
        raise DataError(f"{what} has missing values ({rows}): the test needs one for every residual")
    return column


def ordered_numbers(column: Column) -> Floats:
    """Numbers as they are; dates and factors by the order of their levels."""
    return column.values.astype(np.float64) if column.is_factor else column.numbers()
