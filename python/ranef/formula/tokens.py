"""Characters to tokens that know their place, so that every later error can point at it."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ranef.errors import FormulaError

_PATTERN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<package>[A-Za-z][\w.]*:::?(?=[A-Za-z]\w*(?:\.\w+)*\s*\())
  | (?P<number>(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+L?+(?![\w.]))
  | (?P<name>(?:[^\W\d]|\.(?!\d))[\w.\u0300-\u036f]*)
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<string>"[^"]*"|'[^']*')
  | (?P<operator>\|\||\*\*|==|!=|<=|>=|%in%|%%|[-+*/^:|~,=<>()\[\]])
    """,
    re.VERBOSE,
)

_QUOTED = re.compile(r"`(?:[^`]|``)*`", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w\u0300-\u036f]*")
_OPENING = {"(": ")", "[": "]"}

# Words that mean something else than a column of that name.
RESERVED = ("TRUE", "FALSE", "NULL", "True", "False", "None", "pi")

# What is read of a formula: characters, brackets within brackets, characters of a number.
_LONGEST = 50_000
_DEEPEST = 40
_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a formula.

    Attributes
    ----------
    kind : ``"name"``, ``"number"``, ``"string"`` or ``"operator"``
    text : the word; a name in backticks without them
    start : its place in the formula
    end : the place behind it
    quoted : whether it is a name in backticks, which is always a column's
    """

    kind: str
    text: str
    start: int
    end: int
    quoted: bool = False

    @property
    def is_dot(self) -> bool:
        """Whether it is the ``.`` that stands for other columns or terms."""
        return self.text == "." and not self.quoted


@lru_cache(maxsize=256)
def tokenize(formula: str) -> tuple[Token, ...]:
    """Tokens of `formula`; brackets are known to match.

    A name in backticks may hold anything, a backtick itself written twice. A package prefix (``splines::``) is dropped
    where a function follows.

    Raises
    ------
    FormulaError
        At a character that no formula has, an unfinished quotation, or a bracket without its partner; if the formula
        is too long or too deep to be one that somebody wrote.
    """
    if len(formula) > _LONGEST:
        raise FormulaError(f"the formula has {len(formula)} characters; up to {_LONGEST} are read")
    tokens: list[Token] = []
    place = 0
    while place < len(formula):
        match = _PATTERN.match(formula, place)
        if match is None:
            raise FormulaError(_unreadable(formula[place]), formula, place)
        if match.lastgroup == "quoted":
            tokens.append(Token("name", match.group()[1:-1].replace("``", "`"), place, match.end(), quoted=True))
        elif match.lastgroup not in ("space", "package"):
            tokens.append(Token(str(match.lastgroup), match.group(), place, match.end()))
        if match.lastgroup == "number" and match.end() - place > _LONGEST_NUMBER:
            raise FormulaError(f"a number of {match.end() - place} digits", formula, place)
        place = match.end()
    _check_brackets(formula, tokens)
    return tuple(tokens)


def quoted(name: str) -> str:
    """A column name as a formula writes it: in backticks unless it can stand without.

    Examples
    --------
    >>> quoted("mass"), quoted("body mass"), quoted("pi")
    ('mass', '`body mass`', '`pi`')
    """
    plain = name.isidentifier() and not keyword.iskeyword(name) and name not in RESERVED and _NAME.fullmatch(name)
    return name if plain else f"`{name.replace('`', '``')}`"


def unquoted(text: str) -> str:
    """The name that a text with or without backticks means.

    Examples
    --------
    >>> unquoted(" `body mass`"), unquoted("mass")
    ('body mass', 'mass')
    """
    bare = text.strip()
    return bare[1:-1].replace("``", "`") if _QUOTED.fullmatch(bare) else bare


def split_outside_backticks(text: str, separators: str, most: int = 0) -> list[str]:
    """Parts of a text between the characters `separators` (the first `most` of them), where none is within backticks.

    Examples
    --------
    >>> split_outside_backticks("a * `b*c`", "*+:")
    ['a ', ' `b*c`']
    """
    parts: list[str] = []
    start = 0
    for found in re.finditer(rf"`(?:[^`]|``)*`|[{re.escape(separators)}]", text):
        if found.group() in separators and (not most or len(parts) < most):
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


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
        and not tokens[0].quoted
        and (not names or tokens[0].text in names)
        and is_operator(tokens[1], "(")
        and closing(tokens, 1) == len(tokens) - 1
    )


def _check_brackets(formula: str, tokens: Sequence[Token]) -> None:
    opened: list[Token] = []
    for token in tokens:
        if is_operator(token, *_OPENING):
            opened.append(token)
            if len(opened) > _DEEPEST:
                raise FormulaError(f"more than {_DEEPEST} brackets within brackets", formula, token.start)
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
