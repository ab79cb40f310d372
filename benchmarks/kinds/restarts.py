"""Models with several optima, for restarts that move every parameter: is a certified optimum the best one?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from kinds.kind import Floats, Generator, Kind, Problem, respond
from kinds.slopes import low_rank
from kinds.structures import autoregression, many_variances

FAMILIES = ("binomial", "poisson", "nbinom1", "nbinom2", "gamma", "beta", "gaussian")
WITH_DISPERSION = ("nbinom1", "nbinom2", "gamma", "beta", "gaussian")


def in_words(family: str) -> str:
    """The family as the call names it: the gamma's mean has the log link that its data were drawn with."""
    return "gamma(log)" if family == "gamma" else family


def group_effects(rng: Generator, g: Floats, sds: tuple[float, ...]) -> Floats:
    """Random intercepts by row."""
    return rng.choice(sds) * rng.standard_normal(int(g.max()) + 1)[g]


def few_crossed(rng: Generator) -> Problem:
    """Three crossed factors of two to five levels."""
    n, family = int(rng.choice((30, 60, 120))), str(rng.choice(FAMILIES))
    data = pd.DataFrame({name: rng.integers(0, rng.integers(2, 6), n) for name in "ght"})
    data["x"] = rng.standard_normal(n)
    eta = rng.normal(0.0, 0.7) + 0.5 * data["x"].to_numpy()
    eta = eta + sum(group_effects(rng, data[name].to_numpy(), (0.0, 0.5, 2.0)) for name in "ght")
    data["y"] = respond(rng, family, eta, 1.0 if family == "gaussian" else 10.0 ** rng.uniform(-0.5, 2.0))
    third = rng.choice(("(1 | t)", "(x || t)", "diag(1 + x | t)", "(1 | g:h)"))
    return Problem({"formula": f"y ~ x + (1 | g) + (1 | h) + {third}", "data": data, "family": in_words(family)})


def two_components(rng: Generator) -> Problem:
    """Zero inflation or a dispersion with effects of its own, some of them absent from the truth."""
    inflated = bool(rng.random() < 0.5)
    family = str(rng.choice(("nbinom1", "nbinom2", "poisson") if inflated else WITH_DISPERSION))
    g = np.repeat(np.arange(rng.integers(5, 25)), rng.integers(3, 9))
    x = rng.standard_normal(g.size)
    eta = rng.normal(0.7, 0.5) + 0.5 * x + group_effects(rng, g, (0.0, 0.5, 1.0))
    log_dispersion = rng.normal(1.0, 1.0) + rng.choice((0.0, 0.5)) * x + group_effects(rng, g, (0.0, 0.8))
    dispersion = np.exp(np.clip(log_dispersion, -3.0, 7.0))
    y = respond(rng, family, eta, 1.0 / np.sqrt(dispersion) if family == "gaussian" else dispersion)
    data = pd.DataFrame({"y": y, "x": x, "g": g, "h": rng.choice(list("abcde"), g.size)})
    call = {"formula": f"y ~ x + {rng.choice(('(1 | g)', '(x || g)', '(1 | g) + (1 | h)'))}", "data": data}
    if inflated:
        structural = rng.choice((-3.0, -1.0, 0.0)) + group_effects(rng, g, (0.0, 1.5))
        data["y"] = np.where(rng.random(g.size) < 1.0 / (1.0 + np.exp(-structural)), 0, y)
        call["ziformula"] = str(rng.choice(("~ 1", "~ x", "~ 1 + (1 | g)", "~ x + (1 | h)")))
    if not inflated or (family != "poisson" and rng.random() < 0.5):
        call["dispformula"] = str(rng.choice(("~ x + (1 | g)", "~ 1 + (1 | g)", "~ 1 + (1 | h)", "~ x")))
    return Problem(call | {"family": in_words(family)})


def sloped(rng: Generator) -> Problem:
    """Two to five effects in few groups, under each structure."""
    family, effects = str(rng.choice(FAMILIES)), int(rng.integers(2, 6))
    groups = int(rng.integers(4, 15))
    g = np.repeat(np.arange(groups), rng.integers(4, 12))
    covariates = rng.standard_normal((g.size, effects - 1))
    z = np.column_stack([np.ones(g.size), covariates])
    eta = 0.3 + (z * low_rank(rng, groups, effects)[g]).sum(axis=1)
    names = [f"x{i}" for i in range(1, effects)]
    data = pd.DataFrame(covariates, columns=names).assign(g=g, y=respond(rng, family, eta))
    words, structure = " + ".join(names), str(rng.choice(("us", "diag", "homdiag", "cs")))
    formula = f"y ~ {words} + {structure}({words} | g)"
    return Problem({"formula": formula, "data": data, "family": in_words(family)}, peer=structure != "homdiag")


def series(rng: Generator) -> Problem:
    return autoregression(rng, str(rng.choice(("gaussian", "poisson", "binomial"))))


def species(rng: Generator) -> Problem:
    return many_variances(rng, (1, 1, 2))


MODELS: tuple[Callable[[Generator], Problem], ...] = (few_crossed, two_components, sloped, series, species)


def certified(rng: Generator) -> Problem:
    """One of these models, by restricted likelihood one time in seven."""
    problem = MODELS[rng.integers(len(MODELS))](rng)
    return Problem(problem.call | {"reml": bool(rng.random() < 0.15)}, peer=problem.peer)


RESTARTS = (Kind("restarts of certified fits", certified, thorough=True, sets=300),)
