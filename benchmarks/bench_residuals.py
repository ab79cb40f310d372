"""250 simulated residuals of 100,000 rows in 1,000 groups: CPU seconds by family, one thread.

Asked: 1.5 each with random effects as estimated, where a row's mean is computed once, and 4 with effects drawn anew.

    python benchmarks/bench_residuals.py [--write]

Exits with 1 where that is missed, or where the residuals are not uniform (they come from the right model).
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from measure import Figure, conclude, figures_table

import ranef
from ranef.checks.uniformity import kolmogorov_smirnov

ROWS, GROUPS, DRAWS = 100_000, 1_000, 250
ASKED = {"conditional": 1.5, "unconditional": 4.0}
NAMES = {"conditional": "effects as estimated", "unconditional": "effects drawn anew"}
# Of residuals that are independent, and of those that are alike within groups.
FARTHEST = {"conditional": 0.01, "unconditional": 0.05}
# Mean predictors like those of real data: counts of 3 on average, proportions about a half.
CASES = {
    "poisson": {"family": "poisson", "intercept": 0.8, "trials": None},
    "nbinom2": {"family": "nbinom2", "intercept": 0.8, "trials": None},
    "binomial": {"family": "binomial", "intercept": 0.0, "trials": 10},
    "gaussian": {"family": "gaussian", "intercept": 0.0, "trials": None},
    "beta": {"family": "beta", "intercept": 0.0, "trials": None},
}


def make(family: str, intercept: float, trials: int | None) -> ranef.Fit:
    """A fit of data simulated from its own model."""
    rng = np.random.default_rng(1)
    g, x = np.arange(ROWS) % GROUPS, rng.standard_normal(ROWS)
    eta = [intercept + 0.3 * x + rng.normal(0, 0.5, GROUPS)[g]]
    chosen = ranef.families.make(family)
    if chosen.dispersion:
        eta.append(np.full(ROWS, 1.0))
    y = chosen.likelihood().simulate(eta, 7, None if trials is None else np.full(ROWS, float(trials)))
    data = pd.DataFrame({"y": y, "x": x, "g": g})
    if trials is None:
        return ranef.fit("y ~ x + (1 | g)", data, family=family)
    return ranef.fit("cbind(y, n - y) ~ x + (1 | g)", data.assign(n=trials), family=family)


def main() -> int:
    """Times every case; what is missed decides the exit status."""
    figures, wrong = [], []
    for name, case in CASES.items():
        fit = make(**case)
        for re_form, asked in ASKED.items():
            times = []
            for seed in range(3):
                began = time.process_time()
                residuals = fit.simulate_residuals(DRAWS, seed=seed, re_form=re_form)
                values = residuals.values
                times.append(time.process_time() - began)
            label = f"{name}, {NAMES[re_form]}"
            figures.append({"name": label, "value": min(times), "limit": asked, "unit": "s"})
            distance, _ = kolmogorov_smirnov(residuals.scaled)
            if distance >= FARTHEST[re_form] or not values.notna().all():
                wrong.append(f"{label}: distance from uniform {distance:.4f}")
    sys.stdout.writelines(f"wrong residuals, {line}\n" for line in wrong)
    return 1 if wrong else conclude("residuals", figures)


def tables(figures: list[Figure]) -> dict[str, str]:
    """What docs/residuals-and-checks.md shows."""
    return {"residuals": figures_table(figures)}


if __name__ == "__main__":
    sys.exit(main())
