"""Objects as JSON and arrays, and back by the form that they must have."""

import io
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from support.mutated_files import array_bytes, packed

import ranef
from ranef.plainform import Encoder
from ranef.storage.archive import Archive
from ranef.storage.schema import (
    Array,
    ByClass,
    Flag,
    Labels,
    Maybe,
    Named,
    Number,
    Plain,
    Record,
    Row,
    Rows,
    Text,
    Whole,
)


@dataclass(frozen=True)
class Pair:
    left: object
    right: object = None


PAIR = Record(Pair, {"left": Row(Text()), "right": Maybe(Named(Plain(9)))})


def archive_of(arrays):
    return Archive(io.BytesIO(packed({f"{key}.npy": array_bytes(array) for key, array in arrays.items()})))


def there_and_back(value, form):
    encoder = Encoder({"Pair": Pair})
    text = json.dumps(encoder.encode(value), allow_nan=False)
    return form.read(json.loads(text), "value", archive_of(encoder.arrays))


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, Maybe(Text())), (True, Flag()), (3, Whole(3, 4)), (2.5, Number()), (float("-inf"), Number(finite=False)),
        ("text", Text(("text", "word"))), (("x", 2), Rows((Text(), Whole()))), ([1, 2], Row(Whole(), 2, "list")),
        ({"a": (1.0,)}, Named(Row(Number()))), (Pair(("x",), {"y": [1, (None,), {0: "a"}]}), ByClass({"Pair": PAIR})),
        (1e-320, Plain(1)), (-0.0, Number()),
    ],
    ids=repr,
)  # fmt: skip
def test_values_come_back_the_same(value, form):
    assert there_and_back(value, form) == value


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["b", "a"], name="g"), pd.Index([3, 1]), pd.Index([1.5, 2.5]), pd.Index([True, False]),
        pd.DatetimeIndex(["2024-01-01", "2024-02-01"]), pd.DatetimeIndex(["2024-01-01"], tz="Europe/Berlin"),
        pd.Index(["a", 1], dtype=object), pd.Index(["np.", "", "\n", "\ud800"], dtype=object),
        pd.Index([2**63], dtype="uint64"),
    ],
    ids=["text", "integers", "floats", "booleans", "dates", "zone", "mixed", "odd", "large"],
)  # fmt: skip
def test_indexes_come_back_with_type_and_name(index):
    pd.testing.assert_index_equal(there_and_back(index, Labels(len(index), distinct=True)), index)


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(2)), np.array([], np.int32)])
def test_arrays_come_back_read_only(array):
    result = there_and_back(array, Array(array.dtype.str, (range(9),) * array.ndim))
    assert result.dtype == array.dtype
    assert not result.flags.writeable
    np.testing.assert_array_equal(result, array)


def test_what_has_no_plain_form_is_refused():
    with pytest.raises(ranef.DataError, match="holds a set"):
        there_and_back({1, 2}, Plain(9))


@pytest.mark.parametrize(
    ("value", "form", "message"),
    [
        ({"pickle": "..."}, Plain(9), "value is a dict, not a number"),
        ({"class": "Popen", "fields": {}}, PAIR, "value is a dict, not a Pair"),
        ({"class": "Popen", "fields": {}}, ByClass({"Pair": PAIR}), "not a Pair"),
        ({"class": "Pair", "fields": {}}, PAIR, "value lacks the field 'left'"),
        ({"class": "Pair", "fields": {"left": {"tuple": []}, "up": 1}}, PAIR, "value has a field 'up'"),
        ({"class": "Pair", "fields": {"left": {"tuple": ["a", 1]}}}, PAIR, r"value.left\[1\] is 1, not text"),
        (True, Whole(), "value is True, not a whole number"),
        (10**400, Number(), "not a number"),
        ({"number": "nan"}, Number(), "value is nan, not a finite number"),
        ("up", Text(("left",)), "value is 'up', not one of 'left'"),
        ({"dict": [["a", 1], ["a", 2]]}, Named(Number()), "distinct names"),
        ({"tuple": [1, 2]}, Row(Whole(), 3), "value has 2 entries, not 3"),
        ({"list": [0] * 10}, Plain(9), "value has 10 entries, 9 at most"),
        ({"index": {"list": ["a", "a"]}, "name": None, "dtype": "str"}, Labels(distinct=True), "holds 'a' twice"),
        ({"index": {"list": ["a"]}, "name": None, "dtype": "os.system"}, Labels(), "the type of value"),
        ({"index": {"list": ["a"]}, "name": None, "dtype": "int64"}, Labels(), "no labels of type 'int64'"),
        ({"array": "b"}, Array("<f8", (2,)), "b.npy is missing"),
        ({"array": "a"}, Array("<f8", (2,)), "a.npy holds 3 numbers of type <f8, not 2 of <f8"),
        ({"array": "a"}, Array("<i4", (3,)), "a.npy holds 3 numbers of type <f8, not 3 of <i4"),
        ({"array": "a"}, Array("<f8", (3,)), "value holds nan where numbers must be finite"),
    ],
)  # fmt: skip
def test_other_forms_are_refused_with_their_place(value, form, message):
    with pytest.raises(ranef.DataError, match=message):
        form.read(value, "value", archive_of({"a": np.array([1.0, np.nan, 2.0])}))


def test_depth_is_bounded():
    deep = 1
    for _ in range(20):
        deep = {"list": [deep]}
    with pytest.raises(ranef.DataError, match="so deep inside"):
        Plain(9).read(deep, "value", archive_of({}))
