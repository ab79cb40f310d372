"""Formulas made from formulas: ``. ~ . - x`` with the old model's sides in place of the dots."""

from __future__ import annotations

from collections.abc import Sequence

from ranef.errors import FormulaError
from ranef.formula.parse import RightSide, parse_formula, parse_one_sided
from ranef.formula.random_terms import RandomTerm


def updated_formula(old: str, change: str) -> str:
    """`change` with the old response and right side in place of its dots.

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
    parsed = parse_formula(old)
    left, tilde, right = change.partition("~")
    if not tilde:
        raise FormulaError("a formula needs '~' between the response and the terms", change, len(change.rstrip()))
    response = _with_dot(left.strip() or ".", parsed.response.text)
    return f"{response} ~ {_right_text(parsed.right, right)}"


def updated_one_sided(old: str, change: str) -> str:
    """The same for a formula without response.

    Examples
    --------
    >>> updated_one_sided("~ a", "~ . + b")
    '~ 1 + a + b'
    """
    return f"~ {_right_text(parse_one_sided(old), change.strip().removeprefix('~'))}"


def _with_dot(response: str, old: str) -> str:
    if response == ".":
        return old
    return response.replace("(.)", f"({old})")


def _right_text(old: RightSide, change: str) -> str:
    new = parse_one_sided(f"~ {change}", old)
    inherits = "." in change.replace("(.)", " ").split() or any(r in old.random for r in new.random)
    offsets = [*(old.offsets if inherits else ()), *new.offsets]
    parts = [new.fixed.text]
    parts += dict.fromkeys(f"offset({offset.source})" for offset in offsets)
    return " + ".join([*parts, *_random_texts(new.random)])


def _random_texts(terms: Sequence[RandomTerm]) -> list[str]:
    """As the user wrote them; a piece of ``(1 | a/b)`` whose sibling is gone is written out."""
    texts = []
    for term in terms:
        siblings = sum(other.source == term.source for other in terms)
        texts.append(term.source if siblings == _pieces(term) else _written_out(term))
    return list(dict.fromkeys(texts))


def _pieces(term: RandomTerm) -> int:
    """How many terms the source of `term` stands for."""
    return len(parse_one_sided(f"~ {term.source}").random)


def _written_out(term: RandomTerm) -> str:
    prefix = "" if term.structure == "us" else term.structure
    return f"{prefix}({term.effects.text} | {term.group})"
