"""One axis of a reference grid, and the values of it that are asked for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ranef.errors import DataError


@dataclass(frozen=True, slots=True)
class GridVariable:
    """One axis of the grid.

    Attributes
    ----------
    name : column of the data
    values : its values on the grid, in order
    known : all the values that it has in the data, for a factor; None for a covariate
    numeric : whether it is a covariate, treated as a factor only because it has few values
    """

    name: str
    values: tuple[Any, ...]
    known: tuple[Any, ...] | None
    numeric: bool = False

    @property
    def is_factor(self) -> bool:
        """Whether means are averaged over it with weights, as over a factor's levels."""
        return self.known is not None


def given_at(variable: GridVariable, values: Any) -> GridVariable:
    """The axis with the values asked for, checked; other values of a covariate with few make it one with many."""
    listed = [values] if isinstance(values, str) or np.ndim(values) == 0 else list(values)
    if not listed:
        raise DataError(f"at[{variable.name!r}] is empty: give at least one value")
    listed = [_same_number(v, variable.known or ()) for v in listed]
    if variable.known is None or (variable.numeric and not set(listed) <= set(variable.known)):
        return replace(variable, values=tuple(_number(variable.name, value) for value in listed), known=None)
    return replace(variable, values=_levels(variable.name, listed, variable.known))


def _levels(name: str, listed: Sequence[Any], known: Sequence[Any]) -> tuple[Any, ...]:
    """The levels asked for."""
    by_text = {str(level): level for level in known}
    missing = [v for v in listed if str(v) not in by_text]
    if missing:
        close = difflib.get_close_matches(str(missing[0]), list(by_text), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        shown = ", ".join(map(repr, list(by_text)[:20])) + (", ..." if len(by_text) > 20 else "")
        raise DataError(f"{name!r} has no level {str(missing[0])!r}, given in at; {hint}levels: {shown}")
    return tuple(by_text[str(v)] for v in listed)


def _number(name: str, value: Any) -> float:
    if not is_number(value) or not np.isfinite(value):
        raise DataError(f"at[{name!r}] must be finite numbers, got {value!r}: {name!r} is a covariate")
    return float(value)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))


def _same_number(value: Any, known: Sequence[Any]) -> Any:
    """The level equal to a number: 1.0 asks for the level 1."""
    return next((level for level in known if is_number(value) and is_number(level) and level == value), value)
