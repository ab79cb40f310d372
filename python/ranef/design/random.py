"""Random terms: codes of the grouping factor, and the block of columns that every level has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.columns import Codes, Floats
from ranef.design.design import NewTerm, RandomDesign
from ranef.design.fixed import MatrixSpec, build_matrix, rebuild, unseen_levels
from ranef.design.frame import Table, name_rows
from ranef.errors import DataError, FormulaError
from ranef.formula.algebra import Terms
from ranef.formula.expression import Expression
from ranef.formula.random_terms import RandomTerm

NEW_LEVEL = -2


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A grouping factor's memory.

    Attributes
    ----------
    columns : the columns whose combinations are the levels
    levels : levels of each column
    cells : for several columns, the combinations that occur, in mixed radix, ascending; else None
    """

    columns: tuple[str, ...]
    levels: tuple[pd.Index, ...]
    cells: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One indicator column for every level of a factor (``0 + f``)."""

    variable: str
    levels: pd.Index


@dataclass(frozen=True, slots=True)
class TermSpec:
    """What new data need: the term as written, its group, and its effects (None: an intercept)."""

    term: RandomTerm
    group: GroupSpec
    effects: MatrixSpec | ColumnSpec | None


def build_random(component: str, term: RandomTerm, table: Table, contrasts: Mapping[str, str]) -> RandomDesign:
    """One random term of the linear predictor `component`.

    Raises
    ------
    DataError
        If the grouping factor has one level, and that one effect.
    FormulaError
        If the structure does not fit the effects.
    """
    group, levels, labels = _code_group(term, table)
    names, effects, basis, column = _build_effects(term, table, contrasts)
    if len(labels) < 2 and len(names) < 2:
        raise DataError(
            f"the grouping factor {term.group!r} of {term.source} has {_only_level(labels, table)}: one level's single "
            f"effect is one draw, which says nothing of a variance; leave the term out"
        )
    if term.structure in ("cs", "ar1") and len(names) < 2:
        raise FormulaError(
            f"{term.source} has one column a level: {term.structure} needs two or more, such as "
            f"{term.structure}(0 + f | {term.group}) with a factor f"
        )
    return RandomDesign(
        component, term.group, term.structure, levels, labels, names, basis, column, TermSpec(term, group, effects)
    )


def new_random(design: RandomDesign, table: Table, allow_new_levels: bool) -> NewTerm:
    """The term's levels and columns for new data; a level that was not fitted is coded ``NEW_LEVEL``.

    Raises
    ------
    DataError
        If there is such a level and `allow_new_levels` is false or the level is of another kind than the fitted ones,
        or if a factor among the effects has a new level.
    """
    spec: TermSpec = design.spec
    levels = _levels_in(spec.group, table)
    unseen = np.flatnonzero(levels < 0)
    if unseen.size and not allow_new_levels:
        raise DataError(_new_level(design, table, unseen))
    levels = np.where(levels < 0, np.int32(NEW_LEVEL), levels).astype(np.int32)
    if spec.effects is None:
        return NewTerm(levels, None, None)
    if isinstance(spec.effects, MatrixSpec):
        return NewTerm(levels, np.ascontiguousarray(rebuild(spec.effects, table)), None)
    column = table[spec.effects.variable].codes_in(spec.effects.levels)
    missing = np.flatnonzero(column < 0)
    if missing.size:
        raise DataError(unseen_levels(spec.effects.variable, table, missing, spec.effects.levels))
    return NewTerm(levels, None, column)


def _code_group(term: RandomTerm, table: Table) -> tuple[GroupSpec, Codes, pd.Index]:
    coded = [table[name].factor() for name in term.groups]
    levels = tuple(labels for _, labels in coded)
    if len(coded) == 1:
        codes, labels, cells = coded[0][0], levels[0], None
    else:
        cells, codes = _distinct(_mixed_radix([c for c, _ in coded], levels), [len(index) for index in levels])
        labels = _cell_labels(cells, levels)
    return GroupSpec(term.groups, levels, cells), codes, labels


def _only_level(labels: pd.Index, table: Table) -> str:
    only = repr(str(labels[0])) if len(labels) else "none"
    return f"one level, {only}, in the {table.n_rows} rows used"


def _codes_among(name: str, fitted: pd.Index, table: Table) -> Codes:
    """Place of every row's group among the fitted levels, -1 where it is not among them.

    Numbers and text match where they read alike, "3" and 3, as R's factors do.

    Raises
    ------
    DataError
        If levels of another kind than the fitted ones match none of them: a mistake rather than new groups.
    """
    codes, labels = table[name].factor()
    kind, known = _kind(labels), _kind(fitted)
    if kind == known:
        return table[name].codes_in(fitted)
    as_text = pd.Index(fitted.astype(str)) if "text" in (kind, known) else fitted[:0]
    places = as_text.get_indexer(pd.Index(labels.astype(str)))
    unknown = np.flatnonzero(places < 0)
    if unknown.size:
        raise DataError(
            f"the grouping factor {name!r} holds {kind} such as {str(labels[unknown[0]])!r} in the new data, but "
            f"{known} where the model was fitted, and no fitted level reads like that: convert the column"
        )
    return np.asarray(places, dtype=np.int32)[codes]


def _kind(labels: pd.Index) -> str:
    """What a factor's levels are, in words."""
    inferred = str(labels.inferred_type)
    if inferred in ("integer", "floating", "mixed-integer-float"):
        return "numbers"
    return {"string": "text", "boolean": "truth values"}.get(inferred, inferred)


def _levels_in(group: GroupSpec, table: Table) -> Codes:
    """Level of every row, negative where it was not among the fitted ones."""
    codes = [_codes_among(name, levels, table) for name, levels in zip(group.columns, group.levels, strict=True)]
    if group.cells is None:
        return codes[0]
    known = np.logical_and.reduce([c >= 0 for c in codes])
    cells = _mixed_radix([np.maximum(c, 0) for c in codes], group.levels)
    places = np.minimum(np.searchsorted(group.cells, cells), len(group.cells) - 1)
    return np.where(known & (group.cells[places] == cells), places, -1).astype(np.int32)


def _mixed_radix(codes: list[Codes], levels: tuple[pd.Index, ...]) -> NDArray[np.int64]:
    """One number for each combination, ordered by the first column, then the second ..."""
    cells = codes[0].astype(np.int64)
    for code, index in zip(codes[1:], levels[1:], strict=True):
        cells = cells * len(index) + code
    return cells


def _distinct(cells: NDArray[np.int64], sizes: list[int]) -> tuple[NDArray[np.int64], Codes]:
    """The combinations that occur, ascending, and each row's place among them."""
    total = int(np.prod(sizes, dtype=np.float64))
    if total > 4 * len(cells) + 1024:
        distinct, places = np.unique(cells, return_inverse=True)
        return distinct, places.astype(np.int32)
    present = np.zeros(total, dtype=bool)
    present[cells] = True
    lookup = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(present).astype(np.int64), np.asarray(lookup[cells], dtype=np.int32)


def _cell_labels(cells: NDArray[np.int64], levels: tuple[pd.Index, ...]) -> pd.Index:
    """Names of combinations: ``"a1:b1"``."""
    parts = []
    rest = cells
    for index in reversed(levels):
        rest, code = np.divmod(rest, len(index))
        parts.append(np.array([str(label) for label in index], dtype=object)[code])
    return pd.Index([":".join(row) for row in zip(*reversed(parts), strict=True)])


def _build_effects(
    term: RandomTerm, table: Table, contrasts: Mapping[str, str]
) -> tuple[tuple[str, ...], MatrixSpec | ColumnSpec | None, Floats | None, Codes | None]:
    """Names of the block's columns, their memory, and the columns themselves."""
    factor = _indicator(term, table)
    if factor is not None:
        variable = factor.variables[0]
        codes, levels = table[variable].factor()
        if term.structure == "ar1":
            codes, levels = _in_numeric_order(codes, levels)
        prefix = variable if factor.is_name else factor.text
        return tuple(f"{prefix}[{level}]" for level in levels), ColumnSpec(variable, levels), None, codes
    if term.structure == "ar1":
        raise FormulaError(
            f"{term.source}: ar1 needs one factor of times and no intercept, ar1(0 + time | {term.group})"
        )
    if term.effects.intercept and not term.effects.terms:
        return ("Intercept",), None, None, None
    matrix, spec = build_matrix(term.effects, table, contrasts)
    return spec.names, spec, np.ascontiguousarray(matrix), None


def _in_numeric_order(codes: Codes, levels: pd.Index) -> tuple[Codes, pd.Index]:
    """Levels that are text but read as numbers in the numbers' order, unless they were declared in one of their own."""
    numbers = numeric_levels(levels)
    if numbers is None or levels.inferred_type != "string" or not levels.is_monotonic_increasing:
        return codes, levels
    order = np.argsort(numbers, kind="stable")
    return np.argsort(order).astype(np.int32)[codes], levels[order]


def numeric_levels(levels: pd.Index) -> Floats | None:
    """The numbers that all levels are or read as, None where some do not."""
    numbers = pd.to_numeric(pd.Series(levels.astype(object)), errors="coerce").to_numpy(dtype=np.float64)
    return None if np.isnan(numbers).any() else numbers


def _indicator(term: RandomTerm, table: Table) -> Expression | None:
    """The factor of ``0 + f`` (for ar1 a number is a factor too), None if the effects are something else."""
    effects: Terms = term.effects
    if effects.intercept or len(effects.terms) != 1 or len(effects.terms[0]) != 1:
        return None
    factor = effects.terms[0][0]
    if factor.is_name:
        return factor if table[factor.variables[0]].is_factor or term.structure == "ar1" else None
    return factor if factor.code == "C(_v0)" else None


def _new_level(design: RandomDesign, table: Table, unseen: NDArray[np.intp]) -> str:
    spec: TermSpec = design.spec
    values = []
    for place in unseen:
        cell = []
        for name in spec.group.columns:
            codes, labels = table[name].factor()
            cell.append(str(labels[codes[place]]))
        values.append(":".join(cell))
    new = list(dict.fromkeys(values))
    shown = ", ".join(repr(v) for v in new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
    kinds = {labels.inferred_type for labels in spec.group.levels}
    return (
        f"the grouping factor {design.group!r} has levels that were not fitted: {shown} "
        f"({name_rows(table.index, unseen)}; the fitted levels are of type {', '.join(sorted(kinds))}); "
        f"pass allow_new_levels=True for the population's value"
    )
