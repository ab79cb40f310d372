"""Reference fits of R: loading a case, building the same call here, the reference's parameters under our names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

import ranef

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
# Data sets that are not the project's to copy are read from beside the repository.
OUTSIDE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "data"

CASE_IDS = tuple(sorted(path.stem for path in (REFERENCE / "fits").glob("*.json")))

# Plain weights of a gaussian model mean precision (lme4); glmmTMB multiplied the log-density instead.
LIKELIHOOD_WEIGHTS = ("weights-gaussian-glmmtmb",)


class DataAbsentError(LookupError):
    """The case's data set is neither in the project nor beside it."""


@dataclass(frozen=True)
class ReferenceCase:
    """One case: the JSON as it is, and what is made of it."""

    raw: dict[str, Any]

    @property
    def name(self) -> str:
        """The case's id."""
        return str(self.raw["id"])

    @property
    def expect(self) -> dict[str, Any]:
        """The reference's results."""
        return dict(self.raw["expect"])

    @property
    def tolerance(self) -> dict[str, float | None]:
        """The case's own tolerances; None: not to be compared."""
        return dict(self.raw["tolerance"])

    @cached_property
    def data(self) -> pd.DataFrame:
        """The data set with its factors as ordered level lists.

        Raises
        ------
        DataAbsentError
            If the file is not here.
        """
        path = data_path(self.raw["data"])
        categorical = self.raw["categorical"]
        orders = categorical if isinstance(categorical, dict) else dict.fromkeys(categorical)
        data = pd.read_csv(path, dtype=dict.fromkeys(orders, "str"))
        for name, order in orders.items():
            levels = order or sorted(data[name].dropna().unique())
            data[name] = pd.Categorical(data[name], categories=levels)
        return data

    def arguments(self) -> dict[str, Any]:
        """Arguments of `ranef.fit` and `ranef.model` for this case."""
        raw = self.raw
        weights = raw["weights"]
        if self.name in LIKELIHOOD_WEIGHTS:
            weights = ranef.weights.likelihood(self.data[weights].to_numpy())
        return {
            "formula": raw["formula"],
            "data": self.data,
            "family": ranef.families.make(raw["family"], raw["link"]),
            "ziformula": raw["ziformula"],
            "dispformula": raw["dispformula"],
            "weights": weights,
            "offset": raw["offset"],
            "reml": raw["reml"],
            "method": "pql" if raw["n_agq"] == 0 else "laplace",
        }

    def alternative_arguments(self) -> dict[str, Any] | None:
        """The equivalent way to write the fit (a proportion with its trials as weights), None if there is none."""
        if self.raw["formula_alt"] is None:
            return None
        return self.arguments() | self.raw["formula_alt"]


def data_path(name: str) -> Path:
    """Where a data set is.

    Raises
    ------
    DataAbsentError
        If it is nowhere.
    """
    for folder in (REFERENCE / "data", OUTSIDE):
        if (folder / name).exists():
            return folder / name
    raise DataAbsentError(f"data set {name} is not part of the project and not beside it")


@cache
def load_case(name: str) -> ReferenceCase:
    """The case called `name`."""
    return ReferenceCase(json.loads((REFERENCE / "fits" / f"{name}.json").read_text()))


def r_name(name: str) -> str:
    """R's name of a coefficient or effect: ``spp[T.PR]:mined[T.no]`` is ``sppPR:minedno`` there.

    The factors of an interaction come in the alphabet's order: which of them R names first depends on the formula.
    R's own names pass through with that order only.
    """
    if name == "Intercept":
        return "(Intercept)"
    plain = name.replace("[T.", "").replace("[", "").replace("]", "")
    return ":".join(sorted(plain.split(":")))


def reference_values(case: ReferenceCase, model: ranef.Model) -> dict[str, float]:
    """The reference's estimates as values of our parameters.

    Raises
    ------
    KeyError
        If the reference has no estimate for a parameter.
    """
    return {parameter.name: _value(case, model, parameter) for parameter in model.parameter_info}


def _value(case: ReferenceCase, model: ranef.Model, parameter: Any) -> float:
    if parameter.kind == "beta":
        return _coefficient(case, model.family, parameter)
    entry, names = _covariance_entry(case, parameter)
    if parameter.row < 0:
        return float(entry["sd"][0] if parameter.kind == "sd" else entry["corr"][1][0])
    if parameter.kind == "sd":
        return float(entry["sd"][names.index(r_name(parameter.term))])
    row, col = (names.index(r_name(piece)) for piece in parameter.term.split(","))
    return float(entry["corr"][row][col])


def _coefficient(case: ReferenceCase, family: ranef.families.Family, parameter: Any) -> float:
    table = case.expect["fixef"].get(parameter.component)
    if table is None and parameter.component == "disp":
        return constant_dispersion(case.expect["sigma"], family)
    estimates = dict(zip(map(r_name, table["names"]), table["estimate"], strict=True))
    return float(estimates[r_name(parameter.term)])


def constant_dispersion(sigma: float, family: ranef.families.Family) -> float:
    """The dispersion's linear predictor from R's ``sigma()``: for gamma sigma = 1 / sqrt(shape), else itself."""
    import math

    return -2.0 * math.log(sigma) if family.dispersion == "log_shape" else math.log(sigma)


def _covariance_entry(case: ReferenceCase, parameter: Any) -> tuple[dict[str, Any], list[str]]:
    """The reference's term that holds a standard deviation or correlation, and its effect names."""
    wanted = [] if parameter.row < 0 else [r_name(piece) for piece in parameter.term.split(",")]
    for entry in case.expect["varcorr"]:
        terms = list(entry["terms"])
        if entry["component"] != parameter.component or plain_group(entry["group"]) != parameter.group:
            continue
        if all(name in terms for name in wanted):
            return entry, terms
    raise KeyError(f"{case.name}: the reference has no {parameter.name}")


def plain_group(group: str) -> str:
    """lme4 numbers the pieces of one grouping factor: ``classid.1`` is ``classid``."""
    stem, dot, number = group.rpartition(".")
    return stem if dot and number.isdigit() else group
