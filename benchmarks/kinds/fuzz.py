"""Random models of random data, much of it degenerate: any family, link, structure, zero inflation, dispersion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinds.kind import Call, Floats, Generator, Kind, Problem, expit, respond

COUNT_LINKS = ("log", "log", "identity", "sqrt")
PROBABILITY_LINKS = ("logit", "logit", "probit", "cloglog", "cauchit", "log")
LINKS = {
    "gaussian": ("identity", "identity", "log", "inverse", "sqrt"),
    "binomial": (*PROBABILITY_LINKS, "identity"),
    "poisson": COUNT_LINKS,
    "nbinom1": (*COUNT_LINKS, "inverse"),
    "nbinom2": (*COUNT_LINKS, "inverse"),
    "gamma": ("inverse", "identity", "log", "log"),
    "beta": PROBABILITY_LINKS,
    "betabinomial": PROBABILITY_LINKS,
    "truncated_poisson": COUNT_LINKS,
    "truncated_nbinom1": (*COUNT_LINKS, "inverse"),
    "truncated_nbinom2": (*COUNT_LINKS, "inverse"),
}
WITHOUT_DISPERSION = ("binomial", "poisson", "truncated_poisson")
FIXED = ("1", "x", "x", "x + z", "x * f", "f", "poly(z, 2)", "0 + f", "x + f + z")
EFFECTS = ("1", "1", "1", "1 + x", "x", "0 + f", "f", "1 + x + z", "0 + factor(t)", "0 + x")
STRUCTURES = ("us", "us", "diag", "homdiag", "cs", "ar1", "||")
# A correlation between effects needs two of them.
ONE_COLUMN = ("1", "0 + x")
# What glmmTMB lacks or reads in another way.
NOT_GLMMTMB = ("homdiag", "||")


def covariates(rng: Generator, n: int) -> pd.DataFrame:
    """Numbers, a factor, groups and times; now and then constant, scaled, shifted, tied, missing or nested."""
    groups = max(2, min(n, int(rng.choice((2, 3, 5, 10, 20, n)))))
    g = rng.integers(0, groups, n) if rng.random() < 0.5 else np.arange(n) * groups // n
    x, z = rng.standard_normal((2, n))
    data = pd.DataFrame({"x": x, "z": z, "f": rng.choice(list("abc"), n), "g": g})
    data["h"] = rng.integers(0, rng.choice((2, 3, 4, 8)), n)
    data["t"] = rng.integers(0, rng.choice((2, 3, 5)), n)
    oddities: tuple[tuple[str, Callable[[], object]], ...] = (
        ("x", lambda: 2.5),
        ("x", lambda: x * 10.0 ** rng.integers(-9, 13)),
        ("x", lambda: np.round(x)),
        ("x", lambda: x + 10.0 ** rng.integers(3, 12)),
        ("x", lambda: np.where(np.arange(n) == 0, rng.choice((np.inf, np.nan)), x)),
        ("z", lambda: x),
        ("f", lambda: "a"),
        ("g", lambda: 0),
        ("g", lambda: np.arange(n)),
        ("h", lambda: g),
    )
    for column, odd in oddities:
        if rng.random() < 0.04:
            data[column] = odd()
    return data


def linear_predictor(rng: Generator, data: pd.DataFrame) -> Floats:
    """Effects of x, g and h, on whatever scale the columns have."""
    x = np.nan_to_num(data["x"].to_numpy(float), posinf=0.0, neginf=0.0)
    spread = float(np.std(x))
    standardised = (x - x.mean()) / (spread if spread > 0.0 else 1.0)
    by_g = rng.choice((0.0, 0.0, 0.3, 1.0, 3.0)) * rng.standard_normal(len(data))[data["g"]]
    by_h = rng.choice((0.0, 0.7)) * rng.standard_normal(len(data))[data["h"] % len(data)]
    return rng.normal() + rng.choice((0.0, 0.25, 1.0)) * standardised + by_g + by_h


def response(rng: Generator, family: str, eta: Floats, trials: NDArray[np.int64], zeros: bool) -> NDArray:
    """Responses in the family's support, with structural zeros where the model allows for them."""
    base = family.removeprefix("truncated_")
    dispersion = 10.0 ** rng.uniform(-1.0, 3.0)
    if base == "betabinomial":
        p = rng.beta(expit(eta) * dispersion + 1e-3, expit(-eta) * dispersion + 1e-3)
        y: NDArray = rng.binomial(trials, np.clip(p, 0.0, 1.0))
    else:
        y = respond(rng, base, eta, 10.0 ** rng.uniform(-2.0, 1.0) if base == "gaussian" else dispersion)
    if family.startswith("truncated_"):
        y = np.maximum(y, 1)
    return np.where(rng.random(eta.size) < rng.choice((0.0, 0.1, 0.5)), 0, y) if zeros else y


def odd_response(rng: Generator, base: str, y: NDArray, x: NDArray) -> NDArray:
    """One in five responses is constant, zero, huge, not finite, separated by x, extreme, or one lonely event."""
    is_count = base in ("poisson", "nbinom1", "nbinom2")
    first = np.arange(y.size) == 0
    with np.errstate(all="ignore"):
        kinds: tuple[tuple[bool, Callable[[], NDArray]], ...] = (
            (True, lambda: np.full_like(y, y[0])),
            (True, lambda: np.zeros_like(y)),
            (True, lambda: first.astype(y.dtype)),
            (base in ("gaussian", "gamma"), lambda: y * 10.0 ** rng.integers(-12, 13)),
            (is_count, lambda: y * 10.0 ** rng.integers(2, 12)),
            (True, lambda: np.where(first, rng.choice((np.nan, np.inf, 1e300)), y)),
            (base == "binomial", lambda: (x > 0).astype(int)),
            (base == "beta", lambda: np.where(rng.random(y.size) < 0.5, 1e-15, 1 - 1e-15)),
        )
        applies, odd = kinds[rng.integers(len(kinds))]
        return odd() if applies and rng.random() < 0.25 else y


def term(structure: str, effects: str, group: str) -> str:
    """A random term in the formula's words."""
    if structure == "ar1":
        return f"ar1(0 + factor(t) | {group})"
    if structure == "cs" and effects in ONE_COLUMN:
        structure, effects = "us", "1 + x"
    if structure in ("us", "||"):
        return f"({effects} {'|' if structure == 'us' else '||'} {group})"
    return f"{structure}({effects} | {group})"


def random_terms(rng: Generator) -> list[str]:
    """Up to three random terms, of different groups."""
    number = rng.choice(4, p=(0.08, 0.5, 0.3, 0.12))
    groups = rng.choice(("g", "g", "h", "g:h", "t"), number)
    return [term(str(rng.choice(STRUCTURES)), str(rng.choice(EFFECTS)), g) for g in dict.fromkeys(groups)]


def options(rng: Generator, family: str, n: int) -> Call:
    """Now and then zero inflation, a dispersion formula, REML, PQL, weights, an offset."""
    call: Call = {}
    if rng.random() < 0.3:
        call["ziformula"] = str(rng.choice(("~ 1", "~ 1", "~ x", "~ 1 + (1 | g)", "~ (1 | h)")))
    if family not in WITHOUT_DISPERSION and rng.random() < 0.25:
        call["dispformula"] = str(rng.choice(("~ x", "~ f", "~ 1 + (1 | g)", "~ (1 | h)")))
    if rng.random() < 0.15:
        call["reml"] = True
    if rng.random() < 0.05:
        call["method"] = "pql"
    if family not in ("binomial", "betabinomial") and rng.random() < 0.1:
        call["weights"] = rng.choice((0.0, 0.5, 1.0, 2.0, 1e-8, 1e8), n)
    if rng.random() < 0.05:
        call["offset"] = rng.choice((0.0, 1.0, 50.0, 700.0, -700.0), n)
    return call


def anything(rng: Generator) -> Problem:
    """A random model of random data."""
    family = str(rng.choice(list(LINKS)))
    n = int(rng.choice((3, 6, 12, 30, 30, 60, 60, 120, 120, 200)))
    data = covariates(rng, n)
    more = options(rng, family, n)
    data["m"] = rng.integers(1, 15, n)
    y = response(rng, family, linear_predictor(rng, data), data["m"].to_numpy(), "ziformula" in more)
    data["y"] = odd_response(rng, family.removeprefix("truncated_"), y, data["x"].to_numpy(float))
    left = "cbind(y, m - y)" if family == "betabinomial" else "y"
    formula = f"{left} ~ {' + '.join([str(rng.choice(FIXED)), *random_terms(rng)])}"
    call = {"formula": formula, "data": data, "family": f"{family}({rng.choice(LINKS[family])})"} | more
    foreign = any(word in formula for word in NOT_GLMMTMB) or {"weights", "method", "offset"} & more.keys()
    return Problem(call, peer=not foreign)


FUZZ = (Kind("random models of odd data", anything, may_refuse=True, sets=300),)
