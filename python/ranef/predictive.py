"""Intervals for new observations: quantiles of draws that carry every uncertainty of the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import has_component
from ranef.rows import Rows
from ranef.tables import normal_quantile

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Draws a row, and draws held in memory at a time.
_DRAWS = 4000
_BLOCK = 4_000_000
_SEED = 20_240_229


def prediction_interval(
    fit: Fit, rows: Rows, eta: list[Floats], covariance: Floats, spread: Floats, level: float
) -> dict[str, Floats]:
    """Central interval for one new observation of each row (a proportion where there are trials).

    A gaussian response: mean -+ z sqrt(se^2 + spread^2 + sigma^2). Else quantiles of 4,000 draws of the linear
    predictors from their normal approximation and of the response given them, always with the same random numbers.
    """
    half_width = normal_quantile(level)
    total = covariance + np.einsum("ik,kl->ikl", spread**2, np.eye(spread.shape[1]))
    if fit.family.name == "gaussian" and fit.family.link == "identity" and not has_component(fit.design, "zi"):
        place = fit.predictor_place("cond")
        sigma = fit.family.sigma(eta[fit.predictor_place("disp")])
        margin = half_width * np.sqrt(total[:, place, place] + sigma**2)
        return {"conf_low": eta[place] - margin, "conf_high": eta[place] + margin}
    low, high = np.empty(rows.count), np.empty(rows.count)
    rng = np.random.default_rng(_SEED)
    size = max(1, _BLOCK // _DRAWS)
    for start in range(0, rows.count, size):
        block = slice(start, min(start + size, rows.count))
        trials = None if rows.trials is None else rows.trials[block]
        draws = _draws(fit, [e[block] for e in eta], total[block], trials, rng)
        tail = 0.5 - level / 2.0
        low[block], high[block] = np.quantile(draws, [tail, 1.0 - tail], axis=1)
    return {"conf_low": low, "conf_high": high}


def _draws(fit: Fit, eta: list[Floats], covariance: Floats, trials: Floats | None, rng: np.random.Generator) -> Floats:
    """(m, draws) of the response; NaN where the covariance is not known."""
    unknown = np.any(~np.isfinite(covariance), axis=(1, 2))[:, None, None]
    values, vectors = np.linalg.eigh(np.where(unknown, 0.0, covariance))
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    count = eta[0].size
    normal = rng.standard_normal((count, _DRAWS, len(eta)))
    moved = np.stack(eta, axis=-1)[:, None, :] + np.einsum("ikl,idl->idk", root, normal)
    likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
    each = None if trials is None else np.repeat(trials, _DRAWS)
    flat = [np.ascontiguousarray(moved[:, :, k].reshape(-1)) for k in range(len(eta))]
    response = likelihood.simulate(flat, int(rng.integers(2**31)), each)
    draws = np.where(unknown[:, 0], np.nan, np.asarray(response).reshape(count, _DRAWS))
    return draws if trials is None else draws / trials[:, None]
