"""Reference results of R for what comes after the fit: loading a case, fitting its model, comparing its tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ranef
from support.reference_cases import REFERENCE, data_path

# P-values are compared absolutely: a relative tolerance says nothing about one of 1e-12.
P_VALUE_ATOL = 1e-4


@dataclass(frozen=True)
class InferenceCase:
    """One case of `tests/reference/inference`: a model and named results."""

    raw: dict[str, Any]

    @property
    def expect(self) -> dict[str, Any]:
        """The reference's results by name."""
        return dict(self.raw["expect"])

    @property
    def args(self) -> dict[str, Any]:
        """What a result of some name was asked for, where that is not plain."""
        return dict(self.raw.get("args") or {})

    @cached_property
    def data(self) -> pd.DataFrame:
        """The case's data; see `read_data`."""
        return read_data(self.raw["data"], self.raw["categorical"])

    def fit(self, **changes: Any) -> ranef.Fit:
        """The case's model; `changes` are arguments of `ranef.fit` (another formula, say)."""
        return _fit(self.raw["id"], tuple(sorted(changes.items(), key=lambda item: item[0])))

    def table(self, name: str) -> pd.DataFrame:
        """A result as a table: rows labelled, ``"Inf"`` infinite, R's NA as NaN."""
        made = pd.DataFrame({key: plain(value) for key, value in self.expect[name].items()})
        return made.set_index("row") if "row" in made else made

    def matrix(self, name: str) -> pd.DataFrame:
        """A result that is a matrix with named rows and columns."""
        held = self.expect[name]
        return pd.DataFrame(held["values"], index=held["rows"], columns=held["cols"], dtype=float)

    def tolerances(self, name: str) -> dict[str, float]:
        """`rtol` and `atol` for a result: those of the longest prefix of its name that has its own."""
        held = self.raw["tolerance"]
        made = {}
        for kind in ("rtol", "atol"):
            prefixes = [key.removesuffix(f"_{kind}") for key in held if key.endswith(f"_{kind}")]
            own = max((p for p in prefixes if name.startswith(p)), key=len, default=None)
            made[kind] = float(held.get(kind, 0.0) if own is None else held[f"{own}_{kind}"])
        return made

    def assert_close(self, name: str, actual: Any, expected: Any) -> None:
        """Compare numbers with a result's own tolerances.

        Raises
        ------
        AssertionError
            If they differ.
        """
        np.testing.assert_allclose(
            np.asarray(actual, dtype=float),
            np.asarray(expected, dtype=float),
            **self.tolerances(name),
            err_msg=f"{self.raw['id']}: {name}",
        )


def plain(value: Any) -> Any:
    """JSON's stand-ins for infinities and NA as floats, through lists."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value in ("Inf", "-Inf"):
        return float(value.replace("Inf", "inf"))
    return np.nan if value is None else value


def read_data(name: str, categorical: Any) -> pd.DataFrame:
    """A data set with its factors as ordered level lists.

    Raises
    ------
    DataAbsentError
        If the file is neither in the project nor beside it.
    """
    orders = categorical if isinstance(categorical, dict) else dict.fromkeys(categorical or [])
    data = pd.read_csv(data_path(Path(name).name), dtype=dict.fromkeys(orders, "str"))
    for column, order in orders.items():
        levels = order or sorted(data[column].dropna().unique())
        data[column] = pd.Categorical(data[column], categories=levels)
    return data


@cache
def load_inference_case(name: str) -> InferenceCase:
    """The case called `name`, as in ``inf-<name>.json``."""
    return InferenceCase(json.loads((REFERENCE / "inference" / f"inf-{name}.json").read_text()))


@cache
def _fit(identifier: str, changes: tuple[tuple[str, Any], ...]) -> ranef.Fit:
    case = load_inference_case(identifier.removeprefix("inf-"))
    raw = case.raw
    arguments: dict[str, Any] = {
        "formula": raw["formula"],
        "data": case.data,
        "family": ranef.families.make(raw["family"], raw["link"]),
        "ziformula": raw.get("ziformula"),
        "dispformula": raw.get("dispformula"),
        "reml": bool(raw["reml"]),
    }
    return ranef.fit(**(arguments | dict(changes)))
