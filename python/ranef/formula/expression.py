"""Expressions such as ``log(y)``, ``I(x^2)`` and ``factor(year)``: R's spelling in, Python's out.

An expression is kept as text for formulaic (`text`), as text for our own evaluation (`code`, every variable an
identifier of its own) and as the list of the columns it reads.
"""

from __future__ import annotations

import ast
import difflib
import itertools
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ranef.errors import FormulaError
from ranef.formula.functions import known_functions
from ranef.formula.tokens import Token, is_operator

_CONSTANTS = {"TRUE": "True", "FALSE": "False", "NULL": "None", "True": "True", "False": "False", "None": "None"}
_NAMESPACES = ("np.", "contr.")
_FACTOR_CALLS = ("factor", "as.factor", "C")
_ALIAS = "_column_"
_NUMBERED = re.compile(r"\b_v(\d+)\b")
_OPERATORS = {"^": "**", "%%": "%"}


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a formula.

    Attributes
    ----------
    source : as the user wrote it
    text : in Python, column names that are no identifiers in backticks; parses to itself
    code : in Python, the i-th variable written ``_v<i>``
    variables : columns it reads, in order of appearance
    factor_variables : those of them that stand as such in ``factor(...)`` or ``C(...)``
    start : place in the formula
    """

    source: str
    text: str
    code: str
    variables: tuple[str, ...]
    factor_variables: tuple[str, ...]
    start: int

    @property
    def formulaic_text(self) -> str:
        """The expression as formulaic reads it."""
        return _NUMBERED.sub(lambda match: formulaic_name(self.variables[int(match.group(1))]), self.code)

    @property
    def is_name(self) -> bool:
        """Whether the expression is one column and nothing else."""
        return self.code == "_v0"


def make_expression(formula: str, tokens: Sequence[Token]) -> Expression:
    """Translate the tokens of one expression.

    Raises
    ------
    FormulaError
        If the tokens are no expression.
    """
    variables: list[str] = []
    factors: list[str] = []
    text: list[str] = []
    code: list[str] = []
    for place, token in enumerate(tokens):
        if _is_variable(tokens, place):
            if token.text not in variables:
                variables.append(token.text)
            if _stands_in_factor(tokens, place) and token.text not in factors:
                factors.append(token.text)
            text.append(quoted(token.text))
            code.append(f"_v{variables.index(token.text)}")
        else:
            word = _translate(token)
            text.append(word)
            code.append(word)
    expression = Expression(
        source_text(formula, tokens), "".join(text), "".join(code), tuple(variables), tuple(factors), tokens[0].start
    )
    _check_functions(formula, tokens)
    _check_syntax(formula, tokens, expression)
    return expression


def source_text(formula: str, tokens: Sequence[Token]) -> str:
    """The part of the formula that the tokens came from."""
    last = tokens[-1]
    end = last.start + len(last.text)
    if formula[last.start] == "`":
        end += 2
    return formula[tokens[0].start : end]


def quoted(name: str) -> str:
    """A column name in a formula: in backticks unless it is an identifier."""
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"`{name}`"


def column_alias(name: str) -> str:
    """The name of a column in what formulaic gets: its own, unless Python or a function has that name already."""
    taken = keyword.iskeyword(name) or name in (*known_functions(), *_FACTOR_CALLS, "np", "pi")
    return f"{_ALIAS}{name}" if taken else name


def formulaic_name(name: str) -> str:
    """A column in formulaic's language: its alias, in backticks unless that is an identifier."""
    return quoted(column_alias(name))


def without_aliases(text: str) -> str:
    """Text of formulaic's with the columns' own names."""
    return text.replace(_ALIAS, "")


def _is_variable(tokens: Sequence[Token], place: int) -> bool:
    token = tokens[place]
    if token.kind != "name" or token.text in _CONSTANTS or token.text.startswith(_NAMESPACES):
        return False
    if token.text == "pi" and len(tokens) > 1:
        return False
    following = tokens[place + 1] if place + 1 < len(tokens) else None
    return following is None or not is_operator(following, "(", "=")


def _stands_in_factor(tokens: Sequence[Token], place: int) -> bool:
    return place >= 2 and is_operator(tokens[place - 1], "(") and tokens[place - 2].text in _FACTOR_CALLS


def _translate(token: Token) -> str:
    if token.kind == "number":
        return token.text.rstrip("L")
    if token.kind == "string":
        return token.text
    if token.kind == "operator":
        return _OPERATORS.get(token.text, token.text)
    if token.text in _FACTOR_CALLS:
        return "C"
    return _CONSTANTS.get(token.text, token.text)


def _check_functions(formula: str, tokens: Sequence[Token]) -> None:
    for token, following in itertools.pairwise(tokens):
        called = token.kind == "name" and is_operator(following, "(")
        if not called or token.text in (*known_functions(), *_FACTOR_CALLS) or token.text.startswith(_NAMESPACES):
            continue
        close = difflib.get_close_matches(token.text, known_functions(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "make it a column of the data"
        raise FormulaError(f"there is no function {token.text!r} for formulas; {hint}", formula, token.start)


def _check_syntax(formula: str, tokens: Sequence[Token], expression: Expression) -> None:
    for left, right in itertools.pairwise(tokens):
        if left.kind != "operator" and right.kind != "operator":
            raise FormulaError(
                f"an operator is missing between {left.text!r} and {right.text!r}; "
                f"a column name with a space goes in backticks",
                formula,
                right.start,
            )
    try:
        ast.parse(expression.code, mode="eval")
    except SyntaxError as error:
        raise FormulaError(f"cannot read {expression.source!r}", formula, _blame(tokens)) from error


def _blame(tokens: Sequence[Token]) -> int:
    """Place of the first operator that lacks an operand, else of the expression."""
    for left, right in itertools.pairwise(tokens):
        dangling = left.kind == "operator" and left.text not in ")]" and right.text in tuple(")],*/^:=<>")
        if dangling and not (left.text in "([" and right.text in ")]"):
            return right.start
    return tokens[0].start
