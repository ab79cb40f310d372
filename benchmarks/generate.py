"""Seeded generators of the benchmark data sets.

    python benchmarks/generate.py --out DIR [NAME ...]

A data set is a pure function of its name (the seed is the name's CRC-32), so every machine gets the same rows.
Order of the random draws is part of the definition: changing it makes another data set.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Generator = np.random.Generator

INTERCEPT, SLOPE = 0.5, 0.3
DECIMALS = 6
NBINOM2_THETA = 2.0


def response(rng: Generator, eta: Floats, family: str) -> NDArray:
    """Draws of `family` (unit residual sd, logit, log links) at linear predictor `eta`."""
    if family == "gaussian":
        return np.round(eta + rng.standard_normal(eta.size), DECIMALS)
    if family == "binomial":
        return (rng.random(eta.size) < 1 / (1 + np.exp(-eta))).astype(np.int64)
    if family == "poisson":
        return rng.poisson(np.exp(eta))
    if family == "nbinom2":
        return rng.poisson(np.exp(eta) * rng.gamma(NBINOM2_THETA, 1 / NBINOM2_THETA, eta.size))
    raise ValueError(f"no generator for family {family!r}")


def covariate(rng: Generator, n: int) -> Floats:
    """A standard normal covariate that survives a text file."""
    return np.round(rng.standard_normal(n), DECIMALS)


def crossed(rng: Generator, n: int, family: str) -> pd.DataFrame:
    """Two crossed random intercepts (sd 0.8, 0.5), n/20 and n/100 levels met uniformly."""
    n_a, n_b = n // 20, n // 100
    a, b = rng.integers(0, n_a, n), rng.integers(0, n_b, n)
    x = covariate(rng, n)
    eta = INTERCEPT + SLOPE * x + 0.8 * rng.standard_normal(n_a)[a] + 0.5 * rng.standard_normal(n_b)[b]
    return pd.DataFrame({"y": response(rng, eta, family), "x": x, "a": a, "b": b})


def nested(rng: Generator, n: int, family: str) -> pd.DataFrame:
    """Rows in classes of 25 in schools of 20 classes (sd 0.8 of schools, 0.5 of classes)."""
    n_classes = n // 25
    cls = np.repeat(np.arange(n_classes), 25)
    school = cls // 20
    x = covariate(rng, cls.size)
    eta = INTERCEPT + SLOPE * x + 0.8 * rng.standard_normal(n_classes // 20)[school]
    eta = eta + 0.5 * rng.standard_normal(n_classes)[cls]
    return pd.DataFrame({"y": response(rng, eta, family), "x": x, "school": school, "cls": cls})


def slopes(rng: Generator, groups: int, rows: int, family: str) -> pd.DataFrame:
    """Random intercept and slope (sd 1 and 0.5, correlation 0.4), `rows` a group."""
    g = np.repeat(np.arange(groups), rows)
    x = covariate(rng, g.size)
    factor = np.linalg.cholesky(np.array([[1.0, 0.2], [0.2, 0.25]]))
    u = rng.standard_normal((groups, 2)) @ factor.T
    eta = INTERCEPT + SLOPE * x + u[g, 0] + u[g, 1] * x
    return pd.DataFrame({"y": response(rng, eta, family), "x": x, "g": g})


def zero_inflated(rng: Generator, n: int) -> pd.DataFrame:
    """nbinom2 with a random intercept (sd 0.6, 20 rows a group) and zero inflation that depends on x."""
    n_groups = n // 20
    g = np.repeat(np.arange(n_groups), 20)
    x = covariate(rng, n)
    eta = 0.8 + 0.4 * x + 0.6 * rng.standard_normal(n_groups)[g]
    y = response(rng, eta, "nbinom2")
    y[rng.random(n) < 1 / (1 + np.exp(1.0 - 0.5 * x))] = 0
    return pd.DataFrame({"y": y, "x": x, "g": g})


GENERATORS: dict[str, Callable[[Generator], pd.DataFrame]] = {
    "x_g_1e4_u": lambda rng: crossed(rng, 10**4, "gaussian"),
    "x_g_1e5_u": lambda rng: crossed(rng, 10**5, "gaussian"),
    "x_b_1e4_u": lambda rng: crossed(rng, 10**4, "binomial"),
    "x_b_1e5_u": lambda rng: crossed(rng, 10**5, "binomial"),
    "x_p_1e4_u": lambda rng: crossed(rng, 10**4, "poisson"),
    "x_p_1e5_u": lambda rng: crossed(rng, 10**5, "poisson"),
    "x_nb_1e4_u": lambda rng: crossed(rng, 10**4, "nbinom2"),
    "nest_g_1e5": lambda rng: nested(rng, 10**5, "gaussian"),
    "nest_g_1e6": lambda rng: nested(rng, 10**6, "gaussian"),
    "nest_p_1e6": lambda rng: nested(rng, 10**6, "poisson"),
    "slopes_g_5e4": lambda rng: slopes(rng, 50_000, 10, "gaussian"),
    "slopes_b_5e3": lambda rng: slopes(rng, 5_000, 20, "binomial"),
    "zinb_1e4": lambda rng: zero_inflated(rng, 10**4),
}


def generate(name: str) -> pd.DataFrame:
    """The data set called `name`."""
    return GENERATORS[name](np.random.default_rng(zlib.crc32(name.encode())))


def main() -> None:
    """Write data sets as CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(GENERATORS))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        generate(name).to_csv(options.out / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
