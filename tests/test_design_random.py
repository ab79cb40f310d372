"""Random terms: levels, labels and the block of columns that every level has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef import families
from ranef.design.build import build_design
from ranef.design.design import Design, RandomDesign
from ranef.errors import DataError, FormulaError

RNG = np.random.default_rng(3)
DATA = pd.DataFrame(
    {
        "y": RNG.normal(size=48),
        "x": RNG.normal(size=48),
        "f": np.array(["lo", "mid", "hi"])[np.arange(48) % 3],
        "a": np.array(["A", "B", "C", "D"])[np.arange(48) // 12],
        "b": np.array(["s", "t"])[np.arange(48) % 2],
        "time": np.arange(48) % 6 * 10,
        "one": "k",
    }
)


def design(formula: str, data: Any = DATA, **more: Any) -> Design:
    return build_design(formula, data, family=families.make("gaussian"), **more)


def term(formula: str) -> RandomDesign:
    return design(f"y ~ 1 + {formula}").terms[0]


def test_an_intercept_needs_no_columns() -> None:
    made = term("(1 | a)")
    assert (made.group, made.structure, made.term_names) == ("a", "us", ("Intercept",))
    assert made.basis is None
    assert made.column is None
    assert list(made.labels) == ["A", "B", "C", "D"]
    np.testing.assert_array_equal(made.levels, np.arange(48) // 12)


def test_a_slope_has_its_columns_in_the_basis() -> None:
    made = term("(x | a)")
    assert made.term_names == ("Intercept", "x")
    np.testing.assert_array_equal(made.basis, np.column_stack([np.ones(48), DATA["x"]]))


def test_a_factor_with_intercept_has_dummies_in_the_basis() -> None:
    made = term("(f | a)")
    assert made.term_names == ("Intercept", "f[T.lo]", "f[T.mid]")
    assert made.basis is not None
    np.testing.assert_array_equal(made.basis[:3], [[1, 1, 0], [1, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize("effects", ["0 + f", "f - 1", "-1 + f"])
def test_a_factor_without_intercept_is_one_indicator_a_row(effects: str) -> None:
    made = term(f"({effects} | a)")
    assert made.term_names == ("f[hi]", "f[lo]", "f[mid]")
    assert made.basis is None
    np.testing.assert_array_equal(made.column, np.array([1, 2, 0])[np.arange(48) % 3])


def test_a_number_made_a_factor_is_an_indicator_too() -> None:
    made = term("(0 + factor(time) | a)")
    assert made.term_names == tuple(f"C(time)[{t}]" for t in range(0, 60, 10))
    np.testing.assert_array_equal(made.column, np.arange(48) % 6)


@pytest.mark.parametrize("effects", ["0 + time", "time + 0", "time - 1", "0 + factor(time)"])
def test_ar1_takes_numeric_times_in_numeric_order(effects: str) -> None:
    data = DATA.assign(time=[5, 100, 20, -3] * 12)
    made = design(f"y ~ 1 + ar1({effects} | a)", data).terms[0]
    prefix = "C(time)" if "factor" in effects else "time"
    assert made.term_names == tuple(f"{prefix}[{t}]" for t in (-3, 5, 20, 100))
    np.testing.assert_array_equal(made.column, [1, 3, 2, 0] * 12)


@pytest.mark.parametrize("effects", ["1", "time", "0 + x + time", "0 + x:time"])
def test_ar1_of_anything_else_is_an_error(effects: str) -> None:
    with pytest.raises(FormulaError, match=r"ar1\(0 \+ time \| a\)"):
        term(f"ar1({effects} | a)")


def test_ar1_of_one_time_is_an_error() -> None:
    with pytest.raises(FormulaError, match="two or more"):
        term("ar1(0 + one | a)")


def test_compound_symmetry_of_one_column_is_an_error() -> None:
    with pytest.raises(FormulaError, match="cs needs two or more"):
        term("cs(1 | a)")


def test_crossed_columns_are_levels_in_the_order_of_the_first_then_the_second() -> None:
    made = term("(1 | b:a)")
    assert made.group == "b:a"
    assert list(made.labels) == ["s:A", "s:B", "s:C", "s:D", "t:A", "t:B", "t:C", "t:D"]
    np.testing.assert_array_equal(made.levels, 4 * (np.arange(48) % 2) + np.arange(48) // 12)


def test_nesting_gives_the_inner_and_the_outer_factor() -> None:
    terms = design("y ~ 1 + (1 | a/b)").terms
    assert [t.group for t in terms] == ["b:a", "a"]
    assert list(terms[0].labels[:2]) == ["s:A", "s:B"]


def test_combinations_that_no_row_has_are_no_levels() -> None:
    data = DATA[~((DATA["a"] == "B") & (DATA["b"] == "t"))]
    made = design("y ~ 1 + (1 | a:b)", data).terms[0]
    assert list(made.labels) == ["A:s", "A:t", "B:s", "C:s", "C:t", "D:s", "D:t"]
    assert sorted(set(made.levels.tolist())) == list(range(7))


def test_many_sparse_combinations_are_coded_like_few() -> None:
    n = 500
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"y": rng.normal(size=n), "a": rng.integers(0, 4000, n), "b": rng.integers(0, 4000, n)})
    data = pd.concat([data, data])
    made = design("y ~ 1 + (1 | a:b)", data).terms[0]
    labels = np.array(made.labels)[made.levels]
    assert labels.tolist() == [f"{a}:{b}" for a, b in zip(data["a"], data["b"], strict=True)]


def test_a_double_bar_gives_independent_terms_of_one_group() -> None:
    terms = design("y ~ 1 + (x + f || a)").terms
    assert [(t.group, t.term_names) for t in terms] == [
        ("a", ("Intercept",)),
        ("a", ("x",)),
        ("a", ("f[hi]", "f[lo]", "f[mid]")),
    ]


def test_terms_know_their_component() -> None:
    made = design("y ~ x + (1 | a)", dispformula="~ x + (1 | b)", ziformula="~ (x | a)")
    assert [(t.component, t.group) for t in made.terms] == [("cond", "a"), ("disp", "b"), ("zi", "a")]
    assert [p.component for p in made.predictors] == ["cond", "disp", "zi"]


@pytest.mark.parametrize("group", ["one", "one:one"])
def test_a_grouping_factor_with_one_level_is_an_error(group: str) -> None:
    with pytest.raises(DataError, match=r"grouping factor 'one' .*has one level, 'k'"):
        term(f"(1 | {group})")


def test_a_random_column_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(DataError, match=r"'log\(x\)' is nan in rows"):
        term("(log(x) | a)")


@pytest.mark.parametrize("formula", ["(1 | row)", "(x | row)", "(0 + f | cell)", "diag(0 + f | cell)"])
def test_an_effect_for_every_row_is_an_error_beside_a_gaussian_residual(formula: str) -> None:
    data = DATA.assign(row=np.arange(48), cell=np.arange(48) // 3)
    with pytest.raises(DataError, match=r"cannot be told apart from the residual.*dispformula='~ 0'"):
        design(f"y ~ 1 + {formula}", data)


@pytest.mark.parametrize(
    ("formula", "more"),
    [
        ("y ~ 1 + (1 | row)", {"dispformula": "~ 0"}),
        ("y ~ 1 + (1 | row)", {"dispformula": "~ x"}),
        ("y ~ 1 + (1 | row)", {"weights": "w"}),
        ("y ~ 1 + ar1(0 + f | cell)", {}),
        ("y ~ 1 + (0 + x | row)", {}),
    ],
)
def test_an_effect_for_every_row_is_fine_where_the_residual_is_told_apart(formula: str, more: dict[str, Any]) -> None:
    data = DATA.assign(row=np.arange(48), cell=np.arange(48) // 3, w=np.linspace(1, 2, 48))
    assert len(design(formula, data, **more).terms) == 1


def test_a_count_may_have_an_effect_for_every_row() -> None:
    data = DATA.assign(y=np.arange(48) % 5, row=np.arange(48))
    made = build_design("y ~ 1 + (1 | row)", data, family=families.make("poisson"))
    assert len(made.terms[0].labels) == 48


def times(values: Any) -> ranef.Fit:
    random = np.random.default_rng(8)
    data = pd.DataFrame({"t": pd.concat([pd.Series(values)] * 20, ignore_index=True)})
    data["g"] = np.repeat(np.arange(20), len(values))
    data["y"] = random.normal(size=20)[data["g"]] + random.normal(size=len(data))
    return ranef.fit("y ~ 1 + ar1(0 + t | g)", data)


def test_times_that_are_text_stand_in_numeric_order_and_are_mentioned() -> None:
    text, number = times([str(k) for k in range(1, 13)]), times(range(1, 13))
    assert text.loglik == pytest.approx(number.loglik, abs=1e-9)
    assert text.design.terms[0].term_names == number.design.terms[0].term_names
    np.testing.assert_allclose(text.predict(), number.predict(), atol=1e-9)
    assert "its times are text that reads as numbers" in str(text.summary())
    declared = times(pd.Categorical(["2", "10", "1"], categories=["2", "10", "1"]))
    assert declared.design.terms[0].term_names == ("t[2]", "t[10]", "t[1]")
    assert "one lag apart" not in str(declared.summary())


def test_times_that_are_not_evenly_spaced_are_mentioned() -> None:
    assert "successive ones are one lag apart, as 3 and 7 are" in str(times([1, 2, 3, 7, 8]).summary())
    assert "one lag apart" not in str(times([2, 4, 6, 8]).summary())
