"""Overdispersion by the sum of squared Pearson residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr, chdtrc

from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.errors import DataError
from ranef.residuals import residuals

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


def pearson_dispersion(fit: Fit, alternative: str = "greater") -> CheckResult:
    """Sum of squared Pearson residuals (given the random effects) over the residual degrees of freedom.

    The chi-square distribution is an approximation: good for counts and trials whose means are not small, poor for
    Bernoulli responses; and the residual degrees of freedom do not count the random effects, so the ratio of a right
    model is below one where these take up much (prefer the simulated test then).

    Raises
    ------
    DataError
        If no degrees of freedom are left, or there is no such alternative.
    """
    degrees = float(fit.df_resid)
    if degrees <= 0:
        raise DataError(f"no residual degrees of freedom: {fit.nobs} observations, {fit.df} parameters")
    pearson = residuals(fit, "pearson").to_numpy()
    chisq = float(np.nansum(pearson**2))
    greater, less = float(chdtrc(degrees, chisq)), float(chdtr(degrees, chisq))
    tails = {"greater": greater, "less": less, "two-sided": min(1.0, 2.0 * min(greater, less))}
    if alternative not in tails:
        raise DataError(f"alternative must be one of {', '.join(map(repr, tails))}, got {alternative!r}")
    ratio, p_value = chisq / degrees, tails[alternative]
    found = p_value < SIGNIFICANT
    return CheckResult(
        "Dispersion (Pearson chi-square over residual degrees of freedom)",
        "ratio",
        ratio,
        p_value,
        alternative,
        f"The residuals vary {ratio:.3g} times as much (in variance) as the model says."
        if found
        else "The residuals vary as much as the model says.",
        "A family with a dispersion parameter (nbinom2, betabinomial), or random effects of the observations."
        if found and ratio > 1
        else "",
        {"chisq": chisq, "df": degrees},
    )
