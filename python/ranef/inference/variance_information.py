"""What the variance parameters of a linear mixed model do to its coefficients, and what the data say of them.

V is written in directions V_i = a_i V + Z F_i Z', F_i block diagonal. A parameter of a random term has a_i = 0; the
residual variance has V_i = (V - Z G Z') / sigma^2, so that it needs no n x n matrix either. With
T = Z'V^-1 Z, U = Z'V^-1 X, u = Z'V^-1 (y - X beta) and C the covariance of the coefficients:

    X'V^-1 V_i V^-1 X           = a_i C^-1 + U'F_i U
    X'V^-1 V_i V^-1 V_j V^-1 X  = a_i a_j C^-1 + a_i U'F_j U + a_j U'F_i U + U'F_i T F_j U
    tr(V^-1 V_i V^-1 V_j)       = a_i a_j n + a_i tr(F_j T) + a_j tr(F_i T) + tr(F_i T F_j T)

and likewise for y'P V_i P V_j P y with u in the place of U.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.inference.gaussian_system import Batch, GaussianSystem
from ranef.inference.variance_parameters import Coordinates, term_derivatives

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
# A matrix of one random term, repeated for every level.
TermMatrix = tuple[int, Floats]


@dataclass(frozen=True, slots=True)
class Directions:
    """The derivatives of V in the m variance parameters.

    Attributes
    ----------
    matrices : term matrices
    shares : (m, matrices): F_i as a sum of them
    scales : (m,): a_i
    second : by pair (i <= j), the second derivative's term matrix
    """

    matrices: tuple[TermMatrix, ...]
    shares: Floats
    scales: Floats
    second: dict[tuple[int, int], TermMatrix]


@dataclass(frozen=True, slots=True)
class VarianceInformation:
    """Sums over the rows, of m variance parameters and p coefficients.

    Attributes
    ----------
    slopes : (m, p, p): X'V^-1 V_i V^-1 X, the derivative of -(X'V^-1 X)
    products : (m, m, p, p): X'V^-1 V_i V^-1 V_j V^-1 X
    traces : (m, m): tr(V^-1 V_i V^-1 V_j)
    quadratics : (m, m): y'P V_i P V_j P y
    second_slopes : (m, m, p, p): X'V^-1 V_ij V^-1 X
    second_traces : (m, m): tr(V^-1 V_ij)
    second_quadratics : (m, m): y'P V_ij P y
    """

    slopes: Floats
    products: Floats
    traces: Floats
    quadratics: Floats
    second_slopes: Floats
    second_traces: Floats
    second_quadratics: Floats

    def expected(self, vcov: Floats, reml: bool) -> Floats:
        """Expected information (m, m) about the variance parameters, by REML or ML."""
        traces = self.traces
        if reml:
            halves = np.einsum("ab,ibc->iac", vcov, self.slopes)
            traces = traces - 2.0 * np.einsum("ab,ijba->ij", vcov, self.products)
            traces = traces + np.einsum("iab,jba->ij", halves, halves)
        return np.asarray(0.5 * traces)

    def observed(self, vcov: Floats, reml: bool) -> Floats:
        """Minus the second derivatives (m, m) of the log-likelihood, or of the REML criterion."""
        second = self.second_traces
        if reml:
            second = second - np.einsum("ab,ijba->ij", vcov, self.second_slopes)
        return self.quadratics - self.expected(vcov, reml) + 0.5 * (second - self.second_quadratics)


def directions(fit: Fit, system: GaussianSystem, coordinates: Coordinates) -> Directions:
    """The derivatives of V in the parameters that were estimated, the residual variance last."""
    matrices: list[TermMatrix] = []
    rows: list[dict[int, float]] = []
    second: dict[tuple[int, int], TermMatrix] = {}
    for term in range(len(fit.design.terms)):
        derivatives = term_derivatives(fit, term, coordinates)
        first = len(rows)
        for matrix in derivatives.first:
            rows.append({len(matrices): 1.0})
            matrices.append((term, matrix))
        for (i, j), matrix in derivatives.second.items():
            second[first + i, first + j] = (term, matrix)
    scales = [0.0] * len(rows)
    if not fit.held[_sigma_place(fit)]:
        residual = {}
        for term, covariance in enumerate(system.covariances):
            residual[len(matrices)] = -1.0 / system.variance
            matrices.append((term, covariance))
        rows.append(residual)
        scales.append(1.0 / system.variance)
    shares = np.zeros((len(rows), len(matrices)))
    for place, row in enumerate(rows):
        for column, value in row.items():
            shares[place, column] = value
    return Directions(tuple(matrices), shares, np.asarray(scales), second)


def _sigma_place(fit: Fit) -> int:
    return next(k for k, p in enumerate(fit.parameter_info) if p.kind == "beta" and p.component == "disp")


def variance_information(system: GaussianSystem, ways: Directions) -> VarianceInformation:
    """All sums that a small-sample correction needs."""
    p, m, count = system.information.shape[0], ways.scales.size, len(ways.matrices)
    linear, linear_traces = np.zeros((count, p + 1, p + 1)), np.zeros(count)
    pairs, pair_traces = np.zeros((count, count, p + 1, p + 1)), np.zeros((count, count))
    second, second_traces = np.zeros((m, m, p + 1, p + 1)), np.zeros((m, m))
    for batch in system.batches:
        applied = [_applied(batch, t, e) for t, e in ways.matrices]
        for i, (t, e) in enumerate(ways.matrices):
            linear[i] += _product(batch.zvw[:, batch.segment(t)], applied[i])
            linear_traces[i] += _trace(batch, t, e)
        _add_pairs(batch, ways.matrices, applied, pairs, pair_traces)
        for (i, j), (t, e) in ways.second.items():
            second[i, j] += _product(batch.zvw[:, batch.segment(t)], _applied(batch, t, e))
            second_traces[i, j] += _trace(batch, t, e)
    for i, j in ways.second:
        second[j, i], second_traces[j, i] = second[i, j], second_traces[i, j]
    return _assemble(system, ways, (linear, linear_traces), (pairs, pair_traces), (second, second_traces))


def _assemble(
    system: GaussianSystem,
    ways: Directions,
    linear: tuple[Floats, Floats],
    pairs: tuple[Floats, Floats],
    second: tuple[Floats, Floats],
) -> VarianceInformation:
    """From term matrices to the directions of V; the last row and column of every form belong to y - X beta."""
    p = system.information.shape[0]
    a, shares = ways.scales, ways.shares
    whole = np.zeros((p + 1, p + 1))
    whole[:p, :p], whole[p, p] = system.information, system.quadratic
    f = np.einsum("ik,kab->iab", shares, linear[0])
    ff = np.einsum("ik,jl,klab->ijab", shares, shares, pairs[0], optimize=True)
    crossed = a[:, None, None, None] * f[None]
    forms = np.multiply.outer(np.outer(a, a), whole) + crossed + crossed.transpose(1, 0, 2, 3) + ff
    traced = np.outer(a, shares @ linear[1])
    traces = system.n_rows * np.outer(a, a) + traced + traced.T + shares @ pairs[1] @ shares.T
    tilted = np.einsum("ia,ab,jb->ij", f[:, :p, p], system.vcov, f[:, :p, p])
    return VarianceInformation(
        slopes=a[:, None, None] * system.information + f[:, :p, :p],
        products=forms[:, :, :p, :p],
        traces=traces,
        quadratics=forms[:, :, p, p] - tilted,
        second_slopes=second[0][:, :, :p, :p],
        second_traces=second[1],
        second_quadratics=second[0][:, :, p, p],
    )


def _applied(batch: Batch, term: int, matrix: Floats) -> Floats:
    return batch.multiply(term, matrix, batch.zvw[:, batch.segment(term)])


def _product(left: Floats, right: Floats) -> Floats:
    """sum over blocks of left'right."""
    width = left.shape[2]
    return np.asarray(left.reshape(-1, width).T @ right.reshape(-1, width))


def _trace(batch: Batch, term: int, matrix: Floats) -> float:
    """tr((I x matrix) T)."""
    where = batch.segment(term)
    q = batch.sizes[term]
    own = batch.zvz[:, where, where]
    total = sum((own[:, k : k + q, k : k + q].sum(axis=0) for k in range(0, own.shape[1], q)), start=np.zeros((q, q)))
    return float(np.sum(matrix * total))


def _add_pairs(
    batch: Batch, matrices: Sequence[TermMatrix], applied: Sequence[Floats], forms: Floats, traces: Floats
) -> None:
    """Adds W'F_i T F_j W and tr(F_i T F_j T)."""
    terms = sorted({t for t, _ in matrices})
    for s in terms:
        right = [j for j, (t, _) in enumerate(matrices) if t == s]
        pushed = {j: np.matmul(batch.zvz[:, :, batch.segment(s)], applied[j]) for j in right}
        for t in terms:
            left = [i for i, (term, _) in enumerate(matrices) if term == t]
            for i in left:
                for j in right:
                    forms[i, j] += _product(applied[i], np.ascontiguousarray(pushed[j][:, batch.segment(t)]))
            if t <= s:
                tile = np.ascontiguousarray(batch.zvz[:, batch.segment(t), batch.segment(s)])
                gram = _tile_traces(
                    batch, tile, (t, s), [matrices[i][1] for i in left], [matrices[j][1] for j in right]
                )
                traces[np.ix_(left, right)] += gram
                if t < s:
                    traces[np.ix_(right, left)] += gram.T


def _tile_traces(
    batch: Batch, tile: Floats, terms: tuple[int, int], left: Sequence[Floats], right: Sequence[Floats]
) -> Floats:
    """tr(E_i T_ts E_j T_st) = sum of (E_i T_ts) * (T_ts E_j), for all i and j."""
    t, s = terms
    flipped = tile.transpose(0, 2, 1)
    rows = np.stack([batch.multiply(t, e, tile).ravel() for e in left])
    columns = np.stack([batch.multiply(s, e, np.ascontiguousarray(flipped)).transpose(0, 2, 1).ravel() for e in right])
    return np.asarray(rows @ columns.T)
