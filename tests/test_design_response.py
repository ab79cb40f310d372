"""Responses: their forms, and values that a family does not allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ranef import families, weights
from ranef.design.build import build_design
from ranef.design.design import ResponseDesign
from ranef.errors import DataError, FormulaError

N = 20
DATA = pd.DataFrame(
    {
        "x": np.linspace(0, 1, N),
        "real": np.linspace(-2, 3, N),
        "positive": np.linspace(0.5, 3, N),
        "share": np.linspace(0.05, 0.95, N),
        "count": np.arange(N) % 5,
        "size": 4 + np.arange(N) % 5,
        "zero_one": np.arange(N) % 2,
        "yes": np.where(np.arange(N) % 2, "yes", "no"),
        "flag": np.arange(N) % 2 == 1,
        "three": np.array(["a", "b", "c"])[np.arange(N) % 3],
    },
    index=[f"r{k}" for k in range(N)],
)


def response(formula: str, family: str, data: Any = DATA, **more: Any) -> ResponseDesign:
    return build_design(f"{formula} ~ x", data, family=families.make(family), **more).response


def with_value(column: str, value: Any, rows: tuple[int, ...] = (3, 7)) -> pd.DataFrame:
    data = DATA.copy()
    data[column] = data[column].astype(float)
    data.iloc[list(rows), data.columns.get_loc(column)] = value
    return data


def test_a_number_is_taken_as_it_is() -> None:
    made = response("real", "gaussian")
    assert (made.name, made.form, made.trials, made.levels) == ("real", "plain", None, None)
    np.testing.assert_array_equal(made.values, DATA["real"])


@pytest.mark.parametrize(
    ("formula", "values"),
    [
        ("log(positive)", np.log(DATA["positive"])),
        ("I(real / 10)", DATA["real"] / 10),
        ("real^2 + 1", DATA["real"] ** 2 + 1),
        ("scale(real)", (DATA["real"] - DATA["real"].mean()) / DATA["real"].std()),
        ("asin(sqrt(share))", np.arcsin(np.sqrt(DATA["share"]))),
    ],
)
def test_a_response_may_be_an_expression(formula: str, values: pd.Series) -> None:
    np.testing.assert_allclose(response(formula, "gaussian").values, values, rtol=1e-14)


def test_cbind_gives_successes_and_trials() -> None:
    made = response("cbind(count, size - count)", "binomial")
    assert made.form == "cbind"
    np.testing.assert_array_equal(made.values, DATA["count"])
    np.testing.assert_array_equal(made.trials, DATA["size"])


@pytest.mark.parametrize("given", ["size", DATA["size"], DATA["size"].to_numpy(), weights.trials("size")])
def test_a_proportion_with_trials_gives_the_same_as_cbind(given: Any) -> None:
    data = DATA.assign(prop=DATA["count"] / DATA["size"])
    made = build_design("prop ~ x", data, family=families.make("binomial"), weights=given)
    assert made.response.form == "proportion"
    np.testing.assert_array_equal(made.response.values, DATA["count"])
    np.testing.assert_array_equal(made.response.trials, DATA["size"])
    assert made.weights is not None
    assert made.weights.kind == "trials"


def test_a_rounded_proportion_still_counts_its_successes() -> None:
    data = DATA.assign(prop=(DATA["count"] / DATA["size"]).round(5))
    np.testing.assert_array_equal(response("prop", "binomial", data, weights="size").values, DATA["count"])


@pytest.mark.parametrize(
    ("column", "levels"), [("yes", ("no", "yes")), ("flag", (False, True)), ("real > 0.5", (False, True))]
)
def test_the_second_level_is_the_success(column: str, levels: tuple[Any, Any]) -> None:
    made = response(column, "binomial")
    assert (made.form, made.levels, made.trials) == ("factor", levels, None)
    truth = DATA["real"] > 0.5 if ">" in column else DATA["zero_one"]
    np.testing.assert_array_equal(made.values, truth)


def test_the_success_follows_the_order_of_the_categories() -> None:
    data = DATA.assign(yes=pd.Categorical(DATA["yes"], categories=["yes", "no"]))
    np.testing.assert_array_equal(response("yes", "binomial", data).values, 1 - DATA["zero_one"])


# Response, family, value put into rows r3 and r7, arguments, what the message says.
OUTSIDE: list[tuple[str, str, float, dict[str, Any], str]] = [
    (
        "count",
        "poisson",
        -1,
        {},
        r"whole number >= 0 for poisson; it is -1 in row r3 \(2 rows in all: rows r3 and r7\)",
    ),
    ("count", "nbinom2", 2.5, {}, r"whole number >= 0 for nbinom2; it is 2.5 in row r3"),
    ("count", "nbinom1", np.inf, {}, r"'count' is inf in rows r3 and r7"),
    ("real", "gaussian", -np.inf, {}, r"'real' is -inf in rows r3 and r7"),
    ("count", "truncated_poisson", 0, {}, r"whole number >= 1 for truncated_poisson.*ziformula='~ 1'"),
    ("positive", "gamma", 0, {}, r"> 0 for gamma; it is 0 in row r3"),
    ("positive", "gamma", -1, {"ziformula": "~ 1"}, r">= 0 for gamma with zero inflation; it is -1 in row r3"),
    ("share", "beta", 0, {}, r"between 0 and 1, exclusive, for beta; it is 0"),
    ("share", "beta", 1, {}, r"between 0 and 1, exclusive, for beta; it is 1"),
    ("share", "beta", 1, {"ziformula": "~ 1"}, r"in \[0, 1\) for beta with zero inflation; it is 1"),
    ("zero_one", "binomial", 2, {}, r"0 or 1 for binomial; it is 2 in row r3.*cbind"),
    ("zero_one", "betabinomial", 0.5, {}, r"0 or 1 for betabinomial; it is 0.5.*trials"),
    ("share", "binomial", 1.5, {"weights": "size"}, r"proportion between 0 and 1; it is 1.5"),
    ("cbind(count, size)", "binomial", -1, {}, r"'count' must be a whole number >= 0; it is -1 in row r3"),
    ("cbind(size, count)", "binomial", 0.5, {}, r"'count' must be a whole number >= 0; it is 0.5 in row r3"),
]


@pytest.mark.parametrize(
    ("formula", "family", "value", "more", "message"),
    OUTSIDE,
    ids=[f"{o[0]}={o[2]} {o[1]} {'zi' if 'ziformula' in o[3] else ''}" for o in OUTSIDE],
)
def test_values_outside_the_support_are_named_with_their_rows(
    formula: str, family: str, value: float, more: dict[str, Any], message: str
) -> None:
    column = "count" if "cbind" in formula else formula
    with pytest.raises(DataError, match=message):
        response(formula, family, with_value(column, value), **more)


@pytest.mark.parametrize(
    ("column", "family"),
    [("positive", "gamma"), ("share", "beta"), ("count", "truncated_nbinom2"), ("count", "poisson")],
)
def test_zero_inflation_allows_zeros(column: str, family: str) -> None:
    assert response(column, family, with_value(column, 0.0), ziformula="~ 1").values[3] == 0.0


def test_a_proportion_that_is_no_share_of_its_trials_is_an_error() -> None:
    with pytest.raises(DataError, match=r"share times weights 'size'.*whole number of successes"):
        response("share", "binomial", weights="size")


def test_trials_must_be_whole() -> None:
    with pytest.raises(DataError, match=r"weights 'positive'.*whole number of trials; it is 0.5 in row r0"):
        response("share", "binomial", weights="positive")


@pytest.mark.parametrize(
    ("formula", "family", "message"),
    [
        ("three", "binomial", r"3 levels \('a', 'b', 'c'\).*the second is the success"),
        ("yes", "gaussian", r"holds 'no', 'yes': family gaussian needs numbers"),
        ("three", "poisson", "family poisson needs numbers"),
        ("cbind(count, size)", "poisson", "for binomial and betabinomial, not for poisson"),
        ("log(yes)", "gaussian", "'yes' must be numeric, but holds values such as 'no'"),
    ],
)
def test_a_response_that_the_family_cannot_have(formula: str, family: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        response(formula, family)


@pytest.mark.parametrize(
    ("formula", "family", "data", "message"),
    [
        ("real", "gaussian", DATA.assign(real=1.5), "constant: 1.5 in all 20 rows"),
        ("count", "poisson", DATA.assign(count=0), "constant: 0 in all 20 rows"),
        ("zero_one", "binomial", DATA.assign(zero_one=1), "constant: 1 in all 20 rows"),
        ("flag", "binomial", DATA.assign(flag=True), "constant"),
        ("yes", "binomial", DATA.assign(yes="no"), "1 level"),
        ("cbind(count, size)", "binomial", DATA.assign(count=0), "there is no success in any row"),
        ("cbind(size, count)", "binomial", DATA.assign(count=0), "there is no failure in any row"),
    ],
)
def test_a_constant_response_is_an_error(formula: str, family: str, data: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        response(formula, family, data)


def test_a_response_that_is_no_number_a_row_is_an_error() -> None:
    with pytest.raises(FormulaError, match="one number a row"):
        response("c(1, 2)", "gaussian")
