"""Wilkinson and Rogers' algebra: ``a * b`` to the terms ``a``, ``b``, ``a:b``.

``+`` joins terms and ``-`` removes them; ``a:b`` is an interaction, ``a * b`` is ``a + b + a:b``, ``a / b`` is
``a + a:b``, ``(a + b)^2`` all interactions up to two factors, ``a %in% b`` is ``a:b``. Precedence as in R:
``^``, ``:``, ``%in%``, ``* /``, ``+ -``. Terms are ordered by degree and within a degree as written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ranef.errors import FormulaError
from ranef.formula.expression import Expression, make_expression
from ranef.formula.functions import UserFunction
from ranef.formula.tokens import Token, closing, is_operator, split_top_level

Term = tuple[Expression, ...]

_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
# Factors that the products of a formula may write down before they are sorted out.
_MOST_WORK = 500_000


@dataclass(frozen=True, slots=True)
class Terms:
    """An expanded sum of terms; the intercept apart, the rest by degree."""

    intercept: bool
    terms: tuple[Term, ...]

    @property
    def text(self) -> str:
        """The sum in words of a formula; it parses to itself."""
        terms = [":".join(factor.text for factor in term) for term in self.terms]
        return " + ".join(["1" if self.intercept else "0", *terms])

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that the terms read."""
        return tuple(dict.fromkeys(v for term in self.terms for factor in term for v in factor.variables))

    @property
    def factors(self) -> tuple[Expression, ...]:
        """The distinct factors of all terms."""
        return tuple({factor.text: factor for term in self.terms for factor in term}.values())


@dataclass(slots=True)
class _Sum:
    """Terms by the set of their factors; () is the intercept, `removed` whether one was taken away."""

    terms: dict[frozenset[str], Term]
    removed: bool = False

    def add(self, term: Term) -> None:
        self.terms.setdefault(frozenset(f.text for f in term), term)

    def remove(self, term: Term) -> None:
        self.terms.pop(frozenset(f.text for f in term), None)
        self.removed = self.removed or not term


def expand(
    formula: str,
    tokens: Sequence[Token],
    dot: tuple[Term, ...] | None = None,
    functions: tuple[UserFunction, ...] = (),
) -> Terms:
    """Expand the sum that `tokens` write; `dot` is what ``.`` stands for, `functions` are the user's.

    Raises
    ------
    FormulaError
        If the tokens are no sum of terms, or of more than anybody could fit.
    """
    parser = _Parser(formula, tuple(tokens), dot, functions)
    result = _Sum({frozenset(): ()})
    parser.sum_into(result)
    parser.expect_end()
    terms = sorted((t for t in result.terms.values() if t), key=len)
    return Terms(frozenset() in result.terms, tuple(terms))


class _Parser:
    """Recursive descent over one token list."""

    def __init__(
        self,
        formula: str,
        tokens: tuple[Token, ...],
        dot: tuple[Term, ...] | None,
        functions: tuple[UserFunction, ...],
    ) -> None:
        self.formula = formula
        self.tokens = tokens
        self.dot = dot
        self.functions = functions
        self.place = 0
        self.spent = 0

    def sum_into(self, result: _Sum) -> None:
        """``[+-] product ([+-] product)*``, added to `result`."""
        sign = self.take("+", "-") or "+"
        while True:
            self.signed_into(result, sign)
            following = self.take("+", "-")
            if following is None:
                return
            sign = following
            while (again := self.take("+", "-")) is not None:
                sign = "+" if sign == again else "-"

    def signed_into(self, result: _Sum, sign: str) -> None:
        token = self.peek()
        if token is not None and token.kind == "number":
            self.number_into(result, token, sign)
            return
        part = self.product()
        if sign == "+" and part.removed:
            result.remove(())
        for term in part.terms.values():
            (result.add if sign == "+" else result.remove)(term)

    def number_into(self, result: _Sum, token: Token, sign: str) -> None:
        self.place += 1
        following = self.peek()
        if token.text not in ("0", "1") or (following is not None and not is_operator(following, "+", "-", ")")):
            raise FormulaError(
                f"the number {token.text} is no term: only 0 and 1 (intercept) may stand alone; "
                f"write arithmetic as I({token.text} * x)",
                self.formula,
                token.start,
            )
        (result.add if (token.text == "1") == (sign == "+") else result.remove)(())

    def product(self) -> _Sum:
        """``inside ([*/] inside)*``"""
        left = self.inside()
        while (operator := self.take("*", "/")) is not None:
            right = self.inside()
            joint = self.cross(left if operator == "*" else _whole(left), right)
            result = _Sum(dict(left.terms))
            for term in [*(right.terms.values() if operator == "*" else ()), *joint.terms.values()]:
                result.add(term)
            left = result
        return left

    def inside(self) -> _Sum:
        """``interaction (%in% interaction)*``"""
        left = self.interaction()
        while self.take("%in%") is not None:
            left = self.cross(left, self.interaction())
        return left

    def interaction(self) -> _Sum:
        """``power (: power)*``"""
        left = self.power()
        while self.take(":") is not None:
            left = self.cross(left, self.power())
        return left

    def power(self) -> _Sum:
        """``primary [^ whole number]``"""
        base = self.primary()
        if self.take("^", "**") is None:
            return base
        token = self.peek()
        if token is None or not _is_whole(token):
            raise FormulaError(
                "a power of terms needs a whole number; write a power of a variable as I(x^0.5)", *self.here()
            )
        self.place += 1
        result = base
        for _ in range(int(token.text.rstrip("L")) - 1):
            crossed = self.cross(result, base)
            before = len(result.terms)
            result = _Sum({**result.terms, **{k: t for k, t in crossed.terms.items() if k not in result.terms}})
            if len(result.terms) == before:
                break
        return result

    def cross(self, left: _Sum, right: _Sum) -> _Sum:
        """All products of a term of one with a term of the other.

        Raises
        ------
        FormulaError
            If the products of the whole formula are more than `_MOST_WORK` factors long.
        """
        longest = [sum(len(t) for t in side.terms.values()) for side in (left, right)]
        self.spent += len(left.terms) * longest[1] + len(right.terms) * longest[0]
        if self.spent > _MOST_WORK:
            raise FormulaError("the products of these terms are too many to fit: leave some out", *self.here())
        return _cross(left, right)

    def primary(self) -> _Sum:
        """A bracketed sum, a call, a name, or ``.``"""
        token = self.peek()
        if token is None or (token.kind in ("operator", "number", "string") and not is_operator(token, "(")):
            raise FormulaError(self.missing(token), *self.here())
        if is_operator(token, "("):
            if self.holds_comparison():
                return self.comparison()
            self.place += 1
            inner = _Sum({})
            self.sum_into(inner)
            if self.take(")") is None:
                raise FormulaError("an operator is missing here", *self.here())
            return inner
        if token.is_dot and self.dot is not None:
            self.place += 1
            return _Sum({frozenset(f.text for f in term): term for term in self.dot})
        if token.text in ("TRUE", "FALSE", "True", "False", "NULL", "None") and not token.quoted:
            raise FormulaError(f"{token.text} is no term", self.formula, token.start)
        if token.is_dot:
            raise FormulaError("'.' has no meaning here: name the columns", self.formula, token.start)
        return self.factor(token)

    def factor(self, token: Token) -> _Sum:
        start = self.place
        self.place += 1
        following = self.peek()
        if following is not None and is_operator(following, "("):
            self.place = closing(self.tokens, self.place) + 1
        return _single(make_expression(self.formula, self.tokens[start : self.place], self.functions))

    def holds_comparison(self) -> bool:
        """Whether the bracket that opens here holds ``x > 2``, directly or in brackets of its own."""
        inside = self.tokens[self.place + 1 : closing(self.tokens, self.place)]
        while inside and is_operator(inside[0], "(") and closing(inside, 0) == len(inside) - 1:
            inside = inside[1:-1]
        return len(split_top_level(inside, *_COMPARISONS)) > 1

    def comparison(self) -> _Sum:
        """A comparison in brackets, as one term: ``(x > 2)`` is ``I(x > 2)``."""
        start = self.place
        self.place = closing(self.tokens, start) + 1
        called = Token("name", "I", self.tokens[start].start, self.tokens[start].start)
        inside = self.tokens[start : self.place]
        return _single(make_expression(self.formula, [called, *inside], self.functions))

    def peek(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self, *operators: str) -> str | None:
        token = self.peek()
        if token is None or not is_operator(token, *operators):
            return None
        self.place += 1
        return token.text

    def here(self) -> tuple[str, int]:
        """The formula and the place of the token that comes next, or the last one's end."""
        token = self.peek()
        if token is not None:
            return self.formula, token.start
        if self.tokens:
            return self.formula, self.tokens[-1].start
        return self.formula, len(self.formula)

    def missing(self, token: Token | None) -> str:
        if token is None:
            return "a term is missing after this" if self.tokens else "a term is missing"
        if token.kind == "string":
            return f"a text such as {token.text} is no term"
        if token.kind == "number":
            return f"the number {token.text} is no factor; write arithmetic inside I(...)"
        return f"a term is missing before {token.text!r}"

    def expect_end(self) -> None:
        token = self.peek()
        if token is None:
            return
        if token.kind == "operator":
            raise FormulaError(f"{token.text!r} cannot stand here", *self.here())
        raise FormulaError(
            f"an operator is missing before {token.text!r:.80}; a column name with a space goes in backticks",
            *self.here(),
        )


def _is_whole(token: Token) -> bool:
    digits = token.text.rstrip("L")
    return token.kind == "number" and digits.isdigit() and int(digits) > 0


def _single(expression: Expression) -> _Sum:
    return _Sum({frozenset((expression.text,)): (expression,)})


def _cross(left: _Sum, right: _Sum) -> _Sum:
    result = _Sum({})
    for a in left.terms.values():
        for b in right.terms.values():
            texts = {f.text for f in a}
            result.add(a + tuple(f for f in b if f.text not in texts))
    return result


def _whole(part: _Sum) -> _Sum:
    """All factors of `part` as one term: what the right side of ``/`` is nested in."""
    factors = {f.text: f for term in part.terms.values() for f in term}
    return _Sum({frozenset(factors): tuple(factors.values())})
