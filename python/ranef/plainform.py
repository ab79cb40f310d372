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
    special : {type: function to a value that can be written}, for objects of other libraries
    """

    def __init__(self, classes: Mapping[str, type], special: Mapping[type, Writer] | None = None) -> None:
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
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, pd.Index):
            return {"index": self._index_values(value), "name": self.encode(value.name), "dtype": str(value.dtype)}
        return self._container(value)

    def _container(self, value: Any) -> Any:
        if type(value) in self.special:
            return {"special": type(value).__name__, "value": self.encode(self.special[type(value)](value))}
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
        if value.dtype == object:
            return {"objects": [self.encode(v) for v in value.ravel().tolist()], "shape": list(value.shape)}
        key = f"a{len(self.arrays)}"
        self.arrays[key] = value
        return {"array": key}

    def _index_values(self, index: pd.Index) -> Any:
        if isinstance(index, pd.DatetimeIndex):
            return self.encode([stamp.isoformat() for stamp in index])
        return self.encode(list(index))


class Decoder:
    """Reads what an `Encoder` wrote.

    Parameters
    ----------
    classes : the dataclasses that may occur
    special : {type name: function from the written value to the object}
    """

    def __init__(
        self,
        classes: Mapping[str, Callable[..., Any]],
        arrays: Mapping[str, NDArray[Any]],
        special: Mapping[str, Writer],
    ) -> None:
        self.classes = dict(classes)
        self.arrays = arrays
        self.special = dict(special)

    def decode(self, value: Any) -> Any:
        """The object that a JSON value stands for.

        Raises
        ------
        DataError
            If the value is none that an `Encoder` writes.
        """
        if not isinstance(value, dict):
            return value
        kind = next(iter(value))
        readers: dict[str, Writer] = {
            "number": lambda v: float(v["number"]),
            "array": lambda v: self.arrays[v["array"]],
            "objects": self._objects,
            "index": self._index,
            "tuple": lambda v: tuple(self.decode(x) for x in v["tuple"]),
            "list": lambda v: [self.decode(x) for x in v["list"]],
            "dict": lambda v: {self.decode(k): self.decode(x) for k, x in v["dict"]},
            "class": self._instance,
            "special": lambda v: self.special[v["special"]](self.decode(v["value"])),
        }
        if kind not in readers:
            raise DataError(f"not a saved fit: unknown entry {kind!r}")
        return readers[kind](value)

    def _objects(self, value: dict[str, Any]) -> NDArray[Any]:
        items = [self.decode(v) for v in value["objects"]]
        made = np.empty(len(items), dtype=object)
        made[:] = items
        return made.reshape(value["shape"])

    def _index(self, value: dict[str, Any]) -> pd.Index:
        return pd.Index(self.decode(value["index"]), dtype=value["dtype"], name=self.decode(value["name"]))

    def _instance(self, value: dict[str, Any]) -> Any:
        if value["class"] not in self.classes:
            raise DataError(f"not a saved fit: unknown record {value['class']!r}")
        return self.classes[value["class"]](**{k: self.decode(v) for k, v in value["fields"].items()})
