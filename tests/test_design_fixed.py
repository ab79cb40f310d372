"""Fixed effects: names and values are formulaic's, dependent columns are dropped, contrasts are as asked."""

from __future__ import annotations

from typing import Any

import formulaic
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranef import families
from ranef.design.build import build_design
from ranef.design.design import FixedDesign
from ranef.design.fixed import build_matrix, rebuild
from ranef.design.frame import open_table
from ranef.errors import DataError
from ranef.formula.parse import parse_formula

RNG = np.random.default_rng(2)
DATA = pd.DataFrame(
    {
        "y": RNG.normal(size=80),
        "x": RNG.normal(size=80),
        "z": RNG.uniform(1, 5, size=80),
        "f": pd.Categorical(RNG.choice(list("abc"), 80)),
        "h": pd.Categorical(RNG.choice(["u", "v"], 80)),
        "k": pd.Categorical(RNG.choice(list("pqrs"), 80)),
        "b": RNG.random(80) < 0.5,
        "n": RNG.integers(0, 4, 80),
    }
)
# formulaic takes truth values for numbers; here they are what the same column as text is.
TRUTH_AS_TEXT = DATA.assign(b=DATA["b"].astype(str))
COLUMNS = ["x", "z", "f", "h", "k", "b", "n"]


def fixed(formula: str, data: Any = DATA, **more: Any) -> FixedDesign:
    return build_design(formula, data, family=families.make("gaussian"), **more).predictors[0].fixed


products = st.builds(
    lambda names, operator: operator.join(names),
    st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3, unique=True),
    st.sampled_from([":", " * "]),
)
sums = st.builds(
    lambda start, parts: start + " + ".join(parts),
    st.sampled_from(["", "", "0 + ", "-1 + "]),
    st.lists(products, min_size=1, max_size=4),
)


@settings(max_examples=150, deadline=None)
@given(sums)
def test_names_and_values_are_formulaics(formula: str) -> None:
    terms = parse_formula(f"y ~ {formula}").right.fixed
    matrix, spec = build_matrix(terms, open_table(DATA).columns(COLUMNS, formula), {})
    theirs = formulaic.Formula(formula).get_model_matrix(TRUTH_AS_TEXT)
    assert spec.names == tuple(theirs.columns)
    np.testing.assert_array_equal(matrix, theirs.to_numpy(dtype=float))


FUNCTIONS = [
    "poly(x, 2) * f", "poly(x, 2, raw=True)", "bs(x, df=5, include_intercept=True) + f", "f:bs(z, df=4):h",
    "cr(x, df=4)", "cc(z, df=4):f", "scale(x) + center(z):k", "C(f, contr.sum):h", "C(n, contr.poly) * x",
    "C(k, contr.helmert):C(f, contr.diff)", "C(f, contr.treatment('b')):x", "C(f, levels=['c', 'b', 'a']) + z",
    "C(x > 0):z", "f:C(f)", "0 + C(f, contr.SAS) * h", "C(f, spans_intercept=False) + h",
    "C(f, [[1, 0], [0, 1], [-1, -1]])", "I(x**2 - 2 * z / 3) + I(-x**2):f", "np.log(z):k", "scale(poly(x, 2)):h",
    "poly(np.exp(x), 3) + n", "I(f == 'a'):h", "b:f:h + I(x)", "f:h:k", "(f + h + k)**3 - f:h",
]  # fmt: skip


@pytest.mark.parametrize("formula", FUNCTIONS)
def test_functions_and_contrasts_are_formulaics(formula: str) -> None:
    terms = parse_formula(f"y ~ {formula}").right.fixed
    made, spec = build_matrix(terms, open_table(DATA).columns(COLUMNS, formula), {})
    theirs = formulaic.Formula(formula).get_model_matrix(TRUTH_AS_TEXT)
    assert spec.names == tuple(theirs.columns)
    np.testing.assert_allclose(made, theirs.to_numpy(dtype=float), rtol=1e-12, atol=1e-12)
    again = rebuild(spec, open_table(DATA.tail(9)).columns(COLUMNS, formula))
    expected = theirs.model_spec.get_model_matrix(TRUTH_AS_TEXT.tail(9)).to_numpy(dtype=float)
    np.testing.assert_allclose(again, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("formula", ["x * f", "0 + f + x", "f * h * k", "(x + f + h)^2", "b * x", "n + f:n"])
def test_models_of_plain_terms_take_the_short_way(formula: str) -> None:
    assert fixed(f"y ~ {formula}").spec.matrix.plain is not None


@pytest.mark.parametrize("formula", ["f:h", "f:x", "poly(x, 2)", "C(n)", "log(z)", "0 + f:h"])
def test_other_models_take_the_general_way(formula: str) -> None:
    spec = fixed(f"y ~ {formula}").spec.matrix
    assert spec.plain is None
    assert spec.general is not None


def test_columns_that_depend_on_earlier_ones_are_dropped_and_named() -> None:
    made = fixed("y ~ x + I(2 * x) + f + I(x - 1) + z")
    assert made.names == ("Intercept", "x", "f[T.b]", "f[T.c]", "z")
    assert made.dropped == ("I(2 * x)", "I(x - 1)")
    assert np.linalg.matrix_rank(made.matrix) == 5


def test_an_empty_cell_of_an_interaction_is_dropped_as_in_r() -> None:
    data = DATA[~((DATA["f"] == "c") & (DATA["h"] == "v"))]
    made = fixed("y ~ f * h", data)
    assert made.dropped == ("f[T.c]:h[T.v]",)


def test_a_constant_column_beside_the_intercept_is_dropped() -> None:
    assert fixed("y ~ one + x", DATA.assign(one=3.0)).dropped == ("one",)


def test_columns_may_be_named_like_functions_and_keywords() -> None:
    data = DATA.assign(**{"log": DATA["z"], "class": DATA["f"], "I": DATA["x"], "my col": DATA["h"], "pi": DATA["n"]})
    made = fixed("y ~ log(log) + I(I^2) + factor(class) + `my col`:x + C(`my col`) + pi + class", data)
    assert made.names == (
        "Intercept", "log(log)", "I(I ** 2)", "C(class)[T.b]", "C(class)[T.c]", "C(`my col`)[T.v]", "pi",
        "my col[u]:x", "my col[v]:x",
    )  # fmt: skip
    np.testing.assert_allclose(made.matrix[:, 1:3], np.column_stack([np.log(DATA["z"]), DATA["x"] ** 2]))
    assert fixed("y ~ class * x", data, contrasts={"class": "sum"}).names[1:3] == ("class[S.a]", "class[S.b]")


def test_a_comparison_with_a_level_is_an_indicator() -> None:
    made = fixed('y ~ I(f == "b") + ifelse(h == "u", 1, 0)')
    np.testing.assert_array_equal(made.matrix[:, 1:], np.column_stack([DATA["f"] == "b", DATA["h"] == "u"]))


def test_no_fixed_effect_at_all() -> None:
    made = fixed("y ~ 0 + (1 | f)")
    assert made.matrix.shape == (80, 0)
    assert made.names == ()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("sum", ("f[S.a]", "f[S.b]")),
        ("contr.sum", ("f[S.a]", "f[S.b]")),
        ("helmert", ("f[H.b]", "f[H.c]")),
        ("poly", ("f[.L]", "f[.Q]")),
        ("diff", ("f[D.b]", "f[D.c]")),
        ("sas", ("f[T.a]", "f[T.b]")),
        ("treatment", ("f[T.b]", "f[T.c]")),
    ],
)
def test_contrasts_code_the_factor_and_keep_its_name(kind: str, names: tuple[str, ...]) -> None:
    made = fixed("y ~ f + x", contrasts={"f": kind})
    assert made.names == ("Intercept", *names, "x")
    theirs = formulaic.Formula(f"C(f, contr.{'SAS' if kind == 'sas' else kind.removeprefix('contr.')}) + x")
    np.testing.assert_array_equal(made.matrix, theirs.get_model_matrix(DATA).to_numpy(dtype=float))


def test_contrasts_reach_interactions_and_random_terms() -> None:
    made = build_design("y ~ f * x + (f | k)", DATA, family=families.make("gaussian"), contrasts={"f": "sum"})
    assert made.predictors[0].fixed.names[-2:] == ("f[S.a]:x", "f[S.b]:x")
    assert made.terms[0].term_names == ("Intercept", "f[S.a]", "f[S.b]")


@pytest.mark.parametrize(
    ("contrasts", "message"),
    [
        ({"f": "summ"}, r"no contrasts 'summ' \(for 'f'\); did you mean 'sum'"),
        ({"q": "sum"}, "'q', which no formula uses"),
        ({"x": "sum"}, r"'x', which is numeric: write C\(x, contr.sum\)"),
    ],
)
def test_wrong_contrasts_are_explained(contrasts: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fixed("y ~ f + x", contrasts=contrasts)


def test_a_power_of_integers_does_not_overflow() -> None:
    data = DATA.assign(n=2**28 * np.arange(80, dtype=np.int64))
    column = fixed("y ~ I(n^3)", data).matrix[:, 1]
    np.testing.assert_array_equal(column, data["n"].to_numpy(float) ** 3)
