"""From a fit and a request to marginal means: reference grid, averages, scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.assemble import component_index
from ranef.errors import DataError
from ranef.means.averaging import Weighting, averaging_weights
from ranef.means.basis import Basis, component_basis, infinite, joint_covariance, make_basis
from ranef.means.emmeans import MarginalMeans
from ranef.means.estimability import indicators
from ranef.means.grid import GridRows, Reducer, ReferenceGrid, grid_frame, grid_rows, reference_grid
from ranef.means.scales import IDENTITY, Scale, component_scale, log_scale, total_sigma
from ranef.means.specs import Names, Specs, parse_specs
from ranef.means.variable import GridVariable
from ranef.means.view import Facts, View
from ranef.predict import target_of

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Component = Literal["cond", "zi", "disp", "response", "cmean"]

_COMPONENTS = ("cond", "zi", "disp", "response", "cmean")


@dataclass(frozen=True, slots=True)
class Request:
    """What a call of `Fit.emmeans` asked for; see there."""

    specs: Names
    by: Names | None = None
    at: Mapping[str, Any] | None = None
    type: str = "link"
    component: str = "cond"
    weights: Weighting = "equal"
    offset: float | None = None
    bias_adjust: bool = False
    sigma: float | None = None
    regrid: str | None = None
    ddf: str | None = None
    level: float = 0.95
    cov_reduce: Reducer | Mapping[str, Reducer] | None = None

    def __post_init__(self) -> None:
        if self.type not in ("link", "response"):
            raise DataError(f"type must be 'link' or 'response', got {self.type!r}")
        if self.component not in _COMPONENTS:
            raise DataError(f"component must be one of {', '.join(map(repr, _COMPONENTS))}, got {self.component!r}")
        if self.regrid not in (None, "response", "log"):
            raise DataError(f"regrid must be None, 'response' or 'log', got {self.regrid!r}")
        if self.sigma is not None and not (np.isfinite(self.sigma) and self.sigma >= 0):
            raise DataError(f"sigma must be a standard deviation >= 0, got {self.sigma!r}")


@dataclass(frozen=True, slots=True)
class Points:
    """A quantity at the points of the grid, before averaging.

    Attributes
    ----------
    basis : what it is a function of
    functions : (m, p), linear functions of the basis; the derivatives of what is not linear
    constant : (m,), added to them
    defects : (m, r)
    linear : whether it is linear, so that `scale` leads from it to the response
    scale : link or transformation of the quantity
    """

    basis: Basis
    functions: Floats
    constant: Floats
    defects: Floats
    linear: bool
    scale: Scale


def emmeans(fit: Fit, request: Request) -> MarginalMeans:
    """Marginal means; see `Fit.emmeans`."""
    specs = parse_specs(request.specs, request.by)
    sigma = bias_sigma(fit, request)
    components = components_of(fit, request.component)
    grid = reference_grid(fit, components, request.at, offset=request.offset, reduce=request.cov_reduce)
    kept, rest = split_variables(grid, specs)
    frame = grid_frame([*kept, *rest])
    points = points_at(fit, request, grid_rows(fit, grid, frame))
    weights = averaging_weights(fit, grid, kept, rest, request.weights)
    labels = label_columns(grid_frame(kept), specs)
    regrid_notes = averaging_notes(fit, grid, specs, rest)
    estimate = "response" if request.component in ("response", "cmean") or request.regrid == "response" else "emmean"
    view = View(
        response=request.type == "response" or request.regrid == "response",
        level=request.level,
        sigma=sigma if points.linear else 0.0,
    )
    facts = Facts("means", estimate, None, regrid_notes, covariate_names(kept))
    return averaged_means(points, weights, labels, specs.by, view, facts)


def components_of(fit: Fit, component: str) -> tuple[str, ...]:
    """Linear predictors that a component's means depend on, in the model's order.

    Raises
    ------
    DataError
        If the model has no such component.
    """
    if component in ("cond", "zi", "disp"):
        component_index(fit.design.predictors, component)
        return (component,)
    wanted = ["cond", *(["zi"] if component == "response" else []), *(["disp"] if fit.family.truncated else [])]
    return tuple(p.component for p in fit.design.predictors if p.component in wanted)


def split_variables(grid: ReferenceGrid, specs: Specs) -> tuple[list[GridVariable], list[GridVariable]]:
    """The axes that means are asked for (the one that varies fastest last), and those that are averaged over."""
    kept = [grid.variable(name) for name in reversed((*specs.over, *specs.by))]
    names = {v.name for v in kept}
    return kept, [v for v in grid.variables if v.name not in names]


def label_columns(frame: pd.DataFrame, specs: Specs) -> pd.DataFrame:
    """Labels in the order of the specification."""
    return frame[[*specs.over, *specs.by]]


def covariate_names(variables: Sequence[GridVariable]) -> tuple[str, ...]:
    """The axes that are no factors."""
    return tuple(v.name for v in variables if not v.is_factor)


def points_at(fit: Fit, request: Request, rows: GridRows) -> Points:
    """The quantity that means are asked of, at the rows of the grid."""
    if request.component in ("response", "cmean"):
        points = _response_points(fit, request.component, rows)
    else:
        basis = component_basis(fit, request.component, request.ddf)
        scale = component_scale(fit, request.component)
        points = Points(basis, rows.matrices[0], rows.offsets[0], rows.defects, True, scale)
    if request.regrid is None:
        return points
    return _on_response_scale(points, request.regrid, bias_sigma(fit, request))


def _response_points(fit: Fit, component: str, rows: GridRows) -> Points:
    """Means of the response (``cmean``: without zero inflation) with their derivatives in all coefficients."""
    chosen = components_of(fit, component)
    eta = [np.zeros(len(rows.offsets[0])) for _ in fit.design.predictors]
    places = [component_index(fit.design.predictors, c) for c in chosen]
    for place, matrix, offset in zip(places, rows.matrices, rows.offsets, strict=True):
        eta[place] = matrix @ fit.estimate.beta[place] + offset
    target = target_of(fit, "response" if component == "response" else "conditional")
    value, gradient = target(eta)
    jacobian = np.concatenate([gradient[:, [k]] * m for k, m in zip(places, rows.matrices, strict=True)], axis=1)
    estimate = np.concatenate([fit.estimate.beta[k] for k in places])
    names = [name for k in places for name in fit.design.predictors[k].fixed.names]
    basis = make_basis(estimate, joint_covariance(fit, chosen), infinite, "", names)
    return Points(basis, jacobian, value - jacobian @ estimate, indicators(rows.defects), False, IDENTITY)


def _on_response_scale(points: Points, regrid: str, sigma: float) -> Points:
    """A linear quantity back-transformed (and its logarithm taken)."""
    value = points.functions @ points.basis.estimate + points.constant
    slope = np.ones(len(value))
    if points.linear:
        value, slope = points.scale.adjusted(value, sigma), points.scale.adjusted_derivative(value, sigma)
    scale = IDENTITY
    if regrid == "log":
        if (value <= 0).any():
            raise DataError("regrid='log' needs positive means on the response scale")
        value, slope, scale = np.log(value), slope / value, log_scale()
    functions = slope[:, None] * points.functions
    constant = value - functions @ points.basis.estimate
    return Points(points.basis, functions, constant, indicators(points.defects), False, scale)


def averaged_means(
    points: Points, weights: Floats, labels: pd.DataFrame, by: tuple[str, ...], view: View, facts: Facts
) -> MarginalMeans:
    """Averages of the points with `weights` (kept, rest); a kept cell with NaN weights is not estimable."""
    empty = np.flatnonzero(~np.isfinite(weights).all(axis=1))
    used = weights.copy()
    used[empty] = 0.0
    functions, constant, defects = (
        _average(used, part) for part in (points.functions, points.constant, points.defects)
    )
    defects = np.concatenate([defects, np.eye(len(used))[:, empty]], axis=1)
    return MarginalMeans(labels, functions, constant, defects, points.basis, points.scale, by, view, facts)


def _average(weights: Floats, values: Floats) -> Floats:
    """Weighted sums (k, ...) of `values` (k * r, ...)."""
    if weights.shape[1] == 1:
        return np.asarray(values * weights.reshape(-1, *([1] * (values.ndim - 1))))
    return np.asarray(np.einsum("kr,kr...->k...", weights, values.reshape(*weights.shape, *values.shape[1:])))


def bias_sigma(fit: Fit, request: Request) -> float:
    """Standard deviation to adjust for; 0 without adjustment.

    Raises
    ------
    DataError
        If an adjustment makes no sense for the component, or has nothing to adjust for.
    """
    if not request.bias_adjust:
        if request.sigma is not None:
            raise DataError("sigma= is for bias_adjust=True")
        return 0.0
    if request.component in ("response", "cmean"):
        raise DataError(f"bias_adjust is for means on a link scale, not for component={request.component!r}")
    return total_sigma(fit, request.component) if request.sigma is None else float(request.sigma)


def averaging_notes(fit: Fit, grid: ReferenceGrid, specs: Specs, rest: Sequence[GridVariable]) -> tuple[str, ...]:
    """What was averaged over, and whether that may mislead."""
    over = [v.name for v in rest if len(v.values) > 1]
    if not over:
        return ()
    made = [f"Results are averaged over the levels of: {', '.join(over)}"]
    if _crosses(fit, grid.components, set(specs.over), set(over)):
        made.insert(0, "NOTE: Results may be misleading due to involvement in interactions")
    return tuple(made)


def _crosses(fit: Fit, components: Sequence[str], asked: set[str], averaged: set[str]) -> bool:
    """Whether a term of the model has factors of both kinds."""
    for predictor in fit.design.predictors:
        if predictor.component not in components:
            continue
        for term in predictor.fixed.spec.matrix.terms.terms:
            names = {name for factor in term for name in factor.variables}
            if names & asked and names & averaged:
                return True
    return False
