"""Overdispersion by the sum of squared Pearson residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr, chdtrc

from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.checks.simulators import has_effects_of_rows
from ranef.errors import DataError
from ranef.residuals import residuals
from ranef.tables import held_coefficients

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


def is_one_trial(fit: Fit) -> bool:
    """Whether every response is one trial, whose mean tells its whole distribution."""
    trials = fit.design.response.trials
    return fit.family.has_trials and (trials is None or bool((trials == 1).all()))


def dispersion_is_fitted(fit: Fit) -> bool:
    """Whether the variance about the fitted values is what the model's parameters have made it.

    So it is with a dispersion parameter that is estimated, with random effects of single observations, and of responses
    of one trial.
    """
    free = bool(fit.family.dispersion) and not held_coefficients(fit, "disp").all()
    return free or is_one_trial(fit) or any(has_effects_of_rows(t.levels) for t in fit.design.terms)


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
        else "No evidence against the variance that the model gives the data.",
        "A family with a dispersion parameter (nbinom2, betabinomial), or random effects of the observations."
        if found and ratio > 1
        else "",
        {"chisq": chisq, "df": degrees},
    )
