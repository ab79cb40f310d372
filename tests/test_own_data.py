"""A fit's answers do not depend on what becomes of the caller's table, arrays and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ranef
from ranef.design import owned


def table() -> pd.DataFrame:
    random = np.random.default_rng(5)
    n = 60
    data = pd.DataFrame(
        {
            "f": random.choice(["a", "b", "c"], n),
            "x": random.normal(size=n),
            "w": random.integers(1, 4, n).astype(float),
            "g": np.arange(n) % 10,
        }
    )
    return data.assign(y=data["x"] + random.normal(size=10)[data["g"]] + random.normal(size=n))


def answers(fit: ranef.Fit) -> list[Any]:
    """What is computed from the data again, long after the fit."""
    return [
        fit.emmeans("~ f").to_frame().iloc[:, :3].to_numpy().tolist(),
        fit.anova(type=3).to_frame()["statistic"].tolist(),
        fit.joint_tests()["statistic"].tolist(),
        fit.update(". ~ . - f:x").loglik,
        fit.r2().to_frame().iloc[0, 0],
        fit.emtrends("~ f", "x").to_frame().iloc[:, :3].to_numpy().tolist(),
        fit.influence("g").cooks_distance.tolist(),
    ]


def overwrite(data: Any) -> None:
    data["x"][:] = 0.0
    data["f"][:] = "a"
    data["w"][:] = 9.0


def put(name: str, make: Callable[[pd.DataFrame], Any]) -> Callable[[pd.DataFrame], None]:
    return lambda data: data.__setitem__(name, make(data))


def drop_columns(data: pd.DataFrame) -> None:
    del data["x"]
    data.pop("w")


PANDAS: dict[str, Callable[[pd.DataFrame], None]] = {
    "column": put("x", lambda d: d["x"] * 10),
    "levels": put("f", lambda d: d["f"].map({"a": "z", "b": "b", "c": "c"})),
    "loc": lambda d: d.loc.__setitem__((slice(None), "x"), 0.0),
    "iat": lambda d: d.iat.__setitem__((0, 1), 100.0),
    "reversed rows": lambda d: d.iloc.__setitem__((slice(None), slice(None)), d.to_numpy()[::-1]),
    "dropped": drop_columns,
    "added": lambda d: d.insert(0, "first", 1.0),
    "renamed": lambda d: setattr(d, "columns", ["f", "u", "w", "g", "y"]),
    "labels": lambda d: setattr(d, "index", d.index[::-1]),
}


def fitted(data: Any, **given: Any) -> ranef.Fit:
    return ranef.fit("y ~ f * x + (1 | g)", data, reml=True, **given)


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    return answers(fitted(table(), weights="w"))


@pytest.mark.parametrize("change", PANDAS)
def test_answers_stay_when_a_pandas_table_changes(change: str, expected: list[Any]) -> None:
    data = table()
    fit = fitted(data, weights="w")
    PANDAS[change](data)
    assert answers(fit) == expected


@pytest.mark.parametrize("kind", ["arrays", "lists", "series"])
def test_answers_stay_when_a_dict_of_columns_changes(kind: str, expected: list[Any]) -> None:
    make = {"arrays": np.array, "lists": list, "series": pd.Series}[kind]
    data = {name: make(column) for name, column in table().items()}
    fit = fitted(data, weights="w")
    if kind == "lists":
        data["x"][:] = [0.0] * 60
    else:
        overwrite(data)
    del data["f"]
    assert answers(fit) == expected


def test_answers_stay_when_other_tables_change() -> None:
    expected = answers(fitted(pl.from_pandas(table())))
    data = pl.from_pandas(table())
    fit = fitted(data)
    data[0, "x"] = 100.0
    data.drop_in_place("f")
    assert answers(fit) == expected
    assert answers(fitted(pa.Table.from_pandas(table()))) == expected


def test_answers_of_a_lazy_table_are_those_of_the_file_that_was_fitted(tmp_path: Any) -> None:
    path = tmp_path / "data.csv"
    table().to_csv(path, index=False)
    fit = fitted(pl.scan_csv(path))
    expected = answers(fitted(pl.read_csv(path)))
    table().assign(x=0.0).to_csv(path, index=False)
    assert answers(fit) == expected


def test_arrays_and_dicts_beside_the_table_are_the_fits_own() -> None:
    weights, offset, held = np.ones(60), np.linspace(0.0, 1.0, 60), {"log_sigma": 0.0}
    contrasts = {"f": "sum"}
    given = {"weights": ranef.weights.precision(weights), "offset": offset, "fixed": held, "contrasts": contrasts}
    expected = answers(ranef.fit("y ~ f * x + (1 | g)", table(), **given))
    fit = ranef.fit("y ~ f * x + (1 | g)", table(), **given)
    weights[:30], offset[:] = 5.0, 3.0
    held["sd(Intercept|g)"] = 1.0
    contrasts.clear()
    assert answers(fit) == expected
    assert fit.df == 7


def test_columns_are_copied_where_nothing_copies_on_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned, "_copies_on_write", lambda: False)
    data = table()
    own = owned.owned_table(data, {"x"})
    assert not np.shares_memory(own["x"].to_numpy(), data["x"].to_numpy())
    assert np.shares_memory(own["w"].to_numpy(), data["w"].to_numpy())
