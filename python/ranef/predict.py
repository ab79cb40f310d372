"""Predictions with standard errors and intervals, for fitted rows or new data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.assemble import component_index, has_component
from ranef.errors import DataError
from ranef.families import sigma_exponent
from ranef.integrate import Averaged, average, spreads
from ranef.keepterms import Treatment as Treatment
from ranef.keepterms import treatments
from ranef.new_levels import half_widths
from ranef.predictive import prediction_interval
from ranef.rows import Rows, linear_predictors, predictor_covariance, rows_for

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
PredictionType = Literal["response", "link", "conditional", "zprob", "zlink", "disp", "dlink"]
Interval = Literal["confidence", "prediction"]

# Value (m,) and gradient (m, K) of a prediction at linear predictors.
Target = Callable[[list[Floats]], tuple[Floats, Floats]]

_TYPES = ("response", "link", "conditional", "zprob", "zlink", "disp", "dlink")
_COMPONENT_OF = {"link": "cond", "zprob": "zi", "zlink": "zi", "disp": "disp", "dlink": "disp"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a call of `Fit.predict` asked for; see there."""

    type: str = "response"
    re_form: str | None = None
    se: bool = False
    interval: str | None = None
    level: float = 0.95
    allow_new_levels: bool = False
    random: Mapping[str, str] = field(default_factory=dict)
    offset: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.random, Mapping):
            raise DataError(f"random must be a dict such as {{'site': 'integrate'}}, got {self.random!r}")
        if self.type not in _TYPES:
            raise DataError(f"type must be one of {', '.join(map(repr, _TYPES))}, got {self.type!r}")
        if self.interval not in (None, "confidence", "prediction"):
            raise DataError(f"interval must be None, 'confidence' or 'prediction', got {self.interval!r}")
        if self.interval == "prediction" and self.type != "response":
            raise DataError(f"interval='prediction' is for type='response', a new observation, not {self.type!r}")


def predict(fit: Fit, newdata: Any, request: Request) -> pd.Series | pd.DataFrame:
    """Predictions as asked for; see `Fit.predict`."""
    chosen = treatments(fit, request.re_form, request.random)
    include = [t == "include" for t in chosen]
    integrated = [t == "integrate" for t in chosen]
    needed = [a or b for a, b in zip(include, integrated, strict=True)]
    rows = rows_for(fit, newdata, needed, request.allow_new_levels, request.offset)
    eta = linear_predictors(fit, rows, include)
    target = target_of(fit, request.type)
    averaged = average(target, eta, spreads(fit, rows, integrated))
    if not request.se and request.interval is None:
        return pd.Series(rows.on_index(averaged.value), index=rows.index, name="estimate")
    covariance = predictor_covariance(fit, rows, include)
    std_error = averaged_error(fit, rows, integrated, averaged, covariance)
    columns = {"estimate": averaged.value, "std_error": std_error}
    if request.interval == "confidence":
        widths = half_widths(fit, rows, include, covariance, request.level)
        columns |= confidence_interval(fit, request, target, eta, averaged, std_error, covariance, widths)
    elif request.interval == "prediction":
        columns |= prediction_interval(fit, rows, eta, covariance, averaged.spread, request.level)
    return pd.DataFrame({name: rows.on_index(v) for name, v in columns.items()}, index=rows.index)


def target_of(fit: Fit, kind: str) -> Target:
    """The function of the linear predictors that a prediction type means."""
    if kind in ("response", "conditional"):
        return _mean_target(fit, conditional=kind == "conditional")
    place = component_index(fit.design.predictors, _COMPONENT_OF[kind])
    if kind in ("link", "zlink", "dlink"):
        return _one_predictor(place, lambda eta: (eta, np.ones_like(eta)))
    if kind == "zprob":
        return _one_predictor(place, _logistic)
    exponent = sigma_exponent(fit.family)
    return _one_predictor(place, lambda eta: (np.exp(exponent * eta), exponent * np.exp(exponent * eta)))


def _one_predictor(place: int, function: Callable[[Floats], tuple[Floats, Floats]]) -> Target:
    """A function of one linear predictor as a target."""

    def target(eta: list[Floats]) -> tuple[Floats, Floats]:
        value, slope = function(eta[place])
        gradient = np.zeros((value.size, len(eta)))
        gradient[:, place] = slope
        return value, gradient

    return target


def _logistic(eta: Floats) -> tuple[Floats, Floats]:
    p = 1.0 / (1.0 + np.exp(-eta))
    return p, p * (1.0 - p)


def _mean_target(fit: Fit, conditional: bool) -> Target:
    """Mean of the response (probability where there are trials), zero inflation left out if `conditional`."""
    inflated = has_component(fit.design, "zi")
    likelihood = fit.family.likelihood(inflated and not conditional)
    count = len(fit.design.predictors)
    used = [k for k, p in enumerate(fit.design.predictors) if not (conditional and p.component == "zi")]

    def target(eta: list[Floats]) -> tuple[Floats, Floats]:
        mean, slope = likelihood.mean_gradient([np.ascontiguousarray(eta[k]) for k in used])
        gradient = np.zeros((mean.size, count))
        gradient[:, used] = slope
        return mean, gradient

    return target


def averaged_error(fit: Fit, rows: Rows, integrated: list[bool], averaged: Averaged, covariance: Floats) -> Floats:
    """Standard error by the delta method: of the linear predictors, and of the spread that was integrated over.

    The covariance of an included random effect with the variance parameters of an integrated one is left out.
    """
    gradient = averaged.gradient
    variance = np.einsum("ik,ikl,il->i", gradient, covariance, gradient)
    if any(integrated):
        variance = variance + averaged.spread_variance(fit, rows, integrated)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def confidence_interval(
    fit: Fit,
    request: Request,
    target: Target,
    eta: list[Floats],
    averaged: Averaged,
    std_error: Floats,
    covariance: Floats,
    widths: Floats,
) -> dict[str, Floats]:
    """Interval for the mean: on the linear predictor where only one matters, else on the mean's natural scale.

    `widths` (m, K): half-widths in standard errors of the linear predictors.
    """
    moving = np.flatnonzero(np.abs(averaged.gradient).max(axis=0, initial=0.0) > 0)
    if moving.size == 1 and not averaged.is_average:
        place = int(moving[0])
        margin = widths[:, place] * np.sqrt(np.maximum(covariance[:, place, place], 0.0))
        ends = [target([e + sign * margin if k == place else e for k, e in enumerate(eta)])[0] for sign in (-1, 1)]
        return {"conf_low": np.minimum(*ends), "conf_high": np.maximum(*ends)}
    low, high = _natural_scale(fit, request.type, averaged.value, widths.max(axis=1) * std_error)
    return {"conf_low": low, "conf_high": high}


def _natural_scale(fit: Fit, kind: str, value: Floats, margin: Floats) -> tuple[Floats, Floats]:
    """value -+ margin on the log scale for means that are positive, on the logit scale for probabilities."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "zprob" or (fit.family.mean_range == "unit" and kind in _MEANS):
            centre, width = np.log(value / (1 - value)), margin / (value * (1 - value))
            return 1 / (1 + np.exp(width - centre)), 1 / (1 + np.exp(-width - centre))
        if kind == "disp" or (fit.family.mean_range == "positive" and kind in _MEANS):
            factor = np.exp(margin / value)
            return value / factor, value * factor
    return value - margin, value + margin


_MEANS = ("response", "conditional")
