"""Fixed effects: the model matrix of a sum of terms, full rank, and its counterpart for new data."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ranef.design.columns import Codes, Floats
from ranef.design.design import FixedDesign
from ranef.design.frame import Table, name_rows
from ranef.design.general import GeneralSpec, evaluated, plan_general
from ranef.design.plain import PlainSpec, plan
from ranef.design.rounding import warn_of_rounding
from ranef.errors import DataError
from ranef.formula.algebra import Terms
from ranef.formula.expression import Expression
from ranef.formula.transforms import contrasts_named

# Entries of a dense model matrix (16 GB) that no ordinary machine can work with.
_MOST_ENTRIES = 2**31
# Entries beyond this have squares and products that overflow.
_LARGEST = 1e100

CONTRASTS = ("treatment", "sum", "poly", "helmert", "diff", "SAS")


@dataclass(frozen=True, slots=True)
class MatrixSpec:
    """What new data need to give the same columns.

    Attributes
    ----------
    terms : the expanded sum
    names : names of all columns, dropped ones too
    plain : the plain specification, None where the terms need the general one
    general : the general specification, else None
    levels : levels of each column that is a factor somewhere in the terms
    """

    terms: Terms
    names: tuple[str, ...]
    plain: PlainSpec | None
    general: GeneralSpec | None
    levels: Mapping[str, pd.Index]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many columns each term has, the intercept's first where there is one."""
        return self.general.counts if self.general is not None else () if self.plain is None else self.plain.counts


@dataclass(frozen=True, slots=True)
class FixedSpec:
    """A matrix specification and the places of the columns that were kept."""

    matrix: MatrixSpec
    kept: tuple[int, ...]


def build_fixed(terms: Terms, table: Table, contrasts: Mapping[str, str]) -> FixedDesign:
    """Fixed effects of one linear predictor.

    Columns that depend linearly on those before them are dropped and named, as R does.

    Raises
    ------
    DataError
        If there are more columns than rows, a factor has one level, or a column is not finite.

    Warns
    -----
    DesignWarning
        If a column is dropped that depends on others only to the precision of the computation.
    """
    matrix, spec = build_matrix(terms, table, contrasts, most=table.n_rows)
    n_columns = matrix.shape[1]
    _check_names(spec.names, terms)
    kept = _independent(matrix)
    if len(kept) < n_columns:
        warn_of_rounding(matrix, spec.names, kept)
        matrix = np.asfortranarray(matrix[:, list(kept)])
    names = tuple(spec.names[k] for k in kept)
    dropped = tuple(name for k, name in enumerate(spec.names) if k not in set(kept))
    return FixedDesign(matrix, names, dropped, FixedSpec(spec, kept))


def new_fixed(design: FixedDesign, table: Table) -> FixedDesign:
    """The same columns for new data."""
    spec: FixedSpec = design.spec
    matrix = rebuild(spec.matrix, table)
    if len(spec.kept) < matrix.shape[1]:
        matrix = np.asfortranarray(matrix[:, list(spec.kept)])
    return FixedDesign(matrix, design.names, design.dropped, spec)


def build_matrix(
    terms: Terms, table: Table, contrasts: Mapping[str, str], most: int | None = None
) -> tuple[Floats, MatrixSpec]:
    """Model matrix (n, p) of the terms, float64 in Fortran order, dependent columns included.

    Raises
    ------
    DataError
        Before the matrix is made, if it would have more than `most` columns or more entries than a machine holds.
    """
    levels = _factor_levels(terms, table)
    bare = {factor.variables[0] for factor in terms.factors if factor.is_name}
    coded = {name: contrasts_named(f"contr.{kind}") for name, kind in contrasts.items() if name in bare}
    plain = None if coded else plan(terms, levels.get)
    if plain is not None:
        _check_size(table.n_rows, plain.counts, terms, most)
        spec = MatrixSpec(terms, plain.names, plain, None, levels)
        matrix = plain.matrix(table.n_rows, *_readers(table))
    else:
        general, values = plan_general(terms, table, levels, coded)
        _check_size(table.n_rows, general.counts, terms, most)
        spec = MatrixSpec(terms, general.names, None, general, levels)
        matrix = general.matrix(values, table.n_rows)
    _check_finite(matrix, spec.names, table)
    return matrix, spec


def rebuild(spec: MatrixSpec, table: Table) -> Floats:
    """The model matrix of new data.

    Raises
    ------
    DataError
        If a factor has a level that the fitted data did not have.
    """
    _check_levels(spec.levels, table)
    if spec.general is not None:
        matrix = spec.general.matrix(evaluated(spec.general, spec.terms, table, spec.levels), table.n_rows)
    else:
        assert spec.plain is not None
        matrix = spec.plain.matrix(table.n_rows, *_readers(table))
    _check_finite(matrix, spec.names, table)
    return matrix


def check_contrasts(contrasts: Mapping[str, str] | None, variables: Collection[str], table: Table) -> dict[str, str]:
    """Contrasts by column, as formulaic names them; R's names (``contr.sum``) are read too.

    Raises
    ------
    DataError
        If a contrast is unknown, or its column is no factor among the `variables` of the formulas.
    """
    result: dict[str, str] = {}
    for name, given in (contrasts or {}).items():
        kind = str(given).removeprefix("contr.")
        kind = next((c for c in CONTRASTS if c.lower() == kind.lower()), kind)
        if kind not in CONTRASTS:
            close = difflib.get_close_matches(kind, CONTRASTS, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise DataError(f"there are no contrasts {given!r} (for {name!r}); {hint}offered: {', '.join(CONTRASTS)}")
        if name not in variables:
            raise DataError(f"contrasts are given for {name!r}, which no formula uses")
        if not table[name].is_factor:
            raise DataError(f"contrasts are given for {name!r}, which is numeric: write C({name}, contr.{kind})")
        if kind != "treatment":
            result[name] = kind
    return result


def _readers(table: Table) -> Any:
    def numbers(name: str) -> Floats:
        return table[name].numbers()

    def codes(name: str, labels: pd.Index) -> Codes:
        return table[name].codes_in(labels)

    return numbers, codes


def _factor_levels(terms: Terms, table: Table) -> dict[str, pd.Index]:
    """Levels of the columns that are factors: text anywhere, truth values by themselves, all inside ``factor(...)``."""
    levels: dict[str, pd.Index] = {}
    for factor in terms.factors:
        for name in factor.variables:
            by_itself = factor.is_name and table[name].is_factor
            has_levels = by_itself or table[name].labels is not None or name in factor.factor_variables
            if name in levels or not has_levels:
                continue
            levels[name] = table[name].factor()[1]
            _check_factor(name, levels[name], table.n_rows, factor)
    return levels


def _check_factor(name: str, levels: pd.Index, n_rows: int, factor: Expression) -> None:
    if isinstance(levels, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex)):
        raise DataError(f"column {name!r} holds dates or times; make it numeric, for example days since the first")
    if len(levels) < 2:
        only = repr(str(levels[0])) if len(levels) else "no value"
        raise DataError(
            f"factor {name!r} (term {factor.source!r}) has one level, {only}, in the {n_rows} rows used: "
            f"it has no contrast, leave it out"
        )


def _check_levels(levels: Mapping[str, pd.Index], table: Table) -> None:
    for name, known in levels.items():
        unseen = np.flatnonzero(table[name].codes_in(known) < 0)
        if unseen.size:
            raise DataError(unseen_levels(name, table, unseen, known))


def unseen_levels(name: str, table: Table, unseen: Any, known: pd.Index) -> str:
    """Message: which level of which column in which rows the fitted data did not have."""
    codes, labels = table[name].factor()
    new = [str(labels[c]) for c in dict.fromkeys(codes[unseen].tolist())]
    shown = ", ".join(repr(level) for level in new[:5]) + (", ..." if len(new) > 5 else "")
    had = ", ".join(repr(str(level)) for level in known[:10]) + (", ..." if len(known) > 10 else "")
    return f"column {name!r} has {shown} in {name_rows(table.index, unseen)}; the fitted data had the levels {had}"


def _check_finite(matrix: Floats, names: tuple[str, ...], table: Table) -> None:
    # The sum of squares is below the limit only if every entry is finite and ordinary; else a closer look.
    flat = matrix.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        if flat.dot(flat) < _LARGEST**2:
            return
    for k, name in enumerate(names):
        wrong = np.flatnonzero(~(np.abs(matrix[:, k]) < _LARGEST))
        if wrong.size:
            first = matrix[wrong[0], k]
            remedy = "rescale it" if np.isfinite(first) else "fix or leave out these rows"
            raise DataError(f"the term {name!r} is {first} in {name_rows(table.index, wrong)}: {remedy}")


def _check_names(names: tuple[str, ...], terms: Terms) -> None:
    """Coefficients go by their names, so no two may share one."""
    if len(set(names)) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise DataError(
            f"two coefficients of {terms.text!r} would be called {twice!r}: rename the column of that name, or leave "
            f"the intercept out (0 + ...)"
        )


def _check_size(n_rows: int, counts: Collection[int], terms: Terms, most: int | None) -> None:
    n_columns = sum(counts)
    if n_rows * n_columns > _MOST_ENTRIES:
        raise DataError(
            f"the fixed effects {terms.text!r:.300} have {n_columns} coefficients, a dense matrix of "
            f"{8e-9 * n_rows * n_columns:.0f} GB with {n_rows} rows: make a factor of so many levels a random effect, "
            f"(1 | g), or leave it out"
        )
    if most is not None and n_columns > most:
        raise DataError(
            f"the fixed effects {terms.text!r:.300} have {n_columns} coefficients but the data only {n_rows} rows: "
            f"leave terms out"
        )


def _independent(matrix: Floats) -> tuple[int, ...]:
    """Columns that do not depend on those before them; a single column needs no decomposition."""
    if matrix.shape[1] <= 1:
        return tuple(k for k in range(matrix.shape[1]) if matrix[:, k].any())
    from ranef._core import independent_columns

    return tuple(int(k) for k in independent_columns(matrix))
