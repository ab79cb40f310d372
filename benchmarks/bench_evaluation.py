"""What does one value and gradient of InstEval's objective cost, in Cholesky factorisations of its dense tail?

    python benchmarks/bench_evaluation.py

The time is that of one evaluation inside a fit: CPU seconds of the fit over its evaluations, the start included.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys

import numpy as np
import pandas as pd
from cases import case
from measure import report, timing
from scipy.linalg import lapack
from tables import csv_of

import ranef

ORDER = 1142
RATIO = 5.0


def factorisation_seconds() -> float:
    """One dpotrf of the order of InstEval's tail."""
    rng = np.random.default_rng(0)
    root = rng.standard_normal((ORDER, ORDER))
    matrix = np.asfortranarray(root @ root.T + ORDER * np.eye(ORDER))
    copies = iter([matrix.copy(order="F") for _ in range(32)])
    return timing(lambda: lapack.dpotrf(next(copies), lower=1, overwrite_a=1, clean=0), repeats=30).median


def main() -> int:
    """Measure and judge."""
    one = case("InstEval")
    data = pd.read_csv(csv_of(one), dtype=dict.fromkeys(one.factors, "category"))
    model = ranef.model(one.formula, data)
    evaluations = model.fit().estimate.evaluations
    seconds = timing(model.fit, repeats=3).median / evaluations
    factorisation = factorisation_seconds()
    sys.stdout.write(f"{evaluations} evaluations, {1e3 * seconds:.1f} ms each; dpotrf {1e3 * factorisation:.1f} ms\n")
    return 0 if report("value and gradient over dpotrf", seconds / factorisation, RATIO, "") else 1


if __name__ == "__main__":
    sys.exit(main())
