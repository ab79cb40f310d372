"""Forms that the parts of a saved fit must have: what an `Encoder` writes, read back by what it is meant to be.

A form knows the one kind of value that may stand at its place. Nothing that is read chooses what is made: the classes,
types, shapes and lengths are the form's, and a value that has another is refused with its place in the file.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.storage.archive import Archive

_SHOWN = 60
# Lists within lists of formulaic's memory, and entries of one of them.
_DEEPEST = 6
_LARGEST = float(np.finfo(np.float64).max)
_NUMBERS = ("nan", "inf", "-inf")
# Types of labels: pandas' own, never one that a file could make pandas import.
_LABEL_TYPES = re.compile(
    r"object|str|string(\[(python|pyarrow)\])?|bool(ean)?|[uU]?[iI]nt(8|16|32|64)|[fF]loat(16|32|64)"
    r"|datetime64\[(s|ms|us|ns)(, [\w/+:-]{1,40})?\]"
)


class Form(Protocol):
    """What may stand at a place of the file."""

    def read(self, value: Any, place: str, archive: Archive) -> Any:
        """The object that `value` stands for; DataError if it has another form."""


def wrong(place: str, value: Any, wanted: str) -> DataError:
    """The error for a value of another form."""
    shown = repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return DataError(f"{place} is {shown}, not {wanted}")


@dataclass(frozen=True, slots=True)
class Text:
    """Text; one of `choices` where there are any."""

    choices: tuple[str, ...] = ()

    def read(self, value: Any, place: str, archive: Archive) -> str:
        """The text."""
        if not isinstance(value, str):
            raise wrong(place, value, "text")
        if self.choices and value not in self.choices:
            raise wrong(place, value, f"one of {', '.join(map(repr, self.choices))}")
        return value


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: Any, place: str, archive: Archive) -> bool:
        """The truth value."""
        if not isinstance(value, bool):
            raise wrong(place, value, "true or false")
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to below `end`."""

    least: int = 0
    end: int = 2**62

    def read(self, value: Any, place: str, archive: Archive) -> int:
        """The number."""
        if not isinstance(value, int) or isinstance(value, bool) or not self.least <= value < self.end:
            raise wrong(place, value, f"a whole number from {self.least} to {self.end - 1}")
        return value


@dataclass(frozen=True, slots=True)
class Number:
    """A number, whole ones too; `finite` or perhaps not."""

    finite: bool = True

    def read(self, value: Any, place: str, archive: Archive) -> float:
        """The number, of the type that was written."""
        number = _number(value, place)
        if self.finite and not math.isfinite(number):
            raise wrong(place, number, "a finite number")
        return number


@dataclass(frozen=True, slots=True)
class Maybe:
    """None, or another form."""

    form: Form

    def read(self, value: Any, place: str, archive: Archive) -> Any:
        """None or the value."""
        return None if value is None else self.form.read(value, place, archive)


@dataclass(frozen=True, slots=True)
class Row:
    """A tuple (or list) whose entries have one form; of `count` entries, or any number."""

    form: Form
    count: int | None = None
    kind: str = "tuple"

    def read(self, value: Any, place: str, archive: Archive) -> Any:
        """The tuple or list."""
        entries = _only(value, self.kind, list, place)
        _check_count(entries, self.count, place)
        read = (self.form.read(v, f"{place}[{k}]", archive) for k, v in enumerate(entries))
        return list(read) if self.kind == "list" else tuple(read)


@dataclass(frozen=True, slots=True)
class Rows:
    """A tuple with a form for each entry."""

    forms: tuple[Form, ...]

    def read(self, value: Any, place: str, archive: Archive) -> tuple[Any, ...]:
        """The tuple."""
        entries = _only(value, "tuple", list, place)
        _check_count(entries, len(self.forms), place)
        return tuple(
            f.read(v, f"{place}[{k}]", archive) for k, (f, v) in enumerate(zip(self.forms, entries, strict=True))
        )


@dataclass(frozen=True, slots=True)
class Named:
    """A dict from text to values of one form."""

    form: Form

    def read(self, value: Any, place: str, archive: Archive) -> dict[str, Any]:
        """The dict."""
        made: dict[str, Any] = {}
        for entry in _only(value, "dict", list, place):
            if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str) or entry[0] in made:
                raise wrong(place, value, "a dict of distinct names")
            made[entry[0]] = self.form.read(entry[1], f"{place}[{entry[0]!r:.40}]", archive)
        return made


@dataclass(frozen=True, slots=True)
class Array:
    """An array of a type and shape, each length a number or a range; `finite` or perhaps not."""

    dtype: str
    shape: tuple[int | range, ...]
    finite: bool = True

    def read(self, value: Any, place: str, archive: Archive) -> NDArray[Any]:
        """The array, read-only."""
        key = _only(value, "array", str, place)
        try:
            array = archive.array(key, self.dtype, self.shape)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
        if self.finite and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"{place} holds {array[~np.isfinite(array)][0]} where numbers must be finite")
        return array


@dataclass(frozen=True, slots=True)
class Labels:
    """A pandas index of `count` labels (None: any number), no two alike where `distinct`."""

    count: int | None = None
    distinct: bool = False

    def read(self, value: Any, place: str, archive: Archive) -> pd.Index:
        """The index."""
        if not isinstance(value, dict) or value.keys() != {"index", "name", "dtype"}:
            raise wrong(place, value, "an index")
        entries = _only(value["index"], "list", list, place)
        _check_count(entries, self.count, place)
        dtype = value["dtype"]
        if not isinstance(dtype, str) or not _LABEL_TYPES.fullmatch(dtype):
            raise wrong(f"the type of {place}", dtype, "a type of labels")
        labels = [_label(v, place) for v in entries]
        name = None if value["name"] is None else _label(value["name"], f"the name of {place}")
        try:
            index = pd.Index(labels, dtype=dtype, name=name)
        except (TypeError, ValueError, LookupError, OverflowError, ImportError) as error:
            raise DataError(f"{place} are no labels of type {dtype!r} ({error})") from error
        if self.distinct and not index.is_unique:
            raise DataError(f"{place} holds {index[index.duplicated()][0]!r:.60} twice")
        return index


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a factor: text, a number or a truth value."""

    def read(self, value: Any, place: str, archive: Archive) -> Any:
        """The label."""
        return _label(value, place)


@dataclass(frozen=True, slots=True)
class Record:
    """A dataclass with a form for each field, read in this order; the `optional` and those with a default may miss."""

    made: type
    fields: Mapping[str, Form | Given]
    optional: tuple[str, ...] = ()

    def read(self, value: Any, place: str, archive: Archive) -> Any:
        """The instance."""
        return self.made(**self.entries(value, place, archive))

    def entries(self, value: Any, place: str, archive: Archive) -> dict[str, Any]:
        """The fields that are there."""
        fields = fields_of(value, self.made.__name__, place)
        if surplus := fields.keys() - self.fields.keys():
            raise DataError(f"{place} has a field {min(surplus)!r:.60} that this version of ranef does not know")
        defaults = {f.name for f in dataclasses.fields(self.made) if _has_default(f)}.union(self.optional)
        if missing := self.fields.keys() - fields.keys() - defaults:
            raise DataError(f"{place} lacks the field {min(missing)!r}")
        made: dict[str, Any] = {}
        for name, given in self.fields.items():
            if name in fields:
                form = given.make(made) if isinstance(given, Given) else given
                made[name] = form.read(fields[name], f"{place}.{name}", archive)
        return made


@dataclass(frozen=True, slots=True)
class Given:
    """A form that follows from the fields of its record that were read before."""

    make: Callable[[Mapping[str, Any]], Form]


@dataclass(frozen=True, slots=True)
class Known:
    """A part that was read before."""

    part: Any

    def read(self, value: Any, place: str, archive: Archive) -> Any:
        """The part."""
        return self.part


@dataclass(frozen=True, slots=True)
class ByClass:
    """A record of one of several classes, each with its form."""

    forms: Mapping[str, Form]

    def read(self, value: Any, place: str, archive: Archive) -> Any:
        """The instance."""
        named = value.get("class") if isinstance(value, dict) else None
        if not isinstance(named, str) or named not in self.forms:
            raise wrong(place, value, f"a {' or a '.join(self.forms)}")
        return self.forms[named].read(value, place, archive)


@dataclass(frozen=True, slots=True)
class Plain:
    """Memory of transforms: numbers, text, and tuples, lists, dicts and arrays of them, none longer than `most`."""

    most: int
    depth: int = 0

    def read(self, value: Any, place: str, archive: Archive) -> Any:
        """The value."""
        if value is None or isinstance(value, bool | str):
            return value
        inner = dataclasses.replace(self, depth=self.depth + 1)
        kind = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else None
        if inner.depth > _DEEPEST:
            raise wrong(place, value, "a number or text, so deep inside")
        if kind in ("tuple", "list"):
            self._check_length(_only(value, kind, list, place), place)
            return Row(inner, kind=kind).read(value, place, archive)
        if kind == "dict":
            entries = _only(value, kind, list, place)
            self._check_length(entries, place)
            if not all(isinstance(e, list) and len(e) == 2 and isinstance(e[0], str | int) for e in entries):
                raise wrong(place, value, "a dict by text or number")
            return {k: inner.read(v, f"{place}[{k!r:.40}]", archive) for k, v in entries}
        if kind == "array":
            return self._array(value, place, archive)
        return Number(finite=False).read(value, place, archive)

    def _array(self, value: Any, place: str, archive: Archive) -> NDArray[Any]:
        key = _only(value, "array", str, place)
        head = archive.head(key)
        if math.prod(head.shape) > self.most**2:
            raise DataError(f"{place} is an array of shape {head.shape}, too large for what it is")
        return archive.array(key, head.dtype, head.shape)

    def _check_length(self, entries: Sequence[Any], place: str) -> None:
        if len(entries) > self.most:
            raise DataError(f"{place} has {len(entries)} entries, {self.most} at most")


def _only(value: Any, key: str, kind: type, place: str) -> Any:
    """The value under the single key of a JSON object."""
    if not isinstance(value, dict) or value.keys() != {key} or not isinstance(value[key], kind):
        raise wrong(place, value, f"a {key}")
    return value[key]


def fields_of(value: Any, name: str, place: str) -> dict[str, Any]:
    """The fields of a written record of one class."""
    fields = value.get("fields") if isinstance(value, dict) and value.keys() == {"class", "fields"} else None
    if not isinstance(fields, dict) or value["class"] != name:
        raise wrong(place, value, f"a {name}")
    return fields


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _check_count(entries: Sequence[Any], count: int | None, place: str) -> None:
    if count is not None and len(entries) != count:
        raise DataError(f"{place} has {len(entries)} entries, not {count}")


def _number(value: Any, place: str) -> float:
    if isinstance(value, dict) and value.keys() == {"number"} and value["number"] in _NUMBERS:
        return float(value["number"])
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= _LARGEST:
        raise wrong(place, value, "a number")
    return value


def _label(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    return _number(value, place)
