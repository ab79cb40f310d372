"""Characters to tokens."""

from __future__ import annotations

import pytest

from ranef.formula.tokens import closing, is_call, split_top_level, tokenize


def texts(formula: str) -> list[str]:
    return [token.text for token in tokenize(formula)]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("y~x", ["y", "~", "x"]),
        ("x||g", ["x", "||", "g"]),
        ("a**2^3", ["a", "**", "2", "^", "3"]),
        ("total.fruits + .x", ["total.fruits", "+", ".x"]),
        ("`a b`:c", ["a b", ":", "c"]),
        ("1e-3*x + .5 + 2L", ["1e-3", "*", "x", "+", ".5", "+", "2L"]),
        ("a %in% b %% c", ["a", "%in%", "b", "%%", "c"]),
        ("x >= 1", ["x", ">=", "1"]),
        ("splines::ns(x, 3)", ["ns", "(", "x", ",", "3", ")"]),
        ("größe + データ", ["größe", "+", "データ"]),
        ("f == 'a b'", ["f", "==", "'a b'"]),
    ],
)
def test_tokens_are_the_words_of_r(formula: str, expected: list[str]) -> None:
    assert texts(formula) == expected


def test_tokens_know_their_place() -> None:
    formula = "y ~ log( x ) + `my col`"
    for token in tokenize(formula):
        assert formula[token.start :].lstrip("`").startswith(token.text)


def test_splitting_leaves_brackets_whole() -> None:
    parts = split_top_level(tokenize("a + f(b + c) + (d + e)"), "+")
    assert ["".join(t.text for t in part) for part in parts] == ["a", "f(b+c)", "(d+e)"]


def test_a_call_must_span_all_tokens() -> None:
    assert is_call(tokenize("offset(x)"), "offset")
    assert not is_call(tokenize("offset(x) + offset(z)"), "offset")
    assert not is_call(tokenize("(x)"))
    assert closing(tokenize("f(a(b)c)"), 1) == 7
