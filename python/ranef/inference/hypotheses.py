"""Which combinations of coefficients a test of a model term sets to zero: types I, II and III.

Type I adds terms one after the other. Type II tests a term after all others that do not contain it. Type III tests
every term after all others; here in terms of what the factors' levels average to (sum contrasts), so that it does not
depend on the contrasts in use, or else of the coefficients as they are coded.

Rows L of L beta = 0 come from cross products M of the coefficients. With M = U'DU, U unit upper triangular, row k of U
is the k-th column's effect after those before it. M = X'X gives the contrasts of SAS and lmerTest; M = the inverse
covariance of the coefficients gives car's type II: chi-square(with the containing terms) less chi-square(of those
alone), whose rows are L = I_T - V_TR V_RR^-1 I_R.

References: Goodnight (1980) Tests of hypotheses in fixed effects linear models, Comm. Stat. Theory Meth. 9, 167-180;
Fox (2016) Applied Regression Analysis and Generalized Linear Models, 3rd ed., ch. 8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.design.columns import Bools
from ranef.design.design import FixedDesign
from ranef.design.fixed import FixedSpec, build_matrix
from ranef.design.frame import Table, open_table
from ranef.formula.algebra import Term, Terms
from ranef.formula.expression import Expression
from ranef.invertible import invertible

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Singular values of a model matrix of unit columns below this are zero.
_RANK_TOLERANCE = 1e-9
# Entries of a hypothesis this much smaller than its largest are zeros, rounded.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class ModelTerm:
    """A term of a model's fixed part.

    Attributes
    ----------
    name : ``"Intercept"``, ``"spp:mined"``
    factors, numbers : what it multiplies, by kind
    columns : places of its coefficients among those that were fitted
    """

    name: str
    factors: frozenset[str]
    numbers: frozenset[str]
    columns: tuple[int, ...]

    @property
    def is_intercept(self) -> bool:
        """Whether it is the constant."""
        return not self.factors and not self.numbers

    def is_in(self, other: ModelTerm) -> bool:
        """Whether `other` contains this term: all that it multiplies, and more."""
        return self.factors | self.numbers < other.factors | other.numbers

    def is_in_with_same_numbers(self, other: ModelTerm) -> bool:
        """SAS's containment: `other` has more factors and the same covariates."""
        return self.factors < other.factors and self.numbers == other.numbers


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Rows (q, p) of combinations of coefficients that are zero when a term has no effect."""

    term: str
    rows: Floats


def model_terms(fixed: FixedDesign) -> tuple[ModelTerm, ...]:
    """The terms of one linear predictor, those without a coefficient left out (aliased with terms before them)."""
    spec: FixedSpec = fixed.spec
    terms = spec.matrix.terms
    counts = spec.matrix.counts
    place_of = {column: place for place, column in enumerate(spec.kept)}
    made: list[ModelTerm] = []
    start = 0
    parts: list[Term] = [*([()] if len(counts) > len(terms.terms) else []), *terms.terms]
    for part, count in zip(parts, counts, strict=True):
        columns = tuple(place_of[c] for c in range(start, start + count) if c in place_of)
        start += count
        factors = frozenset(e.text for e in part if is_factor(e, spec.matrix.levels))
        numbers = frozenset(e.text for e in part) - factors
        if columns:
            made.append(ModelTerm(term_name(part), factors, numbers, columns))
    return tuple(made)


def with_columns(terms: Sequence[ModelTerm], kept: Bools) -> tuple[ModelTerm, ...]:
    """The terms with those of their columns that are `kept`; terms without any are left out."""
    made = (dataclasses.replace(t, columns=tuple(c for c in t.columns if kept[c])) for t in terms)
    return tuple(t for t in made if t.columns)


def term_name(part: Term) -> str:
    """A term as tables call it: its factors as written, columns without backticks."""
    return ":".join(e.variables[0] if e.is_name else e.text for e in part) if part else "Intercept"


def is_factor(expression: Expression, levels: Collection[str]) -> bool:
    """Whether an expression has levels: a column of text or categories, ``factor(...)``, ``cut(...)``."""
    return expression.variables[0] in levels if expression.is_name else expression.makes_factor


def type_one(terms: Sequence[ModelTerm], cross_products: Floats) -> list[Hypothesis]:
    """Each term after those before it."""
    rows = sequential_rows(cross_products)
    return [Hypothesis(t.name, rows[list(t.columns)]) for t in terms if not t.is_intercept]


def type_two_by_cross_products(terms: Sequence[ModelTerm], cross_products: Floats) -> list[Hypothesis]:
    """SAS's and lmerTest's type II: each term after those that do not contain it."""
    made = []
    for term in terms:
        if term.is_intercept:
            continue
        before = [c for t in terms if t is not term and not term.is_in_with_same_numbers(t) for c in t.columns]
        after = [c for t in terms if term.is_in_with_same_numbers(t) for c in t.columns]
        order = [*before, *term.columns, *after]
        rows = np.zeros_like(cross_products)
        rows[:, order] = sequential_rows(cross_products[np.ix_(order, order)])
        made.append(Hypothesis(term.name, rows[len(before) : len(before) + len(term.columns)]))
    return made


def type_two_by_covariance(terms: Sequence[ModelTerm], vcov: Floats) -> list[Hypothesis]:
    """car's type II: the part of a term's coefficients that is uncorrelated with those of the terms containing it."""
    made = []
    for term in terms:
        if term.is_intercept:
            continue
        mine = list(term.columns)
        above = [c for t in terms if term.is_in(t) for c in t.columns]
        rows = np.eye(vcov.shape[0])[mine]
        if above:
            with invertible("the covariance of the coefficients"):
                rows[:, above] = -np.linalg.solve(vcov[np.ix_(above, above)], vcov[np.ix_(above, mine)]).T
        made.append(Hypothesis(term.name, rows))
    return made


def type_three_as_coded(terms: Sequence[ModelTerm], size: int) -> list[Hypothesis]:
    """The coefficients of each term among `size`, as the contrasts in use code them."""
    return [Hypothesis(t.name, np.eye(size)[list(t.columns)]) for t in terms]


def sequential_rows(cross_products: Floats) -> Floats:
    """U of M = U'DU, unit upper triangular.

    Examples
    --------
    >>> import numpy as np
    >>> sequential_rows(np.array([[4.0, 2.0], [2.0, 3.0]]))
    array([[1. , 0.5],
           [0. , 1. ]])
    """
    scale = 1.0 / np.sqrt(np.diag(cross_products))
    with invertible("the matrix of the coefficients' cross products"):
        root = np.linalg.cholesky(cross_products * np.outer(scale, scale)).T / scale
    return np.asarray(root / np.diag(root)[:, None])


def type_three(fit: Fit, component: str) -> list[Hypothesis]:
    """Each term after all others, in terms of averages over levels: the coefficients under sum contrasts.

    Where cells without data leave some of these without estimate, what remains estimable is tested.

    Raises
    ------
    DataError
        If the fit holds no data.
    """
    fixed = fit.design.predictors[fit.predictor_place(component)].fixed
    spec: FixedSpec = fixed.spec
    terms = spec.matrix.terms
    if not any(is_factor(e, spec.matrix.levels) for e in terms.factors):
        return type_three_as_coded(model_terms(fixed), len(fixed.names))
    fit.require_data("anova(type=3)")
    table = open_table(fit.data).columns(terms.variables, fit.formula).take(fit.design.kept)
    matrix, recoded = _sum_coded(terms, table, spec)
    norms = np.linalg.norm(matrix, axis=0)
    norms[norms == 0.0] = 1.0
    _, values, rotation = np.linalg.svd(np.linalg.qr(matrix / norms, mode="r"))
    silent = (rotation[int(np.sum(values > _RANK_TOLERANCE * values[0])) :] / norms).T
    change = np.linalg.lstsq(matrix / norms, fixed.matrix, rcond=_RANK_TOLERANCE)[0] / norms[:, None]
    made = []
    for term in model_terms(recoded):
        mine = list(term.columns)
        rows = _estimable(silent[mine]) @ change[mine]
        if rows.size:
            rows[np.abs(rows) < _ROUNDING * np.abs(rows).max()] = 0.0
            made.append(Hypothesis(term.name, rows))
    return made


def _sum_coded(terms: Terms, table: Table, spec: FixedSpec) -> tuple[Floats, FixedDesign]:
    """The model matrix with sum contrasts for every factor, dependent columns included."""
    levels = spec.matrix.levels
    names = {e.variables[0]: "sum" for e in terms.factors if e.is_name and is_factor(e, levels)}
    changed = Terms(terms.intercept, tuple(tuple(_with_sum(e, levels) for e in term) for term in terms.terms))
    matrix, coded = build_matrix(changed, table, names)
    coded = dataclasses.replace(coded, terms=terms)
    return matrix, FixedDesign(matrix, coded.names, (), FixedSpec(coded, tuple(range(matrix.shape[1]))))


def _with_sum(expression: Expression, levels: Collection[str]) -> Expression:
    """``C(..., contr.sum)`` for a factor that is no plain column."""
    if expression.is_name or not is_factor(expression, levels):
        return expression
    return dataclasses.replace(expression, code=expression.code_with_sum)


def _estimable(silent: Floats) -> Floats:
    """Rows c with c @ silent = 0: combinations of a term's coefficients about which the data are not silent."""
    size = silent.shape[0]
    spread = np.linalg.norm(silent, axis=1) if silent.size else np.zeros(size)
    largest = float(spread.max(initial=0.0))
    if largest <= _RANK_TOLERANCE:
        return np.eye(size)
    vectors, values, _ = np.linalg.svd(silent)
    rank = int(np.sum(values > _RANK_TOLERANCE * largest))
    return np.asarray(vectors[:, rank:].T)
