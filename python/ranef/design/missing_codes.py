"""Numbers that came as text because some file wrote missing values as ``.`` or ``NA``: named, not fitted in silence."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from ranef.callers import caller_level
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
        if column.labels is None or column.labels.inferred_type != "string":
            continue
        codes, levels = column.factor()
        code = _missing_code(levels)
        if code is not None:
            rows = np.flatnonzero(codes == levels.get_loc(code))
            warnings.warn(
                f"column {column.name!r} is text, and so a factor of {len(levels)} levels, because of {code!r} in "
                f"{name_rows(table.index, rows)}; the others are numbers. If it stands for a missing value, read "
                f"the table with na_values=[{code!r}]",
                DesignWarning,
                stacklevel=caller_level(),
            )


def _missing_code(levels: pd.Index) -> str | None:
    """The code among the levels, where all others are numbers."""
    labels: list[str] = levels.tolist()
    if _CODES.isdisjoint(labels):
        return None
    others = [label for label in labels if label not in _CODES]
    numeric = pd.to_numeric(pd.Series(others, dtype=object), errors="coerce").notna()
    return next(label for label in labels if label in _CODES) if others and numeric.all() else None
