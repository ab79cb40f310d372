"""Where simulated responses come from: a fit, with random effects drawn anew or as they are, or the caller.

A simulator gives its draws block of rows after block of rows, the same at every request, and never holds them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ranef import _core
from ranef.assemble import has_component
from ranef.checks.drawn_effects import DrawnTerm, drawn_terms, row_order
from ranef.checks.pit import counts_below
from ranef.errors import DataError
from ranef.keepterms import kept_terms
from ranef.linear import add_random_effects, fixed_part

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Numbers of a block of draws.
_BLOCK = 1 << 19
# Numbers of whole data sets that are held at once, and the first of their streams.
_HELD = 1 << 24
_COLUMNS = 1000


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

    @property
    def rows(self) -> int: ...

    @property
    def conditional(self) -> bool:
        """Whether effects that were estimated from the response are kept, so that the draws are nearer to it."""
        ...

    def ranks(self, observed: Floats, centre: Floats) -> Ranks: ...

    def blocks(self) -> Iterator[tuple[Ints, Floats]]:
        """Numbers of some rows and their draws (m, draws), until every row has had its turn."""
        ...

    def more(self, draws: int, stream: int) -> Simulator:
        """Other draws of the same distributions; a matrix has no more than it holds."""
        ...

    def in_order(self, order: Ints) -> Simulator:
        """Draws of the same distributions, rows in this order."""
        ...


def matrix_of(simulator: Simulator) -> Floats:
    """All draws (n, draws)."""
    made = np.empty((simulator.rows, simulator.draws))
    for rows, block in simulator.blocks():
        made[rows] = block
    return made


def columns_of(simulator: Simulator) -> Iterator[Floats]:
    """Data set after data set; the simulator's own draws where they can be held, else others like them."""
    if isinstance(simulator, GivenSimulations) or simulator.rows * simulator.draws <= _HELD:
        yield from matrix_of(simulator).T
        return
    size = max(1, _HELD // simulator.rows)
    for first in range(0, simulator.draws, size):
        yield from matrix_of(simulator.more(min(size, simulator.draws - first), _COLUMNS + first)).T


@dataclass(frozen=True, slots=True, eq=False)
class GivenSimulations:
    """A matrix (n, draws): the caller's, or sums of simulations by groups."""

    simulations: Floats
    conditional: bool = False
    order: Ints | None = None

    @property
    def draws(self) -> int:
        return int(self.simulations.shape[1])

    @property
    def rows(self) -> int:
        return int(self.simulations.shape[0])

    def ranks(self, observed: Floats, centre: Floats) -> Ranks:
        return _ranks(self, observed, centre)

    def blocks(self) -> Iterator[tuple[Ints, Floats]]:
        for rows in _row_blocks(_given_or_natural(self.order, self.rows), self.draws):
            yield rows, self.simulations[rows]

    def more(self, draws: int, stream: int) -> GivenSimulations:
        return self

    def in_order(self, order: Ints) -> GivenSimulations:
        return replace(self, order=order)


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalSimulator:
    """Responses given the random effects, if any: linear predictors stay, so each row's mean is computed once."""

    fit: Fit
    draws: int
    seed: int
    order: Ints | None = None

    @property
    def rows(self) -> int:
        return self.fit.design.n_rows

    @property
    def conditional(self) -> bool:
        return bool(self.fit.design.terms)

    def ranks(self, observed: Floats, centre: Floats) -> Ranks:
        likelihood, trials = likelihood_of(self.fit), self.fit.design.response.trials
        eta = [np.asarray(e) for e in self.fit.estimate.eta]
        found = likelihood.simulated_ranks(observed, eta, centre, self.draws, self.seed, trials)
        return Ranks(found["less"], found["equal"], found["sum"], found["sum_of_squares"], found["zeros"])

    def blocks(self) -> Iterator[tuple[Ints, Floats]]:
        likelihood, trials = likelihood_of(self.fit), self.fit.design.response.trials
        for rows in _row_blocks(_given_or_natural(self.order, self.rows), self.draws):
            eta = [np.ascontiguousarray(e[rows]) for e in self.fit.estimate.eta]
            seed = _number([self.seed, 2, int(rows[0])])
            yield rows, likelihood.simulated_draws(eta, self.draws, seed, None if trials is None else trials[rows])

    def more(self, draws: int, stream: int) -> ConditionalSimulator:
        return replace(self, draws=draws, seed=_number([self.seed, stream]))

    def in_order(self, order: Ints) -> ConditionalSimulator:
        return replace(self, order=order)


@dataclass(frozen=True, slots=True, eq=False)
class MarginalSimulator:
    """Responses with random effects drawn anew for each data set; those of the terms in `kept` stay as they are."""

    fit: Fit
    draws: int
    seed: int
    kept: tuple[bool, ...]
    order: Ints | None = None

    @property
    def rows(self) -> int:
        return self.fit.design.n_rows

    @property
    def conditional(self) -> bool:
        return any(self.kept)

    def ranks(self, observed: Floats, centre: Floats) -> Ranks:
        return _ranks(self, observed, centre)

    def blocks(self) -> Iterator[tuple[Ints, Floats]]:
        fit = self.fit
        likelihood, trials = likelihood_of(fit), fit.design.response.trials
        base = kept_part(fit, self.kept)
        terms = drawn_terms(fit, self.kept, self.draws, self.seed)
        order = row_order(terms, self.rows) if self.order is None else self.order
        for rows in _row_blocks(order, self.draws):
            eta = _drawn_predictors(base, terms, rows, self.draws)
            own = None if trials is None else np.repeat(trials[rows], self.draws)
            drawn = likelihood.simulate(eta, _number([self.seed, 2, int(rows[0])]), own)
            yield rows, np.asarray(drawn).reshape(rows.size, self.draws)

    def more(self, draws: int, stream: int) -> MarginalSimulator:
        return replace(self, draws=draws, seed=_number([self.seed, stream]))

    def in_order(self, order: Ints) -> MarginalSimulator:
        return replace(self, order=order)


def simulator_of(fit: Fit, draws: int, seed: int, re_form: str | None) -> Simulator:
    """The simulator that `re_form` asks for: ``"unconditional"``, ``"conditional"``, or the terms to keep.

    Effects that single rows have are always drawn anew: kept, they would repeat the response.

    Raises
    ------
    DataError
        If `re_form` is none of these.
    """
    if re_form is None or re_form == "unconditional":
        kept: Sequence[bool] = (False,) * len(fit.design.terms)
    elif re_form == "conditional":
        kept = (True,) * len(fit.design.terms)
    elif str(re_form).lstrip().startswith("~"):
        kept = kept_terms(fit, re_form)
    else:
        raise DataError(
            "re_form must be 'unconditional' (random effects drawn anew), 'conditional' (as estimated) or a formula "
            f"of the terms to keep, such as '~ (1 | site)'; got {re_form!r}"
        )
    made = tuple(
        keep and not has_effects_of_rows(term.levels) for keep, term in zip(kept, fit.design.terms, strict=True)
    )
    return ConditionalSimulator(fit, draws, seed) if all(made) else MarginalSimulator(fit, draws, seed, made)


def has_effects_of_rows(levels: NDArray[np.int32]) -> bool:
    """Whether a grouping factor has a level for (nearly) every row that it applies to."""
    applies = levels[levels >= 0]
    return bool(applies.size > 0 and np.unique(applies).size > _OWN_LEVELS * applies.size)


# Levels a row beyond which a grouping factor counts as one of single observations.
_OWN_LEVELS = 0.9


def centre_of(fit: Fit, simulator: Simulator) -> Floats:
    """Means about which the data vary: given the random effects that are kept, the others zero."""
    likelihood, trials = likelihood_of(fit), fit.design.response.trials
    return likelihood.moments(eta_of(fit, simulator), trials)[0]


def eta_of(fit: Fit, simulator: Simulator) -> list[Floats]:
    """Linear predictors with the random effects that the simulator keeps, the others zero."""
    if isinstance(simulator, MarginalSimulator):
        return kept_part(fit, simulator.kept)
    return [np.asarray(e) for e in fit.estimate.eta]


def kept_part(fit: Fit, kept: Sequence[bool]) -> list[Floats]:
    """Linear predictors with the modes of the terms that are kept."""
    effects = [modes if keep else np.zeros_like(modes) for keep, modes in zip(kept, fit.estimate.modes, strict=True)]
    return add_random_effects(fit, fixed_part(fit), effects)


def likelihood_of(fit: Fit) -> _core.Likelihood:
    """Of the fit's family, with zero inflation where it has that."""
    return fit.family.likelihood(has_component(fit.design, "zi"))


def _ranks(simulator: Simulator, observed: Floats, centre: Floats) -> Ranks:
    less, equal = np.empty(observed.size), np.empty(observed.size)
    sums, squares, zeros = (np.zeros(simulator.draws) for _ in range(3))
    for rows, block in simulator.blocks():
        less[rows], equal[rows] = counts_below(block, observed[rows])
        residual = block - centre[rows, None]
        sums += residual.sum(axis=0)
        squares += np.einsum("ij,ij->j", residual, residual)
        zeros += np.count_nonzero(block == 0, axis=0)
    return Ranks(less, equal, sums, squares, zeros)


def _drawn_predictors(base: list[Floats], terms: list[DrawnTerm], rows: Ints, draws: int) -> list[Floats]:
    """Every predictor of the rows in every draw, as long vectors."""
    eta = [np.repeat(b[rows], draws).reshape(rows.size, draws) for b in base]
    for term in terms:
        term.add(rows, eta[term.predictor])
    return [e.reshape(-1) for e in eta]


def _given_or_natural(order: Ints | None, rows: int) -> Ints:
    return np.arange(rows) if order is None else order


def _row_blocks(order: Ints, draws: int) -> Iterator[Ints]:
    size = max(1, _BLOCK // draws)
    return (order[start : start + size] for start in range(0, order.size, size))


def _number(entropy: list[int]) -> int:
    """A seed for the core's generator, or of another stream of draws."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(2))
