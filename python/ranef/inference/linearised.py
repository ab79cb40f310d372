"""A fit as the weighted least squares problem that it is near its mode.

With J = [Z S, X] the rows of the linear predictors (spherical random effects u, then coefficients), l'_i and W_i the
first two derivatives of a row's negative log-likelihood in its predictors, the penalised likelihood is, to second
order,

    g(u, beta) ~ l'(J d) + 1/2 d'H d,     H = J'WJ + diag(I, 0)

and H^-1 is the covariance of (u, beta) given the variance parameters. For a gaussian model it is no approximation:
W = 1/sigma^2, the beta block of H^-1 is (X'V^-1 X)^-1, and -X'l' is X'V^-1 (y - X beta) (Henderson 1975, Biometrics 31,
423-447).
What is computed given the variance parameters (hat values, the effect of deleting rows, sandwich estimators) needs no
more than this. A constant dispersion counts among the variance parameters.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from ranef.design.design import NewTerm
from ranef.errors import ConvergenceError, DataError
from ranef.joint import covariance_roots, term_designs
from ranef.rowderivatives import row_derivatives
from ranef.tables import has_own_model, held_coefficients

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Sparse: TypeAlias = Any

# Up to this order the inverse of H is kept whole: 18 MB.
_DENSE = 1500


@dataclass(frozen=True)
class Linearised:
    """The quadratic at the mode.

    Attributes
    ----------
    rows : per predictor J (n, r + p), sparse, by rows; zero where the predictor's coefficients are held
    gradient, weights : l' (n, K) and W (n, K, K)
    effects : r, the number of random effects
    coefficients : {component: places of its coefficients among the p}
    names : of the p coefficients
    """

    rows: tuple[Sparse, ...]
    gradient: Floats
    weights: Floats
    effects: int
    coefficients: dict[str, slice]
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        """r + p."""
        return int(self.rows[0].shape[1])

    @cached_property
    def hessian(self) -> Sparse:
        """H (r + p, r + p), sparse."""
        count = len(self.rows)
        parts = [
            self.rows[a].T @ sparse.diags_array(self.weights[:, a, b]) @ self.rows[b]
            for a in range(count)
            for b in range(count)
        ]
        prior = sparse.diags_array((np.arange(self.size) < self.effects).astype(np.float64))
        return sparse.csc_array(sum(parts, start=prior))

    @cached_property
    def _unit(self) -> Floats:
        """Units in which the diagonal of H is one: coefficients have units, effects have none."""
        diagonal = self.hessian.diagonal()
        flat = np.flatnonzero(~(diagonal > 0.0) | ~np.isfinite(diagonal))
        if flat.size:
            raise self._no_inverse(flat)
        return np.asarray(1.0 / np.sqrt(diagonal))

    @cached_property
    def _factor(self) -> Any:
        scale = sparse.diags_array(self._unit)
        try:
            return splu(sparse.csc_array(scale @ self.hessian @ scale))
        except RuntimeError as error:  # a pivot is exactly zero
            raise self._no_inverse() from error

    @cached_property
    def _whole_inverse(self) -> Floats:
        scale = np.outer(self._unit, self._unit)
        values, vectors = np.linalg.eigh(self.hessian.toarray() * scale)
        rounding = values.size * np.finfo(np.float64).eps * np.abs(values).max(initial=0.0)
        if (flat := np.abs(values) <= rounding).any():
            raise self._no_inverse(np.flatnonzero(np.abs(vectors[:, flat]).max(axis=1) > 0.3))
        return np.asarray((vectors / values) @ vectors.T * scale)

    def _no_inverse(self, flat: Ints | None = None) -> ConvergenceError:
        """The error that H is singular, along `flat` of (u, beta) where that is known."""
        own = () if flat is None else tuple(self.names[k - self.effects] for k in flat if k >= self.effects)
        where = f"the coefficient {own[0]!r}" if own else "some random effect or coefficient"
        return ConvergenceError(
            f"the likelihood does not curve in {where} at the estimates, so that influence, hat values and robust "
            "covariances do not exist; fit.diagnose() says what to do"
        )

    def inverse_block(self, places: Ints) -> Floats:
        """Rows and columns `places` of H^-1, symmetric."""
        if self.size <= _DENSE:
            return self._whole_inverse[np.ix_(places, places)]
        block = self.inverse_columns(places)[places]
        return np.asarray((block + block.T) / 2.0)

    def inverse_columns(self, places: Ints) -> Floats:
        """Columns `places` of H^-1."""
        unit = np.zeros((self.size, places.size))
        unit[places, np.arange(places.size)] = 1.0
        scale = self._unit[:, None]
        return np.asarray(scale * self._factor.solve(scale * unit))

    @cached_property
    def coefficient_covariance(self) -> Floats:
        """(p, p): covariance of the coefficients given the variance parameters."""
        return self.inverse_block(np.arange(self.effects, self.size))

    def places(self, component: str) -> Ints:
        """Places of a component's coefficients in (u, beta)."""
        own = self.coefficients[component]
        return np.arange(self.effects + own.start, self.effects + own.stop)


def held_names(fit: Fit) -> list[str]:
    """Coefficients held at a value, of the components that have models of their own."""
    made: list[str] = []
    for predictor in fit.design.predictors:
        if has_own_model(fit, predictor.component):
            made += itertools.compress(predictor.fixed.names, held_coefficients(fit, predictor.component))
    return made


def linearised(fit: Fit) -> Linearised:
    """The quadratic at the mode of a fit that has its data.

    Raises
    ------
    DataError
        If a coefficient is held at a value: the quadratic would let it move.
    ConvergenceError
        If the derivatives of a row's likelihood are not finite at the estimates.
    """
    design = fit.design
    held = held_names(fit)
    if held:
        raise DataError(
            f"the coefficient {held[0]!r} is held, which influence and robust covariances do not offer: use an offset "
            "for it"
        )
    terms = [NewTerm(t.levels, t.basis, t.column) for t in design.terms]
    root = covariance_roots(fit)
    spherical = [sparse.csr_array(z @ root) for z in term_designs(fit, terms, design.n_rows)]
    free = [has_own_model(fit, p.component) for p in design.predictors]
    widths = [len(p.fixed.names) if own else 0 for p, own in zip(design.predictors, free, strict=True)]
    starts = np.cumsum([0, *widths])
    rows = []
    for place, predictor in enumerate(design.predictors):
        fixed = np.zeros((design.n_rows, starts[-1]))
        if free[place]:
            fixed[:, starts[place] : starts[place + 1]] = predictor.fixed.matrix
        rows.append(sparse.csr_array(sparse.hstack([spherical[place], sparse.csr_array(fixed)])))
    gradient, weights = _finite_derivatives(fit)
    coefficients = {
        p.component: slice(int(starts[k]), int(starts[k + 1])) for k, p in enumerate(design.predictors) if free[k]
    }
    names = tuple(n for p, own in zip(design.predictors, free, strict=True) if own for n in p.fixed.names)
    return Linearised(tuple(rows), gradient, weights, int(root.shape[0]), coefficients, names)


def _finite_derivatives(fit: Fit) -> tuple[Floats, Floats]:
    gradient, weights = row_derivatives(fit)
    sizes = np.abs(gradient).sum(axis=1) + np.abs(weights).sum(axis=(1, 2))
    bad = np.flatnonzero(~np.isfinite(sizes))
    if bad.size:
        row = fit.design.index[np.flatnonzero(fit.design.kept)[bad[0]]]
        raise ConvergenceError(
            f"the likelihood of row {row} has no finite derivatives at the estimates, so that influence, hat values "
            "and robust covariances do not exist; fit.diagnose() says what to do"
        )
    return gradient, weights
