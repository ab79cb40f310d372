"""What a fit matches: quantities of the response that estimation has brought near their expectation.

A statistic of fitted data varies less than over data drawn from the fit, for the estimates follow the data: the zeros
of a Poisson model, say, deviate from their expectation only by what the fitted mean leaves. To first order

    T(fitted) = T - Cov(T, S) Cov(S)^-1 S,      S the scores of the parameters

(Pierce 1982, Annals of Statistics 10, 475-478). The regression of a statistic on S over the simulated data sets, the
observed one among them, gives what remains, and all of the sets stay alike. In the place of the scores stand
quantities that change with the same parameters: sums of standardised residuals along the columns of the design, sums of
their squares along the columns of the dispersion's, zeros along those of the zero inflation's, and the squares of each
random effect's sums by group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ranef.assemble import has_component
from ranef.checks.pooled import GroupSums, PooledBlock, Tally, WeightedSums
from ranef.checks.simulators import Simulator, eta_of, has_effects_of_rows, likelihood_of
from ranef.tables import held_coefficients

if TYPE_CHECKING:
    from ranef.design.design import RandomDesign
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Columns of one design, and of all, at most: each costs every statistic one of the simulated data sets.
_MOST_COLUMNS = 16
_SETS_PER_COLUMN = 10
# Levels whose sums of all data sets are held.
MOST_LEVELS = 5000
_RANK_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class TermSums:
    """Sums by group of standardised residuals along each column of a random term."""

    place: int
    effects: int
    sums: GroupSums

    @property
    def by_level(self) -> Floats:
        """(levels, q, M)."""
        values = self.sums.sums
        return values.reshape(-1, self.effects, values.shape[1])


class Matched:
    """Tallies of what a fit matches; none without a fit.

    Attributes
    ----------
    terms : sums by group of the random terms whose effects vary from group to group
    """

    # Effects of a level that vary for themselves.
    most_effects = 3

    def __init__(self, fit: Fit | None, simulator: Simulator) -> None:
        self.terms: list[TermSums] = []
        self._sums: list[WeightedSums] = []
        if fit is None or simulator.conditional:
            return
        slope = slopes(fit, simulator)
        self._sums.append(_scores(fit, slope))
        if fit.family.dispersion:
            self._sums.append(WeightedSums(_columns(fit, "disp"), lambda block: block.standard**2))
        if any(has_effects_of_rows(t.levels) for t in fit.design.terms):
            columns = np.ones((fit.design.n_rows, 1))
            self._sums.append(WeightedSums(columns, lambda block: block.standard**2))
        if has_component(fit.design, "zi"):
            self._sums.append(WeightedSums(_columns(fit, "zi"), lambda block: (block.values == 0).astype(np.float64)))
        for place, term in enumerate(fit.design.terms):
            if term.component == "cond" and not has_effects_of_rows(term.levels) and len(term.labels) <= MOST_LEVELS:
                self.terms.append(TermSums(place, len(term.term_names), GroupSums(term_design(term), slope)))

    @property
    def tallies(self) -> list[Tally]:
        """What a pass over the draws fills."""
        return [*self._sums, *(term.sums for term in self.terms)]

    def values(self) -> Floats:
        """(k, M) the quantities, standardised."""
        parts = [one.sums for one in self._sums]
        for term in self.terms:
            sums = term.by_level
            if term.effects > self.most_effects:
                parts.append(np.sum(sums**2, axis=(0, 1))[None])
                continue
            pairs = [(j, k) for j in range(term.effects) for k in range(j + 1)]
            parts.append(np.array([np.sum(sums[:, j] * sums[:, k], axis=0) for j, k in pairs]))
        if not parts:
            return np.zeros((0, 1))
        joined = np.vstack(parts)
        centred = joined - joined.mean(axis=1, keepdims=True)
        scale = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
        kept = scale[:, 0] > 0
        return np.asarray(centred[kept] / scale[kept])


def left_over(statistics: Floats, matched: Floats) -> Floats:
    """(k, M) statistics about their mean less their regression on what the fit matches, over the data sets."""
    centred = statistics - statistics.mean(axis=1, keepdims=True)
    if not matched.size:
        return np.asarray(centred)
    _, values, rotation = np.linalg.svd(matched, full_matrices=False)
    used = rotation[(values > _RANK_TOLERANCE * values[0])][: max(1, centred.shape[1] // _SETS_PER_COLUMN)]
    return np.asarray(centred - (centred @ used.T) @ used)


def slopes(fit: Fit, simulator: Simulator) -> Floats:
    """(n,) derivative of the mean in its linear predictor, at the centre of the simulations."""
    likelihood, trials = likelihood_of(fit), fit.design.response.trials
    _, gradient = likelihood.mean_gradient(eta_of(fit, simulator), trials)
    return np.asarray(gradient[:, fit.predictor_place("cond")])


def term_design(term: RandomDesign) -> sparse.csr_array:
    """Z of a random term, (n, levels x q)."""
    rows, q = term.levels.size, len(term.term_names)
    levels = np.maximum(term.levels, 0).astype(np.intp)
    applies = (term.levels >= 0).astype(np.float64)
    if term.basis is not None:
        columns = (levels[:, None] * q + np.arange(q)).ravel()
        values = (term.basis * applies[:, None]).ravel()
        return sparse.csr_array((values, columns, np.arange(0, rows * q + 1, q)), shape=(rows, len(term.labels) * q))
    own = np.zeros(rows, dtype=np.intp) if term.column is None else np.maximum(term.column, 0)
    values = applies if term.column is None else applies * (term.column >= 0)
    return sparse.csr_array((values, levels * q + own, np.arange(rows + 1)), shape=(rows, len(term.labels) * q))


def _scores(fit: Fit, slope: Floats) -> WeightedSums:
    def along(block: PooledBlock) -> Floats:
        weight = slope[block.rows] / np.where(block.spread > 0, block.spread, np.inf)
        return np.asarray(weight[:, None] * block.standard)

    return WeightedSums(_columns(fit, "cond"), along)


def _columns(fit: Fit, component: str) -> Floats:
    """The design of a component's free coefficients; of many columns the directions with most of its variation."""
    matrix = np.asarray(fit.design.predictors[fit.predictor_place(component)].fixed.matrix)
    matrix = matrix[:, ~held_coefficients(fit, component)]
    if matrix.shape[1] <= _MOST_COLUMNS:
        return matrix
    norms = np.linalg.norm(matrix, axis=0)
    _, _, directions = np.linalg.svd(np.linalg.qr(matrix / np.where(norms > 0, norms, 1.0), mode="r"))
    return np.asarray((matrix / np.where(norms > 0, norms, 1.0)) @ directions[:_MOST_COLUMNS].T)
