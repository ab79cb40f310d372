"""Any table to plain columns: numbers, or codes with labels; which rows have something missing.

pandas and dicts of arrays are read directly, other tables through narwhals. Only the columns that a model uses are
touched, and nothing of the caller's is ever written to.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.columns import Column, column_from_series, column_from_values
from ranef.errors import DataError

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length by name, and the caller's row labels."""

    columns: dict[str, Column]
    index: pd.Index

    @property
    def n_rows(self) -> int:
        return len(self.index)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def take(self, kept: Bools) -> Table:
        """The rows where `kept` is true; itself where all are."""
        if kept.all():
            return self
        return Table({name: column.take(kept) for name, column in self.columns.items()}, self.index[kept])

    def missing(self) -> dict[str, Bools]:
        """For each column with a missing value: where."""
        return {name: column.missing for name, column in self.columns.items() if column.missing is not None}


@dataclass(frozen=True, slots=True)
class Source:
    """A caller's table: the names of its columns, and how to read one."""

    names: tuple[str, ...]
    index: pd.Index
    read: Callable[[str], Column]

    def columns(self, names: Iterable[str], user: str) -> Table:
        """Read the columns that `user` (a formula, as messages name it) reads.

        Raises
        ------
        DataError
            If a column is not there (the nearest name is offered) or is there twice.
        """
        columns: dict[str, Column] = {}
        for name in names:
            if name not in self.names:
                raise DataError(_unknown(name, self.names, user))
            if self.names.count(name) > 1:
                raise DataError(f"the data have {self.names.count(name)} columns named {name!r}: rename all but one")
            columns[name] = self.read(name)
        return Table(columns, self.index)


def open_table(data: Any) -> Source:
    """A table of any kind: pandas, polars, pyarrow, a dict of arrays, whatever narwhals reads.

    Raises
    ------
    DataError
        If it is no table, or has no rows.
    """
    if isinstance(data, pd.DataFrame):
        labels = data.columns.tolist()
        names = tuple(str(label) for label in labels)
        source = Source(names, data.index, lambda name: column_from_series(name, _series(data, labels, names, name)))
    elif isinstance(data, Mapping):
        source = _open_mapping(data)
    else:
        source = _open_narwhals(data)
    if not len(source.index):
        raise DataError("the data have no rows")
    return source


def name_rows(index: pd.Index, places: Sequence[int] | NDArray[Any], limit: int = 5) -> str:
    """The row labels at `places` in words: ``"rows 3, 8 and 12"``, ``"rows 0, 1, 2, 3, 4 and 95 more"``."""
    shown = [str(index[int(place)]) for place in places[:limit]]
    more = len(places) - len(shown)
    if len(places) == 1:
        return f"row {shown[0]}"
    if more:
        return f"rows {', '.join(shown)} and {more} more"
    return f"rows {', '.join(shown[:-1])} and {shown[-1]}"


def _unknown(name: str, names: Sequence[str], user: str) -> str:
    lowered = {n.lower(): n for n in names}
    close = [lowered[name.lower()]] if name.lower() in lowered else difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? Columns: " if close else "columns: "
    shown = ", ".join(list(names)[:20]) + (", ..." if len(names) > 20 else "")
    return f"the data have no column {name!r}, which {user!r} uses; {hint}{shown}"


def _series(data: pd.DataFrame, labels: Sequence[Any], names: Sequence[str], name: str) -> pd.Series:
    """The column whose label reads `name`, which is the only one."""
    place = names.index(name)
    # Faster by its label than by its place; but other labels than text may mean something else in [].
    return data[name] if isinstance(labels[place], str) else data.iloc[:, place]


def _open_mapping(data: Mapping[Any, Any]) -> Source:
    names = tuple(str(key) for key in data)
    values = dict(zip(names, data.values(), strict=True))
    lengths = {name: _length(name, value) for name, value in values.items()}
    if len(set(lengths.values())) > 1:
        first, *rest = lengths
        other = next(name for name in rest if lengths[name] != lengths[first])
        raise DataError(
            f"the columns differ in length: {first!r} has {lengths[first]} values, {other!r} has {lengths[other]}"
        )
    n_rows = next(iter(lengths.values()), 0)
    return Source(names, pd.RangeIndex(n_rows), lambda name: column_from_values(name, values[name]))


def _length(name: str, value: Any) -> int:
    shape = np.shape(value) if not hasattr(value, "shape") else value.shape
    if len(shape) != 1:
        raise DataError(f"column {name!r} of the data must have one dimension, got shape {tuple(shape)}")
    return int(shape[0])


def _open_narwhals(data: Any) -> Source:
    import narwhals as nw

    try:
        frame = nw.from_native(data)
    except TypeError as error:
        hint = "; read a file first, for example with pandas.read_csv" if isinstance(data, str | Path) else ""
        raise DataError(
            f"data must be a table (pandas, polars, pyarrow) or a dict of arrays, got {type(data).__name__}{hint}"
        ) from error
    eager = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    return Source(
        tuple(eager.columns), pd.RangeIndex(eager.shape[0]), lambda name: column_from_values(name, eager[name])
    )
