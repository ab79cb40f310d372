"""Designs whose parameters no data could tell apart, named before any fitting."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ranef.callers import caller_level
from ranef.design.design import Design, RandomDesign
from ranef.errors import DataError, DesignWarning
from ranef.formula.algebra import Terms
from ranef.formula.parse import ResponsePart

# Smallest eigenvalue of the columns' cosines below which they count as dependent: the rounding of their sums.
_DEPENDENT = 1e-14
# Share of a column outside the span of others below which it is theirs.
_SPANNED = 1e-10
# Rows up to which the rank of all effects is computed.
_RANKED = 2000

Floats = NDArray[np.float64]


def check_identifiable(design: Design, family_name: str) -> None:
    """A gaussian residual of constant variance must be distinguishable from everything else in the model.

    Raises
    ------
    DataError
        If, without weights, a random term has a level (or a cell) of its own in every row, so that only the sum of
        its variance and the residual's is determined, or if as many coefficients as rows leave no residual at all.
    """
    if family_name != "gaussian" or not _constant_residual(design):
        return
    n_rows = design.n_rows
    coefficients = len(design.predictors[0].fixed.names)
    if coefficients >= n_rows:
        raise DataError(
            f"{coefficients} coefficients fit {n_rows} rows exactly and leave no residual variance: leave terms out"
        )
    if design.weights is not None:
        return
    for term in design.terms:
        if term.component == "cond" and _one_cell_a_row(term, n_rows):
            source = term.spec.term.source
            raise DataError(
                f"{source} has a random effect of its own for each of the {n_rows} rows ({len(term.labels)} levels of "
                f"{term.group!r}), so its variance cannot be told apart from the residual's: leave the term out, "
                f"or the residual by dispformula='~ 0'"
            )


def check_response_apart(response: ResponsePart, fixed: Terms) -> None:
    """A response that is a plain column must not explain itself.

    Raises
    ------
    DataError
        If the column stands among the fixed effects too.
    """
    if len(response.expressions) != 1 or not response.expressions[0].is_name:
        return
    name = response.expressions[0].variables[0]
    if any(factor.is_name and factor.variables[0] == name for factor in fixed.factors):
        raise DataError(f"the response {name!r} stands among the fixed effects {fixed.text!r} too: leave it out there")


def check_random_columns(design: Design) -> None:
    """The columns of a random term must not be zero, and should not depend linearly on each other.

    Raises
    ------
    DataError
        If a column is zero in every row: nothing determines its variance.

    Warns
    -----
    DesignWarning
        If some columns are linear combinations of others, so that the data do not tell their variances apart.
    """
    for term in design.terms:
        if term.basis is None:
            continue
        gram = term.basis.T @ term.basis
        sizes = np.sqrt(np.diag(gram))
        source = term.spec.term.source
        for name, size in zip(term.term_names, sizes, strict=True):
            if size == 0:
                raise DataError(f"{source}: {name!r} is zero in every row, so it has no variance: leave it out")
        spectrum = np.linalg.eigvalsh(gram / np.outer(sizes, sizes))
        if spectrum[0] < _DEPENDENT:
            warnings.warn(
                f"{source}: its columns {', '.join(map(repr, term.term_names))} are linearly dependent, so the data do "
                f"not tell their variances apart; leave out those that follow from the others",
                DesignWarning,
                stacklevel=caller_level(),
            )


def check_one_level(design: Design) -> None:
    """The effects of a grouping factor's only level must not all be fixed effects too.

    Raises
    ------
    DataError
        If they are: with the fixed effects taken out, nothing of the random ones is left in the data.
    """
    for term in design.terms:
        if len(term.labels) > 1:
            continue
        fixed = next(p.fixed for p in design.predictors if p.component == term.component)
        if len(term.term_names) <= len(fixed.names) and _spanned(term_columns(term), fixed.matrix):
            raise DataError(
                f"the grouping factor {term.group!r} of {term.spec.term.source} has one level, "
                f"{str(term.labels[0])!r}, and its effects {', '.join(map(repr, term.term_names))} are fixed effects "
                f"too, which leaves nothing that tells their variances: leave the term out, or the fixed effects"
            )


def term_columns(term: RandomDesign) -> Floats:
    """The term's columns (n, q), as they stand in the level of every row."""
    if term.column is not None:
        return np.asarray(term.column[:, None] == np.arange(len(term.term_names)), dtype=np.float64)
    return term.basis if term.basis is not None else np.ones((len(term.levels), 1))


def _spanned(columns: Floats, matrix: Floats) -> bool:
    """Whether all `columns` are linear combinations of those of `matrix`, to rounding."""
    basis, _ = np.linalg.qr(matrix)
    left = columns - basis @ (basis.T @ columns)
    return bool((np.linalg.norm(left, axis=0) <= _SPANNED * np.linalg.norm(columns, axis=0)).all())


def has_cell_a_row(design: Design) -> bool:
    """Whether a term of the mean has an effect of its own in every row, so that it can stand for the residual."""
    return any(gives_cell_a_row(term, design) for term in design.terms)


def gives_cell_a_row(term: RandomDesign, design: Design) -> bool:
    """Whether the term is of the mean and has an effect of its own in every row."""
    if term.component != "cond" or term.column is None:
        return False
    cells = term.levels.astype(np.int64) * len(term.term_names) + term.column
    return len(np.unique(cells)) >= design.n_rows


def reaches_every_row(design: Design) -> bool:
    """Whether fixed and random effects of the mean together fit any response, which the random ones alone do not."""
    terms = [t for t in design.terms if t.component == "cond" and len(t.labels) * len(t.term_names) < design.n_rows]
    fixed = next(p.fixed for p in design.predictors if p.component == "cond").matrix
    counts = [len(t.labels) * len(t.term_names) for t in terms]
    if fixed.shape[1] + sum(counts) < design.n_rows or design.n_rows > _RANKED:
        return False
    blocks = [_level_columns(t) for t in terms]
    for chosen in [blocks, *([block] for block in blocks if len(blocks) > 1)]:
        random = np.hstack([np.zeros((design.n_rows, 0)), *chosen])
        full = np.linalg.matrix_rank(np.hstack([fixed, random])) == design.n_rows
        if full and np.linalg.matrix_rank(random) < design.n_rows:
            return True
    return False


def _level_columns(term: RandomDesign) -> Floats:
    """Z of a term, (n, levels x q)."""
    columns = term_columns(term)
    out = np.zeros((len(columns), len(term.labels), columns.shape[1]))
    out[np.arange(len(columns)), term.levels] = columns
    return out.reshape(len(columns), -1)


def has_twin_terms(design: Design) -> bool:
    """Whether two random terms of one component have the same levels under different names."""
    for place, term in enumerate(design.terms):
        for other in design.terms[:place]:
            if term.component == other.component and len(term.labels) == len(other.labels):
                cells = np.zeros(len(term.labels), dtype=np.int64)
                cells[term.levels] = other.levels
                if np.array_equal(cells[term.levels], other.levels):
                    return True
    return False


def _constant_residual(design: Design) -> bool:
    """Whether the residual variance is one unknown number."""
    if any(term.component == "disp" for term in design.terms):
        return False
    disp = next(p for p in design.predictors if p.component == "disp")
    return disp.fixed.names == ("Intercept",) and disp.offset is None


def _one_cell_a_row(term: RandomDesign, n_rows: int) -> bool:
    """Whether the term adds a free variance to every row: one row a level, or one row a level's indicator."""
    if len(term.labels) * len(term.term_names) < n_rows:
        return False
    if term.column is not None:
        cells = term.levels.astype(np.int64) * len(term.term_names) + term.column
        return term.structure in ("us", "diag", "homdiag") and len(np.unique(cells)) >= n_rows
    return len(term.labels) >= n_rows and "Intercept" in term.term_names
