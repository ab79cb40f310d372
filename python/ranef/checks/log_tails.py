"""Logarithms of the tails of the gamma and beta distributions, finite where the tails themselves underflow.

The regularised incomplete functions serve as long as they are representable; beyond, their power series (lower tail of
the gamma, DLMF 8.7.1) or continued fractions (DLMF 8.9.2 and 8.17.22) multiply a factor whose logarithm is known. Most
distributions of this package are one of the two: the Poisson's tails are a gamma's, the binomial's and the negative
binomial's a beta's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Tails = tuple[Floats, Floats]

# Below it a tail has lost digits to underflow.
_REPRESENTABLE = 1e-280
_TERMS = 20_000
_ROUNDING = 1e-15
_TINY = 1e-300


def log_gamma_tails(shape: Floats, x: Floats) -> Tails:
    """Logarithms of P(shape, x) and Q(shape, x), the gamma distribution's lower and upper tail; x >= 0."""
    shape, x = np.broadcast_arrays(np.asarray(shape, dtype=np.float64), np.asarray(x, dtype=np.float64))
    lower, upper = np.asarray(special.gammainc(shape, x)), np.asarray(special.gammaincc(shape, x))
    return (
        _logs(lower, lambda where: _gamma_series(shape[where], x[where]), x > 0),
        _logs(upper, lambda where: _gamma_fraction(shape[where], x[where]), np.isfinite(x)),
    )


def log_beta_tails(a: Floats, b: Floats, x: Floats, y: Floats) -> Tails:
    """Logarithms of I_x(a, b) and 1 - I_x(a, b); `y` is 1 - x, given apart so that neither is rounded away."""
    a, b, x, y = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (a, b, x, y)))
    return _beta_lower(a, b, x, y), _beta_lower(b, a, y, x)


def _beta_lower(a: Floats, b: Floats, x: Floats, y: Floats) -> Floats:
    # 1 - I_y(b, a) is accurate where x is near 1, and then not small.
    plain = np.where(x <= y, special.betainc(a, b, x), special.betaincc(b, a, y))
    return _logs(np.asarray(plain), lambda where: _beta_fraction(a[where], b[where], x[where], y[where]), x > 0)


def _logs(tail: Floats, instead: Callable[[NDArray[np.bool_]], Floats], possible: NDArray[np.bool_]) -> Floats:
    """log(tail), by `instead` where it underflows though it is not zero."""
    with np.errstate(divide="ignore"):
        logs = np.array(np.log(tail), ndmin=0)
    small = (tail < _REPRESENTABLE) & possible
    if small.any():
        logs[small] = instead(small)
    return logs


def _gamma_series(shape: Floats, x: Floats) -> Floats:
    """log P = shape log x - x - log Gamma(shape + 1) + log sum x^k / ((shape + 1) ... (shape + k))."""
    term, total = np.ones_like(x), np.ones_like(x)
    for k in range(1, _TERMS):
        term = term * (x / (shape + k))
        total = total + term
        if not (term > _ROUNDING * total).any():
            break
    return np.asarray(shape * np.log(x) - x - special.gammaln(shape + 1.0) + np.log(total))


def _gamma_fraction(shape: Floats, x: Floats) -> Floats:
    """log Q = shape log x - x - log Gamma(shape) + log of 1 / (x + 1 - shape - (1 - shape) / (x + 3 - ...))."""
    fraction = _lentz(
        lambda k: np.ones_like(x) if k == 1 else -(k - 1.0) * (k - 1.0 - shape), lambda k: x + 2.0 * k - 1.0 - shape
    )
    return np.asarray(shape * np.log(x) - x - special.gammaln(shape) + np.log(fraction))


def _beta_fraction(a: Floats, b: Floats, x: Floats, y: Floats) -> Floats:
    """log I_x(a, b) = a log x + b log(1 - x) - log(a B(a, b)) + log of 1 / (1 + d1 / (1 + d2 / (1 + ...)))."""

    def numerator(k: int) -> Floats:
        if k == 1:
            return np.ones_like(x)
        m, odd = divmod(k - 1, 2)
        if odd:
            return np.asarray(-(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)))
        return np.asarray(m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)))

    fraction = _lentz(numerator, lambda k: np.ones_like(x))
    log_y = np.log1p(-np.minimum(x, 0.5)) * (x < 0.5) + np.log(np.where(x < 0.5, 1.0, y))
    return np.asarray(a * np.log(x) + b * log_y - special.betaln(a, b) - np.log(a) + np.log(fraction))


def _lentz(numerator: Callable[[int], Floats], denominator: Callable[[int], Floats]) -> Floats:
    """a1 / (b1 + a2 / (b2 + ...)) by the modified method of Lentz (Thompson and Barnett 1986)."""
    value = np.full_like(denominator(1), _TINY)
    c, d = value.copy(), np.zeros_like(value)
    for k in range(1, _TERMS):
        a, b = numerator(k), denominator(k)
        d = b + a * d
        d = 1.0 / np.where(d == 0.0, _TINY, d)
        c = b + a / c
        c = np.where(c == 0.0, _TINY, c)
        step = c * d
        value = value * step
        if not (np.abs(step - 1.0) > _ROUNDING).any():
            break
    return value


def log_complement(log_p: Floats) -> Floats:
    """log(1 - e^log_p), for log_p <= 0."""
    with np.errstate(divide="ignore"):
        return np.where(log_p > -0.693, np.log(-np.expm1(log_p)), np.log1p(-np.exp(log_p)))


def log_mix(log_a: Floats, log_b: Floats, share: Floats) -> Floats:
    """log((1 - share) e^log_a + share e^log_b)."""
    with np.errstate(divide="ignore"):
        return np.logaddexp(np.log1p(-share) + log_a, np.log(share) + log_b)
