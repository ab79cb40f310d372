"""How long is the optimisation of a small model, and a refit with another response?

python benchmarks/bench_refit.py
"""

from __future__ import annotations

import sys

import pandas as pd
from cases import case
from measure import report, timing
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
    holds = [
        report("sleepstudy, optimisation", 1e3 * optimisation.median, MILLISECONDS, "ms"),
        report("sleepstudy, refit", 1e3 * refit.median, MILLISECONDS, "ms"),
    ]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
