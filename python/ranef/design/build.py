"""A formula and a table to a ``Design``; a design and a new table to a ``NewDesign``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ranef.design.checks import check_identifiable, check_one_level, check_random_columns, check_response_apart
from ranef.design.complete_rows import NaAction, complete_rows, read_model_columns, without_zero_precision
from ranef.design.design import Design, NewDesign, PredictorDesign, RandomDesign
from ranef.design.fixed import check_contrasts
from ranef.design.frame import open_table
from ranef.design.missing_codes import warn_of_missing_codes
from ranef.design.model_formulas import parse_formulas
from ranef.design.predictor import build_predictor, new_predictor, read_offset
from ranef.design.random import TermSpec, build_random, new_random
from ranef.design.response import FamilyTraits, build_response
from ranef.design.weights import RowNumbers, check_some_weight, read_row_numbers, read_weights
from ranef.formula.functions import UserFunction

__all__ = ["NaAction", "build_design", "new_design"]


def build_design(
    formula: str,
    data: Any,
    *,
    family: FamilyTraits,
    ziformula: str | None = None,
    dispformula: str | None = None,
    weights: Any = None,
    offset: Any = None,
    contrasts: Mapping[str, str] | None = None,
    na_action: NaAction = "drop",
    functions: tuple[UserFunction, ...] = (),
) -> Design:
    """Everything that a fit computes with.

    Parameters
    ----------
    formula, ziformula, dispformula : as in ``ranef.fit``
    data : pandas, polars or pyarrow table, or a dict of arrays; never changed
    family : the family's traits
    weights, offset : column name (an expression for `offset`), or array with one number a row of `data`
    contrasts : ``{"spp": "sum"}``
    na_action : drop rows with missing values, or raise
    functions : functions of the user that formulas may call

    Raises
    ------
    FormulaError
        If a formula cannot be read, with a caret under the character.
    DataError
        If the data do not fit the formula or the family; names column and rows.
    """
    source = open_table(data)
    formulas = parse_formulas(formula, ziformula, dispformula, family, source.names, functions)
    extra = read_offset(offset, source, functions)
    given = read_weights(weights, source)
    beside = [numbers for numbers in (given, extra) if isinstance(numbers, RowNumbers)]
    rows = complete_rows(read_model_columns(source, formulas, extra), na_action, beside)
    if given is not None:
        check_some_weight(given.take(rows.kept, rows.index, minimum=0.0))
        rows = without_zero_precision(rows, given, family.name)
        given = given.take(rows.kept, rows.index, minimum=0.0)
    table = rows.table
    warn_of_missing_codes(table)
    response, meaning = build_response(formulas.cond.response, table, family, given, formulas.zi is not None)
    coding = check_contrasts(contrasts, formulas.variables, table)
    parts = formulas.components
    for _, side in parts:
        check_response_apart(formulas.cond.response, side.fixed)
    design = Design(
        response=response,
        weights=meaning,
        predictors=tuple(build_predictor(c, side, rows, coding, extra if c == "cond" else None) for c, side in parts),
        terms=tuple(build_random(c, term, table, coding) for c, side in parts for term in side.random),
        index=rows.index,
        kept=rows.kept,
        dropped_by=rows.dropped_by,
        columns=tuple(table.columns),
        formula=formula,
    )
    check_random_columns(design)
    check_one_level(design)
    check_identifiable(design, family.name)
    return design


def new_design(
    design: Design,
    newdata: Any,
    *,
    components: Collection[str] | None = None,
    terms: Sequence[bool] | None = None,
    allow_new_levels: bool = False,
    offset: Any = None,
) -> NewDesign:
    """New data, treated as those that `design` was built from.

    Parameters
    ----------
    design : the fitted model's design
    newdata : a table of any kind, with the columns that the wanted parts use
    components : linear predictors wanted; None for all
    terms : which of ``design.terms`` are wanted; None for all
    allow_new_levels : code unknown levels of grouping factors -2 instead of raising
    offset : one number a row, where the fitted offset was an array

    Raises
    ------
    DataError
        If a column is missing, a factor has a level that was not fitted, or a column has no value at all.
    """
    predictors = [p if components is None or p.component in components else None for p in design.predictors]
    included = [True] * len(design.terms) if terms is None else terms
    random = [term if include else None for term, include in zip(design.terms, included, strict=True)]
    source = open_table(newdata)
    given = None if offset is None else read_row_numbers(offset, source, "offset")
    table = source.columns(_variables(predictors, random), design.formula or "the model")
    rows = complete_rows(table, "drop", () if given is None else (given,))
    array = None if given is None else given.take(rows.kept, rows.index, minimum=None).values
    return NewDesign(
        predictors=tuple(None if p is None else new_predictor(p, rows.table, array) for p in predictors),
        terms=tuple(None if t is None else new_random(t, rows.table, allow_new_levels) for t in random),
        index=rows.index,
        kept=rows.kept,
        dropped_by=rows.dropped_by,
    )


def _variables(predictors: Sequence[PredictorDesign | None], terms: Sequence[RandomDesign | None]) -> tuple[str, ...]:
    """Columns that these parts of a design read."""
    names: list[str] = []
    for predictor in predictors:
        if predictor is not None:
            names.extend(predictor.fixed.spec.matrix.terms.variables)
            sources = [s.expression for s in predictor.offset_sources if s.expression is not None]
            names.extend(name for expression in sources for name in expression.variables)
    for term in terms:
        if term is not None:
            spec: TermSpec = term.spec
            names.extend([*spec.term.effects.variables, *spec.term.groups])
    return tuple(dict.fromkeys(names))
