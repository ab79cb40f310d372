"""Dispersion within groups: squared Pearson residuals given modes of the random effects, of every data set its own.

Pearson residuals given the random effects tell of overdispersion far better than those about the population's mean, in
which it is small beside the effects; but the effects are estimated from the same responses. So they are, here, from
those of each simulated data set too. The mode of one term's intercepts, the other effects zero, solves

    kappa_g (sum_i y_i - sum_i mu_i(a)) = a / sigma^2,

kappa_g the mean of (d mu / d eta) / Var(y) in the group at a = 0 (1 for canonical links without dispersion, where this
is the penalised likelihood's own equation). Brought to one side, what depends on a increases in it, so that a table of
a gives all modes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ranef.checks.matched import MOST_LEVELS, left_over, slopes
from ranef.checks.pooled import PooledBlock, Tally, pooled_p_value, resolution
from ranef.checks.probes import Finding, Probe
from ranef.checks.simulators import Simulator, eta_of, has_effects_of_rows, likelihood_of

if TYPE_CHECKING:
    from ranef.design.design import RandomDesign
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Values of a at which sums of means are known: their number, and the largest, in standard deviations and at least.
_POINTS = 81
_REACH, _LEAST_REACH = 6.0, 4.0


class WithinGroups(Probe):
    """Mean squared Pearson residual, over its expectation."""

    def __init__(self, fit: Fit, simulator: Simulator, alternative: str = "two-sided") -> None:
        self._alternative = alternative
        self._rows = fit.design.n_rows
        self._totals = _Totals(fit, simulator)
        self._squares = _Squares(fit, simulator, self._totals)

    @property
    def tallies(self) -> Sequence[Tally]:
        """Sums by group, of which the modes are made."""
        return [self._totals]

    @property
    def later_tallies(self) -> Sequence[Tally]:
        """Squares given the modes."""
        return [self._squares]

    def finding(self, matched: Floats) -> Finding:
        """The ratio, given what the fit matches."""
        squares = self._squares.sums[None]
        left = left_over(squares, matched)[0]
        mean = float(squares.mean())
        ratio = 1.0 + float(left[0]) / mean if mean > 0 else float("nan")
        p_value = pooled_p_value(left, self._alternative)
        return Finding(ratio, p_value, resolution(left.size, self._alternative))


class _Totals:
    """Sums of the responses by the levels of the term with most of them, and the modes of its intercepts."""

    def __init__(self, fit: Fit, simulator: Simulator) -> None:
        self._fit = fit
        self._eta = eta_of(fit, simulator)
        self._slopes = slopes(fit, simulator)
        self._chosen = _grouping(fit)
        self._sums: Floats = np.zeros((1, 1))
        if self._chosen is not None:
            self.levels, self._sigma, design = self._chosen[0].levels, self._chosen[1], self._chosen[2]
            self._design = design

    def add(self, block: PooledBlock) -> None:
        """The rows of a block."""
        if self._chosen is not None:
            self._sums = self._sums + self._design[block.rows].T @ block.values

    def modes(self) -> Floats | None:
        """(levels, M); None without groups."""
        if self._chosen is None:
            return None
        likelihood, trials = likelihood_of(self._fit), self._fit.design.response.trials
        place = self._fit.predictor_place("cond")
        reach = max(_REACH * self._sigma, _LEAST_REACH)
        grid = np.linspace(-reach, reach, _POINTS)
        means = np.empty((self._sums.shape[0], _POINTS))
        for k, a in enumerate(grid):
            moved = [e + a if p == place else e for p, e in enumerate(self._eta)]
            means[:, k] = self._design.T @ np.nan_to_num(likelihood.moments(moved, trials)[0])
        _, variance = likelihood.moments(self._eta, trials)
        counts = np.maximum(self._design.T @ np.ones(variance.size), 1.0)
        kappa = self._design.T @ (np.abs(self._slopes) / np.maximum(variance, 1e-300)) / counts
        penalty = grid / (np.maximum(kappa, 1e-300)[:, None] * self._sigma**2)
        table = np.maximum.accumulate(means + penalty, axis=1)
        return np.array([np.interp(y, row, grid) for y, row in zip(self._sums, table, strict=True)])


class _Squares:
    """Sums over the rows of squared Pearson residuals given the modes."""

    def __init__(self, fit: Fit, simulator: Simulator, totals: _Totals) -> None:
        self.sums: Floats = np.zeros(1)
        self._totals = totals
        self._modes: Floats | None = None
        self._likelihood, self._trials = likelihood_of(fit), fit.design.response.trials
        self._eta = eta_of(fit, simulator)
        self._place = fit.predictor_place("cond")
        self._started = False

    def add(self, block: PooledBlock) -> None:
        """The rows of a block."""
        if not self._started:
            self._modes, self._started = self._totals.modes(), True
        sets = block.values.shape[1]
        eta = [np.repeat(e[block.rows], sets) for e in self._eta]
        if self._modes is not None:
            levels = self._totals.levels[block.rows]
            effects = np.where(levels[:, None] >= 0, self._modes[np.maximum(levels, 0)], 0.0)
            eta[self._place] += effects.ravel()
        trials = None if self._trials is None else np.repeat(self._trials[block.rows], sets)
        mean, variance = (part.reshape(block.values.shape) for part in self._likelihood.moments(eta, trials))
        with np.errstate(invalid="ignore", divide="ignore"):
            squares = (block.values - mean) ** 2 / variance
        self.sums = self.sums + np.where(np.isfinite(squares), squares, 0.0).sum(axis=0)


def _grouping(fit: Fit) -> tuple[RandomDesign, float, sparse.csr_array] | None:
    """The term with most levels whose first effect varies, that effect's standard deviation, and the rows' levels."""
    found = [
        (term, float(block.sd[0]))
        for term, block in zip(fit.design.terms, fit.covariance_blocks, strict=True)
        if term.component == "cond" and not has_effects_of_rows(term.levels) and len(term.labels) <= MOST_LEVELS
    ]
    varying = [one for one in found if one[1] > 0]
    if not varying:
        return None
    term, sigma = max(varying, key=lambda one: len(one[0].labels))
    rows = term.levels.size
    applies = (term.levels >= 0).astype(np.float64)
    levels = np.maximum(term.levels, 0)
    design = sparse.csr_array((applies, levels, np.arange(rows + 1)), shape=(rows, len(term.labels)))
    return term, sigma, design
