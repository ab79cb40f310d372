"""A fit's own hold on the caller's table: what happens to that table afterwards changes no answer.

Where a library copies on write, or its tables cannot change, that costs nothing. Elsewhere the columns that the model
reads are copied.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from ranef.weights import Weights


def owned_table(data: Any, used: Collection[str]) -> Any:
    """The table as it is now, of the same kind.

    Parameters
    ----------
    data : a table of any kind that `open_table` reads
    used : the columns that must stay as they are whatever becomes of `data`
    """
    if isinstance(data, pd.DataFrame):
        return _owned_frame(data, used)
    if isinstance(data, Mapping):
        return {name: owned_values(values) if str(name) in used else values for name, values in data.items()}
    import narwhals as nw

    frame = nw.from_native(data)
    # A lazy table is read anew at every collection, from a file that may have changed.
    return (frame.collect() if isinstance(frame, nw.LazyFrame) else frame.clone()).to_native()


def owned_values(values: Any) -> Any:
    """An array, a list, a dict or weights that nobody else can change; a column's name as it is."""
    if isinstance(values, Weights):
        return replace(values, source=owned_values(values.source))
    copier = getattr(values, "copy", None) or getattr(values, "clone", None)
    return values if copier is None else copier()


def _owned_frame(data: pd.DataFrame, used: Collection[str]) -> pd.DataFrame:
    own = data.copy(deep=False)
    if not _copies_on_write():
        for place, label in enumerate(data.columns):
            if str(label) in used:
                own.isetitem(place, data.iloc[:, place].copy())
    return own


def _copies_on_write() -> bool:
    return int(pd.__version__.partition(".")[0]) >= 3 or pd.options.mode.copy_on_write is True
