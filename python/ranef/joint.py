"""The joint distribution of random effects and parameters, kept so that a fit without its data gives standard errors.

Random effects are b = S v, v standard normal given nothing, with Sigma = S S'. Given the data and the parameters
their precision, in v, is H = I + S'Z'WZS, W the second derivatives of the negative log-likelihood in the linear
predictors; the mode b^ = -Sigma Z'l' moves with the parameters as

    db/dtheta = -(I + Sigma Z'WZ)^-1 dSigma/dtheta Z'l'          db/dbeta = -(I + Sigma Z'WZ)^-1 Sigma Z'WX

and (I + Sigma Z'WZ)^-1 = I - S H^-1 S'Z'WZ, so that singular Sigma needs no special case. Linear predictors of new rows
then have the covariance  A H^-1 A' + D V D',  A = ZS, D = [X + Z db/dbeta, Z db/dtheta].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from ranef.assemble import component_index
from ranef.design.design import NewTerm
from ranef.errors import DataError
from ranef.parameters import difference_step
from ranef.rowderivatives import row_derivatives
from ranef.varcorr import CovarianceBlock, covariance_blocks

if TYPE_CHECKING:
    from ranef.result import Fit
    from ranef.rows import Rows

Floats = NDArray[np.float64]
# scipy's sparse arrays are generic in ways that its stubs do not follow through products.
Sparse: TypeAlias = Any

# Right-hand sides solved for at a time.
_CHUNK = 256
_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class JointPrecision:
    """H in compressed columns, and db/d(parameters) (effects, parameters) in the order of the fit's parameters."""

    data: Floats
    indices: NDArray[np.int32]
    indptr: NDArray[np.int32]
    mode_derivatives: Floats


def joint_precision(fit: Fit) -> JointPrecision:
    """The joint distribution of a fit that has its data; no movement of the mode (NaN) where H has no inverse."""
    predictors = fit.design.predictors
    terms = [NewTerm(t.levels, t.basis, t.column) for t in fit.design.terms]
    z = term_designs(fit, terms, fit.design.n_rows)
    first, second = row_derivatives(fit)
    count = len(predictors)
    zwz = sum(
        (z[a].T @ (sparse.diags_array(second[:, a, b]) @ z[b]) for a in range(count) for b in range(count)),
        start=sparse.csc_array((z[0].shape[1],) * 2),
    )
    root = covariance_roots(fit)
    precision = sparse.csc_array(sparse.eye_array(root.shape[0]) + root.T @ zwz @ root)
    factor = _factor(precision)
    if factor is None:
        size = root.shape[0]
        nowhere = np.full((size, len(fit.parameter_info)), np.nan)
        return JointPrecision(
            np.ones(size), np.arange(size, dtype=np.int32), np.arange(size + 1, dtype=np.int32), nowhere
        )
    score = sum((z[k].T @ first[:, k] for k in range(count)), start=np.zeros(root.shape[0]))
    columns = []
    sigma = root @ root.T
    for place, parameter in enumerate(fit.parameter_info):
        if parameter.kind == "beta":
            x = predictors[parameter.owner].fixed.matrix[:, parameter.row]
            pushed = sum(
                (z[k].T @ (second[:, k, parameter.owner] * x) for k in range(count)), start=np.zeros(root.shape[0])
            )
            moved = sigma @ pushed
        else:
            moved = _sigma_derivative(fit, place) @ score
        columns.append(-(moved - root @ factor.solve(root.T @ (zwz @ moved))))
    derivatives = np.column_stack(columns) if columns else np.zeros((root.shape[0], 0))
    return JointPrecision(
        precision.data, precision.indices.astype(np.int32), precision.indptr.astype(np.int32), derivatives
    )


def _factor(precision: Sparse) -> Any:
    """A factor of H; None where it has none."""
    if not np.isfinite(precision.data).all():
        return None
    try:
        return splu(precision)
    except RuntimeError:  # a pivot is exactly zero
        return None


def predictor_covariance(fit: Fit, joint: JointPrecision | None, rows: Rows, include: Sequence[bool]) -> Floats:
    """(m, K, K): covariance of the linear predictors of new rows."""
    terms = [t if keep else None for t, keep in zip(rows.terms, include, strict=True)]
    z = term_designs(fit, terms, rows.count)
    made = _parameter_part(fit, joint, rows, z)
    _add_new_levels(fit, terms, made)
    if joint is None:
        return made
    root = covariance_roots(fit)
    size = root.shape[0]
    factor = _factor(sparse.csc_array((joint.data, joint.indices, joint.indptr), shape=(size, size)))
    if factor is None:  # none that was made here
        raise DataError("the saved precision of the random effects has no inverse: the file is damaged")
    spherical = [sparse.csc_array(part @ root) for part in z]
    for start in range(0, rows.count, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, rows.count))
        dense = [part[chunk].toarray() for part in (s.tocsr() for s in spherical)]
        solved = [factor.solve(np.ascontiguousarray(d.T)).T for d in dense]
        for a in range(len(dense)):
            for b in range(len(dense)):
                made[chunk, a, b] += np.einsum("ij,ij->i", dense[a], solved[b])
    return made


def _parameter_part(fit: Fit, joint: JointPrecision | None, rows: Rows, z: Sequence[Sparse]) -> Floats:
    """D V D' of every row."""
    vcov = np.nan_to_num(fit.parameter_vcov, nan=0.0)
    parts = []
    for k, matrix in enumerate(rows.matrices):
        derivative = np.zeros((rows.count, len(fit.parameter_info)))
        for place, parameter in enumerate(fit.parameter_info):
            if parameter.kind == "beta" and parameter.owner == k:
                derivative[:, place] = matrix[:, parameter.row]
        if joint is not None:
            derivative += z[k] @ joint.mode_derivatives
        parts.append(derivative)
    stacked = np.stack(parts, axis=1)
    return np.asarray(np.einsum("iks,st,ilt->ikl", stacked, vcov, stacked, optimize=True))


def _add_new_levels(fit: Fit, terms: Sequence[NewTerm | None], covariance: Floats) -> None:
    """The prior variance of effects whose level was not fitted, added in place."""
    for term, design, block in zip(terms, fit.design.terms, fit.covariance_blocks, strict=True):
        if term is None:
            continue
        new = np.flatnonzero(term.levels == -2)
        row = _row_basis(term, len(design.term_names))[new]
        place = component_index(fit.design.predictors, design.component)
        covariance[new, place, place] += np.einsum("ij,jk,ik->i", row, block.covariance, row)


def _row_basis(term: NewTerm, q: int) -> Floats:
    """(m, q): multipliers of the effects of each row's level."""
    if term.basis is not None:
        return term.basis
    if term.column is not None:
        return np.eye(q)[term.column]
    return np.ones((term.levels.size, 1))


def term_designs(fit: Fit, terms: Sequence[NewTerm | None], count: int) -> list[Sparse]:
    """Z of every predictor, (rows, all effects); rows of unknown levels are zero."""
    total = sum(modes.size for modes in fit.estimate.modes)
    made = []
    for predictor in fit.design.predictors:
        rows, columns, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
        start = 0
        for term, design, modes in zip(terms, fit.design.terms, fit.estimate.modes, strict=True):
            if term is not None and design.component == predictor.component:
                q = modes.shape[1]
                known = np.flatnonzero(term.levels >= 0)
                rows.append(np.repeat(known, q))
                columns.append((start + term.levels[known].astype(np.int64)[:, None] * q + np.arange(q)).ravel())
                values.append(_row_basis(term, q)[known].ravel())
            start += modes.size
        place = (np.concatenate(rows), np.concatenate(columns))
        made.append(sparse.csc_array((np.concatenate(values), place), shape=(count, total)))
    return made


def covariance_roots(fit: Fit) -> Sparse:
    """S, block diagonal: a root of each level's covariance."""
    blocks = []
    for block, modes in zip(fit.covariance_blocks, fit.estimate.modes, strict=True):
        values, vectors = np.linalg.eigh(block.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        blocks.append(sparse.kron(sparse.eye_array(modes.shape[0]), root))
    return sparse.csc_array(sparse.block_diag(blocks)) if blocks else sparse.csc_array((0, 0))


def _sigma_derivative(fit: Fit, place: int) -> Sparse:
    """dSigma / d parameter, by central differences."""
    values = np.asarray(fit.parameter_values)
    step = difference_step(fit.parameter_info[place], values[place], _STEP)
    ends: list[tuple[CovarianceBlock, ...]] = []
    for sign in (-1.0, 1.0):
        moved = values.copy()
        moved[place] += sign * step
        ends.append(covariance_blocks(fit.design.terms, fit.parameter_info, moved))
    parts = [
        sparse.kron(sparse.eye_array(modes.shape[0]), (high.covariance - low.covariance) / (2 * step))
        for low, high, modes in zip(*ends, fit.estimate.modes, strict=True)
    ]
    return sparse.csc_array(sparse.block_diag(parts))
