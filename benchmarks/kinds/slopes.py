"""Correlated slopes: 2 to 4 effects in few groups, `us` of 5 and 6, and slopes that the truth does not have."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from kinds.kind import Floats, Generator, Kind, Problem, respond

FEW_GROUPS = (5, 8, 15)
ROWS_A_GROUP = 12


def low_rank(rng: Generator, groups: int, effects: int) -> Floats:
    """Random effects, groups by effects, whose covariance has rank 0, 1 or 2."""
    rank = int(rng.integers(3))
    return rng.standard_normal((groups, rank)) @ (0.5 * rng.standard_normal((rank, effects)))


def slopes(rng: Generator, effects: int, family: str, groups: int, rows: int, crossed: bool) -> Problem:
    """An intercept and slopes that vary between groups, with unstructured covariance."""
    g = np.repeat(np.arange(groups), rows)
    covariates = rng.standard_normal((g.size, effects - 1))
    z = np.column_stack([np.ones(g.size), covariates])
    strength = 1.0 if family == "gaussian" else 0.3
    eta = z @ (strength * rng.standard_normal(effects)) + (z * low_rank(rng, groups, effects)[g]).sum(axis=1)
    names = [f"x{i}" for i in range(1, effects)]
    data = pd.DataFrame(covariates, columns=names).assign(g=g)
    words = " + ".join(names)
    formula = f"y ~ {words} + ({words} | g)"
    if crossed:
        data["h"] = rng.integers(0, 6, g.size)
        eta = eta + rng.choice((0.0, 0.7)) * rng.standard_normal(6)[data["h"]]
        formula += " + (1 | h)"
    data["y"] = respond(rng, family, eta)
    return Problem({"formula": formula, "data": data, "family": family})


def few(rng: Generator, effects: int) -> Problem:
    return slopes(rng, effects, "gaussian", int(rng.choice(FEW_GROUPS)), ROWS_A_GROUP, crossed=False)


def many_effects(rng: Generator, family: str) -> Problem:
    """Five or six effects: 15 or 21 parameters of one covariance."""
    groups, rows = (int(rng.choice((8, 15))), 12) if family == "gaussian" else (20, 15)
    return slopes(rng, int(rng.choice((5, 6))), family, groups, rows, crossed=family == "gaussian")


def absent(rng: Generator) -> Problem:
    """Random slopes in the model, none in the truth; the covariate varies by row or is the same grid in each group."""
    rows, groups = ((400, 40), (120, 12), (180, 18), (90, 15))[rng.integers(4)]
    g = np.arange(rows) % groups
    x = rng.standard_normal(rows) if rng.random() < 0.5 else (np.arange(rows) // groups).astype(float)
    y = 1 + 0.5 * x + 0.7 * rng.standard_normal(groups)[g] + rng.standard_normal(rows)
    data = pd.DataFrame({"y": y, "x": x, "g": g})
    return Problem({"formula": "y ~ x + (x | g)", "data": data, "family": "gaussian", "reml": bool(rng.random() < 0.5)})


SLOPES = (
    *(Kind(f"Gaussian slopes, {q} effects, few groups", partial(few, effects=q)) for q in (2, 3, 4)),
    Kind("Gaussian slopes, none in truth", absent),
    Kind("Gaussian us of 5 and 6, crossed", partial(many_effects, family="gaussian")),
    Kind("Poisson us of 5 and 6", partial(many_effects, family="poisson")),
    Kind("Bernoulli us of 5 and 6", partial(many_effects, family="binomial")),
)
