"""Optima that a fit must not miss: dispersed starts, special cases of its model, its twin in other units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from kinds.kind import Call, Generator, Kind, Twin

import ranef

Start = dict[str, float]

SCATTERED, THOROUGH = 8, 10
# Families that are limits of others, whose dispersion they lose.
LIMITS = {
    "nbinom1": "poisson",
    "nbinom2": "poisson",
    "betabinomial": "binomial",
    "truncated_nbinom1": "truncated_poisson",
    "truncated_nbinom2": "truncated_poisson",
}


def value_of(call: Call, refusals: tuple[type[Exception], ...] = (), **more: Any) -> float:
    """The log-likelihood if that is an optimum's, else -infinity; so is a refusal that is an answer."""
    try:
        fit = ranef.fit(**(call | more))
    except refusals:
        return -np.inf
    return float(fit.loglik) if fit.converged else -np.inf


def best_of_starts(kind: Kind, call: Call, fit: ranef.Fit, number: int) -> tuple[float, str]:
    """The best log-likelihood of starts that converged, and the start's name."""
    rng = np.random.default_rng([number, SCATTERED])
    starts = thorough(fit, call, rng) if kind.thorough else scattered(call, rng)
    # A start that moves everything may lie where the likelihood is zero.
    refusals = (ranef.RanefError,) if kind.may_refuse or kind.thorough else ()
    return max(((value_of(call, refusals, start=start), name) for name, start in starts), default=(-np.inf, ""))


def scattered(call: Call, rng: Generator, number: int = SCATTERED) -> Iterator[tuple[str, Start]]:
    """Standard deviations of 0.01 to 10 times the usual starts."""
    usual = ranef.model(**call).parameters["start"]
    sds = [name for name in usual.index if "sd(" in name]
    for _ in range(number):
        yield "scattered", {name: float(usual[name] * 10.0 ** rng.uniform(-2, 1)) for name in sds}


def thorough(fit: ranef.Fit, call: Call, rng: Generator) -> Iterator[tuple[str, Start]]:
    """Ten starts from a fit: zeros raised, deviations shrunk, correlations and dispersions moved, all of it shaken."""
    moves = [*moved(fit), *(("shaken", shaken(fit, rng)) for _ in range(3))]
    chosen = rng.permutation(len(moves))[: THOROUGH - 3]
    yield from (moves[i] for i in chosen)
    yield from scattered(call, rng, THOROUGH - len(chosen))


def by_sort(fit: ranef.Fit) -> tuple[Start, dict[str, list[str]]]:
    """The estimates as a start, 0 for a correlation that does not exist, and the names by sort of parameter."""
    table = fit.parameters()
    names: dict[str, list[str]] = {"beta": [], "sd": [], "cor": []}
    for name, sort in table["kind"].items():
        names.setdefault(str(sort), []).append(str(name))
    estimates = table["estimate"].fillna(0.0).clip(-50.0, 50.0)
    return {str(name): float(value) for name, value in estimates.items()}, names


def unit(fit: ranef.Fit) -> float:
    """What a standard deviation of random effects is measured in."""
    return float(fit.sigma) if fit.family.name == "gaussian" and np.isfinite(fit.sigma) else 1.0


def moved(fit: ranef.Fit) -> Iterator[tuple[str, Start]]:
    """Starts that move one parameter (or all zeros) away from the estimates."""
    at, names = by_sort(fit)
    scale = unit(fit)
    zeros = [name for name in names["sd"] if at[name] == 0.0]
    uncorrelated = at | dict.fromkeys(names["cor"], 0.0)
    for name in zeros:
        for value in (0.6, 2.0):
            yield f"{name} = {value}", at | {name: value * scale}
    if len(zeros) > 1:
        yield "no zeros", at | dict.fromkeys(zeros, scale)
    for name in names["sd"]:
        if at[name] > 0.0:
            yield f"small {name}", uncorrelated | {name: 0.01 * scale}
    for name in names["cor"]:
        for value in (-0.6, 0.9):
            yield f"{name} = {value}", uncorrelated | {name: value}
    for name in names["beta"]:
        if name.startswith(("log_", "disp:", "zi:")):
            for value in (-2.0, 3.0):
                yield f"{name} = {value}", uncorrelated | {name: value}


def shaken(fit: ranef.Fit, rng: Generator) -> Start:
    """Every coefficient moved by a normal, every deviation by a lognormal factor, no correlations."""
    at, names = by_sort(fit)
    betas = {name: at[name] + rng.normal() for name in names["beta"]}
    sds = {name: max(at[name], 0.05 * unit(fit)) * float(np.exp(rng.normal())) for name in names["sd"]}
    return betas | sds | dict.fromkeys(names["cor"], 0.0)


def special_cases(call: Call, fit: ranef.Fit) -> Iterator[tuple[str, Call]]:
    """Changes of the call that make the model a special case of itself."""
    yield from zeros(fit)
    yield from simpler_terms(call["formula"])
    name, _, link = call["family"].partition("(")
    if name in LIMITS:
        limit = LIMITS[name] + (f"({link}" if link else "")
        yield f"limit {limit}", {"family": limit, "dispformula": None}
    if call.get("ziformula") not in (None, "~ 1"):
        yield "constant zero inflation", {"ziformula": "~ 1"}
    if call.get("ziformula") is not None and not name.startswith("truncated") and name not in ("gamma", "beta"):
        yield "no zero inflation", {"ziformula": None}
    if call.get("dispformula") not in (None, "~ 1"):
        yield "constant dispersion", {"dispformula": None}


def zeros(fit: ranef.Fit) -> Iterator[tuple[str, Call]]:
    """Each variance held at zero where it can be held alone, each term, and all of them."""
    terms: dict[object, list[Any]] = {}
    for parameter in fit.model.parameter_info:
        if parameter.kind in ("sd", "cor"):
            terms.setdefault((parameter.component, parameter.owner), []).append(parameter)
    held = [{parameter.name: 0.0 for parameter in term} for term in terms.values()]
    for term in terms.values():
        sds = [parameter.name for parameter in term if parameter.kind == "sd"]
        if len(sds) > 1 and len(term) - len(sds) <= 1:
            yield from ((f"{name} = 0", {"fixed": {name: 0.0}}) for name in sds)
    yield from ((f"{next(iter(term))} and its term at 0", {"fixed": term}) for term in held)
    if len(held) > 1:
        yield "no random effects", {"fixed": {name: value for term in held for name, value in term.items()}}


# An unstructured term of plain columns, such as (x1 + x2 | g); its variances cannot be held at zero one by one.
PLAIN_TERM = re.compile(r"(?<![\w])\((\w+(?: \+ \w+)+) \| (\w+)\)")


def simpler_terms(formula: str) -> Iterator[tuple[str, Call]]:
    """Unstructured terms without one of their effects, and without correlations."""
    for match in PLAIN_TERM.finditer(formula):
        effects, group = match[1].split(" + "), match[2]
        fewer = [[effect for effect in effects if effect != dropped] for dropped in effects]
        texts = [f"({' + '.join(kept)} | {group})" for kept in fewer] + [f"(0 + {match[1]} | {group})"]
        for text in [*texts, f"diag({match[1]} | {group})"]:
            yield text, {"formula": formula[: match.start()] + text + formula[match.end() :]}


def best_special_case(kind: Kind, call: Call, fit: ranef.Fit) -> tuple[float, str]:
    """The best log-likelihood of special cases of the model, and its name; one without an optimum is no rival."""
    refusals = (ranef.RanefError,) if kind.may_refuse else (ranef.ConvergenceError,)
    cases = [] if call.get("method") == "pql" else list(special_cases(call, fit))
    return max(((value_of(call, refusals, **case), name) for name, case in cases), default=(-np.inf, ""))


def twin_value(twin: Twin | None) -> float:
    """The log-likelihood of the same model in other units, in this one's."""
    return -np.inf if twin is None else value_of(twin.call) + twin.shift
