"""Which rows of the caller's table enter a fit or a prediction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ranef.design.columns import Bools
from ranef.design.frame import Source, Table, name_rows
from ranef.design.model_formulas import ModelFormulas
from ranef.design.weights import RowNumbers
from ranef.errors import DataError
from ranef.formula.expression import Expression

NaAction = Literal["drop", "raise"]


@dataclass(frozen=True, slots=True)
class CompleteRows:
    """The rows that are used.

    Attributes
    ----------
    table : the columns that the model reads, complete rows alone
    index : the caller's row labels, all rows
    kept : bool (rows of the caller's table)
    dropped_by : {column: rows with a missing value in it}
    """

    table: Table
    index: pd.Index
    kept: Bools
    dropped_by: dict[str, int]


def complete_rows(table: Table, na_action: NaAction, beside: Iterable[RowNumbers] = ()) -> CompleteRows:
    """The rows that have a value in every column.

    Parameters
    ----------
    table : all columns that the model reads
    na_action : what to do about a row with a missing value
    beside : weights and offsets that were given beside the formula

    Raises
    ------
    DataError
        If a column has no value, no row is complete, or `na_action` is ``"raise"`` and something is missing.
    """
    if na_action not in ("drop", "raise"):
        raise DataError(f"na_action must be 'drop' or 'raise', got {na_action!r}")
    kept = np.ones(table.n_rows, dtype=bool)
    missing = table.missing()
    for numbers in beside:
        unknown = np.isnan(numbers.values)
        if unknown.any():
            name = numbers.column or numbers.role
            missing[name] = missing.get(name, False) | unknown
    for name, mask in missing.items():
        if mask.all():
            raise DataError(f"column {name!r} has no value: all {table.n_rows} rows are missing")
        kept &= ~mask
    if missing and na_action == "raise":
        parts = [f"{name!r} ({name_rows(table.index, np.flatnonzero(mask))})" for name, mask in missing.items()]
        raise DataError(f"missing values in {', '.join(parts)}; fill them or pass na_action='drop'")
    dropped_by = {name: int(mask.sum()) for name, mask in missing.items()}
    if not kept.any():
        counts = ", ".join(f"{name!r}: {count}" for name, count in dropped_by.items())
        raise DataError(f"no row is complete: of {table.n_rows} rows, missing are {counts}")
    return CompleteRows(table.take(kept), table.index, kept, dropped_by)


def read_model_columns(source: Source, formulas: ModelFormulas, offset: Expression | RowNumbers | None) -> Table:
    """The columns that the formulas and the offset read; one that is not there is reported with its formula."""
    owners = formulas.owners
    if isinstance(offset, Expression):
        owners = dict.fromkeys(offset.variables, f"offset={offset.source!r}") | owners
    for name, owner in owners.items():
        if name not in source.names:
            source.columns([name], owner)
    return source.columns(owners, formulas.cond.text)


def without_zero_precision(rows: CompleteRows, weights: RowNumbers, family_name: str) -> CompleteRows:
    """Rows of zero precision say nothing and go, as in R."""
    is_precision = weights.kind == "precision" or (weights.kind is None and family_name == "gaussian")
    if not is_precision or weights.values[rows.kept].all():
        return rows
    useful = weights.values[rows.kept] > 0
    kept = rows.kept.copy()
    kept[rows.kept] = useful
    return CompleteRows(rows.table.take(useful), rows.index, kept, rows.dropped_by)
