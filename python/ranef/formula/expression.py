"""Expressions such as ``log(y)``, ``I(x^2)`` and ``factor(year)``: R's spelling in, Python's grammar out.

An expression is kept as text in words of a formula (`text`), as code of which `ranef.formula.tree` makes a tree
(`code`, every column a placeholder) and as the list of the columns it reads. What a column is called never reaches
the code.
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
from ranef.formula.functions import CONTRASTS, WORDS, UserFunction, known_functions
from ranef.formula.tokens import RESERVED, Token, is_operator, quoted
from ranef.formula.tree import TreeError, call_of, check_tree, read_tree, written

_CONSTANTS = {"TRUE": "True", "FALSE": "False", "NULL": "None", "True": "True", "False": "False", "None": "None"}
_NO_COLUMNS = {*_CONSTANTS, *(word for word in (*WORDS, *CONTRASTS) if "." in word)}
_FACTOR_CALLS = ("factor", "as.factor", "C", "relevel")
_OPERATORS = {"^": "**", "%%": "%"}

# Words of one expression that are read.
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a formula.

    Attributes
    ----------
    source : as the user wrote it
    text : in Python's spelling, column names that are no identifiers in backticks; parses to itself
    code : in Python's grammar, the i-th variable written ``_v<i>``
    variables : columns it reads, in order of appearance
    factor_variables : those of them that stand as such in ``factor(...)``, ``C(...)`` or ``relevel(...)``
    start : place in the formula
    functions : functions of the user that it may call
    """

    source: str
    text: str
    code: str
    variables: tuple[str, ...]
    factor_variables: tuple[str, ...]
    start: int
    functions: tuple[UserFunction, ...] = ()

    @property
    def is_name(self) -> bool:
        """Whether the expression is one column and nothing else."""
        return self.code == "_v0"

    @property
    def shown_variables(self) -> tuple[str, ...]:
        """The columns as a formula writes them."""
        return tuple(quoted(name) for name in self.variables)

    @property
    def label(self) -> str:
        """What the expression's coefficients are called: a column's own name, else the expression."""
        if self.is_name:
            return self.variables[0]
        names = [n if keyword.iskeyword(n) and n not in RESERVED else quoted(n) for n in self.variables]
        return written(read_tree(self.code), names)

    @property
    def makes_factor(self) -> bool:
        """Whether the expression is a factor, whatever its columns are."""
        return not self.is_name and call_of(read_tree(self.code)) in ("C", "cut", "relevel")

    @property
    def code_with_sum(self) -> str:
        """The code of a factor with sum contrasts in place of its own."""
        tree = read_tree(self.code)
        inner = tree.args[0] if isinstance(tree, ast.Call) and call_of(tree) == "C" and tree.args else tree
        return f"C({written(inner, ())}, contr.sum)"


def column_expression(name: str, start: int = 0) -> Expression:
    """The expression that is the column called `name`, whatever characters are in it."""
    return Expression(quoted(name), quoted(name), "_v0", (name,), (), start)


def make_expression(formula: str, tokens: Sequence[Token], functions: tuple[UserFunction, ...] = ()) -> Expression:
    """Translate the tokens of one expression.

    Raises
    ------
    FormulaError
        If the tokens are no expression.
    """
    if len(tokens) == 1 and _is_variable(tokens, 0):
        name = tokens[0].text
        return Expression(source_text(formula, tokens), quoted(name), "_v0", (name,), (), tokens[0].start)
    if len(tokens) > _LONGEST:
        raise FormulaError(
            f"an expression of {len(tokens)} words is too long: make it a column of the data", formula, tokens[0].start
        )
    places: dict[str, int] = {}
    factors: dict[str, None] = {}
    text: list[str] = []
    code: list[str] = []
    for place, token in enumerate(tokens):
        if _is_variable(tokens, place):
            if _stands_in_factor(tokens, place):
                factors[token.text] = None
            text.append(quoted(token.text))
            code.append(f"_v{places.setdefault(token.text, len(places))}")
        else:
            word = _translate(tokens, place)
            text.append(word)
            code.append(word)
    used = tuple(f for f in functions if any(f.name == t.text and t.kind == "name" for t in tokens))
    _check_functions(formula, tokens, used)
    expression = Expression(
        source_text(formula, tokens), "".join(text), "".join(code), tuple(places), tuple(factors), tokens[0].start, used
    )
    _check_syntax(formula, tokens, expression)
    return expression


def source_text(formula: str, tokens: Sequence[Token]) -> str:
    """The part of the formula that the tokens came from."""
    return formula[tokens[0].start : tokens[-1].end]


def _is_variable(tokens: Sequence[Token], place: int) -> bool:
    token = tokens[place]
    if token.kind != "name":
        return False
    following = tokens[place + 1] if place + 1 < len(tokens) else None
    if following is not None and is_operator(following, "("):
        return False
    if token.quoted:
        return True
    if token.text in _NO_COLUMNS or (token.text == "pi" and len(tokens) > 1):
        return False
    return following is None or not is_operator(following, "=")


def _stands_in_factor(tokens: Sequence[Token], place: int) -> bool:
    opens = place >= 2 and is_operator(tokens[place - 1], "(") and tokens[place - 2].text in _FACTOR_CALLS
    return opens and place + 1 < len(tokens) and is_operator(tokens[place + 1], ",", ")")


def _translate(tokens: Sequence[Token], place: int) -> str:
    token = tokens[place]
    if token.kind == "number":
        return token.text.rstrip("L")
    if token.kind == "string":
        return repr(_unescaped(token.text[1:-1]))
    if token.kind == "operator":
        return _OPERATORS.get(token.text, token.text)
    if place + 1 < len(tokens) and is_operator(tokens[place + 1], "="):
        return token.text.replace(".", "_")
    if token.text in ("factor", "as.factor"):
        return "C"
    return _CONSTANTS.get(token.text, token.text)


def _unescaped(text: str) -> str:
    """A text with its escapes read: a backslash before n or t, a quotation mark or another backslash."""
    meant = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
    return re.sub(r"\\([nt\\'\"])", lambda match: meant[match.group(1)], text)


def _check_functions(formula: str, tokens: Sequence[Token], own: Sequence[UserFunction]) -> None:
    names = known_functions()
    for token, following in itertools.pairwise(tokens):
        called = token.kind == "name" and is_operator(following, "(")
        if not called or token.text in (*names, *_FACTOR_CALLS, *(f.name for f in own)):
            continue
        close = difflib.get_close_matches(token.text[:80], names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "make it a column of the data, or give functions={...}"
        raise FormulaError(f"there is no function {token.text!r:.80} for formulas; {hint}", formula, token.start)


def _check_syntax(formula: str, tokens: Sequence[Token], expression: Expression) -> None:
    for left, right in itertools.pairwise(tokens):
        if left.kind != "operator" and right.kind != "operator":
            raise FormulaError(
                f"an operator is missing between {left.text!r:.80} and {right.text!r:.80}; "
                f"a column name with a space goes in backticks",
                formula,
                right.start,
            )
    functions = (*known_functions(), *(f.name for f in expression.functions))
    try:
        check_tree(read_tree(expression.code), functions, (*WORDS, *CONTRASTS))
    except TreeError as error:
        place = _blame(tokens)
        raise FormulaError(f"cannot read {expression.source!r:.200}: {error}", formula, place) from error


def _blame(tokens: Sequence[Token]) -> int:
    """Place of the first operator that lacks an operand, else of the expression."""
    for left, right in itertools.pairwise(tokens):
        dangling = left.kind == "operator" and left.text not in ")]" and right.text in tuple(")],*/^:=<>")
        if dangling and not (left.text in "([" and right.text in ")]"):
            return right.start
    return tokens[0].start
