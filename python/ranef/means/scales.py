"""Scales that means are given on: links and transformed responses, back-transformation and bias adjustment."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ranef.errors import DataError

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]

# Step of the differences that give second and third derivatives, on the scale of the linear predictor.
_STEP = 1e-3
_SHIFTED = re.compile(r"^_v0(?:([+-])(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?))?$")
_CALL = re.compile(r"^(\w+)\((.*)\)$")


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of the linear functions and the way back from it.

    Attributes
    ----------
    name : ``"log"``, ``"logit"``, ``"log(y + 1)"``; empty where nothing is transformed
    inverse, derivative : response-scale value of a linear predictor, and its derivative
    ratio : what the back-transformed difference of two linear predictors is: ``"ratio"``, ``"odds_ratio"`` or empty
    base : of the logarithm that the scale is, where `ratio`
    """

    name: str
    inverse: Function
    derivative: Function
    ratio: str = ""
    base: float = math.e

    def adjusted(self, eta: Floats, sigma: float) -> Floats:
        """Mean of the inverse over normal deviations of `sigma`, to second order: h + sigma^2 h'' / 2."""
        if not sigma:
            return self.inverse(eta)
        return self.inverse(eta) + 0.5 * sigma**2 * _difference(self.derivative, eta)

    def adjusted_derivative(self, eta: Floats, sigma: float) -> Floats:
        """Derivative of `adjusted` in eta."""
        if not sigma:
            return self.derivative(eta)
        return self.derivative(eta) + 0.5 * sigma**2 * _second_difference(self.derivative, eta)


def _difference(function: Function, x: Floats) -> Floats:
    """First derivative, fourth order in the step."""
    near = function(x + _STEP) - function(x - _STEP)
    far = function(x + 2 * _STEP) - function(x - 2 * _STEP)
    return np.asarray((8.0 * near - far) / (12.0 * _STEP))


def _second_difference(function: Function, x: Floats) -> Floats:
    """Second derivative, fourth order in the step."""
    near = function(x + _STEP) + function(x - _STEP)
    far = function(x + 2 * _STEP) + function(x - 2 * _STEP)
    return np.asarray((16.0 * near - far - 30.0 * function(x)) / (12.0 * _STEP**2))


def _one(x: Floats) -> Floats:
    return np.ones_like(x)


def _exp(x: Floats) -> Floats:
    return np.exp(x)


def _same(x: Floats) -> Floats:
    return x


IDENTITY = Scale("", _same, _one)


def ratio_scale(scale: Scale) -> Scale:
    """The scale of differences on `scale`, whose back-transform is a ratio."""
    title = "log odds ratio" if scale.ratio == "odds_ratio" else (scale.name.partition("(")[0] or "log")
    rate = float(np.log(scale.base))
    return Scale(
        title, lambda x: np.exp(rate * x), lambda x: rate * np.exp(rate * x), ratio=scale.ratio, base=scale.base
    )


def log_scale(name: str = "log") -> Scale:
    """The natural logarithm."""
    return Scale(name, _exp, _exp, "ratio")


def component_scale(fit: Fit, component: str) -> Scale:
    """The scale of a linear predictor: the family's link, a logit, or the dispersion's logarithm."""
    if component == "zi":
        return Scale("logit", expit, lambda x: expit(x) * expit(-x), "odds_ratio")
    family = fit.family
    if component == "disp":
        exponent = -0.5 if family.dispersion == "log_shape" else 1.0
        if exponent == 1.0:
            return log_scale()
        return Scale("log", lambda x: np.exp(exponent * x), lambda x: exponent * np.exp(exponent * x))
    transformed = response_scale(fit)
    if transformed is not None and family.link == "identity":
        return transformed
    if family.link == "identity":
        return IDENTITY
    ratio = {"log": "ratio", "logit": "odds_ratio"}.get(family.link, "")
    return Scale(family.link, family.inverse_link, family.inverse_link_derivative, ratio)


def response_scale(fit: Fit) -> Scale | None:
    """The scale of a transformed response such as ``log(y + 1)``; None for a plain one.

    Known are log, log2, log10, log1p, sqrt and logit of a column, with a constant added or taken off inside.
    """
    from ranef.formula.parse import parse_formula

    columns = tuple(fit.design.columns) if "." in fit.formula else None
    expressions = parse_formula(fit.formula, columns, fit.model.specification.formula_functions).response.expressions
    if len(expressions) != 1 or expressions[0].is_name:
        return None
    code = expressions[0].code.replace(" ", "")
    called = _CALL.match(code)
    if called is None:
        return None
    function, inside = called.groups()
    shifted = _SHIFTED.match(inside)
    if shifted is None:
        return None
    shift = float(shifted.group(2) or 0.0) * (-1.0 if shifted.group(1) == "-" else 1.0)
    return _transform(function, shift, expressions[0].source)


def _transform(function: str, shift: float, title: str) -> Scale | None:
    """Inverse of function(y + shift)."""
    name = function if not shift else title
    bases = {"log": math.e, "log2": 2.0, "log10": 10.0}
    if function in bases:
        rate = float(np.log(bases[function]))
        return Scale(
            name, lambda x: np.exp(rate * x) - shift, lambda x: rate * np.exp(rate * x), "ratio", bases[function]
        )
    if function == "log1p":
        return Scale(title, lambda x: np.expm1(x) - shift, _exp, "ratio")
    if function == "sqrt":
        return Scale(name, lambda x: x * x - shift, lambda x: 2.0 * x)
    if function in ("logit", "qlogis") and not shift:
        return Scale("logit", expit, lambda x: expit(x) * expit(-x), "odds_ratio")
    return None


def total_sigma(fit: Fit, component: str) -> float:
    """Standard deviation of what deviates around a linear predictor: the random effects of a component.

    That of random slopes is averaged over the rows of the fit (as root mean square). For a transformed response of a
    gaussian model the residual deviates too.

    Raises
    ------
    DataError
        If nothing does.
    """
    from ranef.integrate import spreads
    from ranef.rows import rows_for

    place = fit.predictor_place(component)
    every = [True] * len(fit.design.terms)
    variance = 0.0
    if any(t.component == component for t in fit.design.terms):
        rows = rows_for(fit, None, every, False, None)
        variance = float(np.mean(spreads(fit, rows, every)[:, place] ** 2))
    if component == "cond" and fit.family.name == "gaussian" and response_scale(fit) is not None:
        if not np.isfinite(fit.sigma):
            raise DataError("bias_adjust needs one residual variance, but dispformula lets it vary: give sigma=")
        variance += fit.sigma**2
    if not variance:
        raise DataError(
            f"bias_adjust has nothing to adjust for: component {component!r} has no random effect; give sigma="
        )
    return float(np.sqrt(variance))
