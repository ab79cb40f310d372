"""What must not matter to a design: the order of rows, the names of levels, rows that are dropped anyway."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from ranef import families
from ranef.design.build import build_design, new_design
from ranef.design.design import Design

FORMULA = "y ~ x * f + I(x^2) + (x | g) + (0 + f | h) + (1 | g:h)"


def design(data: pd.DataFrame, formula: str = FORMULA) -> Design:
    return build_design(formula, data, family=families.make("gaussian"), dispformula="~ x")


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Thirty rows in which every level occurs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return pd.DataFrame(
        {
            "y": rng.normal(size=30),
            "x": rng.normal(size=30),
            "f": rng.permutation(np.resize(["a", "b", "c"], 30)),
            "g": rng.permutation(np.resize([3, 1, 2, 10], 30)),
            "h": rng.permutation(np.resize(["u", "v"], 30)),
        }
    )


def columns_by_label(made: Design, place: int) -> Any:
    """A term's dense columns, one for each level and effect, by their names."""
    term = made.terms[place]
    block = np.ones((made.n_rows, 1)) if term.basis is None else term.basis
    if term.column is not None:
        block = np.eye(len(term.term_names))[term.column]
    return {
        (str(label), name): np.where(term.levels == level, block[:, k], 0.0)
        for level, label in enumerate(term.labels)
        for k, name in enumerate(term.term_names)
    }


@settings(max_examples=25, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_permuting_rows_permutes_the_design(data: pd.DataFrame, random: Any) -> None:
    order = list(range(30))
    random.shuffle(order)
    one, other = design(data), design(data.iloc[order])
    for p, q in zip(one.predictors, other.predictors, strict=True):
        assert p.fixed.names == q.fixed.names
        np.testing.assert_array_equal(p.fixed.matrix[order], q.fixed.matrix)
    for s, t in zip(one.terms, other.terms, strict=True):
        assert list(s.labels) == list(t.labels)
        np.testing.assert_array_equal(s.levels[order], t.levels)


@settings(max_examples=25, deadline=None)
@given(tables(), st.permutations(["p", "q", "r", "s"]))
def test_relabelling_levels_relabels_the_columns(data: pd.DataFrame, names: list[str]) -> None:
    relabelled = dict(zip([1, 2, 3, 10], names, strict=True))
    other = design(data.assign(g=data["g"].map(relabelled)))
    ours = columns_by_label(design(data), 0)
    theirs = columns_by_label(other, 0)
    for (label, name), column in ours.items():
        np.testing.assert_array_equal(theirs[(relabelled[int(label)], name)], column)


@settings(max_examples=25, deadline=None)
@given(tables(), st.lists(st.integers(0, 29), min_size=1, max_size=5, unique=True))
def test_a_missing_value_is_as_good_as_a_missing_row(data: pd.DataFrame, rows: list[int]) -> None:
    gaps = data.copy()
    gaps.loc[rows, "x"] = np.nan
    one, other = design(gaps), design(data.drop(index=rows))
    for p, q in zip(one.predictors, other.predictors, strict=True):
        np.testing.assert_array_equal(p.fixed.matrix, q.fixed.matrix)
    for s, t in zip(one.terms, other.terms, strict=True):
        np.testing.assert_array_equal(s.levels, t.levels)


@settings(max_examples=25, deadline=None)
@given(tables(), st.lists(st.integers(0, 29), min_size=1, max_size=30))
def test_any_choice_of_fitted_rows_is_coded_as_it_was_fitted(data: pd.DataFrame, rows: list[int]) -> None:
    made = design(data)
    new = new_design(made, data.iloc[rows])
    for p, q in zip(made.predictors, new.predictors, strict=True):
        assert q is not None
        np.testing.assert_array_equal(p.fixed.matrix[rows], q.fixed.matrix)
    for s, t in zip(made.terms, new.terms, strict=True):
        assert t is not None
        np.testing.assert_array_equal(s.levels[rows], t.levels)
