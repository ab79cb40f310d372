"""Eight usual models, many of them of small data or with a true variance of zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinds.kind import GROUPS, SDS, Floats, Generator, usual


def groups(rng: Generator, low: int, high: int) -> NDArray[np.int64]:
    """Group of every row: some groups, each with between `low` and `high` rows."""
    sizes = rng.integers(low, high + 1, rng.choice(GROUPS))
    return np.repeat(np.arange(sizes.size), sizes)


def intercepts(rng: Generator, g: NDArray[np.int64]) -> Floats:
    """Random intercepts of the groups, by row."""
    return rng.choice(SDS) * rng.standard_normal(g.max() + 1)[g]


def counts(rng: Generator, eta: Floats, theta: float) -> NDArray[np.int64]:
    """nbinom2 counts."""
    return rng.poisson(np.exp(eta) * rng.gamma(theta, 1 / theta, eta.size))


def table(y: NDArray, x: Floats, g: NDArray[np.int64], **more: NDArray) -> pd.DataFrame:
    """The columns that every kind has, and others."""
    return pd.DataFrame({"y": y, "x": x, "g": g} | more)


def gaussian_slopes(rng: Generator) -> pd.DataFrame:
    g = groups(rng, 3, 10)
    x = rng.standard_normal(g.size)
    eta = 1 + 0.5 * x + intercepts(rng, g) + intercepts(rng, g) * x
    return table(eta + rng.standard_normal(g.size), x, g)


def bernoulli_crossed(rng: Generator) -> pd.DataFrame:
    g = groups(rng, 6, 12)
    h = rng.integers(0, rng.choice(GROUPS), g.size)
    x = rng.standard_normal(g.size)
    eta = 0.3 + 0.5 * x + intercepts(rng, g) + intercepts(rng, h)
    return table((rng.random(g.size) < 1 / (1 + np.exp(-eta))).astype(int), x, g, h=h)


def bernoulli_small_clusters(rng: Generator) -> pd.DataFrame:
    sizes = rng.integers(2, 6, rng.choice((20, 40, 80)))
    g = np.repeat(np.arange(sizes.size), sizes)
    x = rng.standard_normal(g.size)
    eta = 0.3 + 0.5 * x + intercepts(rng, g)
    return table((rng.random(g.size) < 1 / (1 + np.exp(-eta))).astype(int), x, g)


def poisson_observation(rng: Generator) -> pd.DataFrame:
    g = groups(rng, 4, 10)
    x = rng.standard_normal(g.size)
    eta = 0.5 + 0.3 * x + intercepts(rng, g) + rng.choice(SDS) * rng.standard_normal(g.size)
    return table(rng.poisson(np.exp(eta)), x, g, row=np.arange(g.size))


def nbinom2(rng: Generator) -> pd.DataFrame:
    g = groups(rng, 4, 10)
    x = rng.standard_normal(g.size)
    eta = 0.7 + 0.3 * x + intercepts(rng, g)
    return table(counts(rng, eta, rng.choice((0.5, 2.0, 20.0))), x, g)


def zero_inflated(rng: Generator) -> pd.DataFrame:
    g = groups(rng, 8, 15)
    x = rng.standard_normal(g.size)
    y = counts(rng, 1.2 + 0.3 * x + intercepts(rng, g), 2.0)
    structural = rng.random(g.size) < 1 / (1 + np.exp(1.0 - intercepts(rng, g)))
    return table(np.where(structural, 0, y), x, g)


def gamma_log(rng: Generator) -> pd.DataFrame:
    g = groups(rng, 3, 10)
    x = rng.standard_normal(g.size)
    shape = rng.choice((0.7, 2.0, 10.0))
    eta = 0.5 + 0.3 * x + intercepts(rng, g)
    return table(np.maximum(rng.gamma(shape, np.exp(eta) / shape), 1e-10), x, g)


def beta_dispersion(rng: Generator) -> pd.DataFrame:
    g = groups(rng, 4, 10)
    x = rng.standard_normal(g.size)
    mu = 1 / (1 + np.exp(-(0.2 + 0.4 * x + intercepts(rng, g))))
    phi = np.exp(1.5 + 0.5 * x)
    return table(np.clip(rng.beta(mu * phi, (1 - mu) * phi), 1e-6, 1 - 1e-6), x, g)


USUAL = (
    usual("Gaussian slopes", "y ~ x + (x | g)", "gaussian", gaussian_slopes),
    usual("Bernoulli crossed", "y ~ x + (1 | g) + (1 | h)", "binomial", bernoulli_crossed),
    usual("Bernoulli, clusters of 2-5", "y ~ x + (1 | g)", "binomial", bernoulli_small_clusters),
    usual("Poisson, observation level", "y ~ x + (1 | g) + (1 | row)", "poisson", poisson_observation),
    usual("nbinom2", "y ~ x + (1 | g)", "nbinom2", nbinom2),
    usual("zero-inflated nbinom2", "y ~ x + (1 | g)", "nbinom2", zero_inflated, ziformula="~ 1 + (1 | g)"),
    usual("gamma, log link", "y ~ x + (1 | g)", "gamma(log)", gamma_log),
    usual("beta with dispformula", "y ~ x + (1 | g)", "beta", beta_dispersion, dispformula="~ x"),
)
