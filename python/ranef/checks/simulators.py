"""Where simulated responses come from: a fit, with its random effects as they are or drawn anew, or the caller.

A simulator counts and sums over its draws without keeping them, and gives them again, the same, when asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ranef import _core
from ranef.assemble import has_component
from ranef.checks.pit import counts_below
from ranef.errors import DataError
from ranef.keepterms import kept_terms
from ranef.linear import add_random_effects, fixed_part
from ranef.simulate import draw_effects

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """What the draws say of the observations.

    Attributes
    ----------
    less, equal : (n,) number of draws below, and equal to, the row's observation
    sum, sum_of_squares : (draws,) over the rows, of draw - centre
    zeros : (draws,) number of rows that are zero
    """

    less: Floats
    equal: Floats
    sum: Floats
    sum_of_squares: Floats
    zeros: Floats

    def variances(self, rows: int) -> Floats:
        """(draws,) variance over the rows of draw - centre."""
        return np.asarray((self.sum_of_squares - self.sum**2 / rows) / (rows - 1))


class Simulator(Protocol):
    """Draws of all rows, the same at every request."""

    @property
    def draws(self) -> int: ...

    def ranks(self, observed: Floats, centre: Floats) -> Ranks: ...

    def matrix(self) -> Floats:
        """(n, draws)."""
        ...

    def blocks(self, rows: int) -> Iterator[Floats]:
        """Draws of `rows` rows after the other, (rows, draws): of the same distribution, maybe not the same numbers."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class GivenSimulations:
    """The caller's matrix (n, draws)."""

    simulations: Floats

    @property
    def draws(self) -> int:
        return int(self.simulations.shape[1])

    def ranks(self, observed: Floats, centre: Floats) -> Ranks:
        less, equal = counts_below(self.simulations, observed)
        residual = self.simulations - centre[:, None]
        zeros = np.count_nonzero(self.simulations == 0, axis=0).astype(np.float64)
        return Ranks(less, equal, residual.sum(axis=0), (residual**2).sum(axis=0), zeros)

    def matrix(self) -> Floats:
        return self.simulations

    def blocks(self, rows: int) -> Iterator[Floats]:
        return _row_blocks(self.simulations, rows)


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalSimulator:
    """Responses given the random effects: linear predictors stay, so each row's mean is computed once."""

    fit: Fit
    draws: int
    seed: int

    def ranks(self, observed: Floats, centre: Floats) -> Ranks:
        likelihood, trials = _likelihood(self.fit), self.fit.design.response.trials
        eta = [np.asarray(e) for e in self.fit.estimate.eta]
        found = likelihood.simulated_ranks(observed, eta, centre, self.draws, self.seed, trials)
        return Ranks(found["less"], found["equal"], found["sum"], found["sum_of_squares"], found["zeros"])

    def matrix(self) -> Floats:
        eta = [np.asarray(e) for e in self.fit.estimate.eta]
        likelihood, trials = _likelihood(self.fit), self.fit.design.response.trials
        return likelihood.simulated_draws(eta, self.draws, self.seed, trials)

    def blocks(self, rows: int) -> Iterator[Floats]:
        likelihood, trials = _likelihood(self.fit), self.fit.design.response.trials
        for start in range(0, self.fit.design.n_rows, rows):
            block = slice(start, start + rows)
            eta = [np.ascontiguousarray(e[block]) for e in self.fit.estimate.eta]
            own = None if trials is None else trials[block]
            yield likelihood.simulated_draws(eta, self.draws, self.seed + start, own)


@dataclass(frozen=True, slots=True, eq=False)
class MarginalSimulator:
    """Responses with random effects drawn anew for each data set; those of the terms in `kept` stay as they are."""

    fit: Fit
    draws: int
    seed: int
    kept: Sequence[bool]

    def ranks(self, observed: Floats, centre: Floats) -> Ranks:
        less, equal = np.zeros(observed.size), np.zeros(observed.size)
        sums, squares, zeros = (np.empty(self.draws) for _ in range(3))
        for d, draw in enumerate(self._each()):
            less += draw < observed
            equal += draw == observed
            residual = draw - centre
            sums[d], squares[d], zeros[d] = residual.sum(), residual @ residual, np.count_nonzero(draw == 0)
        return Ranks(less, equal, sums, squares, zeros)

    def matrix(self) -> Floats:
        return np.column_stack(list(self._each()))

    def blocks(self, rows: int) -> Iterator[Floats]:
        return _row_blocks(self.matrix(), rows)

    def _each(self) -> Iterator[Floats]:
        fit = self.fit
        likelihood, trials = _likelihood(fit), fit.design.response.trials
        base = fixed_part(fit)
        for d in range(self.draws):
            rng = np.random.default_rng([self.seed, d])
            effects = [
                modes if keep else draw_effects(block.covariance, modes.shape[0], rng)
                for keep, modes, block in zip(self.kept, fit.estimate.modes, fit.covariance_blocks, strict=True)
            ]
            eta = add_random_effects(fit, base, effects)
            yield likelihood.simulate(eta, int(rng.integers(2**62)), trials)


def _row_blocks(matrix: Floats, rows: int) -> Iterator[Floats]:
    return (matrix[start : start + rows] for start in range(0, matrix.shape[0], rows))


def simulator_of(fit: Fit, draws: int, seed: int, re_form: str | None) -> Simulator:
    """The simulator that `re_form` asks for: ``"conditional"``, ``"unconditional"``, or the terms to keep.

    Raises
    ------
    DataError
        If `re_form` is none of these.
    """
    if re_form is None or re_form == "conditional":
        kept: Sequence[bool] = (True,) * len(fit.design.terms)
    elif re_form == "unconditional":
        kept = (False,) * len(fit.design.terms)
    elif str(re_form).lstrip().startswith("~"):
        kept = kept_terms(fit, re_form)
    else:
        raise DataError(
            "re_form must be 'conditional' (random effects as estimated), 'unconditional' (drawn anew) or a formula "
            f"of the terms to keep, such as '~ (1 | site)'; got {re_form!r}"
        )
    return ConditionalSimulator(fit, draws, seed) if all(kept) else MarginalSimulator(fit, draws, seed, kept)


def centre_of(fit: Fit, simulator: Simulator) -> Floats:
    """Means about which the data vary: given the random effects that are kept, the others zero."""
    likelihood, trials = _likelihood(fit), fit.design.response.trials
    if isinstance(simulator, MarginalSimulator):
        effects = [
            modes if keep else np.zeros_like(modes)
            for keep, modes in zip(simulator.kept, fit.estimate.modes, strict=True)
        ]
        eta = add_random_effects(fit, fixed_part(fit), effects)
    else:
        eta = [np.asarray(e) for e in fit.estimate.eta]
    return likelihood.moments(eta, trials)[0]


def _likelihood(fit: Fit) -> _core.Likelihood:
    return fit.family.likelihood(has_component(fit.design, "zi"))
