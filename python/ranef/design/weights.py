"""What weights mean for a family, checked: trials, precision, frequency or a multiplier of the log-likelihood."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ranef.design.columns import Floats, column_from_values
from ranef.design.frame import Bools, Source, name_rows
from ranef.errors import DataError
from ranef.weights import Weights


@dataclass(frozen=True, slots=True)
class RowNumbers:
    """One number for every row of the caller's table: weights or an offset given beside the formula.

    Attributes
    ----------
    role : ``"weights"`` or ``"offset"``
    column : name of the column, None for an array
    values : the numbers, NaN where missing
    kind : the meaning that the user stated, None for plain weights
    """

    role: str
    column: str | None
    values: Floats
    kind: str | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.role if self.column is None else f"{self.role} {self.column!r}"

    def take(self, kept: Bools, index: pd.Index, minimum: float | None) -> RowNumbers:
        """The rows that are kept; every value must be finite and not below `minimum`.

        Raises
        ------
        DataError
            Naming the rows that are not.
        """
        values = self.values[kept]
        wrong = np.flatnonzero(~np.isfinite(values))
        if wrong.size:
            raise DataError(
                f"{self.name} is {values[wrong[0]]} in {name_rows(index[kept], wrong)}: "
                f"every row that is fitted needs a finite number"
            )
        if minimum is not None and (values < minimum).any():
            wrong = np.flatnonzero(values < minimum)
            raise DataError(f"{self.name} is negative ({values[wrong[0]]:g}) in {name_rows(index[kept], wrong)}")
        return replace(self, values=values)


def read_weights(weights: Any, source: Source) -> RowNumbers | None:
    """Weights as the caller gave them: a column name, an array, or one of ``ranef.weights``."""
    if weights is None:
        return None
    kind = weights.kind if isinstance(weights, Weights) else None
    given = weights.source if isinstance(weights, Weights) else weights
    return read_row_numbers(given, source, "weights", kind)


def read_row_numbers(given: Any, source: Source, role: str, kind: str | None = None) -> RowNumbers:
    """A column by name, or an array with one number for every row of the table.

    Raises
    ------
    DataError
        If there is no such column, or the length is wrong.
    """
    if isinstance(given, str):
        column = source.columns([given], f"{role}={given!r}")[given]
    else:
        if np.ndim(given) == 0 and not hasattr(given, "__len__"):
            raise DataError(f"{role} must be a column name or an array with one number a row, got {given!r}")
        if isinstance(given, pd.Series) and not given.index.equals(source.index):
            raise DataError(
                f"the index of {role} is not that of the data: pass a column name, or {role}.to_numpy() if the order "
                f"of the rows is the same"
            )
        column = column_from_values(role, given)
        if len(column.values) != len(source.index):
            raise DataError(
                f"{role} has length {len(column.values)} but the data have {len(source.index)} rows "
                f"(count rows with missing values too); a column name is safer"
            )
    values = column.numbers()
    if column.missing is not None:
        values = np.where(column.missing, np.nan, values)
    return RowNumbers(role, given if isinstance(given, str) else None, values, kind)


def check_some_weight(weights: RowNumbers) -> None:
    """At least one row counts."""
    if not weights.values.any():
        raise DataError(f"{weights.name} is zero in every row")


def check_kind(kind: str, family_name: str, has_trials: bool) -> None:
    """The stated meaning must exist for the family."""
    if kind == "trials" and not has_trials:
        raise DataError(
            f"weights are numbers of trials only for binomial and betabinomial, not for {family_name}; "
            f"use ranef.weights.frequency or .likelihood"
        )
    if kind == "precision" and family_name != "gaussian":
        raise DataError(
            f"weights are precisions (Var = sigma^2 / w) only for gaussian, not for {family_name}; "
            f"use ranef.weights.frequency or .likelihood"
        )
