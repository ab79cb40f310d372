"""Formulas made from formulas: ``. ~ . - x`` with the old model's sides in place of the dots."""

from __future__ import annotations

from collections.abc import Sequence

from ranef.errors import FormulaError
from ranef.formula.functions import UserFunction
from ranef.formula.parse import RightSide, has_dot, parse_formula, parse_one_sided
from ranef.formula.random_terms import RandomTerm
from ranef.formula.tokens import is_operator, tokenize


def updated_formula(old: str, change: str, functions: tuple[UserFunction, ...] = ()) -> str:
    """`change` with the old response and right side in place of its dots; `functions` are those that both may call.

    Raises
    ------
    FormulaError
        If either cannot be read.

    Examples
    --------
    >>> updated_formula("y ~ a + b + (1 | g)", ". ~ . - b")
    'y ~ 1 + a + (1 | g)'
    >>> updated_formula("y ~ a + (1 | g)", "log(.) ~ . + c")
    'log(y) ~ 1 + a + c + (1 | g)'
    """
    if not isinstance(change, str):
        raise FormulaError(f"a change of the formula is text such as '. ~ . - x', got {change!r}")
    parsed = parse_formula(old, functions=functions)
    tilde = next((token for token in tokenize(change) if is_operator(token, "~")), None)
    if tilde is None:
        raise FormulaError("a formula needs '~' between the response and the terms", change, len(change.rstrip()))
    response = _with_dot(change[: tilde.start].strip() or ".", parsed.response.text)
    return f"{response} ~ {_right_text(parsed.right, change[tilde.end :], functions)}"


def updated_one_sided(old: str, change: str, functions: tuple[UserFunction, ...] = ()) -> str:
    """The same for a formula without response.

    Examples
    --------
    >>> updated_one_sided("~ a", "~ . + b")
    '~ 1 + a + b'
    """
    right = parse_one_sided(old, functions=functions)
    return f"~ {_right_text(right, change.strip().removeprefix('~'), functions)}"


def _with_dot(response: str, old: str) -> str:
    """`response` with the old one in place of each dot."""
    parts: list[str] = []
    place = 0
    for token in tokenize(response):
        if token.is_dot:
            parts += [response[place : token.start], old]
            place = token.end
    return "".join([*parts, response[place:]])


def _right_text(old: RightSide, change: str, functions: tuple[UserFunction, ...]) -> str:
    new = parse_one_sided(f"~ {change}", old, functions)
    inherits = has_dot(change) or any(r in old.random for r in new.random)
    offsets = [*(old.offsets if inherits else ()), *new.offsets]
    parts = [new.fixed.text]
    parts += dict.fromkeys(f"offset({offset.source})" for offset in offsets)
    return " + ".join([*parts, *_random_texts(new.random, functions)])


def _random_texts(terms: Sequence[RandomTerm], functions: tuple[UserFunction, ...]) -> list[str]:
    """As the user wrote them; a piece of ``(1 | a/b)`` whose sibling is gone is written out."""
    texts = []
    for term in terms:
        siblings = sum(other.source == term.source for other in terms)
        pieces = len(parse_one_sided(f"~ {term.source}", functions=functions).random)
        texts.append(term.source if siblings == pieces else term.text)
    return list(dict.fromkeys(texts))
