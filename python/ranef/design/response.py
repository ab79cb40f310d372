"""The response: numbers, counts, proportions, two columns of counts, or a factor with two levels; checked."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ranef.design.columns import Bools, Column, Floats
from ranef.design.design import ResponseDesign, WeightsDesign
from ranef.design.evaluate import evaluate
from ranef.design.frame import Table, name_rows
from ranef.design.weights import RowNumbers, check_kind
from ranef.errors import DataError
from ranef.formula.parse import ResponsePart

# A proportion times its trials may miss a whole number by rounding of the proportion: this much, or this share.
_COUNT_TOLERANCE = 1e-3
_COUNT_SHARE = 1e-6
# Values beyond this (or all below its inverse) have squares outside the range of doubles.
_LARGEST = 1e100


class FamilyTraits(Protocol):
    """What a design asks of a family."""

    @property
    def name(self) -> str: ...
    @property
    def support(self) -> str: ...
    @property
    def dispersion(self) -> str: ...
    @property
    def has_trials(self) -> bool: ...
    @property
    def is_count(self) -> bool: ...
    @property
    def truncated(self) -> bool: ...


def build_response(
    part: ResponsePart, table: Table, family: FamilyTraits, weights: RowNumbers | None, zero_inflated: bool
) -> tuple[ResponseDesign, WeightsDesign | None]:
    """The response and what the weights mean beside it.

    Raises
    ------
    DataError
        If values lie outside the family's support (their rows are named), or the response is constant.
    """
    if weights is not None and weights.kind is not None:
        check_kind(weights.kind, family.name, family.has_trials)
    if len(part.expressions) == 2:
        response = _successes_failures(part, table, family, weights)
    else:
        response = _single(part, table, family, weights, zero_inflated)
    _check_varies(response)
    _check_size(response, table)
    return response, _weights_meaning(response, family, weights)


def _successes_failures(
    part: ResponsePart, table: Table, family: FamilyTraits, weights: RowNumbers | None
) -> ResponseDesign:
    if not family.has_trials:
        raise DataError(f"{part.text} is a response for binomial and betabinomial, not for {family.name}")
    if weights is not None and weights.kind == "trials":
        raise DataError(f"{part.text} already says the number of trials: leave out weights.trials")
    successes, failures = (_count_column(e.source, evaluate(e, table, "response"), table) for e in part.expressions)
    return ResponseDesign(part.text, successes, successes + failures, "cbind", None)


def _count_column(name: str, values: Floats, table: Table) -> Floats:
    counts = values.astype(np.float64)
    _check(counts, (counts >= 0) & (counts == np.floor(counts)), table, name, "a whole number >= 0")
    return counts


def _single(
    part: ResponsePart, table: Table, family: FamilyTraits, weights: RowNumbers | None, zero_inflated: bool
) -> ResponseDesign:
    expression = part.expressions[0]
    column = table[expression.variables[0]] if expression.is_name else None
    if column is not None and column.labels is not None:
        return _two_levels(part.text, column, family)
    values = evaluate(expression, table, "response")
    if values.dtype == np.bool_:
        levels = (False, True) if family.has_trials else None
        form = "factor" if family.has_trials else "plain"
        values = values.astype(np.float64)
        _check_support(values, table, part.text, family, zero_inflated)
        return ResponseDesign(part.text, values, None, form, levels)
    if not family.has_trials:
        _check_support(values, table, part.text, family, zero_inflated)
        return ResponseDesign(part.text, values, None, "plain", None)
    if weights is not None and _are_trials(values, weights):
        return _proportion(part.text, values, table, weights)
    binary = (values == 0) | (values == 1)
    remedy = "a proportion needs its number of trials as weights, counts need cbind(successes, failures)"
    _check(values, binary, table, part.text, f"0 or 1 for {family.name}", remedy)
    return ResponseDesign(part.text, values, None, "plain", None)


def _two_levels(name: str, column: Column, family: FamilyTraits) -> ResponseDesign:
    codes, levels = column.factor()
    shown = ", ".join(repr(str(v)) for v in levels[:4]) + (", ..." if len(levels) > 4 else "")
    if not family.has_trials:
        raise DataError(f"the response {name!r} holds {shown}: family {family.name} needs numbers")
    if len(levels) != 2:
        raise DataError(
            f"the response {name!r} has {len(levels)} level{'s' * (len(levels) != 1)} ({shown}): a binomial factor "
            f"has two, and the second is the success"
        )
    return ResponseDesign(name, codes.astype(np.float64), None, "factor", (levels[0], levels[1]))


def _are_trials(values: Floats, weights: RowNumbers) -> bool:
    """Whether weights beside a numeric binomial response count trials.

    Plain weights that are no whole numbers cannot, and beside zeros and ones they are multipliers instead.
    """
    if weights.kind is not None:
        return weights.kind == "trials"
    whole = bool((weights.values == np.floor(weights.values)).all())
    return whole or not bool(((values == 0) | (values == 1)).all())


def _proportion(name: str, values: Floats, table: Table, weights: RowNumbers) -> ResponseDesign:
    trials = weights.values
    _check(trials, trials == np.floor(trials), table, weights.name, "a whole number of trials")
    remedy = "counts need cbind(successes, failures)"
    _check(values, (values >= 0) & (values <= 1), table, name, "a proportion between 0 and 1", remedy)
    counts = values * trials
    whole = np.round(counts)
    close = np.abs(counts - whole) <= np.maximum(_COUNT_TOLERANCE, _COUNT_SHARE * trials)
    _check(counts, close, table, f"{name} times {weights.name}", "a whole number of successes")
    return ResponseDesign(name, whole, trials, "proportion", None)


def _check_support(values: Floats, table: Table, name: str, family: FamilyTraits, zero_inflated: bool) -> None:
    """Every value lies where the family puts probability, or at 0 where zero inflation does."""
    zero_allowed = zero_inflated & (values == 0)
    ending = f" for {family.name}" + (" with zero inflation" if zero_inflated else "")
    if family.is_count:
        lowest = 1 if family.truncated and not zero_inflated else 0
        remedy = "add ziformula='~ 1' for a hurdle model" if lowest else ""
        inside = (values >= lowest) & (values == np.floor(values))
        _check(values, inside, table, name, f"a whole number >= {lowest}{ending}", remedy)
    elif family.support.startswith("positive"):
        _check(values, (values > 0) | zero_allowed, table, name, f"{'>= 0' if zero_inflated else '> 0'}{ending}")
    elif "between 0 and 1" in family.support:
        inside = (values > 0) & (values < 1) | zero_allowed
        bounds = "in [0, 1)" if zero_inflated else "between 0 and 1, exclusive,"
        _check(values, inside, table, name, f"{bounds}{ending}")


def _check(values: Floats, good: Bools, table: Table, name: str, requirement: str, remedy: str = "") -> None:
    wrong = np.flatnonzero(~good)
    if wrong.size:
        first = f"it is {values[wrong[0]]:g} in row {table.index[wrong[0]]}"
        rest = f" ({wrong.size} rows in all: {name_rows(table.index, wrong)})" if wrong.size > 1 else ""
        raise DataError(f"{name!r} must be {requirement}; {first}{rest}" + (f"; {remedy}" if remedy else ""))


def _check_varies(response: ResponseDesign) -> None:
    """A response without any variation has no maximum of the likelihood in the interior."""
    values = response.values
    if response.trials is not None:
        if values.any() and (values != response.trials).any():
            return
        what = "no success" if not values.any() else "no failure"
        raise DataError(f"the response {response.name!r} is constant: there is {what} in any row")
    if len(values) and values.min() == values.max():
        raise DataError(
            f"the response {response.name!r} is constant: {values[0]:g} in all {len(values)} rows, "
            f"so that nothing can be fitted"
        )


def _check_size(response: ResponseDesign, table: Table) -> None:
    """Squares of the values must neither overflow nor vanish."""
    largest = int(np.argmax(np.abs(response.values)))
    size = abs(float(response.values[largest]))
    if not 1.0 / _LARGEST < size < _LARGEST:
        raise DataError(
            f"the response {response.name!r} has {response.values[largest]:g} as its largest value (row "
            f"{table.index[largest]}): rescale it"
        )


def _weights_meaning(
    response: ResponseDesign, family: FamilyTraits, weights: RowNumbers | None
) -> WeightsDesign | None:
    if weights is None:
        return None
    name = weights.column or weights.role
    if weights.kind is not None:
        return WeightsDesign(weights.kind, weights.values, name)
    if response.form == "proportion":
        return WeightsDesign("trials", weights.values, name)
    kind = "precision" if family.name == "gaussian" else "likelihood"
    return WeightsDesign(kind, weights.values, name)
