"""Marginal trends: slopes of a covariate, averaged like marginal means.

The derivative of each row of the design in the covariate is a central difference over a thousandth of its range: exact
for polynomials up to the second degree, else with an error of the order of the step squared. Trends of higher degree k
are Taylor's coefficients, the k-th derivative divided by k!.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.evaluate import evaluate
from ranef.design.frame import open_table
from ranef.design.interpreter import Memory
from ranef.errors import DataError
from ranef.formula.expression import Expression, column_expression
from ranef.formula.parse import parse_expression
from ranef.means import build
from ranef.means.averaging import averaging_weights
from ranef.means.contrasts import degree_name
from ranef.means.emmeans import MarginalMeans
from ranef.means.grid import ReferenceGrid, grid_frame, grid_rows, reference_grid
from ranef.means.scales import IDENTITY
from ranef.means.specs import Specs, parse_specs
from ranef.means.view import Facts, View

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

_HIGHEST_DEGREE = 5
# Step of the differences as a share of the covariate's range, by degree: rounding grows with the degree.
_STEPS = (1e-3, 1e-2, 3e-2, 1e-1, 1e-1)


@dataclass(frozen=True, slots=True)
class TrendRequest:
    """What a call of `Fit.emtrends` asked for: the means, the variable and the highest degree."""

    means: build.Request
    var: str
    max_degree: int = 1


def emtrends(fit: Fit, request: TrendRequest) -> MarginalMeans:
    """Marginal trends; see `Fit.emtrends`."""
    asked = request.means
    if not 1 <= request.max_degree <= _HIGHEST_DEGREE:
        raise DataError(f"max_degree must be between 1 and {_HIGHEST_DEGREE}, got {request.max_degree!r}")
    specs = parse_specs(asked.specs, asked.by)
    components = build.components_of(fit, asked.component)
    grid = reference_grid(fit, components, asked.at, offset=asked.offset, reduce=asked.cov_reduce)
    functions = fit.model.specification.formula_functions
    is_column = any(request.var == variable.name for variable in grid.variables)
    expression = column_expression(request.var) if is_column else parse_expression(request.var, functions)
    name = _covariate(grid, expression, request.var)
    if request.max_degree > 1 and not expression.is_name:
        raise DataError(f"max_degree is for a trend in a column, not in {request.var!r}")
    kept, rest = build.split_variables(grid, specs)
    frame = grid_frame([*kept, *rest])
    frame[name] = frame[name].astype(np.float64)
    weights = averaging_weights(fit, grid, kept, rest, asked.weights)
    labels = build.label_columns(grid_frame(kept), specs)
    title = re.sub(r"\W+", "_", request.var).strip("_")
    notes = build.averaging_notes(fit, grid, specs, [v for v in rest if v.name != name])
    facts = Facts("trends", f"{title}_trend", None, notes, build.covariate_names(kept))
    parts = []
    for degree in range(1, request.max_degree + 1):
        points = _derivative(fit, asked, grid, frame, name, expression, degree)
        parts.append(build.averaged_means(points, weights, labels, specs.by, View(level=asked.level), facts))
    return parts[0] if request.max_degree == 1 else _by_degree(parts, specs)


def _covariate(grid: ReferenceGrid, expression: Expression, text: str) -> str:
    """The column that a trend is in.

    Raises
    ------
    DataError
        If there is none, or it is a factor.
    """
    if len(expression.variables) != 1:
        raise DataError(f"var must be a covariate such as 'x' or 'log(x)', got {text!r}")
    name = grid.variable(expression.variables[0]).name
    if grid.table[name].is_factor or grid.table[name].values.dtype == np.bool_:
        raise DataError(f"there is no trend in {name!r}: it is a factor; compare its levels by emmeans")
    return name


def _derivative(
    fit: Fit,
    asked: build.Request,
    grid: ReferenceGrid,
    frame: pd.DataFrame,
    name: str,
    expression: Expression,
    degree: int,
) -> build.Points:
    """Taylor coefficient of `degree` of the quantity, in the covariate or an expression of it."""
    values = grid.table[name].numbers()
    step = _STEPS[degree - 1] * float(np.ptp(values))
    nodes = np.arange(degree + 1) - 0.5 * degree
    weights = np.array([(-1.0) ** (degree - k) * math.comb(degree, k) for k in range(degree + 1)])
    shifted = [frame.assign(**{name: frame[name] + node * step}) for node in nodes]
    points = [build.points_at(fit, asked, grid_rows(fit, grid, moved)) for moved in shifted]
    run = np.full(len(frame), step**degree * math.factorial(degree))
    if not expression.is_name:
        memory: Memory = {}
        evaluate(expression, grid.table, "offset", memory)
        ends = [evaluate(expression, open_table(m).columns([name], "var"), "offset", memory) for m in shifted]
        run = np.asarray(ends[1] - ends[0], dtype=np.float64)
    functions = sum(w * p.functions for w, p in zip(weights, points, strict=True)) / run[:, None]
    constant = sum(w * p.constant for w, p in zip(weights, points, strict=True)) / run
    defects = sum(w * p.defects for w, p in zip(weights, points, strict=True)) / run[:, None]
    first = points[0]
    return build.Points(first.basis, functions, np.asarray(constant), np.asarray(defects), first.linear, IDENTITY)


def _by_degree(parts: list[MarginalMeans], specs: Specs) -> MarginalMeans:
    """Trends of several degrees as one table, the degree varying slowest."""
    labels = []
    for degree, part in enumerate(parts, start=1):
        one = part.labels.copy()
        one.insert(len(specs.over), "degree", degree_name(degree))
        labels.append(one)
    first = parts[0]
    return replace(
        first,
        labels=pd.concat(labels, ignore_index=True),
        functions=np.concatenate([p.functions for p in parts]),
        offset=np.concatenate([p.offset for p in parts]),
        defects=np.concatenate([p.defects for p in parts]),
    )
