"""Derivatives of each row's negative log-likelihood in its linear predictors, by fourth-order differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import has_component, likelihood_weights

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Steps in units of 1 / sqrt(second derivative), the log-likelihood's own scale; and bounds of that scale.
_STEP = 2e-2
_SCALE_BOUNDS = (1e-8, 1e12)

_FIRST = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
_SECOND = ((-2, -1 / 12), (-1, 4 / 3), (0, -5 / 2), (1, 4 / 3), (2, -1 / 12))


def row_derivatives(fit: Fit) -> tuple[Floats, Floats]:
    """Gradient (n, K) and Hessian (n, K, K) of the negative log-likelihood of every row, weights included."""
    likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
    response, trials = fit.design.response.values, fit.design.response.trials
    weights = likelihood_weights(fit.design)
    scale = np.ones(fit.design.n_rows) if weights is None else weights

    def nll(eta: list[Floats]) -> Floats:
        return np.asarray(-scale * likelihood.loglik(response, eta, trials))

    return differences(nll, [np.asarray(e) for e in fit.estimate.eta])


def differences(nll: Callable[[list[Floats]], Floats], eta: list[Floats]) -> tuple[Floats, Floats]:
    """First and second derivatives of `nll`, elementwise in rows, at `eta`."""
    count, size = len(eta), eta[0].size
    steps = [_step(nll, eta, k) for k in range(count)]

    def at(shifts: dict[int, int]) -> Floats:
        return nll([e + shifts[k] * steps[k] if k in shifts else e for k, e in enumerate(eta)])

    first, second = np.empty((size, count)), np.empty((size, count, count))
    for a in range(count):
        first[:, a] = sum(w * at({a: s}) for s, w in _FIRST) / steps[a]
        second[:, a, a] = sum(w * at({a: s}) for s, w in _SECOND) / steps[a] ** 2
        for b in range(a):
            mixed = sum(w * u * at({a: s, b: t}) for s, w in _FIRST for t, u in _FIRST)
            second[:, a, b] = second[:, b, a] = mixed / (steps[a] * steps[b])
    return first, second


def _step(nll: Callable[[list[Floats]], Floats], eta: list[Floats], place: int) -> Floats:
    """A step on the scale of the function: from a rough second derivative, the scale refined twice."""
    step = 1e-2 * np.maximum(np.abs(eta[place]), 1e-2)
    centre = nll(eta)
    for _ in range(2):
        ends = [nll([e + s * step if k == place else e for k, e in enumerate(eta)]) for s in (-1, 1)]
        rough = np.abs(ends[0] - 2 * centre + ends[1]) / step**2
        rough = np.where(np.isfinite(rough), rough, _SCALE_BOUNDS[1])
        step = np.minimum(_STEP / np.sqrt(np.clip(rough, *_SCALE_BOUNDS)), 1e1 * step)
    return np.asarray(step)
