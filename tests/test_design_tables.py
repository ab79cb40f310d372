"""Any table, any dtype: the same design; missing values are dropped and counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ranef import families
from ranef.design.build import build_design
from ranef.design.design import Design
from ranef.errors import DataError, DesignWarning

FORMULA = "y ~ x * f + I(x^2) + b + C(g) + (x | g) + (0 + f | b) + (1 | f:g)"


def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n).astype(np.float32),
            "x": rng.integers(-4, 9, n),
            "f": rng.choice(list("bca"), n),
            "g": 300 + np.arange(n) % 5,
            "b": rng.random(n) < 0.5,
            "unused": "never touched",
        }
    )


def gappy() -> pd.DataFrame:
    data = table().convert_dtypes()
    for row, column in [(2, "x"), (4, "f"), (6, "b"), (7, "g"), (8, "g"), (9, "y"), (9, "x")]:
        data.loc[row, column] = pd.NA
    return data


def design(data: Any, formula: str = FORMULA, **more: Any) -> Design:
    return build_design(formula, data, family=families.make("gaussian"), **more)


def assert_same(one: Design, other: Design) -> None:
    np.testing.assert_array_equal(one.response.values, other.response.values)
    for p, q in zip(one.predictors, other.predictors, strict=True):
        assert p.fixed.names == q.fixed.names
        np.testing.assert_array_equal(p.fixed.matrix, q.fixed.matrix)
    for s, t in zip(one.terms, other.terms, strict=True):
        assert s.term_names == t.term_names
        assert list(s.labels) == list(t.labels)
        np.testing.assert_array_equal(s.levels, t.levels)
        assert (s.basis is None) == (t.basis is None)
        if s.basis is not None:
            np.testing.assert_array_equal(s.basis, t.basis)
        if s.column is not None:
            np.testing.assert_array_equal(s.column, t.column)


CONVERSIONS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": pl.from_pandas,
    "polars lazy": lambda d: pl.from_pandas(d).lazy(),
    "polars enum": lambda d: pl.from_pandas(d).with_columns(pl.col("f").cast(pl.Enum(["a", "b", "c"]))),
    "polars categorical": lambda d: pl.from_pandas(d).with_columns(pl.col("f").cast(pl.Categorical)),
    "pyarrow": pa.Table.from_pandas,
    "pyarrow dictionary": lambda d: pa.Table.from_pandas(d.assign(f=pd.Categorical(d["f"]))),
    "dict of arrays": lambda d: {name: d[name].to_numpy() for name in d},
    "dict of lists": lambda d: {name: d[name].tolist() for name in d},
    "dict of polars series": lambda d: {name: pl.from_pandas(d)[name] for name in d.columns},
    "dict of categoricals": lambda d: {**{n: d[n].to_numpy() for n in d}, "f": pd.Categorical(d["f"])},
    "nullable": lambda d: d.convert_dtypes(),
    "arrow dtypes": lambda d: d.convert_dtypes(dtype_backend="pyarrow"),
    "categorical": lambda d: d.assign(f=pd.Categorical(d["f"])),
    "string": lambda d: d.astype({"f": "string"}),
    "object": lambda d: d.astype(object),
    "int32": lambda d: d.astype({"x": "int32", "g": "int16"}),
    "uint64": lambda d: d.assign(g=d["g"].astype("uint64")),
    "float32": lambda d: d.astype({"x": "float32", "g": "float32"}),
    "float64": lambda d: d.astype({"x": "float64", "g": "float64", "y": "float64"}),
    "decimal": lambda d: d.assign(x=[Decimal(int(v)) for v in d["x"]]),
    "fortran array behind": lambda d: pd.DataFrame({name: d[name] for name in reversed(d.columns)}),
}


@pytest.mark.parametrize("convert", list(CONVERSIONS.values()), ids=list(CONVERSIONS))
def test_every_kind_of_table_gives_the_same_design(convert: Callable[[pd.DataFrame], Any]) -> None:
    assert_same(design(table()), design(convert(table())))


GAPPY: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": pl.from_pandas,
    "pyarrow": pa.Table.from_pandas,
    "object": lambda d: d.astype(object),
    "lists": lambda d: {name: d[name].tolist() for name in d},
    "arrow dtypes": lambda d: d.convert_dtypes(dtype_backend="pyarrow"),
    "numpy": lambda d: d.assign(
        x=d["x"].to_numpy("float64", na_value=np.nan), g=d["g"].to_numpy("float64", na_value=np.nan)
    ),
    "masked arrays": lambda d: {
        **{name: d[name] for name in d},
        "x": np.ma.masked_array(d["x"].to_numpy("int64", na_value=-99), d["x"].isna().to_numpy()),
    },
}


@pytest.mark.parametrize("convert", list(GAPPY.values()), ids=list(GAPPY))
def test_missing_values_are_found_in_every_kind_of_table(convert: Callable[[pd.DataFrame], Any]) -> None:
    gaps = design(convert(gappy()))
    assert gaps.dropped_by == {"y": 1, "x": 2, "f": 1, "b": 1, "g": 2}
    assert np.flatnonzero(~gaps.kept).tolist() == [2, 4, 6, 7, 8, 9]
    complete = table()[gaps.kept]
    assert_same(gaps, design(complete))


def test_rows_are_not_dropped_for_columns_that_no_formula_uses() -> None:
    data = table().assign(unused=np.nan)
    assert design(data).kept.all()


def test_the_row_labels_of_all_rows_are_kept() -> None:
    data = gappy().set_index(pd.Index([f"row{k}" for k in range(60)]))
    gaps = design(data)
    assert list(gaps.index) == [f"row{k}" for k in range(60)]
    assert gaps.n_rows == 54


def test_na_action_raise_names_columns_and_rows() -> None:
    with pytest.raises(DataError, match=r"'x' \(rows 2 and 9\), 'f' \(row 4\).*na_action='drop'"):
        design(gappy(), na_action="raise")


def test_levels_stand_in_category_order_and_unused_ones_are_dropped() -> None:
    data = table().assign(f=lambda d: pd.Categorical(d["f"], categories=["c", "none", "a", "b"]))
    made = design(data, "y ~ f + (1 | f)")
    assert made.predictors[0].fixed.names == ("Intercept", "f[T.a]", "f[T.b]")
    assert list(made.terms[0].labels) == ["c", "a", "b"]


def test_a_level_whose_rows_are_all_dropped_is_no_level() -> None:
    data = table().assign(x=lambda d: d["x"].where(d["f"] != "a").astype("float64"))
    made = design(data, "y ~ x + f + (1 | f)")
    assert made.predictors[0].fixed.names == ("Intercept", "x", "f[T.c]")
    assert list(made.terms[0].labels) == ["b", "c"]


def test_numbers_as_levels_stand_in_numeric_order() -> None:
    data = table().assign(g=[10 * (k % 12) for k in range(60)])
    assert list(design(data, "y ~ 1 + (1 | g)").terms[0].labels) == [10 * k for k in range(12)]


@pytest.mark.parametrize("low", [-(2**40), 0, 2**40])
def test_far_apart_numbers_are_levels_like_any(low: int) -> None:
    data = table().assign(g=lambda d: low + 10**9 * (d["g"] - 300))
    made = design(data, "y ~ 1 + (1 | g)")
    assert list(made.terms[0].labels) == [low + 10**9 * k for k in range(5)]
    np.testing.assert_array_equal(made.terms[0].levels, np.arange(60) % 5)


@pytest.mark.parametrize("low", [-(2**63), 2**63 - 20, 2**64 - 20])
@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize(
    "convert",
    [
        lambda ids, dtype: np.array(ids, dtype=dtype),
        lambda ids, dtype: pd.array(ids, dtype=dtype.replace("u", "U").replace("int", "Int")),
        lambda ids, dtype: pd.Series(ids, dtype=f"{dtype}[pyarrow]"),
        lambda ids, dtype: pd.Series(ids, dtype=object),
    ],
    ids=["numpy", "nullable", "pyarrow", "object"],
)
def test_identifiers_keep_their_value_up_to_64_bits(low: int, step: int, convert: Callable[..., Any]) -> None:
    ids = [low + step * (k % 5) for k in range(60)]
    groups = convert(ids, "uint64" if max(ids) >= 2**63 else "int64")
    made = design(table().assign(g=groups), "y ~ 1 + (1 | g)")
    assert [int(label) for label in made.terms[0].labels] == ids[:5]
    np.testing.assert_array_equal(made.terms[0].levels, np.arange(60) % 5)


def test_identifiers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(DataError, match="'g' holds whole numbers of more than 64 bits"):
        design(table().assign(g=[2**64 + k % 5 for k in range(60)]), "y ~ 1 + (1 | g)")


def test_fractions_as_levels() -> None:
    data = table().assign(g=lambda d: (d["g"] - 300) / 2)
    assert list(design(data, "y ~ 1 + (1 | g)").terms[0].labels) == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_dates_may_be_levels() -> None:
    days = pd.Timestamp("2020-03-01") + pd.to_timedelta(np.arange(60) % 4, unit="D")
    assert list(design(table().assign(day=days), "y ~ 1 + (1 | day)").terms[0].labels) == list(days[:4])


def test_the_callers_table_is_left_as_it_was() -> None:
    data = gappy()
    before = data.copy(deep=True)
    design(data)
    pd.testing.assert_frame_equal(data, before)


def test_a_later_change_of_the_callers_table_leaves_the_design_alone() -> None:
    data = {name: np.array(column) for name, column in table().astype({"y": "float64"}).items()}
    data["x"] = data["x"].astype(np.float64)
    made, again = design(data), design({name: column.copy() for name, column in data.items()})
    for name in ("y", "x", "g"):
        data[name][:] = 0
    assert_same(made, again)


def test_read_only_arrays_will_do() -> None:
    data = {name: np.array(column) for name, column in table().items()}
    for column in data.values():
        column.setflags(write=False)
    assert_same(design(data), design(table()))


def test_matrices_have_the_memory_order_that_the_core_takes_without_copying() -> None:
    made = design(table())
    fixed = made.predictors[0].fixed.matrix
    assert fixed.dtype == np.float64
    assert fixed.flags.f_contiguous
    basis = made.terms[0].basis
    assert basis is not None
    assert basis.flags.c_contiguous
    assert all(term.levels.dtype == np.int32 for term in made.terms)


@pytest.mark.parametrize("code", [".", "NA", "", "-"])
def test_a_missing_value_written_as_text_among_numbers_is_named(code: str) -> None:
    data = table().assign(x=[code if k in (3, 40) else str(k / 7) for k in range(60)])
    message = rf"column 'x' is text, and so .* 59 levels, because of {re.escape(repr(code))} in rows \d+ and \d+;"
    with pytest.warns(DesignWarning, match=message):
        design(data, "y ~ 1 + (1 | x)")


def test_text_that_is_no_number_is_no_missing_value() -> None:
    data = table().assign(x=["." if k % 2 else "1a" for k in range(60)])
    assert design(data, "y ~ x + (1 | g)").n_rows == 60


def test_a_code_that_no_row_has_is_not_mentioned() -> None:
    kept = pd.Categorical([str(k % 3) for k in range(60)], categories=["0", "1", "2", "."])
    assert design(table().assign(x=kept), "y ~ x + (1 | g)").n_rows == 60
    dropped = table().assign(x=["." if k == 5 else str(k % 3) for k in range(60)])
    dropped.loc[5, "y"] = np.nan
    assert design(dropped, "y ~ x + (1 | g)").n_rows == 59
