"""Likelihood-ratio tests of the terms of the fixed part: `drop1`, and types I and II by refits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ranef.errors import DataError
from ranef.inference.deletions import COLUMNS, DeletionTests, deletion_table, likelihood_ratio
from ranef.inference.hypotheses import type_three_as_coded
from ranef.inference.refits import by_maximum_likelihood, droppable, tested_terms, without_terms
from ranef.inference.small_sample import METHOD_NAMES, Ddf
from ranef.inference.wald_tests import (
    WaldTests,
    check_component,
    checked_test,
    checked_type,
    component_sample,
    terms_table,
)

if TYPE_CHECKING:
    from ranef.inference.wald_tests import Test
    from ranef.result import Fit

_REFITTED = "(REML fit fitted again by maximum likelihood)"


def drop1(fit: Fit, test: Test | None, ddf: Ddf | None, component: str) -> DeletionTests | WaldTests:
    """Tests of the terms that no other contains; see `Fit.drop1`."""
    chosen, method = checked_test(test, ddf)
    check_component(fit, component, chosen)
    terms = droppable(tested_terms(fit, component))
    if chosen == "F":
        sample = component_sample(fit, component, method)
        rows = type_three_as_coded(terms, sample.beta.size)
        title = f"Single term deletions, Wald F tests ({METHOD_NAMES[method]})"
        return WaldTests(terms_table(fit, sample, rows, "F"), title, ())
    whole = by_maximum_likelihood(fit)
    smaller = {t.name: without_terms(whole, component, [t.name], reml=False) for t in terms}
    notes = (_REFITTED,) if fit.reml else ()
    return DeletionTests(deletion_table(whole, smaller), "Single term deletions, likelihood-ratio tests", notes)


def likelihood_ratio_tests(fit: Fit, type: int | str, ddf: str | None, component: str) -> DeletionTests:  # noqa: A002
    """Likelihood-ratio tests by type I or II: each term after those before it, or after those not containing it.

    Raises
    ------
    DataError
        For type III, which has no model to compare with, and for `ddf`.
    """
    kind = checked_type(type)
    if ddf is not None:
        raise DataError(f"a likelihood-ratio test has no ddf={ddf!r}: use test='F', or leave ddf out")
    if kind == 3:
        raise DataError(
            "likelihood-ratio tests are of type 1 or 2: a model without a term that others contain depends on the "
            "contrasts; use test='chisq' for type 3"
        )
    whole = by_maximum_likelihood(fit)
    terms = tested_terms(fit, component)
    made: dict[frozenset[str], Fit] = {frozenset(): whole}

    def without(names: frozenset[str]) -> Fit:
        if names not in made:
            made[names] = without_terms(whole, component, sorted(names), reml=False)
        return made[names]

    rows = []
    for place, term in enumerate(terms):
        others = terms[place + 1 :] if kind == 1 else [t for t in terms if term.is_in(t)]
        above = frozenset(t.name for t in others)
        larger, smaller = without(above), without(above | {term.name})
        rows.append((smaller.df, smaller.loglik, smaller.aic, *likelihood_ratio(smaller, larger)))
    index = pd.Index([t.name for t in terms], name="term")
    notes = (_REFITTED,) if fit.reml else ()
    title = f"Type {'I' * kind} likelihood-ratio tests"
    return DeletionTests(pd.DataFrame(rows, columns=COLUMNS, index=index).astype({"npar": int}), title, notes)
