"""Data that cannot be fitted: each gets an error that says what, where and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ranef import families
from ranef.design.build import build_design
from ranef.errors import DataError, FormulaError, RanefError

N = 12
DATA = pd.DataFrame(
    {
        "Reaction": np.random.default_rng(1).normal(size=N),
        "Days": np.arange(N) % 4,
        "Subject": np.arange(N) // 4,
        "sex": "F",
        "empty": np.nan,
        "f": list("abcdef") * 2,
        "mixed": [1, "a"] * 6,
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N), unit="D"),
    }
)


def design(formula: Any, data: Any = DATA, **more: Any) -> Any:
    return build_design(formula, data, family=families.make("gaussian"), **more)


CASES: list[tuple[str, Any, str]] = [
    ("Reaction ~ days", DATA, r"no column 'days', which 'Reaction ~ days' uses; did you mean 'Days'\?.*Columns: Rea"),
    ("Reaction ~ Dayz", DATA, r"did you mean 'Days'"),
    ("Reaction ~ zzzzzz", DATA, r"no column 'zzzzzz', which 'Reaction ~ zzzzzz' uses; columns"),
    ("Reaction ~ log(dayss)", DATA, r"uses; did you mean 'day'"),
    ("Reaction ~ (1 | subject)", DATA, r"did you mean 'Subject'"),
    ("Reactio ~ Days", DATA, r"did you mean 'Reaction'"),
    ("Reaction ~ Days", DATA.head(0), "the data have no rows"),
    ("Reaction ~ Days", {}, "no rows|no column"),
    ("Reaction ~ empty", DATA, "column 'empty' has no value: all 12 rows are missing"),
    ("Reaction ~ sex", DATA, r"factor 'sex' \(term 'sex'\) has one level, 'F', in the 12 rows"),
    ("Reaction ~ Days + factor(sex)", DATA, r"factor 'sex' \(term 'factor\(sex\)'\) has one level"),
    ("Reaction ~ Days + (1 | sex)", DATA, r"grouping factor 'sex' of \(1 \| sex\) has one level, 'F'"),
    ("Reaction ~ mixed", DATA, "'mixed' mixes values of type int and str"),
    ("Reaction ~ day", DATA, "'day' holds dates or times; make it numeric"),
    ("Reaction ~ f * Days * I(Days^2)", DATA, r"have 24 coefficients but the data only 12 rows"),
    ("Reaction ~ log(Days)", DATA, r"term 'log\(Days\)' is -inf in rows 0, 4 and 8"),
    ("Reaction ~ Days", pd.concat([DATA, DATA[["Days"]]], axis=1), "2 columns named 'Days': rename all but one"),
    ("Reaction ~ Days", [1, 2], "data must be a table .* got list"),
    ("Reaction ~ Days", None, "data must be a table .* got NoneType"),
    ("Reaction ~ Days", {"Reaction": [1.0, 2.0], "Days": [1]}, "'Reaction' has 2 values, 'Days' has 1"),
    ("Reaction ~ Days", {"Reaction": [1.0, 2.0], "Days": np.ones((2, 2))}, r"one dimension, got shape \(2, 2\)"),
    ("Reaction ~ Days", {"Reaction": [1.0, 2.0], "Days": [1j, 2j]}, "complex"),
    ("Reaction ~ Days + empty2", DATA.assign(Days=[1, np.nan] * 6, empty2=[np.nan, 1] * 6),
     r"no row is complete: of 12 rows, missing are 'Days': 6, 'empty2': 6"),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "data", "message"), CASES, ids=[f"{k}: {c[0]}" for k, c in enumerate(CASES)])
def test_data_that_do_not_fit_the_formula_are_explained(formula: str, data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        design(formula, data)


def test_a_saturated_gaussian_model_is_an_error() -> None:
    with pytest.raises(DataError, match="6 coefficients fit 6 rows exactly and leave no residual"):
        design("Reaction ~ f", DATA.head(6))


def test_a_column_missing_from_another_formula_names_that_formula() -> None:
    with pytest.raises(DataError, match=r"no column 'zz', which 'ziformula ~ 1 \+ zz' uses"):
        design("Reaction ~ Days", ziformula="~ 1 + zz")


@pytest.mark.parametrize("formula", [None, 3, ["y ~ x"]])
def test_a_formula_is_text(formula: Any) -> None:
    with pytest.raises(FormulaError, match="a formula is text such as"):
        design(formula)


def test_na_action_is_one_of_two() -> None:
    with pytest.raises(DataError, match="'drop' or 'raise', got 'omit'"):
        design("Reaction ~ Days", na_action="omit")


def test_a_term_that_cannot_be_evaluated_says_why() -> None:
    with pytest.raises(FormulaError, match=r"cannot evaluate the terms.*poly\(Days,-1\)"):
        design("Reaction ~ poly(Days, -1)")


def test_an_unused_column_that_is_there_twice_does_no_harm() -> None:
    data = pd.concat([DATA, DATA[["sex"]]], axis=1)
    assert design("Reaction ~ Days", data).n_rows == N


def test_errors_of_input_are_value_errors_of_this_package() -> None:
    with pytest.raises(ValueError, match="no column") as caught:
        design("Reaction ~ nope")
    assert isinstance(caught.value, RanefError)
