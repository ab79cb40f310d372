"""What a kind of model is: a call of ranef.fit and its simulated data, by number."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Generator = np.random.Generator
Call = dict[str, Any]

# A quarter of the standard deviations are zero; the numbers of groups go down to five.
SDS = (0.0, 0.3, 0.7, 1.2)
GROUPS = (5, 8, 15, 30)


@dataclass(frozen=True, slots=True)
class Twin:
    """The same model in other units: its log-likelihood plus `shift` is that of the original."""

    call: Call
    shift: float


@dataclass(frozen=True, slots=True)
class Problem:
    """One call of ranef.fit, and what a judge may hold against it."""

    call: Call
    twin: Twin | None = None
    peer: bool = True  # glmmTMB has this model, with the same words and weights


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: data set `number` is a pure function of the kind's name and the number.

    `thorough` restarts from ten starts that move every parameter instead of eight that scatter the standard
    deviations; a kind of degenerate data `may_refuse`: an error of ranef's own is then an answer.
    """

    name: str
    draw: Callable[[Generator], Problem]
    thorough: bool = False
    may_refuse: bool = False
    sets: int = 200

    def problem(self, number: int) -> Problem:
        """The problem of a number."""
        return self.draw(np.random.default_rng([zlib.crc32(self.name.encode()), number]))


@dataclass(frozen=True, slots=True)
class OneCall:
    """Draws data for a call that is the same for all numbers."""

    simulate: Callable[[Generator], pd.DataFrame]
    formula: str
    family: str
    more: Call = field(default_factory=dict)

    def __call__(self, rng: Generator) -> Problem:
        data = self.simulate(rng)
        return Problem({"formula": self.formula, "data": data, "family": self.family} | self.more)


def usual(
    name: str, formula: str, family: str, simulate: Callable[[Generator], pd.DataFrame], **more: str | None
) -> Kind:
    """A kind whose call is fixed."""
    return Kind(name, OneCall(simulate, formula, family, more))


def expit(eta: Floats) -> Floats:
    """The inverse of the logit."""
    return 1.0 / (1.0 + np.exp(-eta))


def counts(rng: Generator, mu: Floats, size: Floats | float) -> NDArray[np.int64]:
    """Negative binomial counts of a mean and a size."""
    return rng.poisson(rng.gamma(size, np.minimum(mu, 1e6) / size, mu.size))


def respond(rng: Generator, family: str, eta: Floats, dispersion: float = 1.0) -> NDArray:
    """Responses at a linear predictor, on the family's usual link; the predictor is kept from overflowing."""
    mu, p = np.exp(np.clip(eta, -9.0, 6.0)), expit(eta)
    draws: dict[str, Callable[[], NDArray]] = {
        "gaussian": lambda: eta + dispersion * rng.standard_normal(eta.size),
        "binomial": lambda: (rng.random(eta.size) < p).astype(int),
        "poisson": lambda: rng.poisson(mu),
        "nbinom1": lambda: counts(rng, mu, mu / dispersion),
        "nbinom2": lambda: counts(rng, mu, dispersion),
        "gamma": lambda: np.maximum(rng.gamma(dispersion, mu / dispersion), 1e-10),
        "beta": lambda: np.clip(rng.beta(p * dispersion + 0.01, (1 - p) * dispersion + 0.01), 1e-6, 1 - 1e-6),
    }
    return draws[family]()
