"""Objects as JSON text and plain arrays, without pickle: what a saved fit is made of.

Written are None, booleans, numbers, text, tuples, lists, dicts, numpy arrays, pandas indexes and the dataclasses
registered by the caller; each JSON object carries one key that says what it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError

Arrays = dict[str, NDArray[Any]]
Writer = Callable[[Any], Any]


class Encoder:
    """Turns objects into JSON values, arrays going to `arrays`.

    Parameters
    ----------
    classes : the dataclasses that may occur
    special : {type: (name, function to a value that can be written)}, for objects that are remade from a value
    """

    def __init__(self, classes: Mapping[str, type], special: Mapping[type, tuple[str, Writer]] | None = None) -> None:
        self.classes = {cls: name for name, cls in classes.items()}
        self.special = dict(special or {})
        self.arrays: Arrays = {}

    def encode(self, value: Any) -> Any:
        """The JSON form of `value`.

        Raises
        ------
        DataError
            If a part of it has no plain form.
        """
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.generic):
            return self.encode(value.item())
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if np.isfinite(value) else {"number": str(value)}
        if isinstance(value, np.ndarray) and value.dtype != object:
            return self._array(value)
        if isinstance(value, pd.Index):
            return {"index": self._index_values(value), "name": self.encode(value.name), "dtype": str(value.dtype)}
        return self._container(value)

    def _container(self, value: Any) -> Any:
        if type(value) in self.special:
            name, write = self.special[type(value)]
            return {"special": name, "value": self.encode(write(value))}
        if type(value) in self.classes:
            fields = {f.name: self.encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return {"class": self.classes[type(value)], "fields": fields}
        if isinstance(value, tuple):
            return {"tuple": [self.encode(v) for v in value]}
        if isinstance(value, list):
            return {"list": [self.encode(v) for v in value]}
        if isinstance(value, dict):
            return {"dict": [[self.encode(k), self.encode(v)] for k, v in value.items()]}
        raise DataError(f"a fit that holds a {type(value).__name__} ({value!r:.60}) cannot be saved; pickle it instead")

    def _array(self, value: NDArray[Any]) -> Any:
        key = f"a{len(self.arrays)}"
        self.arrays[key] = value
        return {"array": key}

    def _index_values(self, index: pd.Index) -> Any:
        if isinstance(index, pd.DatetimeIndex):
            return self.encode([stamp.isoformat() for stamp in index])
        return self.encode(list(index))
