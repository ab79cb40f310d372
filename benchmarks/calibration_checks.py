"""Do the residual checks of right models keep still, and do those of wrong models speak?

    python benchmarks/calibration_checks.py [--sets N] [--write]

Twelve right models are fitted to N data sets of their own (1,000 unless told) and tested as `Fit.check` tests them. A
test that rejects under 2 % of a model's sets is repeated by refits on a tenth of them. Five wrong models are fitted to
N / 5 data sets. All data are simulated here, each set from a seed of its own.

Exits with 1 where a test rejects more than 8 % of a right model's sets at 5 %, where more than 8 % of them call for
attention or 2 % (1 % of all) are a problem, or where less than 80 % of a wrong model's are noted.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from published import publish

import ranef
from ranef.checks.data_rows import test_rows
from ranef.checks.row import CheckRow

Floats = NDArray[np.float64]

SETS, DRAWS, REFITS = 1000, 250, 40
LEVEL, MOST, LEAST = 0.05, 0.08, 0.02
MOST_PROBLEMS, MOST_PROBLEMS_POOLED, LEAST_POWER = 0.02, 0.01, 0.8


@dataclass(frozen=True, slots=True)
class Case:
    """A model, and how data are made: its own, or others."""

    name: str
    formula: str
    make: Callable[[np.random.Generator], dict[str, Any]]
    options: dict[str, Any] = field(default_factory=dict)

    def rows(self, number: int, *, refit: bool = False) -> list[CheckRow] | None:
        """The tests of one data set; None where the model has no fit."""
        seed = sum(map(ord, self.name))
        data = pd.DataFrame(self.make(np.random.default_rng([seed, number])))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fit = ranef.fit(self.formula, data, **self.options)
                return test_rows(fit, REFITS if refit else DRAWS, number, refit=refit)
            except ranef.RanefError:
                return None


def effects(rng: np.random.Generator, groups: Any, sd: float) -> Floats:
    """A normal effect of each group, at the rows."""
    return np.asarray(rng.normal(0.0, sd, int(groups.max()) + 1)[groups])


def expit(eta: Floats) -> Floats:
    """Inverse logit."""
    return np.asarray(1.0 / (1.0 + np.exp(-eta)))


def nested(rng: np.random.Generator) -> dict[str, Any]:
    """Bracts of flowers in patches of populations."""
    patch = np.repeat(np.arange(45), rng.integers(4, 10, 45))
    pop, x = patch // 5, rng.normal(20.0, 3.0, patch.size)
    y = 3.0 + 0.9 * x + effects(rng, pop, 0.6) + effects(rng, patch, 0.4) + rng.normal(0.0, 1.0, patch.size)
    return {"y": y, "x": x, "pop": pop, "patch": patch}


def one_way(rng: np.random.Generator) -> dict[str, Any]:
    """A mean for each of 40 countries, two to four values each."""
    g = np.repeat(np.arange(40), rng.integers(2, 5, 40))
    return {"y": 10.0 + effects(rng, g, 2.0) + rng.normal(0.0, 2.3, g.size), "g": g}


def presence(rng: np.random.Generator, slope: float = 0.0) -> dict[str, Any]:
    """Frogs, or none, in ponds of regions by their depth."""
    g, x = np.repeat(np.arange(20), 50), rng.normal(0.0, 1.0, 1000)
    eta = -0.3 + 0.8 * x + effects(rng, g, 0.8) + slope * x * effects(rng, g, 1.0)
    return {"y": rng.binomial(1, expit(eta)), "x": x, "g": g}


def negative_binomial(rng: np.random.Generator) -> dict[str, Any]:
    """Bees at fragments of areas, 6 to 12 each."""
    g = np.repeat(np.arange(22), rng.integers(6, 13, 22))
    x = rng.normal(0.0, 1.0, g.size)
    mu = np.exp(1.6 - 0.4 * x + effects(rng, g, 0.9))
    return {"y": rng.negative_binomial(1.9, 1.9 / (1.9 + mu)), "x": x, "g": g}


def poisson_normal(rng: np.random.Generator) -> dict[str, Any]:
    """Counts of traps in blocks and weeks with an effect of each."""
    block, week, trap = (part.ravel() for part in np.meshgrid(np.arange(4), np.arange(4), np.arange(5)))
    z = np.arange(block.size)
    eta = 1.0 + np.array([0.0, 0.3, -0.2, 0.1])[block] + 0.2 * week + 0.1 * trap + rng.normal(0.0, 0.8, z.size)
    return {"y": rng.poisson(np.exp(eta)), "block": [f"b{k}" for k in block], "week": week, "trap": trap, "z": z}


def slopes(rng: np.random.Generator) -> dict[str, Any]:
    """Change of soil by temperature, a line for each of 24 sites."""
    g, x = np.repeat(np.arange(24), 10), np.tile(np.linspace(-1.5, 1.5, 10), 24)
    y = 0.5 + 0.4 * x + effects(rng, g, 0.8) + x * effects(rng, g, 0.4) + rng.normal(0.0, 0.5, g.size)
    return {"y": y, "x": x, "g": g}


def inflated(rng: np.random.Generator) -> dict[str, Any]:
    """Negative binomial counts, a quarter of them zero besides."""
    g, x = np.repeat(np.arange(30), 10), rng.normal(0.0, 1.0, 300)
    mu = np.exp(1.3 + 0.4 * x + effects(rng, g, 0.5))
    return {"y": rng.negative_binomial(2.5, 2.5 / (2.5 + mu)) * (rng.random(300) > 0.25), "x": x, "g": g}


def proportions(rng: np.random.Generator) -> dict[str, Any]:
    """Cover between 0 and 1 whose precision differs with a covariate."""
    g, x = np.repeat(np.arange(25), 10), rng.normal(0.0, 1.0, 250)
    mu, phi = expit(-0.2 + 0.5 * x + effects(rng, g, 0.5)), np.exp(2.2 + 0.5 * x)
    return {"y": np.clip(rng.beta(mu * phi, (1.0 - mu) * phi), 1e-6, 1.0 - 1e-6), "x": x, "g": g}


def small_clusters(rng: np.random.Generator) -> dict[str, Any]:
    """Yes or no of the members of 100 families of two to five."""
    g = np.repeat(np.arange(100), rng.integers(2, 6, 100))
    x = rng.normal(0.0, 1.0, g.size)
    return {"y": rng.binomial(1, expit(0.3 + 0.7 * x + effects(rng, g, 1.0))), "x": x, "g": g}


def series(rng: np.random.Generator) -> dict[str, Any]:
    """Yearly values of 20 sites, each like the year before."""
    sites, years = 20, 12
    u = np.empty((sites, years))
    u[:, 0] = rng.normal(0.0, 1.0, sites)
    for t in range(1, years):
        u[:, t] = 0.7 * u[:, t - 1] + np.sqrt(1.0 - 0.49) * rng.normal(0.0, 1.0, sites)
    x = rng.normal(0.0, 1.0, sites * years)
    y = 1.0 + 0.5 * x + u.ravel() + rng.normal(0.0, 0.7, sites * years)
    return {"y": y, "x": x, "g": np.repeat(np.arange(sites), years), "t": [f"{t:02d}" for t in range(years)] * sites}


def no_groups(rng: np.random.Generator) -> dict[str, Any]:
    """Poisson counts whose groups do not differ."""
    g, x = np.repeat(np.arange(15), 12), rng.normal(0.0, 1.0, 180)
    return {"y": rng.poisson(np.exp(1.0 + 0.3 * x)), "x": x, "g": g}


def counts(
    rng: np.random.Generator, intercept: float = np.log(4.0), square: float = 0.0, phi: float = np.inf
) -> dict[str, Any]:
    """400 counts in 40 groups of standard deviation 0.5."""
    g, x = np.repeat(np.arange(40), 10), rng.uniform(-2.0, 2.0, 400)
    mu = np.exp(intercept + square * x**2 + effects(rng, g, 0.5))
    return {"y": rng.poisson(mu if np.isinf(phi) else mu * rng.gamma(phi, 1.0 / phi, 400)), "x": x, "g": g}


def extra_zeros(rng: np.random.Generator) -> dict[str, Any]:
    """A quarter of Poisson counts zero besides."""
    data = counts(rng)
    return data | {"y": data["y"] * (rng.random(400) > 0.25)}


def unequal_spread(rng: np.random.Generator) -> dict[str, Any]:
    """Normal responses with a standard deviation of exp(1.5 x)."""
    g, x = np.repeat(np.arange(40), 10), rng.uniform(0.0, 1.0, 400)
    return {"y": x + effects(rng, g, 0.5) + rng.normal(0.0, np.exp(1.5 * x)), "x": x, "g": g}


def skewed(rng: np.random.Generator) -> dict[str, Any]:
    """Gamma responses with a coefficient of variation of 0.7."""
    g, x = np.repeat(np.arange(40), 10), rng.uniform(0.0, 1.0, 400)
    mu, shape = np.exp(1.0 + 0.5 * x + effects(rng, g, 0.5)), 1.0 / 0.49
    return {"y": rng.gamma(shape, mu / shape), "x": x, "g": g}


BINOMIAL, POISSON, NBINOM2 = {"family": "binomial"}, {"family": "poisson"}, {"family": "nbinom2"}
BETA = {"family": "beta", "dispformula": "~ x"}
RIGHT = (
    Case("gaussian, nested groups", "y ~ x + (1 | pop/patch)", nested),
    Case("gaussian, intercept only", "y ~ 1 + (1 | g)", one_way),
    Case("Bernoulli, 20 groups of 50", "y ~ x + (1 | g)", presence, BINOMIAL),
    Case("Bernoulli, random slopes", "y ~ x + (x | g)", lambda rng: presence(rng, 0.5), BINOMIAL),
    Case("nbinom2", "y ~ x + (1 | g)", negative_binomial, NBINOM2),
    Case("Poisson, effects of observations", "y ~ block + trap + week + (1 | z)", poisson_normal, POISSON),
    Case("gaussian, random slopes", "y ~ x + (x | g)", slopes),
    Case("nbinom2, zero-inflated", "y ~ x + (1 | g)", inflated, NBINOM2 | {"ziformula": "~ 1"}),
    Case("beta, dispformula", "y ~ x + (1 | g)", proportions, BETA),
    Case("Bernoulli, clusters of 2 to 5", "y ~ x + (1 | g)", small_clusters, BINOMIAL),
    Case("gaussian, ar1", "y ~ x + ar1(0 + t | g)", series),
    Case("Poisson, no group variance", "y ~ x + (1 | g)", no_groups, POISSON),
)
WRONG = (
    Case("Poisson of nbinom2 counts", "y ~ x + (1 | g)", lambda rng: counts(rng, phi=2.0), POISSON),
    Case("Poisson, 25 % extra zeros", "y ~ x + (1 | g)", extra_zeros, POISSON),
    Case("Poisson, no term for -0.35 x^2", "y ~ x + (1 | g)", lambda rng: counts(rng, 1.0, -0.35), POISSON),
    Case("gaussian, sd exp(1.5 x)", "y ~ x + (1 | g)", unequal_spread),
    Case("gaussian of gamma, CV 0.7", "y ~ x + (1 | g)", skewed),
)  # fmt: skip


def label(row: CheckRow) -> str:
    """A test's name, with the term or covariate where there are several."""
    return f"{row.check}: {row.quantity.partition(': ')[2]}" if ": " in row.quantity else row.check


def measure(case: Case, sets: int) -> dict[str, Any]:
    """Shares of the data sets that each test rejects, and that the verdicts note."""
    tested = [rows for number in range(sets) if (rows := case.rows(number)) is not None]
    names = list(dict.fromkeys(label(row) for rows in tested for row in rows))
    sys.stdout.write(f"{case.name}: {len(tested)} data sets\n")
    sys.stdout.flush()
    verdicts = [{row.verdict for row in rows} for rows in tested]
    return {
        "name": case.name,
        "sets": len(tested),
        "rejected": {name: share(tested, name) for name in names},
        "noted": float(np.mean([verdict != {"ok"} for verdict in verdicts])),
        "problem": float(np.mean(["problem" in verdict for verdict in verdicts])),
    }


def share(tested: list[list[CheckRow]], name: str) -> float:
    """Of the sets with a test, those that it rejects at 5 %."""
    p_values = [row.p_value for rows in tested for row in rows if label(row) == name and row.p_value is not None]
    return float(np.mean([p < LEVEL for p in p_values]))


def by_refits(case: Case, record: dict[str, Any], sets: int) -> dict[str, float]:
    """The shares of those tests that reject too seldom, by refits."""
    seldom = [name for name, value in record["rejected"].items() if value < LEAST]
    if not seldom:
        return {}
    tested = [rows for number in range(sets) if (rows := case.rows(number, refit=True)) is not None]
    return {name: share(tested, name) for name in seldom}


def missed(right: list[dict[str, Any]], wrong: list[dict[str, Any]]) -> list[str]:
    """What is not as it should be."""
    found = [
        f"{one['name']}: {name} rejects {value:.1%}"
        for one in right
        for name, value in one["rejected"].items()
        if value > MOST
    ]
    found += [f"{one['name']}: {one['noted']:.1%} noted" for one in right if one["noted"] > MOST]
    found += [f"{one['name']}: {one['problem']:.1%} a problem" for one in right if one["problem"] >= MOST_PROBLEMS]
    pooled = float(np.mean([one["problem"] for one in right]))
    found += [f"all right models: {pooled:.1%} a problem"] if pooled >= MOST_PROBLEMS_POOLED else []
    return found + [f"{one['name']}: {one['noted']:.1%} noted" for one in wrong if one["noted"] <= LEAST_POWER]


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in cells] for cells in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def percent(value: float) -> str:
    """As the tables show it."""
    return f"{100 * value:.1f} %"


def tables(records: dict[str, Any]) -> dict[str, str]:
    """What docs/residuals-and-checks.md shows."""
    right = []
    for one in records["right"]:
        rates = one["rejected"]
        least, most = min(rates, key=rates.get), max(rates, key=rates.get)
        exact = ", ".join(f"{name} {percent(value)}" for name, value in one["refits"].items())
        cells = [f"{percent(rates[least])} {least}", f"{percent(rates[most])} {most}", exact]
        right.append([one["name"], str(one["sets"]), *cells, percent(one["noted"]), percent(one["problem"])])
    wrong = []
    for one in records["wrong"]:
        best = max(one["rejected"], key=one["rejected"].get)
        found = f"{best} {percent(one['rejected'][best])}"
        wrong.append([one["name"], str(one["sets"]), found, percent(one["noted"]), percent(one["problem"])])
    heads = ["right model", "sets", "rejects least", "rejects most", "under 2 %, by refits", "noted", "problem"]
    return {
        "false_alarms": markdown(heads, right),
        "power_of_checks": markdown(["wrong model", "sets", "most often by", "noted", "problem"], wrong),
    }


def main() -> int:
    """Measure all; what is missed decides the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=SETS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    right = [measure(case, given.sets) for case in RIGHT]
    for case, record in zip(RIGHT, right, strict=True):
        record["refits"] = by_refits(case, record, given.sets // 10)
    wrong = [measure(case, given.sets // 5) for case in WRONG]
    if given.write:
        publish("calibration_checks", {"right": right, "wrong": wrong})
    found = missed(right, wrong)
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
