"""Likelihood-ratio tests of the random effects, one left out at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranef.design.random import TermSpec
from ranef.errors import DataError
from ranef.formula.algebra import Term, Terms
from ranef.inference.boundary import boundary_p_value
from ranef.inference.deletions import DeletionTests, deletion_table
from ranef.inference.hypotheses import term_name
from ranef.inference.refits import without_random

if TYPE_CHECKING:
    from ranef.result import Fit


def ranova(fit: Fit) -> DeletionTests:
    """Tests of the random effects; see `Fit.ranova`."""
    if not fit.design.terms:
        raise DataError("this model has no random effects to test")
    smaller: dict[str, Fit] = {}
    for place, term in enumerate(fit.design.terms):
        spec: TermSpec = term.spec
        prefix = "" if term.component == "cond" else f"{term.component}: "
        bar = f"({_short(spec.term.effects)} | {term.group})"
        whole_term = f"{'' if term.structure == 'us' else term.structure}{bar}"
        for left_out in _reducible(term.structure, spec.term.effects):
            if left_out is None:
                smaller[f"{prefix}{whole_term}"] = without_random(fit, place, None, fit.reml)
                continue
            effects = spec.term.effects
            reduced = Terms(effects.intercept, tuple(t for t in effects.terms if t is not left_out))
            smaller[f"{prefix}{term_name(left_out)} in {whole_term}"] = without_random(fit, place, reduced, fit.reml)
    table = deletion_table(fit, smaller)
    boundary = [
        float("nan"),
        *(boundary_p_value(f, fit, max(0.0, f.deviance - fit.deviance)) for f in smaller.values()),
    ]
    kind = "REML" if fit.reml else "maximum likelihood"
    return DeletionTests(
        table.assign(p_value_boundary=boundary), f"Random effects left out, likelihood-ratio tests ({kind})", ()
    )


def _short(effects: Terms) -> str:
    """``Days`` for ``1 + Days``, as it is mostly written."""
    text = effects.text
    return text.removeprefix("1 + ") if effects.terms else text


def _reducible(structure: str, effects: Terms) -> list[Term | None]:
    """What is left out of a random term, one at a time: slopes that no other contains; None: the whole term."""
    texts = {id(t): {e.text for e in t} for t in effects.terms}
    free: list[Term | None] = [t for t in effects.terms if not any(texts[id(t)] < s for s in texts.values())]
    alone = len(effects.terms) + effects.intercept == 1
    return [None] if alone or structure in ("ar1", "cs") else free
