"""Parameters of a random term's covariance and its derivatives in them.

Three ways to write a covariance S (q x q):

- entries: variances and covariances, in which ``us``, ``diag`` and ``homdiag`` are linear;
- roots: the entries of L in S = L L', which stay regular where S is singular;
- moments: variances v and correlations, the way of ``cs``, ``ar1`` and of terms with a parameter held. With
  S_ij = c_ij sqrt(v_i v_j) and k_ij the mean number of v among (v_i, v_j),

      dS_ij / dv = k_ij S_ij / v,      d2S_ij / dv2 = k_ij (k_ij - 1) S_ij / v^2.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ranef.parameters import Parameter

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Coordinates = Literal["entries", "roots"]

# Pivots of L below this share of their variance are zero: the rounding of a correlation of one.
_ZERO_PIVOT = 1e-12


@dataclass(frozen=True, slots=True)
class TermDerivatives:
    """Derivatives of one random term's covariance.

    Attributes
    ----------
    names : the parameters
    first : (q, q) each
    second : by pair of places (i <= j); pairs left out are zero
    """

    names: tuple[str, ...] = ()
    first: tuple[Floats, ...] = ()
    second: dict[tuple[int, int], Floats] = field(default_factory=dict)


def term_derivatives(fit: Fit, term: int, coordinates: Coordinates) -> TermDerivatives:
    """Derivatives of a term's covariance in what was estimated.

    Terms that are not linear in their parameters (``cs``, ``ar1``, a parameter held) are written in moments, in which
    a variance of zero has no derivative and is left out.
    """
    block = fit.covariance_blocks[term]
    mine = [k for k, p in enumerate(fit.parameter_info) if p.kind != "beta" and p.owner == term]
    if block.structure not in ("us", "diag", "homdiag") or fit.held[mine].any():
        zero = {k + fit.outside_count for k in fit.estimate.at_zero}
        free = [fit.parameter_info[k] for k in mine if not fit.held[k] and k not in zero]
        return _moments(free, block.covariance, block.corr, block.structure)
    q = len(block.names)
    if block.structure == "us" and q > 1:
        return _roots(block.covariance) if coordinates == "roots" else _entries(q)
    groups = [np.ones(q)] if block.structure == "homdiag" else list(np.eye(q))
    if coordinates == "roots":
        groups = [g for g in groups if (np.diag(block.covariance)[g > 0] > 0).all()]
    return TermDerivatives(tuple(f"variance {k + 1}" for k in range(len(groups))), tuple(np.diag(g) for g in groups))


def _entries(q: int) -> TermDerivatives:
    places = [(i, j) for i in range(q) for j in range(i + 1)]
    first = []
    for i, j in places:
        matrix = np.zeros((q, q))
        matrix[i, j] = matrix[j, i] = 1.0
        first.append(matrix)
    return TermDerivatives(tuple(f"entry {i + 1},{j + 1}" for i, j in places), tuple(first))


def _roots(covariance: Floats) -> TermDerivatives:
    root = cholesky_of_semidefinite(covariance)
    q = root.shape[0]
    places = [(i, k) for k in range(q) if root[:, k].any() for i in range(k, q)]
    first = []
    for i, k in places:
        matrix = np.zeros((q, q))
        matrix[i] = root[:, k]
        first.append(matrix + matrix.T)
    second = {}
    for (a, (i, k)), (b, (j, m)) in itertools.combinations_with_replacement(enumerate(places), 2):
        if k == m:
            matrix = np.zeros((q, q))
            matrix[i, j] = 1.0
            second[a, b] = matrix + matrix.T
    return TermDerivatives(tuple(f"root {i + 1},{k + 1}" for i, k in places), tuple(first), second)


def cholesky_of_semidefinite(covariance: Floats) -> Floats:
    """L, lower triangular, L L' = covariance, with zero columns where the rank is not full.

    Examples
    --------
    >>> import numpy as np
    >>> cholesky_of_semidefinite(np.array([[4.0, 2.0], [2.0, 1.0]]))
    array([[2., 0.],
           [1., 0.]])
    """
    rest = covariance.copy()
    root = np.zeros_like(rest)
    for k in range(rest.shape[0]):
        if rest[k, k] > _ZERO_PIVOT * covariance[k, k]:
            root[k:, k] = rest[k:, k] / np.sqrt(rest[k, k])
            rest -= np.outer(root[:, k], root[:, k])
    return root


def _moments(free: Sequence[Parameter], covariance: Floats, corr: Floats, structure: str) -> TermDerivatives:
    q = corr.shape[0]
    sd = np.sqrt(np.diag(covariance))
    first: list[Floats] = []
    powers: list[Floats | None] = []
    for parameter in free:
        if parameter.kind == "sd":
            mask = np.ones(q) if parameter.row < 0 else np.eye(q)[parameter.row]
            variance = float(sd[mask > 0][0] ** 2)
            power = (mask[:, None] + mask) / (2.0 * variance)
            powers.append(power)
            first.append(power * covariance)
        else:
            powers.append(None)
            first.append(_correlation_slope(parameter, corr, structure)[0] * np.outer(sd, sd))
    second = {}
    for a, b in itertools.combinations_with_replacement(range(len(free)), 2):
        matrix = _second_moment(a, b, powers, first, covariance)
        if matrix is None and a == b:
            matrix = _correlation_slope(free[a], corr, structure)[1] * np.outer(sd, sd)
        if matrix is not None:
            second[a, b] = matrix
    return TermDerivatives(tuple(p.name for p in free), tuple(first), second)


def _second_moment(
    a: int, b: int, powers: Sequence[Floats | None], first: Sequence[Floats], covariance: Floats
) -> Floats | None:
    """Second derivative in two parameters of which one at least is a variance, else None."""
    left, right = powers[a], powers[b]
    if left is not None and a == b:
        variance = 1.0 / float(left.max())
        return np.asarray(left * (left - 1.0 / variance) * covariance)
    if left is not None:
        return np.asarray(left * first[b])
    return None if right is None else np.asarray(right * first[a])


def _correlation_slope(parameter: Parameter, corr: Floats, structure: str) -> tuple[Floats, Floats]:
    """First and second derivative of the correlation matrix in one of its parameters."""
    q = corr.shape[0]
    slope, curve = np.zeros((q, q)), np.zeros((q, q))
    if parameter.row >= 0:
        slope[parameter.row, parameter.col] = slope[parameter.col, parameter.row] = 1.0
    elif structure == "ar1":
        rho = float(corr[1, 0])
        lag = np.abs(np.subtract.outer(np.arange(q), np.arange(q)))
        far = lag > 1
        slope[lag == 1] = 1.0
        slope[far] = lag[far] * np.power(rho, lag[far] - 1)
        curve[far] = lag[far] * (lag[far] - 1) * np.power(rho, lag[far] - 2)
    else:
        slope = 1.0 - np.eye(q)
    return slope, curve
