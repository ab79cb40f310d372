"""How often do tests of fixed effects reject a true null at 5 % in small samples?

python benchmarks/coverage_tests.py [--sets N] [--write]

Responses without the tested effect are drawn from known variances and the model is fitted again to each by REML. The
table, in Markdown, is that of docs/tests.md. Asked for: Kenward-Roger at most 5 % and three standard errors of the
simulation in every design, Satterthwaite nearer to 5 % than chi-square.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from published import publish

import ranef
from ranef.errors import RanefError
from ranef.inference.hypotheses import model_terms
from ranef.inference.small_sample import Ddf, small_sample

METHODS: tuple[Ddf, ...] = ("asymptotic", "satterthwaite", "kenward-roger")
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Design:
    """A model, its rows, and the true covariance of the responses as standard deviations of random effects."""

    name: str
    formula: str
    terms: tuple[str, ...]
    data: pd.DataFrame
    sds: dict[str, float]


def designs() -> list[Design]:
    """Few groups, unequal: where normal theory is worst."""
    rng = np.random.default_rng(8)
    plots = pd.DataFrame([(b, v, n) for b in "1234" for v in "xyz" for n in "abcd"], columns=["block", "v", "n"])
    plots["plot"] = plots["block"] + plots["v"]
    plots = plots.iloc[np.sort(rng.permutation(48)[:38])].reset_index(drop=True)
    slopes = pd.DataFrame({"g": np.repeat(list("abcdef"), [4, 6, 8, 8, 10, 12])})
    slopes["x"] = rng.normal(size=len(slopes))
    between = pd.DataFrame({"g": np.repeat(list("abcdefgh"), [2, 3, 3, 4, 5, 6, 8, 12])})
    between["z"] = between["g"].isin(list("acfg")).map({True: "treated", False: "control"})
    return [
        Design(
            "split plot, 4 blocks, 38 of 48 rows",
            "y ~ v * n + (1 | block) + (1 | plot)",
            ("v", "n", "v:n"),
            plots,
            {"block": 1.0, "plot": 1.0},
        ),
        Design("random slopes, 6 groups of 4 to 12", "y ~ x + (x | g)", ("x",), slopes, {"g": 1.0, "x in g": 0.7}),
        Design("treatment of 8 groups of 2 to 12", "y ~ z + (1 | g)", ("z",), between, {"g": 1.0}),
    ]


def response(design: Design, rng: np.random.Generator) -> np.ndarray:
    """Noise and random effects, nothing fixed."""
    y = rng.normal(size=len(design.data))
    for name, sd in design.sds.items():
        slope, _, group = name.rpartition(" in ")
        codes, levels = pd.factorize(design.data[group])
        effect = rng.normal(0.0, sd, len(levels))[codes]
        y = y + (effect * design.data[slope].to_numpy() if slope else effect)
    return y


def rejections(design: Design, sets: int) -> dict[str, dict[str, list[float]]]:
    """P-values by term and method; NaN where a method refused."""
    rng = np.random.default_rng(99)
    first = ranef.fit(design.formula, design.data.assign(y=response(design, rng)), reml=True)
    terms = {t.name: np.eye(len(first.fixef()))[list(t.columns)] for t in model_terms(first.design.predictors[0].fixed)}
    made: dict[str, dict[str, list[float]]] = {t: {m: [] for m in METHODS} for t in design.terms}
    for _ in range(sets):
        fit = first.refit(response(design, rng))
        for method in METHODS:
            for term in design.terms:
                try:
                    p_value = small_sample(fit, method).f_test(terms[term]).p_value
                except RanefError:
                    p_value = float("nan")
                made[term][method].append(p_value)
    return made


def tables(records: dict[str, Any]) -> dict[str, str]:
    """What docs/tests.md shows."""
    lines = ["| design | term | Wald chi-square | Satterthwaite F | Kenward-Roger F |", "|---|---|---|---|---|"]
    for design, term, *rates in records["rates"]:
        lines.append(f"| {design} | `{term}` | {' | '.join(f'{100 * rate:.1f} %' for rate in rates)} |")
    sets = records["sets"]
    error = 100 * np.sqrt(LEVEL * (1 - LEVEL) / sets)
    note = f"{sets} simulated data sets a design; Monte Carlo error at 5 %: {error:.1f} points."
    return {"coverage_tests": "\n".join([note, "", *lines])}


def main() -> int:
    """Simulate, print the table, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="write the results and the table of docs/tests.md")
    options = parser.parse_args()
    sets = options.sets
    limit = LEVEL + 3.0 * float(np.sqrt(LEVEL * (1 - LEVEL) / sets))
    holds, refused = True, 0
    rows: list[list[Any]] = []
    for design in designs():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ranef.RanefWarning)
            results = rejections(design, sets)
        for term, by_method in results.items():
            rates = [float(np.mean(np.array(p) < LEVEL)) for p in by_method.values()]
            refused += sum(int(np.isnan(p).sum()) for p in by_method.values())
            holds = holds and rates[2] <= limit and abs(rates[1] - LEVEL) <= abs(rates[0] - LEVEL)
            rows.append([design.name, term, *rates])
    records = {"sets": sets, "rates": rows, "refused": refused}
    sys.stdout.write(
        f"{tables(records)['coverage_tests']}\n\n{refused} tests refused; asked for: "
        f"Kenward-Roger at most {100 * limit:.1f} % {'ok' if holds else 'MISSED'}\n"
    )
    if options.write:
        publish("coverage_tests", records)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
