"""Responses, weights and covariates in units of 1e-9 to 1e9: the fit is that of the usual units, shifted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kinds.kind import SDS, Generator, Kind, Problem, Twin

FAMILIES = ("gaussian", "gaussian", "gaussian(log)", "gamma(log)", "gamma(identity)", "gamma(inverse)", "poisson")
GROUPS = 12
SLOPE = 0.3


def power(rng: Generator) -> float:
    """A power of ten between 1e-9 and 1e9."""
    return float(10.0 ** rng.integers(-9, 10))


def usual_units(rng: Generator, family: str) -> pd.DataFrame:
    """A regression on one covariate with twelve groups, its mean well inside the family's domain."""
    g = np.repeat(np.arange(GROUPS), rng.integers(5, 12, GROUPS))
    x = rng.uniform(-1.0, 1.0, g.size)
    effect = rng.choice(SDS[:3]) * rng.standard_normal(GROUPS)[g]
    eta = 1.0 + SLOPE * x + 0.5 * effect
    name, _, link = family.rstrip(")").partition("(")
    mean = {"": eta, "identity": 4.0 + eta, "inverse": 1.0 / np.maximum(2.0 + eta, 0.3), "log": np.exp(eta)}[link]
    draws = {
        "gaussian": lambda: mean + 0.4 * rng.standard_normal(g.size),
        "gamma": lambda: rng.gamma(20.0, np.maximum(mean, 0.3) / 20.0),
        "poisson": lambda: rng.poisson(np.exp(mean)),
    }
    return pd.DataFrame({"y": draws[name](), "x": x, "g": g, "w": rng.uniform(0.5, 2.0, g.size)})


def scaled(rng: Generator) -> Problem:
    """One call in extreme units beside its twin in the usual ones.

    y -> c y moves a density of a scale family by -log c a row. Precision weights and covariates move nothing by
    maximum likelihood; the restricted one, which integrates over p coefficients of units c / d, moves by log(c / d)
    for each.
    """
    family = str(rng.choice(FAMILIES))
    data = usual_units(rng, family)
    call = {"formula": "y ~ x + (1 | g)", "data": data, "family": family}
    if family == "gaussian":
        call["formula"] = str(rng.choice(("y ~ x + (1 | g)", "y ~ x + (x | g)")))
        call["reml"] = bool(rng.random() < 0.5)
    c = 1.0 if family == "poisson" else power(rng)
    d, e = power(rng), power(rng)
    other = data.assign(y=data["y"] * c if c != 1.0 else data["y"], x=data["x"] * d)
    shift = -len(data) * np.log(c)
    weighted = family.startswith("gaussian") and rng.random() < 0.5
    if call.get("reml"):
        shift += 2.0 * np.log(c) - np.log(d)
    twin, extreme = call, call | {"data": other}
    if weighted:
        twin = twin | {"weights": data["w"].to_numpy()}
        extreme = extreme | {"weights": data["w"].to_numpy() * e}
    return Problem(extreme, Twin(twin, float(shift)), peer=not weighted)


SCALES = (Kind("scales of 1e-9 to 1e9", scaled),)
