"""Characters to tokens that know their place, so that every later error can point at it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ranef.errors import FormulaError

_PATTERN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<package>[A-Za-z][\w.]*:::?(?=[A-Za-z]\w*(?:\.\w+)*\s*\())
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?L?(?![\w.]))
  | (?P<name>(?:[^\W\d]|\.(?!\d))[\w.]*)
  | (?P<quoted>`[^`]*`)
  | (?P<string>"[^"]*"|'[^']*')
  | (?P<operator>\|\||\*\*|==|!=|<=|>=|%in%|%%|[-+*/^:|~,=<>()\[\]])
    """,
    re.VERBOSE,
)

_OPENING = {"(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a formula: `kind` is "name", "number", "string" or "operator"; `start` its place in the text."""

    kind: str
    text: str
    start: int


def tokenize(formula: str) -> tuple[Token, ...]:
    """Tokens of `formula`; brackets are known to match.

    Names in backticks come without them. A package prefix (``splines::``) is dropped where a function follows.

    Raises
    ------
    FormulaError
        At a character that no formula has, an unfinished quotation, or a bracket without its partner.
    """
    tokens: list[Token] = []
    place = 0
    while place < len(formula):
        match = _PATTERN.match(formula, place)
        if match is None:
            raise FormulaError(_unreadable(formula[place]), formula, place)
        if match.lastgroup == "quoted":
            tokens.append(Token("name", match.group()[1:-1], place))
        elif match.lastgroup not in ("space", "package"):
            tokens.append(Token(str(match.lastgroup), match.group(), place))
        place = match.end()
    _check_brackets(formula, tokens)
    return tuple(tokens)


def closing(tokens: Sequence[Token], start: int) -> int:
    """Index of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        if is_operator(tokens[place], *_OPENING):
            depth += 1
        elif is_operator(tokens[place], *_OPENING.values()):
            depth -= 1
            if depth == 0:
                return place
    raise AssertionError("brackets were checked by tokenize")


def is_operator(token: Token, *texts: str) -> bool:
    """Whether the token is one of these operators."""
    return token.kind == "operator" and token.text in texts


def split_top_level(tokens: Sequence[Token], *operators: str) -> list[tuple[Token, ...]]:
    """Parts of `tokens` between those of the `operators` that stand outside all brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if is_operator(token, *_OPENING):
            depth += 1
        elif is_operator(token, *_OPENING.values()):
            depth -= 1
        if depth == 0 and is_operator(token, *operators):
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts]


def is_call(tokens: Sequence[Token], *names: str) -> bool:
    """Whether all of `tokens` is one call ``name(...)`` of one of `names` (any name if none is given)."""
    return (
        len(tokens) >= 3
        and tokens[0].kind == "name"
        and (not names or tokens[0].text in names)
        and is_operator(tokens[1], "(")
        and closing(tokens, 1) == len(tokens) - 1
    )


def _check_brackets(formula: str, tokens: Sequence[Token]) -> None:
    opened: list[Token] = []
    for token in tokens:
        if is_operator(token, *_OPENING):
            opened.append(token)
        elif is_operator(token, *_OPENING.values()):
            if not opened or _OPENING[opened[-1].text] != token.text:
                raise FormulaError(f"this {token.text!r} closes nothing", formula, token.start)
            opened.pop()
    if opened:
        partner = _OPENING[opened[-1].text]
        raise FormulaError(f"this {opened[-1].text!r} is never closed: add {partner!r}", formula, opened[-1].start)


def _unreadable(character: str) -> str:
    if character in "\"'`":
        return f"this quotation mark {character} has no partner"
    if character.isdigit() or character == ".":
        return "a name cannot begin with a digit; put names like this in backticks: `2nd`"
    return f"the character {character!r} has no meaning in a formula; put unusual column names in backticks"
