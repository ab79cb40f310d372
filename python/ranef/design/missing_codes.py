"""Numbers that came as text because some file wrote missing values as ``.`` or ``NA``: named, not fitted in silence."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from ranef.callers import caller_level
from ranef.design.columns import Column
from ranef.design.frame import Table, name_rows
from ranef.errors import DesignWarning

_CODES = frozenset(
    {"", " ", ".", "-", "--", "?", "NA", "N/A", "n/a", "na", "#N/A", "NaN", "nan", "NULL", "null", "None"}
)


def warn_of_missing_codes(table: Table) -> None:
    """Look for text columns whose levels are numbers but for codes of missing values.

    Warns
    -----
    DesignWarning
        Naming the column, the code and its rows.
    """
    for column in table.columns.values():
        code = _missing_code(column)
        if code is not None:
            assert column.labels is not None
            rows = np.flatnonzero(column.values == column.labels.get_loc(code))
            warnings.warn(
                f"column {column.name!r} is text, and so a factor of {len(column.labels)} levels, because of {code!r} "
                f"in {name_rows(table.index, rows)}; the others are numbers. If it stands for a missing value, read "
                f"the table with na_values=[{code!r}]",
                DesignWarning,
                stacklevel=caller_level(),
            )


def _missing_code(column: Column) -> str | None:
    """The code among the column's levels, where all others are numbers."""
    if column.labels is None or column.labels.inferred_type != "string":
        return None
    labels = column.labels.tolist()
    if _CODES.isdisjoint(labels):
        return None
    others = [label for label in labels if label not in _CODES]
    numeric = pd.to_numeric(pd.Series(others, dtype=object), errors="coerce").notna()
    return next(label for label in labels if label in _CODES) if others and numeric.all() else None
