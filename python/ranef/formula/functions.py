"""Functions that a formula may call, beside those that formulaic brings (``poly``, ``bs``, ``scale``, ``C`` ...)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FORMULAIC = ("bs", "cc", "center", "contr", "cr", "cs", "ns", "poly", "scale", "standardize",
              "Diff", "Helmert", "Poly", "Sum", "Treatment")  # fmt: skip


def log(x: Any, base: float | None = None) -> Any:
    """Natural logarithm, or to another base as R's second argument."""
    return np.log(x) if base is None else np.log(x) / np.log(base)


def qlogis(x: Any) -> Any:
    """log(x / (1 - x))"""
    return np.log(x) - np.log1p(-x)


def plogis(x: Any) -> Any:
    """1 / (1 + exp(-x))"""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def identity(x: Any) -> Any:
    """R's ``I``: arithmetic is meant, not the algebra of terms."""
    return x


def combine(*values: float) -> list[float]:
    """R's ``c``: a list of numbers."""
    return [*values]


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "I": identity, "c": combine, "log": log, "qlogis": qlogis, "logit": qlogis, "plogis": plogis, "expit": plogis,
    "log10": np.log10, "log2": np.log2, "log1p": np.log1p, "exp": np.exp, "expm1": np.expm1, "sqrt": np.sqrt,
    "abs": np.abs, "sign": np.sign, "round": np.round, "floor": np.floor, "ceiling": np.ceil,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "pmin": np.minimum, "pmax": np.maximum, "ifelse": np.where,
}  # fmt: skip


@cache
def known_functions() -> tuple[str, ...]:
    """Names of all functions that a formula may call."""
    return (*FUNCTIONS, *_FORMULAIC)


def standardised(x: Floats, center: bool = True, scale: bool = True) -> Floats:
    """R's ``scale`` of a response: centred, divided by its standard deviation."""
    moved = x - np.mean(x) if center else x
    return moved / np.std(x, ddof=1) if scale else moved


def natural_spline(
    x: Any, df: int | None = None, knots: Any = None, intercept: bool = False, _state: dict[str, Any] | None = None
) -> dict[str, Any]:
    """R's ``ns``: cubic splines that are straight lines beyond the outermost knots.

    The cubic B-spline basis is restricted to the null space of its second derivatives at both boundary knots.
    Interior knots stand at quantiles of `x`; `df` counts the columns. Beyond the boundary knots the basis
    continues as its tangent.

    Parameters
    ----------
    x : array (n,)
    df : number of columns
    knots : interior knots, instead of `df`
    intercept : whether the basis spans the constant
    """
    state = {} if _state is None else _state
    values = np.asarray(x, dtype=np.float64)
    if "knots" not in state:
        boundary = np.array([np.min(values), np.max(values)])
        state["knots"] = np.concatenate([np.repeat(boundary[0], 4), _interior(values, df, knots, intercept),
                                         np.repeat(boundary[1], 4)])  # fmt: skip
        state["rotation"] = _natural_rotation(state["knots"], intercept)
    basis = _extended_basis(values, state["knots"])[:, 0 if intercept else 1 :] @ state["rotation"]
    return {str(k + 1): column for k, column in enumerate(basis.T)}


def _interior(values: Floats, df: int | None, knots: Any, intercept: bool) -> Floats:
    if knots is not None:
        return np.sort(np.atleast_1d(np.asarray(knots, dtype=np.float64)))
    count = (1 if df is None else int(df)) - 1 - int(intercept)
    if count < 0:
        raise ValueError(f"ns needs df >= {1 + int(intercept)}, got {df}")
    return np.asarray(np.quantile(values, np.linspace(0.0, 1.0, count + 2)[1:-1]), dtype=np.float64)


def _natural_rotation(knots: Floats, intercept: bool) -> Floats:
    """Orthonormal basis of the coefficients whose second derivatives vanish at both ends."""
    from scipy.interpolate import BSpline

    second = np.asarray(BSpline(knots, np.eye(len(knots) - 4), 3).derivative(2)(knots[[0, -1]]))
    constraint = second[:, 0 if intercept else 1 :]
    rotation, _ = np.linalg.qr(constraint.T, mode="complete")
    return np.asarray(rotation[:, 2:], dtype=np.float64)


def _extended_basis(values: Floats, knots: Floats) -> Floats:
    """Cubic B-splines inside the boundary knots, their tangents outside."""
    from scipy.interpolate import BSpline

    splines = BSpline(knots, np.eye(len(knots) - 4), 3)
    inside = np.clip(values, knots[0], knots[-1])
    beyond = (values - inside)[:, None]
    return np.asarray(splines(inside) + np.where(beyond == 0.0, 0.0, beyond * splines.derivative(1)(inside)))
