"""What a fit found, as plain frozen arrays: the truth every table and prediction is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ranef import _core

Floats = NDArray[np.float64]


class LinearPredictors(Sequence[Floats]):
    """The linear predictors of a fit, computed when first looked at: they are as long as the data."""

    __slots__ = ("_arrays", "_result")

    def __init__(self, result: _core.FitResult) -> None:
        self._result: _core.FitResult | None = result
        self._arrays: tuple[Floats, ...] = ()

    def _computed(self) -> tuple[Floats, ...]:
        result = self._result
        if result is not None:
            self._arrays = tuple(_read_only(e) for e in result.eta)
            self._result = None
        return self._arrays

    def __len__(self) -> int:
        return len(self._computed())

    @overload
    def __getitem__(self, place: int) -> Floats: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Floats, ...]: ...
    def __getitem__(self, place: int | slice) -> Floats | tuple[Floats, ...]:
        return self._computed()[place]

    def __reduce__(self) -> tuple[type[tuple[Floats, ...]], tuple[tuple[Floats, ...]]]:
        return tuple, (self._computed(),)


@dataclass(frozen=True, slots=True)
class Look:
    """One look for a better optimum.

    Attributes
    ----------
    kind : ``"zero"`` (standard deviations set to zero), ``"raised"`` (zero ones raised, or larger ones where the
        response is binary), ``"correlation"`` (of either sign, or none), ``"shift"`` (a dispersion or zero inflation at
        its limit in all rows or in extreme ones, or back from there), ``"scattered"`` (scales of all sizes)
    places : the parameters moved, places in the estimate's values
    gained : log-likelihood that a search from there gained; zero where it found nothing better
    """

    kind: str
    places: tuple[int, ...]
    gained: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Parameters, modes and certificate of one fit.

    Attributes
    ----------
    values : all parameters, in the order of the model's parameter table
    loglik : log-likelihood (or REML criterion) at `values`
    beta : fixed effects of every predictor, in the core's order
    beta_vcov : joint covariance of all fixed effects, predictors one after the other
    modes : per random term (levels, effects): conditional modes on the linear predictor's scale
    eta : per predictor (n,): linear predictor of the rows that entered the fit
    converged, reason, iterations, evaluations, inner_iterations : how the optimiser ended
    gradient : of the negative log-likelihood in the directions that the optimiser moved in
    expected_gain : log-likelihood still to be gained, predicted from gradient and curvature
    residual_error : of a gaussian's residual variance, for rounding, relative to itself; zero elsewhere
    tiny_residual : whether that variance is so small that differences of the likelihood have no digits
    singular : whether some variance is zero
    at_zero : places in `values` of zero standard deviations, and of what they leave undetermined
    at_bound : places in `values` of parameters at the end of their range
    deficient : places of the terms of correlated effects whose covariance has not full rank, whatever the origin and
        unit of their columns
    looks : what was tried for a better optimum, in that order; none where every parameter is well determined
    """

    values: Floats
    loglik: float
    beta: tuple[Floats, ...]
    beta_vcov: Floats
    modes: tuple[Floats, ...]
    eta: Sequence[Floats]
    converged: bool
    reason: str
    iterations: int
    evaluations: int
    inner_iterations: int
    gradient: Floats
    expected_gain: float
    residual_error: float
    tiny_residual: bool
    singular: bool
    at_zero: tuple[int, ...]
    at_bound: tuple[int, ...]
    deficient: tuple[int, ...] = ()
    looks: tuple[Look, ...] = ()

    @property
    def stopped(self) -> str:
        """Why the optimiser stopped, in words."""
        return _REASONS.get(self.reason, self.reason)


_REASONS = {
    "converged": "converged",
    "stalled": "no step improved further",
    "max_iterations": "the iterations ran out",
    "breakdown": "the Laplace approximation does not hold at its maximum",
    "pole": "the search ran into a pole of the Laplace approximation",
    "not_positive_definite": "the log-likelihood has no maximum where the optimiser stopped",
}


def estimate_from_core(result: _core.FitResult) -> Estimate:
    """Read the core's result, once."""
    return Estimate(
        values=_read_only(result.values),
        loglik=float(result.loglik),
        beta=tuple(_read_only(b) for b in result.beta),
        beta_vcov=_read_only(result.beta_vcov),
        modes=tuple(_read_only(m) for m in result.modes),
        eta=LinearPredictors(result),
        converged=bool(result.converged),
        reason=str(result.reason),
        iterations=int(result.iterations),
        evaluations=int(result.evaluations),
        inner_iterations=int(result.inner_iterations),
        gradient=_read_only(result.gradient),
        expected_gain=float(result.expected_gain),
        residual_error=float(result.residual_error),
        tiny_residual=bool(result.tiny_residual),
        singular=bool(result.singular),
        at_zero=tuple(int(i) for i in result.at_zero),
        at_bound=tuple(int(i) for i in result.at_bound),
        deficient=tuple(int(i) for i in result.deficient),
        looks=tuple(Look(kind, tuple(places), gained) for kind, places, gained in result.looks),
    )


def _read_only(array: Floats) -> Floats:
    values = np.asarray(array, dtype=np.float64)
    values.setflags(write=False)
    return values
