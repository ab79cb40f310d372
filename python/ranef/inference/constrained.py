"""Ends of a profile interval of any function of the parameters.

The interval of g is {g(theta): 2 (log L^ - log L(theta)) <= z^2}: its ends are the least and the greatest value of g
on that region, two constrained optimisations (Venzon and Moolgavkar 1988, *Applied Statistics* 37, 87-94, for one
parameter; Bates and Watts 1988, section 6.1, for functions of them). The log-likelihood's gradient is the core's,
exact; g's is by differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ranef.errors import ConvergenceError, DataError

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Steps of the differences, in standard errors.
_STEP = 1e-3
# How far from z^2 twice the drop in log-likelihood may end.
_TOLERANCE = 1e-4
# A standard deviation and a correlation stay this share of themselves away from the ends of their range.
_MARGIN = 1e-5
_ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Region:
    """The parameters that move, in standard errors from the maximum, and how far the log-likelihood may fall.

    Attributes
    ----------
    fit : at the maximum of the likelihood
    free : places of the parameters that move
    unit : their standard errors
    drop : log-likelihood that may be lost, z^2 / 2
    """

    fit: Fit
    free: NDArray[np.intp]
    unit: Floats
    drop: float

    def values(self, u: Floats) -> Floats:
        """All parameters at the standardised point `u`."""
        out = np.array(self.fit.parameter_values)
        out[self.free] += u * self.unit
        return out

    def slack(self, u: Floats) -> float:
        """Log-likelihood left before the region ends; very negative where the model has no value."""
        try:
            return self.fit.model.loglik(self.values(u)) - self.fit.loglik + self.drop
        except (ConvergenceError, DataError, ValueError):
            return -1e3 * self.drop

    def slack_gradient(self, u: Floats) -> Floats:
        """Derivative of `slack`."""
        try:
            gradient = self.fit.model.gradient(self.values(u)).to_numpy()
        except (ConvergenceError, DataError, ValueError):
            return -u
        return np.asarray(gradient[self.free] * self.unit)

    def bounds(self) -> list[tuple[float | None, float | None]]:
        """The parameters' ranges."""
        made: list[tuple[float | None, float | None]] = []
        for place, unit in zip(self.free, self.unit, strict=True):
            value, kind = float(self.fit.parameter_values[place]), self.fit.parameter_info[place].kind
            if kind == "sd":
                made.append(((_MARGIN - 1.0) * value / unit, None))
            elif kind == "cor":
                edge = 1.0 - _MARGIN
                made.append((min(0.0, (-edge - value) / unit), max(0.0, (edge - value) / unit)))
            else:
                made.append((None, None))
        return made


def region(fit: Fit, half_width: float) -> Region:
    """The region of all parameters that were estimated and have a standard error; the others are taken as given."""
    variance = np.diag(fit.parameter_vcov)
    free = np.flatnonzero(np.isfinite(variance) & (np.nan_to_num(variance) > 0) & ~fit.held)
    return Region(fit, free, np.sqrt(variance[free]), 0.5 * half_width**2)


def ends(area: Region, function: Callable[[Fit], float], name: str) -> tuple[float, float]:
    """Least and greatest value of `function` on the region.

    Raises
    ------
    ConvergenceError
        If one of them is not found.
    """
    cache: dict[bytes, float] = {}

    def value(u: Floats) -> float:
        key = u.tobytes()
        if key not in cache:
            cache[key] = function(area.fit.at(area.values(u)))
        return cache[key]

    centre = np.zeros(area.free.size)
    middle, slope = value(centre), _gradient(value, centre, area)
    if not np.any(slope):
        return middle, middle
    scale = float(np.linalg.norm(slope))
    return _end(area, value, slope, scale, -1.0, name), _end(area, value, slope, scale, 1.0, name)


def _end(area: Region, value: Callable[[Floats], float], slope: Floats, scale: float, sign: float, name: str) -> float:
    covariance = area.fit.parameter_vcov[np.ix_(area.free, area.free)] / np.outer(area.unit, area.unit)
    direction = covariance @ slope
    start = sign * np.sqrt(2.0 * area.drop) * direction / np.sqrt(slope @ direction)
    bounds = area.bounds()
    low, high = (np.array([end if end is not None else side for end in column]) for column, side in _columns(bounds))
    start = np.clip(start, low, high)
    found = minimize(
        lambda u: -sign * value(u) / scale,
        start,
        jac=lambda u: -sign * _gradient(value, u, area) / scale,
        method="SLSQP",
        bounds=bounds,
        constraints=[{"type": "ineq", "fun": area.slack, "jac": area.slack_gradient}],
        options={"ftol": 1e-10, "maxiter": _ITERATIONS},
    )
    point = np.clip(found.x, low, high)
    at_bound = bool(np.any(np.isclose(point, low, atol=1e-6) | np.isclose(point, high, atol=1e-6)))
    left = area.slack(point)
    settled = abs(2.0 * left) <= _TOLERANCE * max(1.0, 2.0 * area.drop) or (at_bound and left > 0)
    if not settled or not np.isfinite(value(point)):
        raise ConvergenceError(
            f"the {'upper' if sign > 0 else 'lower'} end of the profile interval of {name!r} was not found "
            f"({found.message}); use method='boot' or 'wald'"
        )
    return value(point)


def _columns(
    bounds: list[tuple[float | None, float | None]],
) -> list[tuple[list[float | None], float]]:
    return [([low for low, _ in bounds], -np.inf), ([high for _, high in bounds], np.inf)]


def _gradient(value: Callable[[Floats], float], u: Floats, area: Region) -> Floats:
    """Central differences, kept inside the parameters' ranges."""
    out = np.zeros(u.size)
    for k, (low, high) in enumerate(area.bounds()):
        ahead, behind = u.copy(), u.copy()
        ahead[k] = u[k] + _STEP if high is None else min(u[k] + _STEP, high)
        behind[k] = u[k] - _STEP if low is None else max(u[k] - _STEP, low)
        out[k] = (value(ahead) - value(behind)) / (ahead[k] - behind[k])
    return out
