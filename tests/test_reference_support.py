"""The comparison itself: a fit made of the reference's own numbers passes, and every number that is moved is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import reference_checks as checks
from support.reference_cases import CASE_IDS, ReferenceCase, constant_dispersion, load_case, plain_group, r_name

import ranef


class Echo:
    """A fit that answers with the reference's numbers, scaled by `factor` (1: all of them as they are)."""

    def __init__(self, case: ReferenceCase, factor: float = 1.0) -> None:
        self.case = case
        self.factor = factor
        expect = case.expect
        self.df, self.nobs, self.loglik = expect["df"] + (factor != 1.0), expect["nobs"], expect["loglik"]
        self.aic, self.bic = expect["aic"] * factor, expect["bic"] * factor
        self.sigma = (expect["sigma"] or np.nan) * factor

    def fixef(self, component: str = "cond") -> pd.Series:
        table = self.case.expect["fixef"][component]
        return pd.Series(np.array(table["estimate"]) * self.factor, index=table["names"])

    def vcov(self, component: str = "cond") -> np.ndarray:
        return np.diag((np.array(self.case.expect["fixef"][component]["se"]) * self.factor) ** 2)

    def varcorr(self) -> Any:
        return self

    def to_frame(self) -> pd.DataFrame:
        rows = []
        for entry in self.case.expect["varcorr"]:
            head, names = (entry["component"], plain_group(entry["group"])), entry["terms"]
            rows += [(*head, n, None, s * self.factor) for n, s in zip(names, entry["sd"], strict=True)]
            pairs = [(i, j) for i in range(len(names)) for j in range(i)]
            rows += [(*head, names[i], names[j], (entry["corr"][i][j] or 0.0) * self.factor) for i, j in pairs]
        return pd.DataFrame(rows, columns=["component", "group", "var1", "var2", "sdcor"])

    def ranef(self, component: str) -> dict[str, pd.DataFrame]:
        key = {"cond": "ranef", "zi": "ranef_zi", "disp": "ranef_disp"}[component]
        tables = {}
        for group, expected in self.case.expect[key].items():
            values = np.array(expected["values"]) * self.factor
            # The levels that the file leaves out share what is missing of the sum of squares.
            rest = expected["n_levels"] - len(values)
            missing = np.array(expected["sum_sq"]) * self.factor**2 - (values**2).sum(axis=0)
            filler = np.tile(np.sqrt(np.maximum(missing, 0.0) / max(rest, 1)), (rest, 1))
            labels = [*expected["levels"], *(f"other {k}" for k in range(rest))]
            tables[plain_group(group)] = pd.DataFrame(
                np.vstack([values, filler]), index=labels, columns=expected["terms"]
            )
        return tables

    def predict(self, type: str) -> pd.Series:  # noqa: A002 - the name it has in Fit.predict
        key = next(key for key, kind in checks.HEADS if kind == type)
        return pd.Series(self.case.expect[key], dtype=float) * self.factor


@pytest.mark.parametrize("name", CASE_IDS)
def test_the_reference_agrees_with_itself(name: str) -> None:
    case = load_case(name)
    for check in checks.CHECKS.values():
        assert check(case, Echo(case)) == []


@pytest.mark.parametrize("check", list(checks.CHECKS))
def test_a_moved_number_is_found(check: str) -> None:
    case = load_case("sleepstudy-ml")
    assert checks.CHECKS[check](case, Echo(case, factor=1.1))


def test_nan_never_passes() -> None:
    case = load_case("sleepstudy-ml")
    for check in checks.CHECKS.values():
        assert check(case, Echo(case, factor=float("nan")))


def test_a_coefficient_without_counterpart_is_a_difference() -> None:
    case = load_case("sleepstudy-ml")
    echo = Echo(case)
    echo.fixef = lambda component="cond": pd.Series({"Intercept": 251.4, "Hours": 10.5})  # type: ignore[method-assign]
    assert {d.quantity for d in checks.fixed_effects(case, echo)} >= {
        "cond: no counterpart of Days",
        "cond: no counterpart of Hours",
    }


def test_names_are_those_of_r() -> None:
    assert r_name("Intercept") == "(Intercept)"
    assert r_name("spp[T.EC-A]:mined[T.no]") == r_name("sppEC-A:minedno") == "minedno:sppEC-A"
    assert r_name("herd[12]") == "herd12"
    assert plain_group("classid.1") == "classid"
    assert plain_group("batch") == "batch"


def test_gamma_dispersion_is_a_log_shape() -> None:
    gamma = ranef.families.make("gamma")
    assert constant_dispersion(0.5, gamma) == pytest.approx(np.log(4.0))
    assert constant_dispersion(0.5, ranef.families.make("nbinom2")) == pytest.approx(np.log(0.5))
