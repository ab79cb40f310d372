"""Variance of one observation on the scale of the linear predictor: what an ICC or R2 of a GLMM divides by.

With V the variance of an observation (of one trial, where there are trials) at mean m, and g the link:

    theoretical   of the latent variable behind a dichotomy: pi^2/3 (logit), 1 (probit), pi^2/6 (cloglog)
    delta         V g'(m)^2
    lognormal     ln(1 + V/m^2)            for the log link
    trigamma      psi_1(m^2/V)             for the log link: the variance of the log of a gamma with these moments

For poisson, nbinom2 (theta), nbinom1 (phi) and gamma (shape nu) the last two are the formulas of Nakagawa, Johnson and
Schielzeth (2017, Journal of the Royal Society Interface 14: 20170213): ln(1 + 1/m), ln(1 + 1/m + 1/theta),
ln(1 + (1 + phi)/m), ln(1 + 1/nu), and the trigamma of the reciprocals. A gaussian response with identity link has its
residual variance.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

from ranef import families
from ranef.errors import FamilyError
from ranef.families import Family

Floats = NDArray[np.float64]
VarianceMethod = Literal["theoretical", "delta", "lognormal", "trigamma"]

METHODS: tuple[VarianceMethod, ...] = get_args(VarianceMethod)

LATENT_VARIANCE = {"logit": np.pi**2 / 3.0, "probit": 1.0, "cloglog": np.pi**2 / 6.0}
_LATENT_TEXT = {"logit": "pi^2/3", "probit": "1", "cloglog": "pi^2/6"}


def chosen_method(family: Family, method: str | None) -> VarianceMethod:
    """The method asked for, or the family's usual one: theoretical for trials, lognormal for log links, else delta.

    Raises
    ------
    FamilyError
        If the method does not exist, or not for this family and link; the ones that do are named.
    """
    offered = offered_methods(family)
    if method is None:
        return offered[0]
    for known in offered:
        if method == known:
            return known
    listed = ", ".join(map(repr, offered))
    if method not in METHODS:
        raise FamilyError(f"method must be one of {listed} for {family}, got {method!r}")
    raise FamilyError(f"there is no {method} variance of an observation for {family}; it has: {listed}")


def offered_methods(family: Family) -> tuple[VarianceMethod, ...]:
    """Methods for a family and link, the usual one first."""
    made: list[VarianceMethod] = []
    if family.has_trials and family.link in LATENT_VARIANCE:
        made.append("theoretical")
    if family.link == "log" and family.mean_range == "positive":
        made += ["lognormal", "trigamma"]
    return (*made, "delta")


def parent(family: Family) -> Family:
    """The family whose mean the link is of: that of a truncated one is the untruncated."""
    return families.make(family.name.removeprefix("truncated_"), family.link)


def is_residual(family: Family) -> bool:
    """Whether the variance is the residual variance itself."""
    return family.name == "gaussian" and family.link == "identity"


def observation_variance(family: Family, method: VarianceMethod, mean: float, dispersion: Floats) -> Floats:
    """Variance on the link scale of observations with this mean.

    Parameters
    ----------
    family : family and link; a truncated one stands for its parent
    method : one of those that `offered_methods` gives
    mean : mean of the response (of one trial)
    dispersion : (m,), linear predictor of the dispersion

    Returns
    -------
    (m,), in squared units of the linear predictor.
    """
    if method == "theoretical":
        return np.full(dispersion.shape, LATENT_VARIANCE[family.link])
    variance, slope = moments(family, mean, dispersion)
    if method == "delta":
        return np.asarray(variance / slope / slope)  # the square of a large slope overflows
    if method == "lognormal":
        return np.asarray(np.log1p(variance / mean / mean))
    return np.asarray(polygamma(1, mean**2 / variance))


def overdispersion_variance(family: Family, method: VarianceMethod, mean: float, dispersion: Floats) -> Floats:
    """What the trials of one row share beyond the linear predictor, on the link scale: betabinomial alone.

    The probability of a row has variance m (1 - m) / (1 + phi); by the delta method. ``method="delta"`` counts it in
    the variance of a trial already.
    """
    if family.name != "betabinomial" or method != "theoretical":
        return np.zeros_like(dispersion)
    beta = families.make("beta", family.link)
    variance, slope = moments(beta, mean, dispersion)
    return np.asarray(variance / slope / slope)  # the square of a large slope overflows


def moments(family: Family, mean: float, dispersion: Floats) -> tuple[Floats, float]:
    """Variance (m,) of an observation with this mean, and the derivative of the mean in the linear predictor."""
    plain = parent(family)
    eta = float(plain.link_function(np.array([mean]))[0])
    predictors = [np.full(dispersion.shape, eta)]
    if plain.dispersion:
        predictors.append(np.ascontiguousarray(dispersion))
    trials = np.ones_like(dispersion) if plain.has_trials else None
    _, variance = plain.likelihood().moments(predictors, trials)
    return np.asarray(variance), float(plain.inverse_link_derivative(np.array([eta]))[0])


def depends_on_mean(family: Family, method: VarianceMethod, dispersion: Floats) -> bool:
    """Whether the variances need a mean at all: not theoretical ones, the residual variance, a gamma's log."""
    ends = [
        observation_variance(family, method, mean, dispersion)
        + overdispersion_variance(family, method, mean, dispersion)
        for mean in (0.2, 0.4)
    ]
    return not np.allclose(ends[0], ends[1], rtol=1e-8, atol=0.0)


def describe(family: Family, method: VarianceMethod) -> str:
    """The definition in words and symbols, for headings."""
    if is_residual(family):
        return "residual variance"
    if method == "theoretical":
        text = f"latent variance of the {family.link} link, {_LATENT_TEXT[family.link]} (theoretical)"
        return text + (", plus that of the row's probability by the delta method" * (family.name == "betabinomial"))
    formula = {
        "delta": "Var(y) g'(mean)^2 (delta method)",
        "lognormal": "ln(1 + Var(y)/mean^2) (lognormal)",
        "trigamma": "psi_1(mean^2/Var(y)) (trigamma)",
    }[method]
    of_trial = ", y one trial" if family.has_trials else ""
    return f"observation-level variance {formula}{of_trial}"
