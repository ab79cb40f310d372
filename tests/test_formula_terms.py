"""Formulas to terms: one readable table of what is written and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranef.formula.parse import RightSide, parse_formula, parse_one_sided

FIXED = {
    "x": "1 + x",
    "1": "1",
    "0": "0",
    "-1": "0",
    "0 + x": "0 + x",
    "x - 1": "0 + x",
    "-1 + x + 1": "1 + x",
    "x - 0": "1 + x",
    "a * b": "1 + a + b + a:b",
    "b:a + a": "1 + a + b:a",
    "a / b": "1 + a + a:b",
    "(a + b) / c": "1 + a + b + a:b:c",
    "a %in% b": "1 + a:b",
    "(a + b + c)^2": "1 + a + b + c + a:b + a:c + b:c",
    "(a + b)**2 - a": "1 + b + a:b",
    "a * b * c - a:b:c": "1 + a + b + c + a:b + a:c + b:c",
    "a:a": "1 + a",
    "a^2": "1 + a",
    "(u + v) * w + z": "1 + u + v + w + z + u:w + v:w",
    "(0 + a) + b": "0 + a + b",
    "I(x^2) + I(x ^ 2)": "1 + I(x**2)",
    "poly(x, 2, raw = TRUE)": "1 + poly(x,2,raw=True)",
    "factor(year) + as.factor(f)": "1 + C(year) + C(f)",
    "splines::ns(x, 3)": "1 + ns(x,3)",
    "total.fruits + log(total.fruits)": "1 + `total.fruits` + log(`total.fruits`)",
    "`my col`": "1 + `my col`",
    "class": "1 + `class`",
    "x:log(z + 1)": "1 + x:log(z+1)",
    "C(f, contr.treatment(base = 'b'))": "1 + C(f,contr.treatment(base='b'))",
    "I(1e-3 * x + 2L)": "1 + I(1e-3*x+2)",
}

RANDOM = {
    "(1 | g)": ["us(1 | g)"],
    "(x | g)": ["us(1 + x | g)"],
    "(1 + x | g)": ["us(1 + x | g)"],
    "(0 + x | g)": ["us(0 + x | g)"],
    "(x - 1 | g)": ["us(0 + x | g)"],
    "(-1 + x | g)": ["us(0 + x | g)"],
    "(x || g)": ["us(1 | g)", "us(0 + x | g)"],
    "(1 + x * f || g)": ["us(1 | g)", "us(0 + x | g)", "us(0 + f | g)", "us(0 + x:f | g)"],
    "(0 + f || g)": ["us(0 + f | g)"],
    "(1 | a/b)": ["us(1 | b:a)", "us(1 | a)"],
    "(1 | a/b/c)": ["us(1 | c:b:a)", "us(1 | b:a)", "us(1 | a)"],
    "(1 | a:b)": ["us(1 | a:b)"],
    "(1 | a:b/c)": ["us(1 | c:a:b)", "us(1 | a:b)"],
    "(1 | (a:b)/c)": ["us(1 | c:a:b)", "us(1 | a:b)"],
    "(x || a/b)": ["us(1 | b:a)", "us(0 + x | b:a)", "us(1 | a)", "us(0 + x | a)"],
    "(1 | factor(g))": ["us(1 | g)"],
    "(1 | `my group`)": ["us(1 | my group)"],
    "(poly(x, 2) | g)": ["us(1 + poly(x,2) | g)"],
    "us(1 + x * f | g)": ["us(1 + x + f + x:f | g)"],
    "diag(x | g)": ["diag(1 + x | g)"],
    "homdiag(0 + f | g)": ["homdiag(0 + f | g)"],
    "cs(f + 0 | g)": ["cs(0 + f | g)"],
    "ar1(time + 0 | g)": ["ar1(0 + time | g)"],
    "ar1(0 + factor(time) | g)": ["ar1(0 + C(time) | g)"],
    "diag(f | a/b)": ["diag(1 + f | b:a)", "diag(1 + f | a)"],
    "(1 | g) + (x | g) + (1|g)": ["us(1 | g)", "us(1 + x | g)"],
    "(1 | g) + (0 + x | g) + (1|h)": ["us(1 | g)", "us(0 + x | g)", "us(1 | h)"],
}


def written(side: RightSide) -> list[str]:
    return [f"{term.structure}({term.effects.text} | {term.group})" for term in side.random]


@pytest.mark.parametrize(("formula", "terms"), list(FIXED.items()), ids=list(FIXED))
def test_fixed_terms_expand_as_in_r(formula: str, terms: str) -> None:
    assert parse_formula(f"y ~ {formula}").right.fixed.text == terms


@pytest.mark.parametrize(("formula", "terms"), list(RANDOM.items()), ids=list(RANDOM))
def test_random_terms_expand_as_in_lme4(formula: str, terms: list[str]) -> None:
    right = parse_formula(f"y ~ x + {formula}").right
    assert written(right) == terms
    assert right.fixed.text == "1 + x"


@pytest.mark.parametrize("formula", ["y~(1|g)", "y ~ 1 + (1 | g)", "y ~\n  (1\n|g)", "y ~ (1 | g) + 1"])
def test_a_formula_of_random_terms_alone_has_an_intercept(formula: str) -> None:
    right = parse_formula(formula).right
    assert (right.fixed.text, written(right)) == ("1", ["us(1 | g)"])


def test_no_intercept_beside_random_terms() -> None:
    right = parse_formula("y ~ 0 + (1 | g)").right
    assert not right.fixed.intercept
    assert right.fixed.terms == ()


def test_several_offsets_are_kept_apart_from_the_terms() -> None:
    right = parse_formula("y ~ offset(log(e)) + x + offset(z) + (1 | g)").right
    assert [offset.source for offset in right.offsets] == ["log(e)", "z"]
    assert right.fixed.text == "1 + x"
    assert right.variables == ("x", "e", "z", "g")


@pytest.mark.parametrize(
    ("response", "expressions"),
    [
        ("y", ["y"]),
        ("log(y)", ["log(y)"]),
        ("I(y / 10)", ["I(y/10)"]),
        ("a - b^2", ["a-b**2"]),
        ("total.fruits", ["`total.fruits`"]),
        ("cbind(s, f)", ["s", "f"]),
        ("cbind(s, size - s)", ["s", "size-s"]),
    ],
)
def test_responses_are_expressions(response: str, expressions: list[str]) -> None:
    assert [e.text for e in parse_formula(f"{response} ~ x").response.expressions] == expressions


def test_dot_stands_for_the_columns_that_nothing_else_uses() -> None:
    right = parse_formula("y ~ . - z + (1 | g)", ("y", "a", "my col", "z", "g")).right
    assert right.fixed.text == "1 + a + `my col`"


COND = parse_formula("y ~ x * f + offset(z) + (1 | g) + (x | h)").right


@pytest.mark.parametrize(
    ("formula", "fixed", "random"),
    [
        ("~ .", "1 + x + f + x:f", ["us(1 | g)", "us(1 + x | h)"]),
        ("~ . - x:f", "1 + x + f", ["us(1 | g)", "us(1 + x | h)"]),
        ("~ . - (1 | g) + (1 | k)", "1 + x + f + x:f", ["us(1 + x | h)", "us(1 | k)"]),
        ("~ 0 + .", "0 + x + f + x:f", ["us(1 | g)", "us(1 + x | h)"]),
        ("~ 1", "1", []),
        ("~ q", "1 + q", []),
    ],
)
def test_dot_in_ziformula_is_the_conditional_side_without_offsets(formula: str, fixed: str, random: list[str]) -> None:
    side = parse_one_sided(formula, COND)
    assert (side.fixed.text, written(side), side.offsets) == (fixed, random, ())


def test_dot_keeps_the_missing_intercept_of_the_conditional_side() -> None:
    cond = parse_formula("y ~ 0 + f + (1 | g)").right
    assert parse_one_sided("~ .", cond).fixed.text == "0 + f"


names = st.sampled_from(["x", "z", "f", "total.fruits", "`my col`", "log(x)", "I(z^2)", "poly(x, 2)"])


@settings(deadline=None)
@given(st.lists(st.lists(names, min_size=1, max_size=3, unique=True), min_size=1, max_size=4), st.booleans())
def test_the_expanded_text_parses_to_itself(products: list[list[str]], intercept: bool) -> None:
    text = " + ".join(["1" if intercept else "0", *(" * ".join(product) for product in products)])
    once = parse_formula(f"y ~ {text}").right.fixed
    assert parse_formula(f"y ~ {once.text}").right.fixed.text == once.text


@settings(deadline=None)
@given(st.permutations(["x", "a:b", "(1 | g)", "offset(e)", "diag(x | h)", "a", "(x | k)"]))
def test_the_order_of_summands_does_not_change_what_they_are(parts: list[str]) -> None:
    right = parse_formula("y ~ " + " + ".join(parts)).right
    assert {frozenset(f.text for f in term) for term in right.fixed.terms} == {
        frozenset({"x"}),
        frozenset({"a"}),
        frozenset({"a", "b"}),
    }
    assert sorted(written(right)) == ["diag(1 + x | h)", "us(1 + x | k)", "us(1 | g)"]
    assert [offset.source for offset in right.offsets] == ["e"]
