"""One column of data: numbers as they are, everything else as codes with labels.

Levels of a factor stand in category order where the data have one, else sorted; levels that no row has are dropped.
Whole numbers label levels as integers, whatever type they came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Bools = NDArray[np.bool_]

# A lookup table may be this many times longer than the column it codes.
_LOOKUP_RATIO = 4
# Doubles hold every integer up to here.
_EXACT_INTEGERS = 2.0**53


@dataclass(frozen=True, slots=True)
class Column:
    """Numbers, or codes with labels.

    Attributes
    ----------
    name : name of the column
    values : numbers (n,), of any numeric dtype or bool; where there are labels, int32 codes
    labels : levels, in order; None for numbers
    missing : where a value is missing, None if nowhere (then `values` holds 0, NaN or -1)
    """

    name: str
    values: NDArray[Any]
    labels: pd.Index | None
    missing: Bools | None

    @property
    def is_factor(self) -> bool:
        """Whether the column has levels where it stands by itself: text, a categorical, truth values (as in R)."""
        return self.labels is not None or self.values.dtype == np.bool_

    def take(self, kept: Bools) -> Column:
        """The rows where `kept` is true."""
        missing = None if self.missing is None else self.missing[kept]
        if missing is not None and not missing.any():
            missing = None
        return Column(self.name, self.values[kept], self.labels, missing)

    def numbers(self) -> Floats:
        """The column as float64.

        Raises
        ------
        DataError
            If it is no number.
        """
        if self.labels is not None:
            some = ", ".join(repr(str(v)) for v in self.labels[:3])
            raise DataError(f"column {self.name!r} must be numeric, but holds values such as {some}")
        return self.values.astype(np.float64, copy=False)

    def factor(self) -> tuple[Codes, pd.Index]:
        """Codes (int32) and the levels that occur, in order. The column must have no missing values."""
        if self.labels is None:
            return _code_numbers(self.values)
        counts = np.bincount(self.values, minlength=len(self.labels)) if len(self.values) else np.zeros(0, np.int64)
        if (counts > 0).all():
            return self.values, self.labels
        return _recode(self.values, counts > 0), self.labels[counts > 0]

    def codes_in(self, levels: pd.Index) -> Codes:
        """Place of every row's value among `levels`, -1 where it is not among them."""
        codes, labels = self.factor()
        if labels.equals(levels):
            return codes
        return np.asarray(levels.get_indexer(labels), dtype=np.int32)[codes]


def column_from_series(name: str, series: pd.Series) -> Column:
    """A column from a pandas Series of any dtype."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _categorical(name, series.array.codes, series.array.categories)
    if isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        return _numeric(name, series.to_numpy())
    if not isinstance(dtype, np.dtype) and pd.api.types.is_bool_dtype(dtype):
        return _masked(name, series.to_numpy(dtype=bool, na_value=False), series.isna().to_numpy())
    if not isinstance(dtype, np.dtype) and pd.api.types.is_numeric_dtype(dtype):
        return _nullable(name, series)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return _from_objects(name, series.to_numpy())
    if isinstance(dtype, np.dtype) and dtype.kind == "c":
        raise DataError(f"column {name!r} holds complex numbers")
    return _factorized(name, series)


def column_from_values(name: str, values: Any) -> Column:
    """A column from an array, a list, or a Series of any library."""
    if isinstance(values, pd.Series):
        return column_from_series(name, values)
    if isinstance(values, (pd.Categorical, pd.Index, pd.api.extensions.ExtensionArray)):
        return column_from_series(name, pd.Series(values))
    if isinstance(values, np.ma.MaskedArray):
        return _masked(name, np.ma.getdata(values), np.ma.getmaskarray(values))
    if isinstance(values, np.ndarray):
        return column_from_series(name, pd.Series(values))
    if isinstance(values, (list, tuple)):
        return _from_objects(name, np.fromiter(values, dtype=object, count=len(values)))
    return _from_narwhals(name, values)


def _from_narwhals(name: str, values: Any) -> Column:
    import narwhals as nw

    try:
        series = nw.from_native(values, series_only=True)
    except TypeError as error:
        raise DataError(f"column {name!r} of the data is a {type(values).__name__}, not an array") from error
    dtype = series.dtype
    if isinstance(dtype, nw.Enum):
        levels = pd.Index(list(dtype.categories))
        objects = np.array(series.to_list(), dtype=object)
        return _categorical(name, levels.get_indexer(pd.Index(objects)).astype(np.int32), levels)
    if dtype == nw.Categorical and hasattr(series.to_native(), "unify_dictionaries"):
        return _from_arrow_dictionary(name, series.to_native())
    if dtype.is_float() or dtype.is_integer():
        missing = series.is_null().to_numpy()
        filled = series.fill_null(0) if missing.any() else series
        return _masked(name, filled.to_numpy(), missing)
    return _from_objects(name, np.fromiter(series.to_list(), dtype=object, count=len(series)))


def _from_arrow_dictionary(name: str, chunked: Any) -> Column:
    array = chunked.unify_dictionaries().combine_chunks()
    if hasattr(array, "chunks"):
        array = array.chunk(0)
    indices = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return _categorical(name, indices, pd.Index(array.dictionary.to_pylist()))


def _from_objects(name: str, values: NDArray[Any]) -> Column:
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"):
        missing = np.asarray(pd.isna(values))
        if kind == "integer":
            return _masked(name, _whole_numbers(name, np.where(missing, 0, values)), missing)
        if kind == "boolean":
            return _masked(name, np.where(missing, False, values).astype(bool), missing)
        return _masked(name, np.where(missing, np.nan, values).astype(np.float64), missing)
    if kind in ("mixed", "mixed-integer", "complex", "bytes"):
        types = sorted({type(v).__name__ for v in values[~pd.isna(values)]})
        raise DataError(f"column {name!r} {_mixture(values, types)}: convert it to numbers or to text")
    return _factorized(name, pd.Series(values))


def _whole_numbers(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Python's integers as int64, or as uint64 where they need it."""
    for dtype in (np.int64, np.uint64):
        limits = np.iinfo(dtype)
        if limits.min <= min(values, default=0) and max(values, default=0) <= limits.max:
            return values.astype(dtype)
    raise DataError(f"column {name!r} holds whole numbers of more than 64 bits: make identifiers text")


def _mixture(values: NDArray[Any], types: Sequence[str]) -> str:
    """What a column of objects holds, with the place of the first text among numbers."""
    if len(types) < 2:
        return f"holds values of type {types[0]}"
    text = next((k for k, v in enumerate(values) if isinstance(v, str)), None)
    first = "" if text is None else f" (the first text is {values[text]!r}, at position {text})"
    return f"mixes values of type {' and '.join(types)}{first}"


def _factorized(name: str, series: pd.Series) -> Column:
    codes, levels = pd.factorize(series, sort=True)
    return _categorical(name, codes, pd.Index(levels))


def _categorical(name: str, codes: NDArray[Any], levels: pd.Index) -> Column:
    narrow = np.asarray(codes).astype(np.int32)
    missing = narrow < 0
    return Column(name, narrow, levels, missing if missing.any() else None)


def _numeric(name: str, values: NDArray[Any]) -> Column:
    if values.dtype.kind != "f":
        return Column(name, values, None, None)
    missing = np.isnan(values)
    return Column(name, values, None, missing if missing.any() else None)


def _masked(name: str, values: NDArray[Any], missing: Bools) -> Column:
    plain = _numeric(name, values)
    own = missing if plain.missing is None else missing | plain.missing
    return Column(name, plain.values, None, own if own.any() else None)


def _nullable(name: str, series: pd.Series) -> Column:
    missing = series.isna().to_numpy()
    if pd.api.types.is_integer_dtype(series.dtype):
        return _masked(name, series.to_numpy(dtype=series.dtype.numpy_dtype, na_value=0), missing)
    return _masked(name, series.to_numpy(dtype=np.float64, na_value=np.nan), missing)


def _code_numbers(values: NDArray[Any]) -> tuple[Codes, pd.Index]:
    if values.dtype.kind == "f" and len(values):
        whole = np.all(values == np.floor(values)) and np.abs(values).max() < _EXACT_INTEGERS
        values = values.astype(np.int64) if whole else values
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < max(_LOOKUP_RATIO * len(values), 1024):
            return _code_by_lookup(values, low, high)
    codes, labels = pd.factorize(values, sort=True)
    return codes.astype(np.int32), pd.Index(labels)


def _code_by_lookup(values: NDArray[Any], low: int, high: int) -> tuple[Codes, pd.Index]:
    wide = np.uint64 if high > np.iinfo(np.int64).max else np.int64
    shifted = (values.astype(wide, copy=False) - wide(low)).astype(np.int64, copy=False)
    present = np.zeros(high - low + 1, dtype=bool)
    present[shifted] = True
    return _recode(shifted, present), pd.Index(np.flatnonzero(present).astype(wide) + wide(low))


def _recode(codes: NDArray[Any], present: Bools) -> Codes:
    """Codes among the levels that are `present` alone."""
    places = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return np.asarray(places[codes], dtype=np.int32)
