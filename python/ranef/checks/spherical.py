"""The random effects of a fit in spherical coordinates: designs, mode, Hessian, and the sets that share no row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ranef.design.design import NewTerm
from ranef.errors import ConvergenceError, NotAvailableError
from ranef.joint import covariance_roots, term_designs
from ranef.linear import fixed_part
from ranef.rowderivatives import row_derivatives

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Sparse: TypeAlias = Any

# Dense factors of one set of random effects: 3,000 are 72 MB.
_LARGEST_SET = 3000
_NO_CURVATURE = "the random effects' mode has no curvature to draw from"


@dataclass(frozen=True, slots=True, eq=False)
class SphericalSystem:
    """b = S v at a fit; q effects in all.

    Attributes
    ----------
    base : per predictor (n,): X beta + offset
    designs : per predictor (n, q), sparse: Z S
    root : (q, q), sparse: S
    mode : (q,)
    precision : (q, q), sparse: H = I + S'Z'WZS
    set_of : (q,) the independent set of every effect
    row_set : (n,) that of every row, -1 for rows without random effects
    sets, largest : number of sets, effects in the largest
    """

    base: tuple[Floats, ...]
    designs: tuple[Sparse, ...]
    root: Sparse
    mode: Floats
    precision: Sparse
    set_of: Ints
    row_set: Ints
    sets: int
    largest: int


def spherical_system(fit: Fit) -> SphericalSystem:
    """The system of a fit that has its data.

    Raises
    ------
    NotAvailableError
        If more than 3,000 random effects are tied together.
    ConvergenceError
        If the likelihood's second derivatives are not finite at the mode.
    """
    terms = [NewTerm(t.levels, t.basis, t.column) for t in fit.design.terms]
    root = covariance_roots(fit)
    designs = [sparse.csr_array(z @ root) for z in term_designs(fit, terms, fit.design.n_rows)]
    _, second = row_derivatives(fit)
    if not np.isfinite(second).all():
        raise ConvergenceError(f"{_NO_CURVATURE}: the likelihood of some row has no finite second derivatives there")
    count = len(designs)
    weighted = sum(
        (designs[a].T @ (sparse.diags_array(second[:, a, b]) @ designs[b]) for a in range(count) for b in range(count)),
        start=sparse.csr_array(root.shape),
    )
    precision = sparse.csr_array(sparse.eye_array(root.shape[0]) + weighted)
    sets, set_of = connected_components(abs(precision), directed=False)
    largest = int(np.bincount(set_of).max())
    if largest > _LARGEST_SET:
        raise NotAvailableError(
            f"the Laplace error of {largest} random effects that share rows is not computed (at most {_LARGEST_SET}); "
            "with so many rows an effect the approximation is usually good"
        )
    row_set = np.full(fit.design.n_rows, -1, dtype=np.intp)
    for z in designs:
        touched = np.diff(z.indptr) > 0
        row_set[touched] = set_of[z.indices[z.indptr[:-1][touched]]]
    mode = _mode(fit)
    return SphericalSystem(
        tuple(fixed_part(fit)), tuple(designs), root, mode, precision, set_of, row_set, int(sets), largest
    )


def _mode(fit: Fit) -> Floats:
    """v^ with b^ = S v^, by the eigenvectors that make S; 0 where S is."""
    parts = []
    for block, modes in zip(fit.covariance_blocks, fit.estimate.modes, strict=True):
        values, vectors = np.linalg.eigh(block.covariance)
        scale = np.sqrt(np.maximum(values, 0.0))
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 1e-10 * max(scale.max(), 1e-300))
        parts.append((np.asarray(modes) @ vectors * inverse).ravel())
    return np.concatenate(parts)
