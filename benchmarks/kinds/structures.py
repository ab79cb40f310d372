"""Structured covariances: many variances (`diag`), `cs` and `ar1` with truths at the ends of their ranges."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from kinds.kind import Floats, Generator, Kind, Problem, respond


def many_variances(rng: Generator, rows_a_cell: tuple[int, ...]) -> Problem:
    """One variance for each of several sorts (species in sites, items in persons), some zero, some large."""
    ids, sorts = int(rng.integers(8, 31)), int(rng.integers(3, 8))
    cells = np.arange(ids * sorts).repeat(rng.choice(rows_a_cell))
    i, s = cells // sorts, cells % sorts
    effects = rng.standard_normal((ids, sorts)) * rng.choice((0.0, 0.0, 0.3, 1.0, 1.5), sorts)
    eta = rng.normal(0.0, 1.0, sorts)[s] + effects[i, s]
    family = str(rng.choice(("poisson", "nbinom1", "nbinom2", "nbinom2", "binomial")))
    y = respond(rng, family, eta, 10.0 ** rng.uniform(-0.5, 1.0))
    data = pd.DataFrame({"y": y, "s": [f"s{k}" for k in s], "id": i})
    return Problem({"formula": "y ~ s + diag(0 + s | id)", "data": data, "family": family})


def spd_root(covariance: Floats) -> Floats:
    """A root of a covariance that may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def compound_symmetry(rng: Generator, family: str) -> Problem:
    """Three effects with one correlation, in the middle or at an end of (-1/2, 1), and standard deviations of zero."""
    groups = int(rng.choice((5, 8, 15, 30)))
    g = np.repeat(np.arange(groups), 12)
    covariates = rng.standard_normal((g.size, 2))
    rho = rng.choice((-0.5, -0.49, 0.0, 0.5, 0.99, 1.0))
    sds = rng.choice((0.0, 0.0, 0.5, 1.0), 3)
    correlation = np.full((3, 3), rho) + (1.0 - rho) * np.eye(3)
    effects = sds * (rng.standard_normal((groups, 3)) @ spd_root(correlation).T)
    z = np.column_stack([np.ones(g.size), covariates])
    y = respond(rng, family, 0.3 + covariates @ np.array([0.4, -0.3]) + (z * effects[g]).sum(axis=1))
    data = pd.DataFrame({"y": y, "x1": covariates[:, 0], "x2": covariates[:, 1], "g": g})
    return Problem({"formula": "y ~ x1 + x2 + cs(x1 + x2 | g)", "data": data, "family": family})


def autoregression(rng: Generator, family: str) -> Problem:
    """Series with an autocorrelation in the middle or at an end of (-1, 1), or no variance at all."""
    series, times = int(rng.integers(3, 12)), int(rng.integers(4, 12))
    rho = rng.choice((-1.0, -0.99, 0.0, 0.9, 0.99, 0.9999, 1.0))
    lags = np.abs(np.subtract.outer(np.arange(times), np.arange(times)))
    effects = rng.choice((0.0, 0.3, 1.0, 2.0)) * (rng.standard_normal((series, times)) @ spd_root(rho**lags).T)
    x = rng.standard_normal(series * times)
    y = respond(rng, family, 0.3 + 0.4 * x + effects.ravel(), rng.choice((0.1, 1.0)))
    data = pd.DataFrame(
        {"y": y, "x": x, "t": np.tile(np.arange(times), series), "g": np.repeat(np.arange(series), times)}
    )
    more = str(rng.choice(("", " + (1 | g)")))
    return Problem({"formula": f"y ~ x + ar1(0 + factor(t) | g){more}", "data": data, "family": family})


STRUCTURES = (
    Kind("diag of many, one row a cell", partial(many_variances, rows_a_cell=(1,))),
    Kind("diag of many, replicates", partial(many_variances, rows_a_cell=(2, 3))),
    *(
        Kind(f"{word} {name}, truths at the ends", partial(draw, family=family))
        for name, draw in (("cs", compound_symmetry), ("ar1", autoregression))
        for word, family in (("Gaussian", "gaussian"), ("Poisson", "poisson"), ("Bernoulli", "binomial"))
    ),
)
