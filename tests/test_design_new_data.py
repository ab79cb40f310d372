"""New data are treated like the old: levels, contrasts, knots, offsets, after pickling too."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ranef import families
from ranef.design.build import build_design, new_design
from ranef.design.design import Design
from ranef.errors import DataError

N = 60
RNG = np.random.default_rng(8)
DATA = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "x": RNG.normal(size=N),
        "z": RNG.uniform(1, 5, N),
        "f": RNG.choice(list("abc"), N),
        "h": RNG.choice(list("uv"), N),
        "year": 2000 + np.arange(N) % 3,
        "g": np.arange(N) % 6,
        "t": np.arange(N) // 6,
        "e": RNG.uniform(1, 2, N),
    }
)
FORMULA = (
    "y ~ x * f + ns(z, 3) + poly(x, 2) + bs(z, df = 5) + scale(e) + factor(year) + offset(log(e)) "
    "+ (x | g) + (0 + h | g) + (1 | f/h) + ar1(0 + t | g) + (poly(z, 2) | f)"
)


def design(formula: str = FORMULA, **more: Any) -> Design:
    return build_design(formula, DATA, family=families.make("gaussian"), **more)


@pytest.fixture(scope="module")
def full() -> Design:
    made = design(dispformula="~ f + (1 | h)", ziformula="~ 0 + x + I(x^2)", contrasts={"f": "sum"})
    return pickle.loads(pickle.dumps(made))


@pytest.mark.parametrize("rows", [slice(None), slice(0, 1), slice(7, 30)], ids=["all", "one", "some"])
@pytest.mark.parametrize("convert", [lambda d: d, pl.from_pandas], ids=["pandas", "polars"])
def test_the_fitted_rows_come_back_as_they_were(full: Design, rows: slice, convert: Any) -> None:
    new = new_design(full, convert(DATA.drop(columns="y").iloc[rows]))
    for old_p, new_p in zip(full.predictors, new.predictors, strict=True):
        assert new_p is not None
        assert new_p.fixed.names == old_p.fixed.names
        np.testing.assert_allclose(new_p.fixed.matrix, old_p.fixed.matrix[rows], rtol=1e-12, atol=1e-14)
        assert new_p.fixed.matrix.flags.f_contiguous
        if old_p.offset is not None:
            np.testing.assert_array_equal(new_p.offset, old_p.offset[rows])
    for old_t, new_t in zip(full.terms, new.terms, strict=True):
        assert new_t is not None
        np.testing.assert_array_equal(new_t.levels, old_t.levels[rows])
        assert new_t.levels.dtype == np.int32
        if old_t.basis is not None:
            np.testing.assert_allclose(new_t.basis, old_t.basis[rows], rtol=1e-12, atol=1e-14)
        if old_t.column is not None:
            np.testing.assert_array_equal(new_t.column, old_t.column[rows])


def test_levels_may_come_in_another_type_and_order() -> None:
    made = design("y ~ f + (1 | f:g) + (1 | g)")
    changed = DATA.iloc[::-1].assign(
        f=lambda d: pd.Categorical(d["f"], categories=["c", "q", "b", "a"]), g=lambda d: d["g"].astype(float)
    )
    new = new_design(made, changed)
    np.testing.assert_array_equal(new.predictors[0].fixed.matrix, made.predictors[0].fixed.matrix[::-1])
    for old_t, new_t in zip(made.terms, new.terms, strict=True):
        np.testing.assert_array_equal(new_t.levels, old_t.levels[::-1])


@pytest.mark.parametrize("formula", ["y ~ f", "y ~ f * x", "y ~ f:h", "y ~ x + (f | g)", "y ~ x + (0 + f | g)"])
def test_an_unseen_level_of_a_factor_names_column_level_and_rows(formula: str) -> None:
    with pytest.raises(DataError, match=r"'f' has 'q' in rows 1 and 3; the fitted data had the levels 'a', 'b', 'c'"):
        new_design(design(formula), DATA.head(5).assign(f=["a", "q", "b", "q", "c"]))


def test_an_unseen_level_of_a_number_made_a_factor_is_named() -> None:
    with pytest.raises(DataError, match=r"'year' has '1999' in row 0; the fitted data had the levels '2000'"):
        new_design(design("y ~ factor(year)"), DATA.head(1).assign(year=1999))


def test_a_new_level_of_a_grouping_factor_is_an_error_unless_allowed() -> None:
    made = design("y ~ x + (1 | g) + (1 | f:h)")
    new = DATA.head(3).assign(g=[0, 77, 2], f=["a", "a", "q"], h="u")
    with pytest.raises(DataError, match=r"'g' has levels that were not fitted: '77' \(row 1.*allow_new_levels=True"):
        new_design(made, new)
    allowed = new_design(made, new, allow_new_levels=True)
    assert [t.levels.tolist() for t in allowed.terms if t is not None] == [[0, -2, 2], [0, 0, -2]]


def test_a_combination_that_was_not_fitted_is_a_new_level() -> None:
    data = DATA[~((DATA["f"] == "b") & (DATA["h"] == "v"))]
    made = build_design("y ~ x + (1 | f:h)", data, family=families.make("gaussian"))
    with pytest.raises(DataError, match=r"'f:h' has levels that were not fitted: 'b:v' \(rows"):
        new_design(made, DATA)


@pytest.mark.parametrize("combined", [False, True])
def test_groups_match_where_numbers_and_text_read_alike(combined: bool) -> None:
    formula = "y ~ x + (1 | f:g)" if combined else "y ~ x + (1 | g)"
    made, texts = design(formula), DATA.assign(g=DATA["g"].astype(str))
    fitted_to_text = build_design(formula, texts, family=families.make("gaussian"))
    for fitted, new in ((made, texts), (fitted_to_text, DATA), (fitted_to_text, DATA.assign(g=DATA["g"] + 0.0))):
        (term,) = new_design(fitted, new).terms
        assert term is not None
        np.testing.assert_array_equal(term.levels, fitted.terms[0].levels)


@pytest.mark.parametrize(
    ("groups", "kind"),
    [
        (["0", "new"], "text such as 'new'"),
        (["00", "01"], "text such as '00'"),
        ([True, False], "truth values such as"),
    ],
)
def test_groups_of_another_kind_are_never_taken_for_new_ones(groups: list[object], kind: str) -> None:
    with pytest.raises(DataError, match=f"'g' holds {kind}.*but numbers where the model was fitted"):
        new_design(design("y ~ x + (1 | g)"), DATA.head(2).assign(g=groups), allow_new_levels=True)


def test_terms_that_are_left_out_need_no_columns() -> None:
    made = design("y ~ x + (1 | g) + (1 | h)")
    new = new_design(made, DATA[["x", "h"]], terms=[False, True])
    assert new.terms[0] is None
    np.testing.assert_array_equal(new.terms[1].levels, made.terms[1].levels)


def test_components_that_are_left_out_need_no_columns() -> None:
    made = design("y ~ x", dispformula="~ z", ziformula="~ f")
    new = new_design(made, DATA[["x"]], components=["cond"])
    assert [p is not None for p in new.predictors] == [True, False, False]


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match=r"no column 'g', which 'y ~ x \+ \(1 \| g\)' uses"):
        new_design(design("y ~ x + (1 | g)"), DATA[["x"]])


@pytest.mark.parametrize("column", ["g", "x"])
def test_a_column_that_is_all_missing_is_named(column: str) -> None:
    with pytest.raises(DataError, match=rf"column '{column}' has no value: all 4 rows are missing"):
        new_design(design("y ~ x + (1 | g)"), DATA.head(4).assign(**{column: np.nan}))


def test_rows_with_missing_values_are_marked_and_counted() -> None:
    new = new_design(design("y ~ x + (1 | g)"), DATA.head(4).assign(x=[1, np.nan, 2, 3], g=[0, 1, None, 3]))
    assert new.kept.tolist() == [True, False, False, True]
    assert new.dropped_by == {"x": 1, "g": 1}
    assert new.n_rows == 2
    assert new.terms[0].levels.tolist() == [0, 3]


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="no rows"):
        new_design(design("y ~ x"), DATA.head(0))


def test_a_covariate_given_as_text_is_an_error() -> None:
    with pytest.raises(DataError, match=r"'x' must be numeric, but holds values such as '0\.5'"):
        new_design(design("y ~ x"), {"x": ["0.5", "1"]})


def test_a_spline_outside_its_range_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"outside the range.*extrapolation"):
        new_design(design("y ~ bs(z, df = 4)"), DATA.head(2).assign(z=[2.0, 99.0]))


def test_an_offset_given_as_an_array_is_asked_for_again() -> None:
    made = design("y ~ x", offset=DATA["e"].to_numpy())
    with pytest.raises(DataError, match="new data need one too"):
        new_design(made, DATA.head(3))
    new = new_design(made, DATA.head(3), offset=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(new.predictors[0].offset, [1.0, 2.0, 3.0])


def test_dropped_columns_stay_dropped() -> None:
    made = design("y ~ x + I(2 * x) + f")
    new = new_design(made, DATA.head(3))
    assert new.predictors[0].fixed.names == ("Intercept", "x", "f[T.b]", "f[T.c]")
    assert new.predictors[0].fixed.matrix.shape == (3, 4)
