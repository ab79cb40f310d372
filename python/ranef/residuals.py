"""Fitted values and residuals of the rows of the caller's table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.assemble import has_component, likelihood_weights
from ranef.checks.quantile_residuals import quantile_residuals
from ranef.errors import DataError, NotAvailableError

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
ResidualType = Literal["response", "pearson", "deviance", "working", "quantile"]


def fitted(fit: Fit) -> pd.Series:
    """Means of the response (probabilities where there are trials), by the data's index."""
    fit.require_data("fitted()")
    mean, _ = _moments(fit)
    return on_data_index(fit, mean / _trials(fit), "fitted")


def residuals(fit: Fit, kind: str, seed: int | None = None) -> pd.Series:
    """Residuals of one type; see `Fit.residuals`."""
    makers: dict[str, Callable[[Fit], Floats]] = {
        "response": _response,
        "pearson": _pearson,
        "deviance": _deviance,
        "working": _working,
        "quantile": lambda of: quantile_residuals(of, seed),
    }
    if kind not in makers:
        raise DataError(f"type must be one of {', '.join(map(repr, makers))}, got {kind!r}")
    fit.require_data("residuals()")
    return on_data_index(fit, makers[kind](fit), kind)


def on_data_index(fit: Fit, values: Floats, name: str) -> pd.Series:
    """Values of the rows that entered the fit, on the index of all rows; NaN where a row was dropped."""
    full = np.full(fit.design.kept.size, np.nan)
    full[fit.design.kept] = values
    return pd.Series(full, index=fit.design.index, name=name)


def _moments(fit: Fit) -> tuple[Floats, Floats]:
    likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
    return likelihood.moments(list(fit.estimate.eta), fit.design.response.trials)


def _trials(fit: Fit) -> Floats:
    trials = fit.design.response.trials
    return np.ones(fit.design.n_rows) if trials is None else trials


def _response(fit: Fit) -> Floats:
    mean, _ = _moments(fit)
    return np.asarray((fit.design.response.values - mean) / _trials(fit))


def _pearson(fit: Fit) -> Floats:
    """(y - E y) / sd(y), so that their variance is about 1 (times the likelihood weight, where there is one)."""
    mean, variance = _moments(fit)
    weights = likelihood_weights(fit.design)
    scale = 1.0 if weights is None else np.sqrt(weights)
    residual = fit.design.response.values - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((variance == 0.0) & (residual == 0.0), 0.0, scale * residual / np.sqrt(variance))


def _working(fit: Fit) -> Floats:
    """(y - E y) / (d E y / d eta); NaN where the mean has reached an end of its range."""
    likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
    mean, gradient = likelihood.mean_gradient(list(fit.estimate.eta), fit.design.response.trials)
    with np.errstate(divide="ignore", invalid="ignore"):
        working = (fit.design.response.values - mean) / gradient[:, 0]
    return np.where(np.isfinite(working), working, np.nan)


def _deviance(fit: Fit) -> Floats:
    """sign(y - E y) sqrt(w d), d the family's unit deviance."""
    likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
    trials = fit.design.response.trials
    deviance = _weights(fit) * likelihood.deviance(fit.design.response.values, list(fit.estimate.eta), trials)
    if not np.isfinite(deviance).all():
        raise NotAvailableError(
            f"family {fit.family.name!r} has no saturated likelihood here, so no deviance residuals; use type='pearson'"
        )
    mean, _ = _moments(fit)
    return np.asarray(np.sign(fit.design.response.values - mean) * np.sqrt(np.maximum(deviance, 0.0)))


def _weights(fit: Fit) -> Floats:
    """Prior weights other than trials."""
    weights = fit.design.weights
    return np.ones(fit.design.n_rows) if weights is None or weights.kind == "trials" else weights.values
