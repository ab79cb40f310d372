"""Which random terms a prediction or a simulation keeps: `re_form` and `random` to one treatment a term."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from ranef.errors import DataError, FormulaError
from ranef.formula.parse import parse_one_sided
from ranef.formula.random_terms import RandomTerm

if TYPE_CHECKING:
    from ranef.result import Fit

Treatment = Literal["include", "zero", "integrate"]
_TREATMENTS = ("include", "zero", "integrate")


def treatments(fit: Fit, re_form: str | None, random: Mapping[str, str]) -> tuple[str, ...]:
    """Treatment of every random term: `re_form` first, then what `random` says of single groups or terms.

    Raises
    ------
    FormulaError
        If a formula or a key names no random term of the model.
    DataError
        If a treatment is none of ``"include"``, ``"zero"``, ``"integrate"``.
    """
    made = ["include" if keep else "zero" for keep in kept_terms(fit, re_form)]
    for key, treatment in random.items():
        if treatment not in _TREATMENTS:
            raise DataError(f"random[{key!r}] must be one of {', '.join(_TREATMENTS)}, got {treatment!r}")
        for place in _places_of(fit, key):
            made[place] = treatment
    return tuple(made)


def kept_terms(fit: Fit, re_form: str | None) -> tuple[bool, ...]:
    """Which random terms `re_form` keeps: None all, ``"~0"`` none, ``"~ (1 | site)"`` those it names."""
    terms = written_terms(fit)
    if re_form is None:
        return (True,) * len(terms)
    if not isinstance(re_form, str):
        raise FormulaError(f"re_form must be None or a formula such as '~0' or '~ (1 | site)', got {re_form!r}")
    named = parse_one_sided(re_form, functions=fit.model.specification.formula_functions).random
    for term in named:
        if not any(term.same_as(own) for own in terms):
            raise FormulaError(f"re_form keeps {term.source}, which is no random term of the model: {_listed(terms)}")
    return tuple(any(own.same_as(term) for term in named) for own in terms)


def written_terms(fit: Fit) -> tuple[RandomTerm, ...]:
    """The random terms as the formulas write them, in the order of the design's terms."""
    return tuple(term.spec.term for term in fit.design.terms)


def _places_of(fit: Fit, key: str) -> list[int]:
    """Terms that a key of `random` means: all of a grouping factor, or the one that is written so."""
    terms = written_terms(fit)
    places = [i for i, own in enumerate(terms) if own.group == key]
    if not places and "|" in key:
        bare = key.strip()
        text = bare if bare.endswith(")") else f"({bare})"
        named = parse_one_sided(f"~ {text}", functions=fit.model.specification.formula_functions).random
        places = [i for i, own in enumerate(terms) if any(own.same_as(term) for term in named)]
    if not places:
        raise FormulaError(f"random has the key {key!r}, which is no group or random term: {_listed(terms)}")
    return places


def _listed(terms: tuple[RandomTerm, ...]) -> str:
    return ", ".join(dict.fromkeys(term.source for term in terms)) or "the model has none"
