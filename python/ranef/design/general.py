"""Model matrices of any terms: functions, bases, contrasts, and interactions without their margins.

Every factor of the terms is evaluated and becomes columns, and a term's columns are the products of those of its
factors. A factor with levels (or a basis that holds the constant) has two codings, one that spans the constant and a
reduced one. Which of them stands in which term follows from structural full rank: no term repeats what terms before
it span. A term of such factors spans the sum of the products of some of them, reduced; those that are spanned already
go, and pairs that differ in one reduced factor join again to one product with that factor whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from ranef.design.columns import Codes, Floats
from ranef.design.frame import Table, name_rows
from ranef.design.interpreter import Memory, interpret
from ranef.errors import DataError, FormulaError, RanefError
from ranef.formula.algebra import Terms
from ranef.formula.expression import Expression
from ranef.formula.transforms import Basis, Factor, coding_of

# Factors with levels that one term may join: each doubles the products to be sorted out.
_MOST_JOINED = 10

# One factor within a product: its place among the factors, and whether its reduced coding stands there.
Part = tuple[int, bool]
Product = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Coding:
    """How one factor of the terms becomes columns.

    Attributes
    ----------
    labels : names of the columns behind the factor's own, of the whole and of the reduced coding
    levels : levels of a factor, None for numbers
    matrices : whole and reduced coding (levels, columns) of a factor, None for numbers
    spans_intercept : whether the whole coding spans the constant
    """

    labels: tuple[tuple[str, ...], tuple[str, ...]]
    levels: pd.Index | None
    matrices: tuple[Floats, Floats] | None
    spans_intercept: bool

    def columns(self, value: Any, reduced: bool) -> Floats:
        """The columns (n, k) of the values that `evaluated` gives."""
        if self.matrices is not None:
            return np.asarray(self.matrices[reduced][value])
        return np.asarray(value[:, value.shape[1] - len(self.labels[reduced]) :])


@dataclass(frozen=True, slots=True)
class GeneralSpec:
    """What new data need to give the same columns.

    Attributes
    ----------
    labels : what the coefficients of each distinct factor are called
    codings : how it becomes columns
    products : for every term, the intercept's first, the products that it adds
    memory : what transforms found in the fitted rows
    """

    labels: tuple[str, ...]
    codings: tuple[Coding, ...]
    products: tuple[tuple[Product, ...], ...]
    memory: Memory

    @property
    def counts(self) -> tuple[int, ...]:
        """How many columns each term has, the intercept's first where there is one."""
        return tuple(
            sum(prod(len(self.codings[k].labels[reduced]) for k, reduced in product) for product in products)
            for products in self.products
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns; within a product the first factor varies fastest."""
        made: list[str] = []
        for product in itertools.chain.from_iterable(self.products):
            parts = [[self.labels[k] + label for label in self.codings[k].labels[reduced]] for k, reduced in product]
            made += [":".join(reversed(p)) if p else "Intercept" for p in itertools.product(*reversed(parts))]
        return tuple(made)

    def matrix(self, values: Sequence[Any], n_rows: int) -> Floats:
        """The matrix (n, p) in Fortran order, from the values of the factors."""
        out = np.empty((n_rows, sum(self.counts)), dtype=np.float64, order="F")
        coded = {
            part: self.codings[part[0]].columns(values[part[0]], part[1])
            for part in set(itertools.chain.from_iterable(itertools.chain.from_iterable(self.products)))
        }
        place = 0
        for product in itertools.chain.from_iterable(self.products):
            parts = [coded[part] for part in product]
            for combination in itertools.product(*(range(p.shape[1]) for p in reversed(parts))):
                column = out[:, place]
                column.fill(1.0)
                for part, k in zip(parts, reversed(combination), strict=True):
                    np.multiply(column, part[:, k], out=column)
                place += 1
        return out


def plan_general(
    terms: Terms,
    table: Table,
    levels: Mapping[str, pd.Index],
    contrasts: Mapping[str, Any],
    memory: Memory | None = None,
) -> tuple[GeneralSpec, list[Any]]:
    """The specification of `terms`, and the values of their factors, of which its matrix is made.

    Parameters
    ----------
    terms : the expanded sum
    table : the rows
    levels : of the columns that are factors
    contrasts : of columns that stand as terms themselves
    memory : what transforms found before, None where these are the rows to find it in

    Raises
    ------
    FormulaError
        If a factor cannot be evaluated.
    DataError
        If a factor has one level.
    """
    memory = {} if memory is None else memory
    factors = terms.factors
    codings: list[Coding] = []
    values: list[Any] = []
    for factor in factors:
        value = _value(factor, terms, table, levels, memory)
        if isinstance(value, Factor) and factor.is_name and factor.variables[0] in contrasts:
            value = Factor(value.name, value.codes, value.levels, contrasts[factor.variables[0]])
        coding = _coding(factor, terms, value)
        codings.append(coding)
        values.append(_checked(factor, value, coding, table))
    places = {factor.text: k for k, factor in enumerate(factors)}
    written = [tuple(places[f.text] for f in term) for term in terms.terms]
    products = _products(([()] if terms.intercept else []) + written, [c.spans_intercept for c in codings], terms)
    return GeneralSpec(tuple(f.label for f in factors), tuple(codings), products, memory), values


def evaluated(spec: GeneralSpec, terms: Terms, table: Table, levels: Mapping[str, pd.Index]) -> list[Any]:
    """Values of the factors in new rows, by the memory of the fitted ones.

    Raises
    ------
    DataError
        If a factor has a level that the fitted rows did not have.
    """
    values = [_value(factor, terms, table, levels, spec.memory) for factor in terms.factors]
    pairs = zip(terms.factors, values, spec.codings, strict=True)
    return [_checked(factor, value, coding, table) for factor, value, coding in pairs]


def _value(factor: Expression, terms: Terms, table: Table, levels: Mapping[str, pd.Index], memory: Memory) -> Any:
    """A `Factor`, or numbers with one row a row of the table."""
    if factor.is_name and factor.variables[0] in levels:
        name = factor.variables[0]
        return Factor(name, table[name].codes_in(levels[name]), levels[name])
    try:
        value = interpret(factor, table, levels, memory)
        if isinstance(value, Factor | Basis):
            return value
        array = np.asarray(value)
        if array.dtype.kind not in "fiub" or array.ndim > 2:
            raise ValueError("it does not give one number a row")
        array = np.broadcast_to(array, (table.n_rows,)) if array.ndim == 0 else array
        return array if array.ndim == 1 else Basis(array, tuple(str(k) for k in range(array.shape[1])))
    except RanefError:
        raise
    except Exception as error:
        if "bounds" in str(error) and "extend beyond" in str(error):
            raise DataError(
                f"new values lie outside the range of the data that {factor.source!r} was built on: "
                f"write bs(..., extrapolation='extend'), or ns(...), which continues as a straight line"
            ) from error
        raise _unevaluable(factor, terms, error) from error


def _unevaluable(factor: Expression, terms: Terms, error: Exception) -> FormulaError:
    return FormulaError(f"cannot evaluate the terms {terms.text!r:.200}: {error} (in {factor.source!r:.100})")


def _coding(factor: Expression, terms: Terms, value: Any) -> Coding:
    if isinstance(value, Factor):
        if len(value.levels) < 2:
            only = repr(str(value.levels[0])) if len(value.levels) else "no value"
            raise DataError(
                f"the term {factor.source!r} has one level, {only}, in the {len(value.codes)} rows used: it has no "
                f"contrast, leave it out"
            )
        try:
            whole, reduced = coding_of(value, reduced=False), coding_of(value, reduced=True)
        except ValueError as error:
            raise _unevaluable(factor, terms, error) from error
        return Coding((whole[0], reduced[0]), value.levels, (whole[1], reduced[1]), value.spans_intercept)
    if isinstance(value, Basis):
        labels = tuple(f"[{label}]" for label in value.labels)
        return Coding((labels, labels[int(value.spans_intercept) :]), None, None, value.spans_intercept)
    return Coding((("",), ("",)), None, None, False)


def _checked(factor: Expression, value: Any, coding: Coding, table: Table) -> Any:
    """Codes of a factor among the levels of the coding, or numbers (n, k)."""
    if isinstance(value, Factor) != (coding.levels is not None):
        raise DataError(f"the term {factor.source!r} is {'numeric' if coding.levels is not None else 'a factor'} here")
    if isinstance(value, Factor):
        return _codes(factor, value, coding, table)
    numbers = value.columns if isinstance(value, Basis) else value[:, None]
    if numbers.shape != (table.n_rows, len(coding.labels[0])):
        raise FormulaError(
            f"the term {factor.source!r} gives {numbers.shape[1]} columns of {numbers.shape[0]} rows, not "
            f"{len(coding.labels[0])} of {table.n_rows}"
        )
    return np.asarray(numbers, dtype=np.float64)


def _codes(factor: Expression, value: Factor, coding: Coding, table: Table) -> Codes:
    assert coding.levels is not None
    places = np.append(coding.levels.get_indexer(value.levels), -1).astype(np.int32)
    codes = places[value.codes]
    unseen = np.flatnonzero(codes < 0)
    if unseen.size:
        had = ", ".join(repr(str(level)) for level in coding.levels[:10])
        raise DataError(
            f"the term {factor.source!r} has a level in {name_rows(table.index, unseen)} that the fitted data did not "
            f"have; they had {had}"
        )
    return np.asarray(codes, dtype=np.int32)


def _products(
    written: Sequence[tuple[int, ...]], spanning: Sequence[bool], terms: Terms
) -> tuple[tuple[Product, ...], ...]:
    """The products that each term adds to those before it."""
    spanned: set[frozenset[Part]] = set()
    made: list[tuple[Product, ...]] = []
    for term in written:
        joined = sum(spanning[k] for k in term)
        if joined > _MOST_JOINED:
            raise FormulaError(f"a term of {terms.text!r:.200} joins {joined} factors; up to {_MOST_JOINED} can be")
        choices = [((k, True), None) if spanning[k] else ((k, False),) for k in term]
        every = [tuple(p for p in parts if p is not None) for parts in itertools.product(*choices)]
        new = [product for product in every if frozenset(product) not in spanned]
        spanned.update(frozenset(product) for product in new)
        made.append(tuple(_joined(new)))
    return tuple(made)


def _joined(products: Sequence[Product]) -> list[Product]:
    """The fewest products that span the same: ``a-:b + a:b- ...`` with a reduced factor made whole where it can be."""
    kept: list[Product] = []
    for product in sorted(products, key=len):
        for place, other in enumerate(kept):
            rest = set(product) - set(other)
            if len(other) != len(product) - 1 or len(rest) != 1:
                continue
            (factor, reduced) = next(iter(rest))
            if reduced:
                whole = tuple((factor, False) if part == (factor, True) else part for part in product)
                kept = _joined([*kept[:place], *kept[place + 1 :], whole])
                break
        else:
            kept.append(product)
    return kept
