"""Failures planted on purpose: each must be reported in words that name the guilty parameter or option."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

import ranef


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted failure and the words of which all must appear in its report."""

    name: str
    fit: Callable[[], ranef.Fit]
    words: tuple[str, ...]

    def report(self) -> str:
        """All that the fit says: its warnings and its diagnosis."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit = self.fit()
            diagnosis = str(fit.diagnose())
        return "\n".join([*(str(warning.message) for warning in caught), diagnosis])

    def missing(self) -> list[str]:
        """Words that the report lacks."""
        report = self.report()
        return [word for word in self.words if word not in report]


def grouped(seed: int, n: int = 120) -> pd.DataFrame:
    """A covariate, a factor and twelve groups."""
    rng = np.random.default_rng(seed)
    g = np.arange(n) % 12
    x = rng.standard_normal(n)
    y = 1 + 0.5 * x + 0.8 * rng.standard_normal(12)[g] + rng.standard_normal(n)
    f = np.array(["a", "b", "c"])[rng.integers(0, 3, n)]
    return pd.DataFrame({"y": y, "x": x, "g": g, "f": f})


def unidentified() -> ranef.Fit:
    """Two random intercepts of the same groups: only the sum of their variances is determined."""
    data = grouped(1)
    return ranef.fit("y ~ x + (1 | g) + (1 | copy)", data.assign(copy=data["g"]))


def separated() -> ranef.Fit:
    """Every response of level c is a success."""
    data = grouped(2)
    rng = np.random.default_rng(3)
    success = (rng.random(len(data)) < 1 / (1 + np.exp(-data["x"]))).astype(int)
    return ranef.fit("y ~ f + (1 | g)", data.assign(y=np.where(data["f"] == "c", 1, success)), family="binomial")


def stopped() -> ranef.Fit:
    """An optimiser that may take three steps."""
    data = grouped(4)
    y = np.random.default_rng(5).negative_binomial(2, 0.3, len(data))
    control = ranef.Control(max_iterations=3)
    return ranef.fit("y ~ x + f + (x | g)", data.assign(y=y), family="nbinom2", ziformula="~ x", control=control)


PLANTED = (
    Planted("unidentified parameter", unidentified, ("sd(Intercept|g)", "sd(Intercept|copy)")),
    Planted("separated level", separated, ("f[T.c]", "infinity")),
    Planted("stopped after 3 iterations", stopped, ("3 iterations", "max_iterations")),
)
