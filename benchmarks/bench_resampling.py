"""How long are 1,000 bootstrap refits of a small model, and the profiles of all its parameters? One thread.

python benchmarks/bench_resampling.py
"""

from __future__ import annotations

import sys

import pandas as pd
from cases import case
from measure import report, timing
from tables import csv_of

import ranef

BOOTSTRAP_SECONDS = 1.0
PROFILE_SECONDS = 0.3


def main() -> int:
    """Measure and judge."""
    sleepstudy = case("sleepstudy")
    fit = ranef.fit(sleepstudy.formula, pd.read_csv(csv_of(sleepstudy)))
    bootstrap = timing(lambda: fit.bootstrap(1000, seed=1, progress=False), repeats=5)
    profile = timing(fit.profile, repeats=10)
    interval = timing(lambda: fit.confint("profile"), repeats=10)
    holds = [
        report("sleepstudy, 1,000 bootstrap refits", bootstrap.median, BOOTSTRAP_SECONDS, "s"),
        report("sleepstudy, profiles of its 6 parameters", profile.median, PROFILE_SECONDS, "s"),
        report("sleepstudy, 6 profile intervals", interval.median, PROFILE_SECONDS, "s"),
    ]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
