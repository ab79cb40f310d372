"""Is a reported pole a true one? The Laplace approximation against brute-force integration.

Where the posterior of a random effect is wider than its prior, the Hessian of the random effects nears singularity and
-1/2 log|H| runs to infinity: the approximation then exceeds the integral that it stands for, and a search that follows
it finds no maximum. A fit that says so is believed only if its claim shows in numbers that it did not compute itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln, log_expit, logsumexp
from scipy.stats import norm

import ranef

Floats = NDArray[np.float64]

ZERO_PART = "zi:sd(Intercept|g)"
# Where the search for the pole stops, the approximation must exceed the integral by more than this.
EXCESS = 0.3
# Standard deviations at which the zero part's random effect is held on the way to the pole: steps are halved, down to
# the shortest, where there is no likelihood to start from.
LONGEST_STEP, SHORTEST_STEP, FARTHEST = 0.25, 0.01, 4.0
POINTS, WIDTH = 161, 8.0


def is_true_pole(fit: ranef.Fit, call: dict[str, object]) -> bool:
    """Whether the approximation rises above the fit's value and, where it ends at a pole, above the integral.

    The profile over the standard deviation in question is followed outwards, each fit from the one before.
    """
    start, sd, step = estimates(fit), 0.0, LONGEST_STEP
    gain, excess = 0.0, 0.0
    while sd < FARTHEST and step >= SHORTEST_STEP:
        try:
            held = ranef.fit(**call, fixed={ZERO_PART: sd + step}, start=start | {ZERO_PART: sd + step})
        except ranef.ConvergenceError:
            step /= 2.0
            continue
        sd, start = sd + step, estimates(held)
        if held.loglik - fit.loglik > gain:
            gain, excess = held.loglik - fit.loglik, held.loglik - integral(held, call["data"])
    return gain > 0.0 and excess > EXCESS


def estimates(fit: ranef.Fit) -> dict[str, float]:
    """The estimates as starting values."""
    return {str(name): float(value) for name, value in fit.parameters()["estimate"].items()}


def integral(fit: ranef.Fit, data: pd.DataFrame) -> float:
    """Marginal log-likelihood of a zero-inflated nbinom2 fit with (1 | g) in both parts, at its estimates.

    The two standard normal random effects of a group are integrated by the trapezoidal rule on a square grid, which
    converges faster than any power of the step for integrands that vanish at its ends.
    """
    estimate = fit.parameters()["estimate"]
    phi = float(np.exp(min(estimate["log_phi"], 12.0)))  # beyond, a Poisson's to ten digits
    nodes = np.linspace(-WIDTH, WIDTH, POINTS)
    u, v = (grid.ravel() for grid in np.meshgrid(nodes, nodes))
    log_weight = norm.logpdf(u) + norm.logpdf(v) + 2.0 * np.log(nodes[1] - nodes[0])
    total = 0.0
    for _, rows in data.groupby("g"):
        eta = (estimate["Intercept"] + estimate["x"] * rows["x"].to_numpy())[:, None] + estimate["sd(Intercept|g)"] * u
        zero = estimate["zi:Intercept"] + estimate[ZERO_PART] * v
        total += logsumexp(log_density(rows["y"].to_numpy()[:, None], eta, phi, zero).sum(axis=0) + log_weight)
    return float(total)


def log_density(y: Floats, eta: Floats, phi: float, zero: Floats) -> Floats:
    """log P(y) of a nbinom2 with mean exp(eta) and size phi, mixed with zeros of probability expit(zero)."""
    log_sum = np.logaddexp(np.log(phi), eta)
    binomial = gammaln(y + phi) - gammaln(phi) - gammaln(y + 1.0)
    count = log_expit(-zero) + binomial + phi * (np.log(phi) - log_sum) + y * (eta - log_sum)
    return np.where(y == 0, np.logaddexp(log_expit(zero), count), count)
