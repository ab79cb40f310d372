"""Objects as JSON and arrays."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef.plainform import Decoder, Encoder


@dataclass(frozen=True)
class Pair:
    left: object
    right: object


def there_and_back(value):
    encoder = Encoder({"Pair": Pair})
    text = json.dumps(encoder.encode(value), allow_nan=False)
    return Decoder({"Pair": Pair}, encoder.arrays, {}).decode(json.loads(text))


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2.5, float("inf"), "text", (1, "a"), [1, [2, None]], {1: "a", (2, "b"): 0.5},
        Pair(("x",), {"y": [1]}), -0.0, 1e-320,
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values_come_back_the_same(value):
    assert there_and_back(value) == value


def test_nan_comes_back():
    assert np.isnan(there_and_back(float("nan")))


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["b", "a"], name="g"), pd.Index([3, 1]), pd.Index([1.5, 2.5]), pd.Index([True, False]),
        pd.DatetimeIndex(["2024-01-01", "2024-02-01"]), pd.Index(["a", 1], dtype=object),
    ],
    ids=["text", "integers", "floats", "booleans", "dates", "mixed"],
)  # fmt: skip
def test_indexes_come_back_with_type_and_name(index):
    pd.testing.assert_index_equal(there_and_back(index), index)


@pytest.mark.parametrize(
    "array", [np.arange(6).reshape(2, 3), np.array([], dtype=np.int32), np.array(["a", None], object)]
)
def test_arrays_come_back(array):
    result = there_and_back(array)
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)


def test_what_has_no_plain_form_is_refused():
    with pytest.raises(ranef.DataError, match="holds a set"):
        there_and_back({1, 2}.__or__({3}))


def test_foreign_entries_are_refused():
    with pytest.raises(ranef.DataError, match="unknown entry 'pickle'"):
        Decoder({}, {}, {}).decode({"pickle": "..."})
    with pytest.raises(ranef.DataError, match="unknown record 'Popen'"):
        Decoder({}, {}, {}).decode({"class": "Popen", "fields": {}})
