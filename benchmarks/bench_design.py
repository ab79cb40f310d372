"""How long from a formula and a table to the matrices of the model, for a small and a large table?

python benchmarks/bench_design.py [--rows 1000000] [--write]
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd
from cases import case
from measure import Figure, conclude, figures_table, timing
from tables import csv_of

import ranef

SMALL_MILLISECONDS = 6.0
LARGE_MICROSECONDS_A_ROW = 0.2


def large_table(rows: int) -> pd.DataFrame:
    """One covariate and two grouping factors of integers, as a data base would give them."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "y": rng.standard_normal(rows),
            "x": rng.standard_normal(rows),
            "a": rng.integers(0, rows // 20, rows),
            "b": rng.integers(0, rows // 100, rows),
        }
    )


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10**6)
    parser.add_argument("--write", action="store_true", help="write results/design.json and the table of README.md")
    options = parser.parse_args()
    sleepstudy = case("sleepstudy")
    small = pd.read_csv(csv_of(sleepstudy))
    milliseconds = 1e3 * timing(lambda: ranef.model(sleepstudy.formula, small)).median
    large = large_table(options.rows)
    seconds = timing(lambda: ranef.model("y ~ x + (1 | a) + (1 | b)", large), repeats=5).median
    small_name, large_name = "sleepstudy, formula to design", f"{options.rows:,} rows with a covariate and two factors"
    a_row = 1e6 * seconds / options.rows
    return conclude(
        "design",
        [
            {"name": small_name, "value": milliseconds, "limit": SMALL_MILLISECONDS, "unit": "ms"},
            {"name": large_name, "value": a_row, "limit": LARGE_MICROSECONDS_A_ROW, "unit": "microseconds a row"},
        ],
    )


def tables(figures: list[Figure]) -> dict[str, str]:
    """What README.md shows."""
    return {"design": figures_table(figures)}


if __name__ == "__main__":
    sys.exit(main())
