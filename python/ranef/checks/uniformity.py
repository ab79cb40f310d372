"""Whether residuals are uniform: the test of Kolmogorov and Smirnov."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ranef.checks.result import SIGNIFICANT, CheckResult

Floats = NDArray[np.float64]

# Fewer residuals than this, all different, have an exact p-value; the limit of R's ks.test.
_EXACT_BELOW = 100


def kolmogorov_smirnov(values: Floats) -> tuple[float, float]:
    """Distance of the residuals' distribution from the uniform one, and its two-sided p-value if they are independent.

    The p-value is exact for fewer than 100 different values, asymptotic else.
    """
    from scipy.stats import kstest

    exact = values.size < _EXACT_BELOW and np.unique(values).size == values.size
    found = kstest(values, "uniform", method="exact" if exact else "asymp")
    return float(found.statistic), float(found.pvalue)


def uniformity(distance: float, p_value: float, resolution: float = 0.0) -> CheckResult:
    """The test for all residuals together."""
    found = p_value < SIGNIFICANT
    return CheckResult(
        "Uniformity of the residuals (Kolmogorov-Smirnov)",
        "D",
        distance,
        p_value,
        "two-sided",
        "The residuals are not uniform: the model's distribution is not that of the data."
        if found
        else "No evidence against the model's distribution.",
        "See test_dispersion(), test_zero_inflation() and the QQ plot for the kind of misfit; with many rows even a "
        "small distance is significant."
        if found
        else "",
        resolution=resolution,
    )
