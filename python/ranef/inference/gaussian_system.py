"""Z'V^-1 Z, Z'V^-1 X and X'V^-1 X of a gaussian mixed model, never an n x n matrix.

With V = R + Z G Z' (R diagonal, G block diagonal), A = Z'R^-1 Z and B = Z'R^-1 X, Woodbury's identity gives

    Z'V^-1 Z = (I + A G)^-1 A,    Z'V^-1 X = (I + A G)^-1 B,    X'V^-1 X = X'R^-1 X - B' G Z'V^-1 X,

where nothing is inverted that a zero variance makes singular. Levels that share no row, even through other levels,
are independent: A falls into as many blocks (one for each subject; one for each block of a split plot), which are
gathered by size and worked on together. Blocks are padded with effects that no row has, which add zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ranef.assemble import predictor_offset
from ranef.design.design import RandomDesign
from ranef.invertible import invertible

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# scipy's sparse arrays are generic in ways that its stubs do not follow through products.
Sparse: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Batch:
    """Independent blocks of one layout: of every term a number of levels, its effects together.

    Attributes
    ----------
    levels : levels of each term in a block
    sizes : effects of each term in a level
    zvz : (blocks, size, size): Z'V^-1 Z
    zvw : (blocks, size, p + 1): Z'V^-1 X, and last Z'V^-1 (y - X beta)
    """

    levels: tuple[int, ...]
    sizes: tuple[int, ...]
    zvz: Floats
    zvw: Floats

    def segment(self, term: int) -> slice:
        """Where a term's effects stand in a block."""
        widths = [n * q for n, q in zip(self.levels, self.sizes, strict=True)]
        start = sum(widths[:term])
        return slice(start, start + widths[term])

    def multiply(self, term: int, matrix: Floats, rows: Floats) -> Floats:
        """(I x matrix) rows: the term's q x q matrix applied to `rows` (blocks, effects of the term, m)."""
        blocks, size, width = rows.shape
        q = self.sizes[term]
        if q == 1:
            return np.asarray(rows * matrix[0, 0])
        shaped = rows.reshape(blocks, size // q, q, width)
        return np.ascontiguousarray(np.matmul(matrix, shaped)).reshape(blocks, size, width)


@dataclass(frozen=True, slots=True)
class GaussianSystem:
    """The cross products of a linear mixed model at its estimates.

    Attributes
    ----------
    batches : independent blocks of the random effects' equations
    information : (p, p): X'V^-1 X
    vcov : (p, p): its inverse, the covariance of the coefficients given the variance parameters
    quadratic : (y - X beta)'V^-1 (y - X beta)
    n_rows : rows of the data
    covariances : of every random term, (q, q): covariance of its effects
    variance : sigma^2
    """

    batches: tuple[Batch, ...]
    information: Floats
    vcov: Floats
    quadratic: float
    n_rows: int
    covariances: tuple[Floats, ...]
    variance: float


def gaussian_system(fit: Fit) -> GaussianSystem:
    """The cross products at the estimates of a linear mixed model with constant residual variance."""
    design = fit.design
    predictor = design.predictors[0]
    x = predictor.fixed.matrix
    place = fit.predictor_place("disp")
    log_sd = np.asarray(fit.estimate.beta[place].sum())
    offset = predictor_offset(design, place)
    precision = np.exp(-2.0 * np.broadcast_to(log_sd if offset is None else log_sd + offset, (design.n_rows,)))
    residual = design.response.values - x @ fit.estimate.beta[0]
    if predictor.offset is not None:
        residual = residual - predictor.offset
    w = np.column_stack([x, residual])
    scaled = w * precision[:, None]
    cross = w.T @ scaled
    covariances = tuple(block.covariance for block in fit.covariance_blocks)
    batches: list[Batch] = []
    if design.terms:
        z = term_columns(design.terms, design.n_rows)
        a, b = (z.T @ z.multiply(precision[:, None])).tocoo(), z.T @ scaled
        for layout in _layouts(design.terms, a):
            batch, explained = _solve(layout, a, b, covariances)
            cross = cross - explained
            batches.append(batch)
    p = x.shape[1]
    information = 0.5 * (cross[:p, :p] + cross[:p, :p].T)
    with invertible("the information about the coefficients"):
        vcov = np.linalg.inv(information) if p else information
    return GaussianSystem(
        tuple(batches),
        information,
        0.5 * (vcov + vcov.T),
        float(cross[p, p]),
        design.n_rows,
        covariances,
        float(np.exp(2.0 * log_sd)),
    )


def term_columns(terms: Sequence[RandomDesign], n_rows: int) -> Sparse:
    """Z (rows, all effects) in compressed rows: terms one after the other, in a term the levels, in a level effects."""
    rows, columns, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    start = 0
    every = np.arange(n_rows)
    for term in terms:
        q = len(term.term_names)
        first = start + term.levels.astype(np.int64) * q
        if term.basis is not None:
            rows.append(np.repeat(every, q))
            columns.append((first[:, None] + np.arange(q)).ravel())
            values.append(term.basis.ravel())
        else:
            rows.append(every)
            columns.append(first + (0 if term.column is None else term.column))
            values.append(np.ones(n_rows))
        start += q * len(term.labels)
    place = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array((np.concatenate(values), place), shape=(n_rows, start))


@dataclass(frozen=True, slots=True)
class _Layout:
    """A batch to be: every effect of the model has its block (-1: in another batch) and its place there."""

    levels: tuple[int, ...]
    sizes: tuple[int, ...]
    blocks: int
    block: Ints
    place: Ints


def _layouts(terms: Sequence[RandomDesign], a: Sparse) -> list[_Layout]:
    """Independent blocks gathered by their (rounded up) number of levels of every term."""
    sizes = tuple(len(term.term_names) for term in terms)
    counts = [len(term.labels) for term in terms]
    term_of = np.repeat(np.arange(len(terms)), counts)
    node_of = np.repeat(np.arange(sum(counts)), np.repeat(sizes, counts))
    graph = sparse.coo_array((np.ones(a.nnz), (node_of[a.row], node_of[a.col])), shape=(sum(counts),) * 2)
    n_blocks, block_of = connected_components(graph, directed=False)
    per_block = np.zeros((n_blocks, len(terms)), dtype=np.int64)
    np.add.at(per_block, (block_of, term_of), 1)
    kinds, kind_of = np.unique(_rounded_up(per_block), axis=0, return_inverse=True)
    kind_of = kind_of.ravel()
    rank = _rank_within(block_of * len(terms) + term_of)
    made = []
    for number, kind in enumerate(kinds):
        mine = np.flatnonzero(kind_of == number)
        position = np.full(n_blocks, -1)
        position[mine] = np.arange(mine.size)
        starts = np.concatenate([[0], np.cumsum(kind * np.asarray(sizes))])
        node_place = starts[term_of] + rank * np.asarray(sizes)[term_of]
        within = np.concatenate([np.tile(np.arange(q), n) for q, n in zip(sizes, counts, strict=True)])
        levels = tuple(int(n) for n in kind)
        made.append(_Layout(levels, sizes, mine.size, position[block_of][node_of], node_place[node_of] + within))
    return made


def _rounded_up(counts: Ints) -> Ints:
    """Counts rounded up to 0, 1, 2, 3, 4, 6, 8, 12, 16, ...; as they are where there is one block only."""
    if counts.shape[0] == 1:
        return counts
    power = 2 ** np.floor(np.log2(np.maximum(counts, 2))).astype(np.int64)
    steps = np.stack([power, power + power // 2, 2 * power])
    above = np.where(steps >= counts, steps, np.iinfo(np.int64).max).min(axis=0)
    return np.asarray(np.where(counts < 2, counts, above))


def _rank_within(keys: Ints) -> Ints:
    """How many earlier entries have the same key."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    fresh = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    begins = np.maximum.accumulate(np.where(fresh, np.arange(keys.size), 0))
    rank = np.empty(keys.size, dtype=np.int64)
    rank[order] = np.arange(keys.size) - begins
    return rank


def _solve(layout: _Layout, a: Sparse, b: Floats, covariances: Sequence[Floats]) -> tuple[Batch, Floats]:
    """One batch, and what its random effects explain of the cross products of [X, y - X beta]."""
    size = sum(n * q for n, q in zip(layout.levels, layout.sizes, strict=True))
    zrz = np.zeros((layout.blocks, size, size))
    mine = layout.block[a.row] >= 0
    rows, columns = a.row[mine], a.col[mine]
    zrz[layout.block[rows], layout.place[rows], layout.place[columns]] = a.data[mine]
    zrw = np.zeros((layout.blocks, size, b.shape[1]))
    effects = np.flatnonzero(layout.block >= 0)
    zrw[layout.block[effects], layout.place[effects]] = b[effects]
    empty = Batch(layout.levels, layout.sizes, zrz, zrw)
    # A G = (G A)', G A block row by block row.
    system = _times_g(empty, zrz, covariances).transpose(0, 2, 1).copy()
    system[:, np.arange(size), np.arange(size)] += 1.0
    with invertible("the covariance of the response at the estimates"):
        solved = np.linalg.solve(system, np.concatenate([zrz, zrw], axis=2))
    zvz, zvw = solved[:, :, :size], np.ascontiguousarray(solved[:, :, size:])
    zvz = 0.5 * (zvz + zvz.transpose(0, 2, 1))
    explained = np.einsum("bsi,bsj->ij", zrw, _times_g(empty, zvw, covariances), optimize=True)
    return Batch(layout.levels, layout.sizes, zvz, zvw), np.asarray(explained)


def _times_g(batch: Batch, rows: Floats, covariances: Sequence[Floats]) -> Floats:
    parts = [batch.multiply(t, g, rows[:, batch.segment(t), :]) for t, g in enumerate(covariances)]
    return np.concatenate(parts, axis=1)
