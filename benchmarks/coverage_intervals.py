"""How often do nominal 95 % intervals hold the truth? Simulated data sets of three models, every interval method.

python benchmarks/coverage_intervals.py              # 400 data sets a model
python benchmarks/coverage_intervals.py --sets 1000 --boot 199 --write

A data set is a pure function of its model and number. For every parameter: Wald, profile and bootstrap percentile
intervals; for the mean of a known group and of a new one, and for a new observation in either: `predict`'s intervals.
`--write` writes the results and docs/intervals.md's table. A percentage from R data sets has a Monte Carlo error of
sqrt(p (1 - p) / R), 1.1 points at 95 % and 400 sets. A fit for which an interval does not exist (NaN: the Wald interval
of a standard deviation estimated as zero) counts as one that misses.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from published import publish

import ranef

LEVEL = 0.95
GROUPS, PER_GROUP = 15, 8

Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Kind:
    """One model and its truth.

    Attributes
    ----------
    formula, family : of the fit
    truth : parameters by the fit's names
    response : draws from the linear predictor
    mean : inverse link
    """

    formula: str
    family: str
    truth: dict[str, float]
    response: Draw
    mean: Callable[[np.ndarray], np.ndarray]


def expit(x: np.ndarray) -> np.ndarray:
    """The inverse logit."""
    return 1.0 / (1.0 + np.exp(-x))


KINDS = {
    "gaussian slopes": Kind(
        "y ~ x + (x | g)",
        "gaussian",
        {
            "Intercept": 1.0,
            "x": 0.5,
            "log_sigma": 0.0,
            "sd(Intercept|g)": 1.0,
            "sd(x|g)": 0.6,
            "cor(x,Intercept|g)": 0.3,
        },
        lambda rng, eta: eta + rng.standard_normal(eta.size),
        lambda eta: eta,
    ),
    "bernoulli": Kind(
        "y ~ x + (1 | g)",
        "binomial",
        {"Intercept": -0.5, "x": 0.8, "sd(Intercept|g)": 1.0},
        lambda rng, eta: rng.binomial(1, expit(eta)).astype(float),
        expit,
    ),
    "nbinom2": Kind(
        "y ~ x + (1 | g)",
        "nbinom2",
        {"Intercept": 1.0, "x": 0.4, "log_phi": np.log(2.0), "sd(Intercept|g)": 0.5},
        lambda rng, eta: rng.negative_binomial(2.0, 2.0 / (2.0 + np.exp(eta))).astype(float),
        np.exp,
    ),
}


@dataclass(frozen=True)
class DataSet:
    """A data set, and a row of a known group and one of a new group with their true means and a response each."""

    data: pd.DataFrame
    rows: pd.DataFrame
    means: np.ndarray
    responses: np.ndarray


def simulate(kind: Kind, number: int) -> DataSet:
    """Data set `number` of a kind."""
    rng = np.random.default_rng([number, *kind.family.encode()])
    group = np.repeat(np.arange(GROUPS + 1), PER_GROUP)
    x = rng.standard_normal(group.size)
    effects = rng.standard_normal((GROUPS + 1, 2))
    eta = kind.truth["Intercept"] + kind.truth["x"] * x + kind.truth["sd(Intercept|g)"] * effects[group, 0]
    if "sd(x|g)" in kind.truth:
        r = kind.truth["cor(x,Intercept|g)"]
        eta += kind.truth["sd(x|g)"] * (r * effects[group, 0] + np.sqrt(1 - r**2) * effects[group, 1]) * x
    frame = pd.DataFrame({"y": kind.response(rng, eta), "x": x, "g": [f"g{k:02d}" for k in group]})
    chosen = np.array([0, GROUPS * PER_GROUP])
    again = kind.response(rng, eta[chosen])
    known = frame.iloc[: GROUPS * PER_GROUP]
    return DataSet(known, frame.iloc[chosen].drop(columns="y"), kind.mean(eta[chosen]), again)


def covered(table: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    """Which rows' intervals hold the truth; those that do not exist do not."""
    return ((table["conf_low"] <= truth) & (truth <= table["conf_high"])).to_numpy()


def one(kind: Kind, number: int, boot: int) -> dict[tuple[str, str], bool]:
    """What covers in one data set, by quantity and method."""
    made = simulate(kind, number)
    found: dict[tuple[str, str], bool] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ranef.RanefWarning)
        fit = ranef.fit(kind.formula, made.data, family=kind.family)
        truth = np.array([kind.truth[name] for name in fit.parameter_names])
        tables = {
            "Wald": fit.confint(),
            "profile": fit.confint("profile").reindex(list(fit.parameter_names)),
            "bootstrap": fit.bootstrap(boot, seed=number, progress=False).confint(LEVEL),
        }
    for method, table in tables.items():
        found |= {
            (name, method): bool(hit) for name, hit in zip(fit.parameter_names, covered(table, truth), strict=True)
        }
    for what, target in (("confidence", made.means), ("prediction", made.responses)):
        table = fit.predict(made.rows, interval=what, allow_new_levels=True)
        named = "mean" if what == "confidence" else "new observation"
        for place, group in enumerate(("known group", "new group")):
            found[f"{named}, {group}", "predict"] = bool(covered(table, target)[place])
    return found


def coverage(kind: Kind, sets: int, boot: int) -> pd.DataFrame:
    """Shares of data sets in which intervals hold the truth: quantities by methods."""
    hits = pd.DataFrame([one(kind, number, boot) for number in range(sets)])
    table: dict[str, dict[str, float]] = {method: {} for method in ("Wald", "profile", "bootstrap", "predict")}
    for (name, method), share in hits.mean().items():
        table[method][name] = share
    return pd.DataFrame(table, index=list(dict.fromkeys(name for name, _ in hits.columns)))


def tables(records: dict[str, Any]) -> dict[str, str]:
    """What docs/intervals.md shows: one table of all models, percentages."""
    sets = records["sets"]
    error = 100 * np.sqrt(LEVEL * (1 - LEVEL) / sets)
    lines = [f"{sets} data sets a model; Monte Carlo error at 95 %: {error:.1f} points.", ""]
    lines += ["| model | quantity | Wald | profile | bootstrap | predict |", "|---|---|---:|---:|---:|---:|"]
    for model, name, *shares in records["shares"]:
        cells = ["" if share is None else f"{100 * share:.1f}" for share in shares]
        quantity = f"`{name}`" if "group" not in name else name
        lines.append(f"| {model} | {quantity.replace('|', chr(92) + '|')} | {' | '.join(cells)} |")
    return {"coverage_intervals": "\n".join(lines)}


def shares(model: str, table: pd.DataFrame) -> list[list[Any]]:
    """A line for each quantity: model, quantity, the share of each method, None where it has none."""
    rows = [[None if np.isnan(share) else float(share) for share in row] for row in table.to_numpy(float)]
    return [[model, str(name), *row] for name, row in zip(table.index, rows, strict=True)]


def main() -> int:
    """Simulate, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--boot", type=int, default=199, help="bootstrap replicates a fit")
    parser.add_argument("--write", action="store_true", help="write the results and the table of the page")
    arguments = parser.parse_args()
    rows = [row for name, kind in KINDS.items() for row in shares(name, coverage(kind, arguments.sets, arguments.boot))]
    records = {"sets": arguments.sets, "boot": arguments.boot, "shares": rows}
    sys.stdout.write(tables(records)["coverage_intervals"] + "\n")
    if arguments.write:
        publish("coverage_intervals", records)
    return 0


if __name__ == "__main__":
    sys.exit(main())
