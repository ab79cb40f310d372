"""Random terms: ``(x | a/b)``, ``(x || g)``, ``ar1(0 + time | g)``.

What stands left of the bar are the effects, a sum of terms like the fixed part; right of it the grouping factors.
``a/b`` means two terms, one for ``b:a`` and one for ``a``. ``(x || g)`` means independent terms, one for the
intercept and one for every term of the sum; the columns of one factor stay together and correlated, as in lme4.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from ranef.errors import FormulaError, NotAvailableError, pointer
from ranef.formula.algebra import Terms, expand
from ranef.formula.expression import source_text
from ranef.formula.functions import UserFunction
from ranef.formula.tokens import Token, closing, is_call, is_operator, quoted, split_top_level

OFFERED_STRUCTURES = ("us", "diag", "homdiag", "cs", "ar1")
PLANNED_STRUCTURES = (
    "ou", "exp", "gau", "mat", "toep", "homtoep", "hetar1", "homcs", "rr", "propto", "equalto", "smooth",
)  # fmt: skip
# Grouping factors that ``a/b/c`` may nest.
_DEEPEST = 40
PLANNED_SMOOTHS = ("s", "t2", "te", "ti")


@dataclass(frozen=True, slots=True)
class RandomTerm:
    """One random term after expansion.

    Attributes
    ----------
    source : the term as the user wrote it, before expansion
    structure : covariance structure of the effects of one level
    effects : the sum left of the bar
    groups : columns whose combinations are the levels, ``("cask", "batch")`` for ``cask:batch``
    start : place in the formula
    """

    source: str
    structure: str
    effects: Terms
    groups: tuple[str, ...]
    start: int

    @property
    def group(self) -> str:
        """Name of the grouping factor."""
        return ":".join(self.groups)

    @property
    def text(self) -> str:
        """The term in words of a formula; it parses to itself."""
        prefix = "" if self.structure == "us" else self.structure
        return f"{prefix}({self.effects.text} | {':'.join(map(quoted, self.groups))})"

    @property
    def meaning(self) -> tuple[str, str, tuple[str, ...]]:
        """What two terms share that mean the same, wherever they were written."""
        return self.structure, self.effects.text, self.groups

    def same_as(self, other: RandomTerm) -> bool:
        """Whether both mean the same."""
        return self.meaning == other.meaning


def is_random(tokens: Sequence[Token]) -> bool:
    """Whether a summand of a formula is a random term: all of it in brackets, with a bar directly inside."""
    if not tokens:
        return False
    opening = 1 if tokens[0].kind == "name" and not tokens[0].quoted else 0
    if len(tokens) <= opening or not is_operator(tokens[opening], "("):
        return False
    return closing(tokens, opening) == len(tokens) - 1 and len(_sides(tokens)) > 1


def random_terms(
    formula: str, tokens: Sequence[Token], functions: tuple[UserFunction, ...] = ()
) -> tuple[RandomTerm, ...]:
    """The random terms that one summand stands for; its effects may call `functions` of the user.

    Raises
    ------
    FormulaError
        If the summand is no random term that this package knows.
    NotAvailableError
        If its covariance structure is planned but not offered yet.
    """
    structure = _structure(formula, tokens)
    sides = _sides(tokens)
    bars = [t for t in tokens if is_operator(t, "|", "||")]
    if len(sides) != 2:
        raise FormulaError("a random term has one bar", formula, bars[1].start)
    if not all(sides):
        raise FormulaError(f"something is missing beside {bars[0].text!r}", formula, bars[0].start)
    double = bars[0].text == "||"
    if double and structure is not None:
        raise FormulaError(f"write {structure}(... | g), or (... || g) alone", formula, bars[0].start)
    effects = expand(formula, sides[0], functions=functions)
    if not effects.intercept and not effects.terms:
        raise FormulaError("a random term without any column", formula, sides[0][0].start)
    pieces = _independent(effects) if double else (effects,)
    source = source_text(formula, tokens)
    return tuple(
        RandomTerm(source, structure or "us", piece, groups, tokens[0].start)
        for groups in _grouping_factors(formula, sides[1])
        for piece in pieces
    )


def _sides(tokens: Sequence[Token]) -> list[tuple[Token, ...]]:
    """What stands between the bars directly inside the outermost brackets."""
    opening = 1 if tokens[0].kind == "name" else 0
    return split_top_level(tokens[opening + 1 : -1], "|", "||")


def _structure(formula: str, tokens: Sequence[Token]) -> str | None:
    """Name of the covariance structure, None where none is written."""
    if tokens[0].kind != "name":
        return None
    name = tokens[0].text
    if name in PLANNED_STRUCTURES:
        raise NotAvailableError(
            f"the covariance structure {name!r} is planned but not offered yet; "
            f"offered: {', '.join(OFFERED_STRUCTURES)}{pointer(formula, tokens[0].start)}"
        )
    if name not in OFFERED_STRUCTURES:
        close = difflib.get_close_matches(name, OFFERED_STRUCTURES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise FormulaError(
            f"there is no covariance structure {name!r}{hint} (offered: {', '.join(OFFERED_STRUCTURES)})",
            formula,
            tokens[0].start,
        )
    commas = [t for part in split_top_level(tokens[2:-1], ",")[1:] for t in part]
    if commas:
        raise FormulaError(f"the structure {name!r} takes no argument after the group", formula, commas[0].start)
    return name


def _independent(effects: Terms) -> tuple[Terms, ...]:
    intercept = (Terms(True, ()),) if effects.intercept else ()
    return intercept + tuple(Terms(False, (term,)) for term in effects.terms)


def _grouping_factors(formula: str, tokens: Sequence[Token]) -> list[tuple[str, ...]]:
    """Columns of each grouping factor that ``a/b`` stands for, the innermost (``b:a``) first."""
    nested: list[tuple[str, ...]] = []
    for part in split_top_level(tokens, "/"):
        if not part:
            raise FormulaError("a grouping factor is missing beside '/'", formula, tokens[0].start)
        names = tuple(dict.fromkeys(_columns(formula, part)))
        outer = nested[-1] if nested else ()
        nested.append(names + tuple(name for name in outer if name not in names))
        if len(nested) > _DEEPEST:
            raise FormulaError(f"more than {_DEEPEST} grouping factors within each other", formula, part[0].start)
    return nested[::-1]


def _columns(formula: str, tokens: Sequence[Token]) -> list[str]:
    """Columns of ``a:b``; brackets around and ``factor()`` around a column change nothing."""
    names: list[str] = []
    for part in split_top_level(tokens, ":"):
        if not part:
            raise FormulaError("a grouping factor is missing beside ':'", formula, tokens[0].start)
        if len(part) == 1 and part[0].kind == "name":
            names.append(part[0].text)
        elif is_call(part, "factor", "as.factor", "C") and len(part) == 4 and part[2].kind == "name":
            names.append(part[2].text)
        elif is_operator(part[0], "(") and closing(part, 0) == len(part) - 1:
            names.extend(_columns(formula, part[1:-1]))
        else:
            wrong = next((t for t in part if is_operator(t, "+", "*", "-", "|", "||", "/")), part[0])
            raise FormulaError(
                "right of the bar stand columns joined by ':' or '/'; write one term for each grouping factor, "
                "and make other groupings a column of the data",
                formula,
                wrong.start,
            )
    return names
