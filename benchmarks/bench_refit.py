"""How long is the optimisation of a small model, and a refit with another response?

python benchmarks/bench_refit.py [--write]
"""

from __future__ import annotations

import sys

import pandas as pd
from cases import case
from measure import Figure, conclude, figures_table, timing
from tables import csv_of

import ranef

MILLISECONDS = 1.0


def main() -> int:
    """Measure and judge."""
    sleepstudy = case("sleepstudy")
    model = ranef.model(sleepstudy.formula, pd.read_csv(csv_of(sleepstudy)))
    fit = model.fit()
    responses = fit.simulate(n=50, seed=1)
    columns = iter(list(responses.columns) * 3)
    optimisation = timing(lambda: model.core.fit(ranef.Control().options()), repeats=50)
    refit = timing(lambda: fit.refit(responses[next(columns)]), repeats=50)
    measured = (("sleepstudy, optimisation", optimisation), ("sleepstudy, refit", refit))
    return conclude(
        "refit",
        [{"name": name, "value": 1e3 * time.median, "limit": MILLISECONDS, "unit": "ms"} for name, time in measured],
    )


def tables(figures: list[Figure]) -> dict[str, str]:
    """What README.md shows."""
    return {"refit": figures_table(figures)}


if __name__ == "__main__":
    sys.exit(main())
