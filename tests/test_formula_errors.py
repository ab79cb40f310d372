"""Formulas with mistakes: the message, and the caret under the character."""

from __future__ import annotations

import pickle

import pytest

from ranef.errors import FormulaError, NotAvailableError
from ranef.formula.parse import parse_formula, parse_one_sided

# Formula, the column of the caret, a part of the message.
MISTAKES = [
    ("y x", 3, "needs '~'"),
    ("y ~ x ~ z", 6, "one '~'"),
    ("cbind(y, 6 - y ~ x)", 15, "'~' stands within brackets"),
    ("(y ~ x)", 3, "'~' stands within brackets"),
    ("~ x", 0, "response is missing"),
    ("y ~", 2, "terms are missing"),
    ("y ~ x +", 6, "missing after"),
    ("y ~ a + * b", 8, "missing before '*'"),
    ("y ~ a:", 5, "missing after"),
    ("y ~ x y", 6, "operator is missing before 'y'"),
    ("y ~ (a b)", 7, "operator is missing"),
    ("y ~ (1 | g", 4, "never closed"),
    ("y ~ x)", 5, "closes nothing"),
    ("y ~ log(x]", 9, "closes nothing"),
    ("y ~ x $ z", 6, "'$' has no meaning"),
    ("y ~ x + 2nd", 8, "begin with a digit"),
    ("y ~ `x", 4, "no partner"),
    ("y ~ 2 * x", 4, "number 2 is no term"),
    ("y ~ x:2", 6, "number 2 is no factor"),
    ("y ~ x^z", 6, "whole number"),
    ('y ~ "x"', 4, "no term"),
    ("y ~ log(x +)", 11, "cannot read"),
    ("y ~ log(x z)", 10, "operator is missing between 'x' and 'z'"),
    ("y ~ lgo(x)", 4, "did you mean 'log'"),
    ("y ~ frobnicate(x)", 4, "make it a column"),
    ("y ~ .", 4, "name the columns"),
    ("y ~ TRUE", 4, "TRUE is no term"),
    ("y ~ x | g", 6, "a bar outside"),
    ("y ~ x + 1 | g", 10, "a bar outside"),
    ("y ~ (1 | g):x", 7, "a bar outside"),
    ("y ~ (1 | g) x", 7, "a bar outside"),
    ("y | g ~ x", 2, "right of '~'"),
    ("y ~ (1 | )", 7, "missing beside '|'"),
    ("y ~ ( | g)", 6, "missing beside '|'"),
    ("y ~ (1 | g | h)", 11, "one bar"),
    ("y ~ (0 | g)", 5, "without any column"),
    ("y ~ (1 | a + b)", 11, "one term for each"),
    ("y ~ (1 | log(a))", 9, "one term for each"),
    ("y ~ (1 | a/)", 9, "missing beside '/'"),
    ("y ~ (1 | 1)", 9, "one term for each"),
    ("y ~ x - (1 | g)", 6, "not there"),
    ("y ~ dig(x | g)", 4, "did you mean 'diag'"),
    ("y ~ diag(x || g)", 11, "diag(... | g)"),
    ("y ~ cs(0 + f | g, 3)", 18, "no argument"),
    ("y ~ x - offset(z)", 6, "an offset is added"),
    ("y ~ x * offset(z)", 8, "stands alone"),
    ("y ~ offset()", 4, "needs a column"),
    ("cbind(a) ~ x", 0, "two columns"),
    ("cbind(a, b, c) ~ x", 0, "two columns"),
    ("y ~ cbind(a, b)", 4, "left of '~'"),
]


@pytest.mark.parametrize(("formula", "place", "part"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_named_with_a_caret_under_it(formula: str, place: int, part: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula(formula)
    message, shown, caret = str(caught.value).splitlines()
    assert part in message
    assert shown == f"  {formula}"
    assert caret == "  " + " " * place + "^"


def test_the_caret_stands_right_in_a_formula_of_several_lines() -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula("y ~ x +\n  lgo(z)")
    _, shown, caret = str(caught.value).splitlines()
    assert shown[caret.index("^") :] == "lgo(z)"


@pytest.mark.parametrize(
    "term",
    ["rr(x | g, d = 2)", "ou(t + 0 | g)", "exp(pos + 0 | g)", "gau(p + 0 | g)", "mat(p + 0 | g)", "toep(0 + t | g)",
     "hetar1(0 + t | g)", "homcs(0 + t | g)", "homtoep(0 + t | g)", "propto(0 + s | g, K)", "equalto(0 + s | g, K)"],
)  # fmt: skip
def test_planned_structures_say_so_and_name_what_is_offered(term: str) -> None:
    with pytest.raises(NotAvailableError, match=r"planned.*us, diag, homdiag, cs, ar1"):
        parse_formula(f"y ~ x + {term}")


@pytest.mark.parametrize("term", ["s(x)", "s(x, k = 10, bs = 'cr')", "t2(x, z)", "te(x, z)", "f:s(x)"])
def test_planned_smooths_say_so_and_name_what_is_offered(term: str) -> None:
    with pytest.raises(NotAvailableError, match=r"planned.*ns\(x, 3\)"):
        parse_formula(f"y ~ {term}")


def test_a_one_sided_formula_has_no_response() -> None:
    with pytest.raises(FormulaError, match="no response"):
        parse_one_sided("y ~ x")


def test_a_formula_error_survives_pickling() -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula("y ~ x +")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert (copy.formula, copy.position) == ("y ~ x +", 6)
