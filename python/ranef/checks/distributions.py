"""Logarithms of both tails of every family's distribution function, at the fitted linear predictors.

Each family's function gives log P(Y <= y) and log P(Y > y) of the untruncated distribution; truncation and zero
inflation are wrapped around them, as in the core. Densities, parameters and references are in
`cpp/include/ranef/family`. A family without a function here is summed (counts) or has no quantile residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ranef.assemble import has_component
from ranef.checks.log_tails import Tails, log_beta_tails, log_complement, log_gamma_tails
from ranef.errors import NotAvailableError

if TYPE_CHECKING:
    from ranef.families import Family
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Rows x counts evaluated at a time by summation.
_BLOCK = 2_000_000
# Terms of a tail beyond which summation gives up, and the share of the sum at which its rest counts as nothing.
_MOST_TERMS = 1_000_000
_NEGLIGIBLE = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Predictive:
    """The distributions of a fit's rows.

    Attributes
    ----------
    family : family and link
    eta : linear predictors (n,) of mean, dispersion (where there is one) and zero inflation (where there is one)
    zero_inflated : whether the last of them is
    trials : (n,) or None
    """

    family: Family
    eta: tuple[Floats, ...]
    zero_inflated: bool
    trials: Floats | None

    @property
    def mean(self) -> Floats:
        """(n,) mean parameter; of one trial where there are trials."""
        return self.family.inverse_link(self.eta[0])

    @property
    def dispersion(self) -> Floats:
        """(n,) linear predictor of the dispersion."""
        return self.eta[1]

    def last(self, y: Floats) -> Floats:
        """(n,) the largest possible response: the trials, one where none are given; infinite without trials."""
        if self.trials is not None:
            return self.trials
        return np.full(y.size, 1.0 if self.family.has_trials else np.inf)

    @property
    def is_discrete(self) -> bool:
        """Whether the response is a count."""
        return self.family.is_count or self.family.has_trials


def predictive(fit: Fit) -> Predictive:
    """The fitted distributions, given the random effects."""
    eta = tuple(np.asarray(e) for e in fit.estimate.eta)
    return Predictive(fit.family, eta, has_component(fit.design, "zi"), fit.design.response.trials)


def log_tails(rows: Predictive, y: Floats, *, strict: bool = False) -> Tails:
    """log P(Y <= y) and log P(Y > y) of every row, wrappers included; `strict`: P(Y < y) and P(Y >= y).

    Raises
    ------
    NotAvailableError
        If the family's distribution function is not known.
    """
    at = y - 1.0 if strict and rows.is_discrete else y
    known = _TAILS.get(rows.family.name.removeprefix("truncated_"))
    if known is not None:
        lower, upper = known(rows, at)
        if rows.family.truncated:
            lower, upper = _truncate(lower, upper, *known(rows, np.zeros_like(at)))
    elif rows.is_discrete:
        lower, upper = _summed(rows, at)
    else:
        raise NotAvailableError(
            f"the distribution function of family {rows.family.name!r} is not known here; "
            "simulate_residuals() needs none"
        )
    if not rows.zero_inflated:
        return lower, upper
    return _inflate(lower, upper, y > 0 if strict else y >= 0, rows.eta[-1])


def _truncate(lower: Floats, upper: Floats, zero: Floats, positive: Floats) -> Tails:
    """Given Y > 0: P(Y > y) / P(Y > 0), and (P(Y <= y) - P(Y = 0)) / P(Y > 0)."""
    above = np.minimum(upper - positive, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        below = np.where(lower > zero, lower + log_complement(np.minimum(zero - lower, 0.0)) - positive, -np.inf)
    return np.minimum(below, 0.0), above


def _inflate(lower: Floats, upper: Floats, has_atom: NDArray[np.bool_], logit: Floats) -> Tails:
    """pi + (1 - pi) P(Y <= y) where that counts the zeros of the atom, else (1 - pi) P(Y <= y)."""
    log_pi, log_rest = special.log_expit(logit), special.log_expit(-logit)
    below, above = log_rest + lower, log_rest + upper
    return np.where(has_atom, np.logaddexp(log_pi, below), below), np.where(
        has_atom, above, np.logaddexp(log_pi, above)
    )


def _gaussian(rows: Predictive, y: Floats) -> Tails:
    z = (y - rows.mean) * np.exp(-rows.dispersion)
    return special.log_ndtr(z), special.log_ndtr(-z)


def _gamma(rows: Predictive, y: Floats) -> Tails:
    shape = np.exp(rows.dispersion)
    return log_gamma_tails(shape, shape * np.maximum(y, 0.0) / rows.mean)


def _beta(rows: Predictive, y: Floats) -> Tails:
    phi, inside = np.exp(rows.dispersion), np.clip(y, 0.0, 1.0)
    return log_beta_tails(rows.mean * phi, (1.0 - rows.mean) * phi, inside, 1.0 - inside)


def _poisson(rows: Predictive, y: Floats) -> Tails:
    """P(Y <= y) = Q(y + 1, mu)."""
    above, below = log_gamma_tails(np.maximum(y, 0.0) + 1.0, rows.mean)
    return _from_zero(below, above, y)


def _nbinom2(rows: Predictive, y: Floats) -> Tails:
    phi = np.exp(rows.dispersion)
    return _negative_binomial(phi, phi / (phi + rows.mean), rows.mean / (phi + rows.mean), y)


def _nbinom1(rows: Predictive, y: Floats) -> Tails:
    phi = np.exp(rows.dispersion)
    return _negative_binomial(rows.mean / phi, 1.0 / (1.0 + phi), phi / (1.0 + phi), y)


def _negative_binomial(size: Floats, p: Floats, q: Floats, y: Floats) -> Tails:
    """P(Y <= y) = I_p(size, y + 1)."""
    below, above = log_beta_tails(size, np.maximum(y, 0.0) + 1.0, p, q)
    return _from_zero(below, above, y)


def _binomial(rows: Predictive, y: Floats) -> Tails:
    """P(Y > y) = I_p(y + 1, n - y) for y < n."""
    n, p = rows.last(y), rows.mean
    inside = np.clip(y, 0.0, n - 1.0)
    above, below = log_beta_tails(inside + 1.0, n - inside, p, 1.0 - p)
    below, above = _from_zero(below, above, y)
    return np.where(y >= n, 0.0, below), np.where(y >= n, -np.inf, above)


def _from_zero(below: Floats, above: Floats, y: Floats) -> Tails:
    """A count is never below zero."""
    return np.where(y < 0, -np.inf, below), np.where(y < 0, 0.0, above)


def _summed(rows: Predictive, y: Floats) -> Tails:
    """Both tails of a count by adding its probabilities, in blocks of rows; without zero inflation."""
    lower, upper = np.empty(y.size), np.empty(y.size)
    last = rows.last(y)
    longest = int(min(_MOST_TERMS, np.max(np.where(np.isfinite(last), last, _MOST_TERMS)) + 1))
    size = max(1, _BLOCK // min(longest, 4096))
    for start in range(0, y.size, size):
        block = slice(start, min(start + size, y.size))
        lower[block], upper[block] = _sums(rows, y, last, block)
    return lower, upper


def _sums(rows: Predictive, y: Floats, last: Floats, block: slice) -> Tails:
    """Probabilities added from 0 to y, and from y + 1 until the rest is negligible."""
    count = y[block].size
    lower, upper = np.full(count, -np.inf), np.full(count, -np.inf)
    likelihood = rows.family.likelihood(False)
    eta = [e[block] for e in (rows.eta[:-1] if rows.zero_inflated else rows.eta)]
    trials = None if rows.trials is None else rows.trials[block]
    active = np.arange(count)
    first = 1.0 if rows.family.truncated else 0.0
    for k in range(_MOST_TERMS):
        value = np.full(active.size, first + k)
        chosen = [np.ascontiguousarray(e[active]) for e in eta]
        log_p = np.asarray(likelihood.loglik(value, chosen, None if trials is None else trials[active]))
        within = value <= y[block][active]
        lower[active] = np.where(within, np.logaddexp(lower[active], log_p), lower[active])
        upper[active] = np.where(within, upper[active], np.logaddexp(upper[active], log_p))
        ended = (value >= last[block][active]) | (~within & (log_p < upper[active] - _NEGLIGIBLE))
        active = active[~ended]
        if not active.size:
            break
    return np.minimum(lower, 0.0), np.minimum(upper, 0.0)


_TAILS: dict[str, Callable[[Predictive, Floats], Tails]] = {
    "gaussian": _gaussian,
    "gamma": _gamma,
    "beta": _beta,
    "poisson": _poisson,
    "nbinom1": _nbinom1,
    "nbinom2": _nbinom2,
    "binomial": _binomial,
}
