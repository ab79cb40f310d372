"""The same model without a fixed or random term, fitted to the same rows: what likelihood ratios compare with.

The reduced design is made from the fitted one, so that rows with a missing value in a dropped column stay out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ranef.design.design import Design
from ranef.design.fixed import build_fixed, check_contrasts
from ranef.design.frame import Table, open_table
from ranef.design.random import TermSpec, build_random
from ranef.errors import DataError
from ranef.formula.algebra import Terms
from ranef.formulas import updated_formula, updated_one_sided
from ranef.inference.hypotheses import ModelTerm, model_terms, term_name

if TYPE_CHECKING:
    from ranef.result import Fit

_ARGUMENTS = {"zi": "ziformula", "disp": "dispformula"}


def tested_terms(fit: Fit, component: str) -> tuple[ModelTerm, ...]:
    """The terms of a component but for the intercept.

    Raises
    ------
    DataError
        If there are none.
    """
    terms = model_terms(fit.design.predictors[fit.predictor_place(component)].fixed)
    made = tuple(t for t in terms if not t.is_intercept)
    if not made:
        raise DataError(f"the {component!r} component has no terms to test: only an intercept")
    return made


def droppable(terms: Sequence[ModelTerm]) -> tuple[ModelTerm, ...]:
    """Those that no other term contains: dropping one of these leaves a model that respects marginality."""
    return tuple(t for t in terms if not any(t.is_in(other) for other in terms))


def without_terms(fit: Fit, component: str, names: Collection[str], reml: bool) -> Fit:
    """The model without some terms of a component's fixed part.

    Raises
    ------
    DataError
        If the fit holds no data.
    """
    place = fit.predictor_place(component)
    predictor = fit.design.predictors[place]
    old: Terms = predictor.fixed.spec.matrix.terms
    left = Terms(old.intercept, tuple(t for t in old.terms if term_name(t) not in names))
    dropped = Terms(False, tuple(t for t in old.terms if term_name(t) in names))
    table = _rows(fit, left.variables)
    fixed = build_fixed(left, table, _contrasts(fit, left, table))
    predictors = list(fit.design.predictors)
    predictors[place] = dataclasses.replace(predictor, fixed=fixed)
    change = f"~ . - ({dropped.text.removeprefix('0 + ')})"
    specification = fit.model.specification
    functions = specification.formula_functions
    if component == "cond":
        changes: dict[str, Any] = {"formula": updated_formula(specification.formula, f". {change}", functions)}
    else:
        argument = _ARGUMENTS[component]
        changes = {argument: updated_one_sided(getattr(specification, argument), change, functions)}
    return _fit(fit, dataclasses.replace(fit.design, predictors=tuple(predictors)), reml, changes)


def without_random(fit: Fit, place: int, effects: Terms | None, reml: bool) -> Fit:
    """The model with `effects` (None: nothing) in place of those of a random term."""
    terms = list(fit.design.terms)
    spec: TermSpec = terms[place].spec
    if effects is None:
        del terms[place]
    else:
        reduced = dataclasses.replace(spec.term, effects=effects)
        table = _rows(fit, (*effects.variables, *reduced.groups))
        terms[place] = build_random(terms[place].component, reduced, table, _contrasts(fit, effects, table))
    return _fit(fit, dataclasses.replace(fit.design, terms=tuple(terms)), reml, {})


def by_maximum_likelihood(fit: Fit) -> Fit:
    """The fit, or the same model fitted by maximum likelihood where it was by REML."""
    return _fit(fit, fit.design, False, {}) if fit.reml else fit


def _rows(fit: Fit, names: Sequence[str]) -> Table:
    fit.require_data("a fit without one of the terms")
    return open_table(fit.data).columns(dict.fromkeys(names), fit.formula).take(fit.design.kept)


def _contrasts(fit: Fit, terms: Terms, table: Table) -> dict[str, str]:
    given = fit.model.specification.contrasts or {}
    return check_contrasts({k: v for k, v in given.items() if k in terms.variables}, terms.variables, table)


def _fit(fit: Fit, design: Design, reml: bool, changes: dict[str, Any]) -> Fit:
    from ranef.unfitted import Model

    specification = dataclasses.replace(fit.model.specification, reml=reml, start=None, **changes)
    held = specification.fixed
    if held:
        names = Model(dataclasses.replace(specification, fixed=None), design).names
        specification = dataclasses.replace(specification, fixed={k: v for k, v in held.items() if k in names})
    return Model(specification, design).fit()
