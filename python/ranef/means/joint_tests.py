"""Joint tests: all of several linear functions at once, and the terms of a model by contrasts of marginal means."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef._core import independent_columns
from ranef.errors import DataError
from ranef.inference.small_sample import f_p_value
from ranef.means import build
from ranef.means.averaging import averaging_weights
from ranef.means.basis import component_basis
from ranef.means.comparisons import Request, contrast
from ranef.means.emmeans import Facts, MarginalMeans, View
from ranef.means.grid import grid_frame, grid_rows, reference_grid
from ranef.means.scales import component_scale
from ranef.means.specs import Names, Specs, read_names
from ranef.means.table import groups

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Linear functions with coefficients below this share of the largest (or of 1) are zero up to rounding.
_ZERO = 1e-9


@dataclass(frozen=True, slots=True)
class JointTest:
    """An F test; with infinite `df_den` the chi-square test divided by its degrees of freedom."""

    df_num: int
    df_den: float
    statistic: float
    p_value: float


def joint_test(means: MarginalMeans, rows: NDArray[np.intp], null: float = 0.0) -> JointTest | None:
    """Whether all functions in `rows` are `null`; None where none of them is estimable or all are zero.

    The statistic is Wald's, over those functions that do not depend on the ones before them. Made orthogonal in their
    order, these have degrees of freedom each, and the smallest are the denominator's.
    """
    chosen = rows[means.estimable[rows]]
    sizes = np.abs(means.functions[chosen]).max(axis=1, initial=0.0)
    chosen = chosen[sizes > _ZERO * max(1.0, sizes.max(initial=0.0))]
    if not len(chosen):
        return None
    independent = chosen[list(independent_columns(np.asfortranarray(means.functions[chosen].T)))]
    functions = means.functions[independent]
    value = functions @ means.basis.estimate + means.offset[independent] - null
    covariance = functions @ means.basis.covariance @ functions.T
    df_num = len(independent)
    statistic = float(value @ np.linalg.solve(covariance, value)) / df_num
    orthogonal, _ = np.linalg.qr(functions.T)
    df_den = float(np.min(means.basis.degrees(orthogonal.T)))
    return JointTest(df_num, df_den, statistic, f_p_value(statistic, df_num, df_den))


def joint_table(means: MarginalMeans, null: float) -> pd.DataFrame:
    """See `MarginalMeans.joint`."""
    made = []
    for key, rows in groups(means):
        test = joint_test(means, rows, null)
        if test is not None:
            made.append((*key, test.df_num, test.df_den, test.statistic, test.p_value))
    return pd.DataFrame(made, columns=[*means.by, "df_num", "df_den", "statistic", "p_value"])


def joint_tests(fit: Fit, by: Names | None, component: str, ddf: str | None) -> pd.DataFrame:
    """See `Fit.joint_tests`."""
    split = read_names(by, "by")
    grid = reference_grid(fit, build.components_of(fit, component), reduce=_around_mean)
    for name in split:
        grid.variable(name)
    frame = grid_frame(grid.variables)
    rows = grid_rows(fit, grid, frame)
    basis, scale = component_basis(fit, component, ddf), component_scale(fit, component)
    made: list[tuple[Any, ...]] = []
    for names in _tested(fit, component, grid.names, split):
        kept, rest = build.split_variables(grid, Specs(names, split))
        means = _means_over(fit, grid, frame, rows, basis, scale, kept, rest, Specs(names, split))
        compared = contrast(means, Request(interaction="consec", adjust="none"))
        for key, places in groups(compared):
            test = joint_test(compared, places)
            if test is not None:
                made.append((":".join(names), *key, test.df_num, test.df_den, test.statistic, test.p_value))
    if not made:
        raise DataError(f"component {component!r} has no term to test" + (" beside by" if split else ""))
    return pd.DataFrame(made, columns=["term", *split, "df_num", "df_den", "statistic", "p_value"])


def _around_mean(values: Floats) -> Floats:
    """A covariate at its mean -+ 1: its contrast is its slope, and averages over it stand at its mean."""
    return np.asarray(values.mean() + np.array([-1.0, 1.0]))


def _tested(fit: Fit, component: str, names: Sequence[str], split: Sequence[str]) -> list[tuple[str, ...]]:
    """Sets of variables that some term of the model has together, by size, those of `by` left out."""
    predictor = fit.design.predictors[fit.predictor_place(component)]
    found: dict[tuple[str, ...], None] = {}
    for term in predictor.fixed.spec.matrix.terms.terms:
        inside = {name for factor in term for name in factor.variables}
        free = [name for name in names if name in inside and name not in split]
        for size in range(1, len(free) + 1):
            found.update(dict.fromkeys(itertools.combinations(free, size)))
    order = {name: k for k, name in enumerate(names)}
    return sorted(found, key=lambda s: (len(s), [order[n] for n in s]))


def _means_over(
    fit: Fit, grid: Any, frame: pd.DataFrame, rows: Any, basis: Any, scale: Any, kept: Any, rest: Any, specs: Specs
) -> MarginalMeans:
    """Means over some axes of a grid whose linear functions are known."""
    position = frame.reset_index().set_index(list(grid.names))["index"]
    wanted = grid_frame([*kept, *rest])[list(grid.names)]
    order = (
        position.loc[list(wanted.itertuples(index=False, name=None))].to_numpy()
        if len(grid.names) > 1
        else (position.loc[wanted[grid.names[0]]].to_numpy())
    )
    points = build.Points(basis, rows.matrices[0][order], rows.offsets[0][order], rows.defects[order], True, scale)
    weights = averaging_weights(fit, grid, kept, rest, "equal")
    labels = build.label_columns(grid_frame(kept), specs)
    return build.averaged_means(points, weights, labels, specs.by, View(), Facts("means", "emmean"))


__all__ = ["JointTest", "joint_table", "joint_test", "joint_tests"]
