"""The same numbers wherever and from whatever: threads, forked processes, kinds of tables and columns."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.simulated import simulate

import ranef

CALL: dict[str, Any] = {"formula": "y ~ x + f + (x | g)", "family": "poisson"}
DATA = simulate("poisson", seed=5).arguments["data"]


def numbers(fit: ranef.Fit) -> np.ndarray:
    return np.concatenate([[fit.loglik], fit.fixef(), fit.parameters()["estimate"], fit.fitted()])


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return numbers(ranef.fit(data=DATA, **CALL))


def test_two_threads_give_what_a_sequence_gives() -> None:
    calls = [CALL, {"formula": "y ~ x + (1 | g) + (1 | h)", "family": "nbinom2"}]
    in_sequence = [numbers(ranef.fit(data=DATA, **call)) for call in calls]
    together = threading.Barrier(len(calls))

    def fit(call: dict[str, Any]) -> np.ndarray:
        together.wait(timeout=30)
        return numbers(ranef.fit(data=DATA, **call))

    with ThreadPoolExecutor(len(calls)) as pool:
        for ours, alone in zip(pool.map(fit, calls), in_sequence, strict=True):
            np.testing.assert_array_equal(ours, alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_fits(expected: np.ndarray) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(write, numbers(ranef.fit(data=DATA, **CALL)).tobytes())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        received = np.frombuffer(answer.read())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(received, expected)


def to_polars(data: pd.DataFrame) -> Any:
    polars = pytest.importorskip("polars")
    return polars.DataFrame({name: text_levels(data[name]).to_list() for name in data})


def to_polars_categorical(data: pd.DataFrame) -> Any:
    polars = pytest.importorskip("polars")
    table = to_polars(data)
    return table.with_columns(polars.col("f").cast(polars.Enum(["a", "b", "c"])))


def to_arrow(data: pd.DataFrame) -> Any:
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({name: text_levels(data[name]).to_list() for name in data})


def text_levels(column: pd.Series) -> pd.Series:
    return column.astype(column.cat.categories.dtype) if isinstance(column.dtype, pd.CategoricalDtype) else column


def read_only(data: pd.DataFrame) -> pd.DataFrame:
    arrays = {name: data[name].to_numpy().copy() for name in ("x", "y")}
    for array in arrays.values():
        array.setflags(write=False)
    return data.assign(**arrays)


TABLES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas strings": lambda data: data.assign(f=data["f"].astype("string"), g=data["g"].astype(str)),
    "pandas objects": lambda data: data.astype(object),
    "pandas nullable": lambda data: data.assign(y=data["y"].astype("Int64"), x=data["x"].astype("Float64")),
    "pandas int32": lambda data: data.assign(y=data["y"].astype(np.int32), g=data["g"].astype(np.int32)),
    "pandas float32 response": lambda data: data.assign(y=data["y"].astype(np.float32)),
    "pandas read-only": read_only,
    "dict of arrays": lambda data: {name: text_levels(data[name]).to_numpy() for name in data},
    "dict of lists": lambda data: {name: text_levels(data[name]).to_list() for name in data},
    "polars": to_polars,
    "polars enum": to_polars_categorical,
    "pyarrow": to_arrow,
}


@pytest.mark.parametrize("kind", list(TABLES))
def test_every_kind_of_table_gives_the_same_numbers(kind: str, expected: np.ndarray) -> None:
    fit = ranef.fit(data=TABLES[kind](DATA), **CALL)
    # One design, so one path of the optimiser.
    np.testing.assert_allclose(numbers(fit), expected, rtol=1e-12)


def test_float32_covariate_is_what_its_values_are_in_float64() -> None:
    rounded = DATA.assign(x=DATA["x"].astype(np.float32))
    fit = ranef.fit(data=rounded, **CALL)
    exact = ranef.fit(data=rounded.assign(x=rounded["x"].astype(np.float64)), **CALL)
    np.testing.assert_array_equal(numbers(fit), numbers(exact))


def test_a_fit_repeats_itself(expected: np.ndarray) -> None:
    np.testing.assert_array_equal(numbers(ranef.fit(data=DATA, **CALL)), expected)
