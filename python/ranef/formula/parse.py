"""A whole formula to its parts: response, fixed terms, offsets, random terms.

Parsing looks at the text only, so its results are kept: a formula that is fitted a thousand times is parsed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ranef.errors import FormulaError, NotAvailableError, pointer
from ranef.formula.algebra import Term, Terms, expand
from ranef.formula.expression import Expression, column_expression, make_expression, source_text
from ranef.formula.functions import UserFunction
from ranef.formula.random_terms import PLANNED_SMOOTHS, RandomTerm, is_random, random_terms
from ranef.formula.tokens import Token, is_call, is_operator, split_top_level, tokenize

# Random terms of one formula.
_MOST_RANDOM = 500


@dataclass(frozen=True, slots=True)
class RightSide:
    """What stands right of a tilde: fixed terms, offsets (their sum counts) and random terms."""

    text: str
    fixed: Terms
    offsets: tuple[Expression, ...]
    random: tuple[RandomTerm, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Every column that this side reads, in order of appearance."""
        names = [*self.fixed.variables]
        for offset in self.offsets:
            names.extend(offset.variables)
        for term in self.random:
            names.extend(term.effects.variables)
            names.extend(term.groups)
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class ResponsePart:
    """What stands left of the tilde: one expression, or two for ``cbind(successes, failures)``."""

    text: str
    expressions: tuple[Expression, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Every column that the response reads."""
        return tuple(dict.fromkeys(v for e in self.expressions for v in e.variables))


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed ``response ~ right side``."""

    text: str
    response: ResponsePart
    right: RightSide


@lru_cache(maxsize=512)
def parse_formula(
    text: str, columns: tuple[str, ...] | None = None, functions: tuple[UserFunction, ...] = ()
) -> Formula:
    """Parse ``response ~ terms``.

    Parameters
    ----------
    text : the formula
    columns : columns of the data, for a ``.`` on the right side: all of them but those of the response and of
        the random terms
    functions : functions of the user that it may call

    Raises
    ------
    FormulaError
        With a caret under the first character that cannot be understood.
    """
    tokens = tokenize(text)
    tilde = _tilde(text, tokens)
    if tilde == 0:
        raise FormulaError("the response is missing before '~'", text, tokens[0].start)
    response = _response(text, tokens[:tilde], functions)
    right_tokens = tokens[tilde + 1 :]
    dot = None
    if columns is not None and _has_dot(right_tokens):
        used = {*response.variables, *_random_variables(text, right_tokens, functions)}
        dot = tuple((column_expression(name),) for name in columns if name not in used)
    return Formula(text, response, _right_side(text, right_tokens, tokens[tilde], dot, (), functions))


@lru_cache(maxsize=512)
def parse_one_sided(text: str, cond: RightSide | None = None, functions: tuple[UserFunction, ...] = ()) -> RightSide:
    """Parse ``~ terms``.

    Parameters
    ----------
    text : the formula
    cond : what ``.`` stands for: the fixed and random terms of the conditional model, its offsets left out
    functions : functions of the user that it may call
    """
    tokens = tokenize(text)
    tilde = _tilde(text, tokens)
    if tilde != 0:
        raise FormulaError("this formula has no response: begin it with '~'", text, tokens[0].start)
    inherits = cond is not None and _has_dot(tokens)
    dot = cond.fixed.terms if cond is not None and inherits else None
    random = cond.random if cond is not None and inherits else ()
    right = _right_side(text, tokens[1:], tokens[0], dot, random, functions)
    if cond is not None and inherits and not cond.fixed.intercept and not _has_number(tokens):
        return RightSide(right.text, Terms(False, right.fixed.terms), right.offsets, right.random)
    return right


@lru_cache(maxsize=512)
def has_dot(text: str) -> bool:
    """Whether the formula uses ``.`` for other columns or terms."""
    return _has_dot(tokenize(text))


def parse_expression(text: str, functions: tuple[UserFunction, ...] = ()) -> Expression:
    """Parse an expression that stands alone, such as ``"log(exposure)"``."""
    tokens = tokenize(text)
    if not tokens:
        raise FormulaError("an expression is missing", text, 0)
    return make_expression(text, tokens, functions)


def _tilde(text: str, tokens: Sequence[Token]) -> int:
    places = [i for i, token in enumerate(tokens) if is_operator(token, "~")]
    if not places:
        raise FormulaError("a formula needs '~' between the response and the terms", text, len(text.rstrip()))
    if len(places) > 1:
        raise FormulaError("a formula has one '~'", text, tokens[places[1]].start)
    if len(split_top_level(tokens, "~")) < 2:
        raise FormulaError("'~' stands within brackets: one before it is not closed", text, tokens[places[0]].start)
    return places[0]


def _response(text: str, tokens: Sequence[Token], functions: tuple[UserFunction, ...]) -> ResponsePart:
    source = source_text(text, tokens)
    bar = next((t for t in tokens if is_operator(t, "|", "||")), None)
    if bar is not None:
        raise FormulaError("a bar belongs right of '~'", text, bar.start)
    if not is_call(tokens, "cbind"):
        return ResponsePart(source, (make_expression(text, tokens, functions),))
    parts = split_top_level(tokens[2:-1], ",")
    if len(parts) != 2 or not all(parts):
        raise FormulaError("cbind takes two columns: successes and failures", text, tokens[0].start)
    return ResponsePart(source, tuple(make_expression(text, part, functions) for part in parts))


def _right_side(
    text: str,
    tokens: Sequence[Token],
    tilde: Token,
    dot: tuple[Term, ...] | None,
    inherited: tuple[RandomTerm, ...],
    functions: tuple[UserFunction, ...],
) -> RightSide:
    """Sort the summands of a right side into random terms, offsets and the rest, which is the fixed part.

    A random term that is there already changes nothing, like a fixed one.
    """
    if not tokens:
        raise FormulaError("the terms are missing after '~' (write ~ 1 for an intercept alone)", text, tilde.start)
    fixed: list[Token] = []
    offsets: list[Expression] = []
    random = {term.meaning: term for term in inherited}
    for sign, part in _summands(tokens):
        if is_random(part):
            terms = random_terms(text, part, functions)
            if sign is None or sign.text == "+":
                for term in terms:
                    random.setdefault(term.meaning, term)
            else:
                _take_away(text, random, terms, sign)
            if len(random) > _MOST_RANDOM:
                raise FormulaError(f"more than {_MOST_RANDOM} random terms", text, part[0].start)
        elif is_call(part, "offset"):
            offsets.append(_offset(text, part, sign, functions))
        else:
            _check_fixed(text, part)
            fixed.extend([*([sign] if sign is not None else []), *part])
    terms_fixed = expand(text, fixed, dot, functions) if fixed else Terms(True, ())
    return RightSide(source_text(text, tokens), terms_fixed, tuple(offsets), tuple(random.values()))


def _summands(tokens: Sequence[Token]) -> list[tuple[Token | None, tuple[Token, ...]]]:
    """The parts between ``+`` and ``-`` outside all brackets, each with the sign before it."""
    parts = split_top_level(tokens, "+", "-")
    result: list[tuple[Token | None, tuple[Token, ...]]] = []
    place = 0
    for number, part in enumerate(parts):
        sign = tokens[place - 1] if number else None
        if part or number:
            result.append((sign, part))
        place += len(part) + 1
    return result


def _offset(text: str, tokens: Sequence[Token], sign: Token | None, functions: tuple[UserFunction, ...]) -> Expression:
    inner = tokens[2:-1]
    if not inner:
        raise FormulaError("offset() needs a column or an expression", text, tokens[0].start)
    if sign is not None and sign.text == "-":
        raise FormulaError("an offset is added; write offset(-(...)) for a negative one", text, sign.start)
    return make_expression(text, inner, functions)


def _take_away(
    text: str, random: dict[tuple[str, str, tuple[str, ...]], RandomTerm], terms: Sequence[RandomTerm], sign: Token
) -> None:
    gone = [random.pop(term.meaning, None) for term in terms]
    if not any(gone):
        raise FormulaError("a random term is taken away that is not there", text, sign.start)


def _check_fixed(text: str, tokens: Sequence[Token]) -> None:
    """No bars, smooths or offsets hide inside a fixed summand."""
    for place, token in enumerate(tokens):
        if is_operator(token, "|", "||"):
            raise FormulaError(
                "a bar outside a random term: write random terms as (x | g), joined by '+'", text, token.start
            )
        called = token.kind == "name" and place + 1 < len(tokens) and is_operator(tokens[place + 1], "(")
        if called and token.text in PLANNED_SMOOTHS:
            raise NotAvailableError(
                f"smooth terms such as {token.text}(...) are planned but not offered yet; "
                f"bs(x, df=4), ns(x, 3) and poly(x, 2) are{pointer(text, token.start)}"
            )
        if called and token.text == "offset":
            raise FormulaError("offset(...) stands alone, joined by '+'", text, token.start)
        if called and token.text == "cbind":
            raise FormulaError("cbind(...) belongs left of '~'", text, token.start)


def _has_dot(tokens: Sequence[Token]) -> bool:
    return any(token.kind == "name" and token.is_dot for token in tokens)


def _has_number(tokens: Sequence[Token]) -> bool:
    return any(len(part) == 1 and part[0].kind == "number" for part in split_top_level(tokens, "+", "-", "~"))


def _random_variables(text: str, tokens: Sequence[Token], functions: tuple[UserFunction, ...]) -> set[str]:
    return {
        name
        for _, part in _summands(tokens)
        if is_random(part)
        for term in random_terms(text, part, functions)
        for name in term.groups
    }
