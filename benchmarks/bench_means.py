"""Marginal means at 1,000 grid points; exit code 1 where the target of 0.2 s is missed.

    python benchmarks/bench_means.py

Each line asks for the means anew (reference grid, linear functions, standard errors, intervals) and makes the table.
The fits and, for Kenward-Roger, the adjusted covariance of a fit are not timed: they are made once a fit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import ranef

TARGET = 0.2
REPEATS = 5


def data(rows: int = 4000) -> pd.DataFrame:
    """Two factors of 10 levels, a covariate, 40 groups."""
    rng = np.random.default_rng(20_261_121)
    a, b, g = (rng.integers(0, levels, rows) for levels in (10, 10, 40))
    x = rng.normal(size=rows)
    eta = 0.1 * a - 0.05 * b + 0.2 * x + 0.3 * rng.normal(size=40)[g]
    frame = pd.DataFrame({"x": x, "y": eta + rng.normal(size=rows), "n": rng.poisson(np.exp(0.3 * eta))})
    for name, codes in (("a", a), ("b", b), ("g", g)):
        frame[name] = pd.Categorical.from_codes(codes, [f"{name}{k:02d}" for k in range(codes.max() + 1)])
    return frame


def seconds(call: Callable[[], pd.DataFrame]) -> float:
    """Median time of a call, after one that is not counted."""
    call()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        assert len(call()) == 1000
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def main() -> int:
    """Print a line a request; 1 if one is too slow."""
    frame = data()
    at = {"x": np.linspace(-2.0, 2.0, 10)}
    counts = ranef.fit("n ~ a * b + x + (1 | g)", frame, family="poisson")
    linear = ranef.fit("y ~ a * b + x + (1 | g)", frame, reml=True)
    inflated = ranef.fit("n ~ a + b + x + (1 | g)", frame, family="poisson", ziformula="~ 1")
    requests = {
        "poisson, response": lambda: counts.emmeans("~ a * b * x", at=at, type="response").to_frame(),
        "poisson, averaged on the response scale": lambda: counts.emmeans(
            "~ a * x", at={"x": np.linspace(-2.0, 2.0, 100)}, regrid="response"
        ).to_frame(),
        "zero-inflated, component response": lambda: inflated.emmeans(
            "~ a * b * x", at=at, component="response"
        ).to_frame(),
        "gaussian REML, asymptotic": lambda: linear.emmeans("~ a * b * x", at=at, ddf="asymptotic").to_frame(),
        "gaussian REML, Satterthwaite": lambda: linear.emmeans("~ a * b * x", at=at, ddf="satterthwaite").to_frame(),
        "gaussian REML, Kenward-Roger": lambda: linear.emmeans("~ a * b * x", at=at, ddf="kenward-roger").to_frame(),
    }
    missed = False
    for name, request in requests.items():
        took = seconds(request)
        missed |= took > TARGET
        print(f"{name:45s} {took * 1e3:8.1f} ms  {'ok' if took <= TARGET else 'MISSED'}")  # noqa: T201
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
