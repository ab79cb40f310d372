"""Points around the mode of the random effects, their importance weights, weighted averages; see laplace_error.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import gammaln

from ranef.assemble import has_component, likelihood_weights
from ranef.checks.spherical import SphericalSystem
from ranef.invertible import invertible

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Sparse: TypeAlias = Any
Averages = tuple[Floats, tuple[Floats, ...]]

# Rows x draws in all where `draws` is not given, bounds of the draws, and rows x draws held at a time.
_WORK = 3_000_000
_FEWEST, _MOST = 100, 2000
_BLOCK = 1_000_000
# Parts of the draws whose differences give the Monte Carlo error of what is not a plain mean.
_BATCHES = 10
# Degrees of freedom of the proposal: at least, and per effect, so that its spread about the mode's distance is small.
_LEAST_DF, _DF_PER_EFFECT = 8.0, 3.0
# Step of the differences of a row's log-density in its linear predictors.
_STEP = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class ImportanceSample:
    """Averages over the draws.

    Attributes
    ----------
    log_ratio, log_ratio_error : log of exact over approximate likelihood, and its Monte Carlo standard error
    score : (n, K) averages of the rows' derivatives of the negative log-likelihood
    moments : per term (q, q): averages of b b' summed over levels
    batches : score and moments of each part of the draws
    draws : points per set of effects
    smallest_share : effective number of draws over draws, in the worst set
    """

    log_ratio: float
    log_ratio_error: float
    score: Floats
    moments: tuple[Floats, ...]
    batches: tuple[Averages, ...]
    draws: int
    smallest_share: float


def importance_sample(fit: Fit, system: SphericalSystem, draws: int | None, seed: int) -> ImportanceSample:
    """Draws in antithetic pairs, weighted set by set."""
    n = fit.design.n_rows
    wanted = int(np.clip(_WORK // n, _FEWEST, _MOST)) if draws is None else draws
    pairs_a_batch = -(-wanted // (2 * _BATCHES))
    rng = np.random.default_rng(seed)
    proposal = _Proposal(system)
    target = _Target(fit, system)
    weights, controls, sums = [], [], []
    for _ in range(_BATCHES):
        batch_weights, batch_controls, batch_sums = _batch(target, proposal, pairs_a_batch, rng)
        weights.append(batch_weights)
        controls.append(batch_controls)
        sums.append(batch_sums)
    pairs = np.concatenate(weights, axis=1)
    mean, variance = _mean_with_control(pairs, np.concatenate(controls, axis=1))
    relative = variance / mean**2
    share = pairs.mean(axis=1) ** 2 / np.mean(pairs**2, axis=1)
    total = [np.sum([part[k] for part in sums], axis=0) for k in range(len(sums[0]))]
    return ImportanceSample(
        log_ratio=float(np.sum(np.log(mean) + 0.5 * relative)),
        log_ratio_error=float(np.sqrt(relative.sum())),
        score=target.score(total),
        moments=target.moments(total),
        batches=tuple((target.score(part), target.moments(part)) for part in sums),
        draws=2 * pairs.shape[1],
        smallest_share=float(share.min()),
    )


def _mean_with_control(pairs: Floats, controls: Floats) -> tuple[Floats, Floats]:
    """Means (sets,) of the weights and their variances, by regression on weights whose mean is known to be 1.

    One slope for all sets: its error would bias each of them, and the sum of their logarithms with their number.
    """
    count = pairs.shape[1]
    mean, control_mean = pairs.mean(axis=1), controls.mean(axis=1)
    centred = controls - control_mean[:, None]
    slope = np.sum(centred * pairs) / np.sum(centred**2)
    residual = pairs - mean[:, None] - slope * centred
    return mean - slope * (control_mean - 1.0), np.sum(residual**2, axis=1) / (count - 2) / count


def _batch(
    target: _Target, proposal: _Proposal, pairs: int, rng: np.random.Generator
) -> tuple[Floats, Floats, list[Floats]]:
    """Weights of the pairs (sets, pairs), those of a normal integrand, and sums over the draws: see `_Target.sums`."""
    size = max(1, min(pairs, _BLOCK // max(1, 2 * target.rows)))
    weights, controls, sums = [], [], None
    for start in range(0, pairs, size):
        count = min(size, pairs - start)
        moved, log_density, log_normal = proposal.draw(count, rng)
        controls.append(np.exp(log_normal - log_density))
        both = []
        for sign in (1.0, -1.0):
            v = target.system.mode[:, None] + sign * moved
            w = np.exp(target.log_density(v) - log_density)
            part = target.sums(v, w)
            sums = part if sums is None else [a + b for a, b in zip(sums, part, strict=True)]
            both.append(w)
        weights.append(0.5 * (both[0] + both[1]))
    assert sums is not None
    return np.concatenate(weights, axis=1), np.concatenate(controls, axis=1), sums


class _Proposal:
    """Multivariate t about the mode, set by set: scale H^-1, degrees of freedom growing with the set's size.

    Sets of the same size are factored together.
    """

    def __init__(self, system: SphericalSystem) -> None:
        self._effects = system.mode.size
        self._sets = system.sets
        order = np.argsort(system.set_of, kind="stable")
        sizes = np.bincount(system.set_of, minlength=system.sets)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._groups: list[tuple[Ints, Ints, Floats]] = []
        for size in np.unique(sizes):
            sets = np.flatnonzero(sizes == size)
            places = order[starts[sets][:, None] + np.arange(size)]
            blocks = _blocks(system.precision, places)
            with invertible("the curvature at the random effects' mode, from which the Laplace error is drawn,"):
                roots = np.linalg.cholesky(blocks)
            self._groups.append((sets, places, np.linalg.inv(roots).transpose(0, 2, 1)))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Steps from the mode (q, count); per set the logs of their density and of the normal one, over its height."""
        moved, density = np.zeros((self._effects, count)), np.zeros((self._sets, count))
        normal = np.zeros((self._sets, count))
        for sets, places, inverse_root in self._groups:
            m, size = places.shape
            df = max(_LEAST_DF, _DF_PER_EFFECT * size)
            z = rng.standard_normal((m, size, count)) / np.sqrt(rng.chisquare(df, (m, 1, count)) / df)
            moved[places.ravel()] = (inverse_root @ z).reshape(m * size, count)
            distance = np.sum(z**2, axis=1)
            height = gammaln(0.5 * (df + size)) - gammaln(0.5 * df) - 0.5 * size * np.log(0.5 * df)
            density[sets] = height - 0.5 * (df + size) * np.log1p(distance / df)
            normal[sets] = -0.5 * distance
        return moved, density, normal


def _blocks(precision: Sparse, places: Ints) -> Floats:
    """Dense diagonal blocks (m, size, size)."""
    m, size = places.shape
    if m == 1:
        return np.asarray(precision[places[0]][:, places[0]].toarray())[None]
    where = np.full(precision.shape[0], -1, dtype=np.intp)
    where[places.ravel()] = np.arange(m * size)
    entries = precision.tocoo()
    row, col = where[entries.coords[0]], where[entries.coords[1]]
    inside = row >= 0
    blocks = np.zeros((m, size, size))
    blocks[row[inside] // size, row[inside] % size, col[inside] % size] = entries.data[inside]
    return blocks


class _Target:
    """The integrand, set by set, relative to its value at the mode."""

    def __init__(self, fit: Fit, system: SphericalSystem) -> None:
        self.system = system
        self.rows = fit.design.n_rows
        self._likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
        self._response = np.asarray(fit.design.response.values)
        self._trials = fit.design.response.trials
        self._weights = likelihood_weights(fit.design)
        tied = np.flatnonzero(system.row_set >= 0)
        ones = np.ones(tied.size)
        self._adding = sparse.csr_array((ones, (system.row_set[tied], tied)), shape=(system.sets, self.rows))
        effects = np.arange(system.mode.size)
        self._adding_effects = sparse.csr_array(
            (np.ones(effects.size), (system.set_of, effects)), shape=(system.sets, effects.size)
        )
        self._shapes = [np.asarray(modes).shape for modes in fit.estimate.modes]
        self._at_mode = self._log_values(system.mode[:, None])

    def log_density(self, v: Floats) -> Floats:
        """(sets, draws): h(v) - h(v^)."""
        return self._log_values(v) - self._at_mode

    def sums(self, v: Floats, w: Floats) -> list[Floats]:
        """Sums over draws of w (sets), of w times the rows' derivatives (n, K), of w b b' (per term)."""
        eta = self._predictors(v)
        row_weights = self._row_weights(w)
        score = np.empty((self.rows, len(eta)))
        for k in range(len(eta)):
            ends = []
            for sign in (1.0, -1.0):
                moved = list(eta)
                moved[k] = eta[k] + sign * _STEP
                ends.append(self._loglik(moved))
            score[:, k] = np.einsum("ij,ij->i", row_weights, (ends[1] - ends[0]) / (2.0 * _STEP))
        return [w.sum(axis=1), score, *self._products(v, w)]

    def score(self, sums: list[Floats]) -> Floats:
        """(n, K) averages; for rows without random effects their values, which no draw moves."""
        total = np.append(sums[0], sums[0].mean())  # place -1: rows in no set
        return np.asarray(sums[1] / total[self.system.row_set][:, None])

    def moments(self, sums: list[Floats]) -> tuple[Floats, ...]:
        """Per term (q, q): averages of b b' summed over levels."""
        made, start = [], 0
        for (levels, q), products in zip(self._shapes, sums[2:], strict=True):
            sets = self.system.set_of[start : start + levels * q].reshape(levels, q)
            made.append(np.asarray((products / sums[0][sets][:, :, None]).sum(axis=0)))
            start += levels * q
        return tuple(made)

    def _products(self, v: Floats, w: Floats) -> list[Floats]:
        """Per term (levels, q, q), each row with its effect's weights: effects of a level that may be correlated are in
        one set, and products of the others enter no derivative."""
        b = self.system.root @ v
        made, start = [], 0
        for levels, q in self._shapes:
            values = b[start : start + levels * q].reshape(levels, q, -1)
            weights = w[self.system.set_of[start : start + levels * q].reshape(levels, q)]
            made.append(np.einsum("lis,ljs,lis->lij", values, values, weights, optimize=True))
            start += levels * q
        return made

    def _row_weights(self, w: Floats) -> Floats:
        """(n, draws): the weights of each row's set, 1 for rows in none."""
        return np.where((self.system.row_set >= 0)[:, None], w[self.system.row_set], w.mean(axis=0))

    def _log_values(self, v: Floats) -> Floats:
        """(sets, draws): log f(y | v) - v'v / 2."""
        loglik = self._adding @ self._loglik(self._predictors(v))
        return np.asarray(loglik - 0.5 * (self._adding_effects @ v**2))

    def _predictors(self, v: Floats) -> list[Floats]:
        """Per predictor (n, draws)."""
        return [b[:, None] + z @ v for b, z in zip(self.system.base, self.system.designs, strict=True)]

    def _loglik(self, eta: list[Floats]) -> Floats:
        """(n, draws), weights included."""
        draws = eta[0].shape[1]
        flat = [np.ascontiguousarray(e.T).ravel() for e in eta]
        trials = None if self._trials is None else np.tile(self._trials, draws)
        values = np.asarray(self._likelihood.loglik(np.tile(self._response, draws), flat, trials))
        values = values.reshape(draws, self.rows).T
        return values if self._weights is None else values * self._weights[:, None]
