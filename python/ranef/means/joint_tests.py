"""Joint tests: all of several linear functions at once, and the terms of a model by contrasts of marginal means."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef._core import independent_columns
from ranef.callers import caller_level
from ranef.errors import ConvergenceWarning, DataError
from ranef.inference.small_sample import f_p_value
from ranef.invertible import invertible
from ranef.means import build
from ranef.means.averaging import averaging_weights
from ranef.means.comparisons import Request, contrast
from ranef.means.emmeans import MarginalMeans
from ranef.means.grid import ReferenceGrid, grid_frame, grid_rows, reference_grid
from ranef.means.specs import Names, Specs, read_names
from ranef.means.table import groups
from ranef.means.view import Facts, View

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
    """Whether all functions in `rows` are `null`; None where none of them is estimable or all are constants.

    The statistic is Wald's, over those functions that do not depend on the ones before them. Made orthogonal in their
    order, these have degrees of freedom each, and the smallest are the denominator's.
    """
    chosen = rows[means.estimable[rows]]
    # Coefficients that are held have no variance and make no difference between functions.
    free = means.functions[:, np.diag(means.basis.covariance) > 0]
    sizes = np.abs(free[chosen]).max(axis=1, initial=0.0)
    unknown = means.basis.unknown_in(means.functions[chosen])
    if unknown.any():
        return _without_error(means, int(unknown.sum()))
    chosen = chosen[sizes > _ZERO * max(1.0, sizes.max(initial=0.0))]
    if not len(chosen):
        return None
    independent = chosen[list(independent_columns(np.asfortranarray(free[chosen].T)))]
    functions = means.functions[independent]
    value = functions @ means.basis.estimate + means.offset[independent] - null
    covariance = functions @ means.basis.covariance @ functions.T
    df_num = len(independent)
    with invertible("the covariance of the means that are tested"):
        statistic = float(value @ np.linalg.solve(covariance, value)) / df_num
    orthogonal, _ = np.linalg.qr(functions.T)
    df_den = float(np.min(means.basis.degrees(orthogonal.T)))
    return JointTest(df_num, df_den, statistic, f_p_value(statistic, df_num, df_den))


def _without_error(means: MarginalMeans, count: int) -> JointTest:
    """No test: some coefficient has no standard error."""
    names = ", ".join(name for name in means.basis.unknown if name)
    warnings.warn(
        f"there is no joint test of what needs {names}, which has no standard error: diagnose() says why",
        ConvergenceWarning,
        stacklevel=caller_level(),
    )
    return JointTest(count, float("nan"), float("nan"), float("nan"))


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
    request = build.Request("~ 1", component=component, ddf=ddf)
    grid = reference_grid(fit, build.components_of(fit, component), reduce=_around_mean)
    for name in split:
        grid.variable(name)
    terms = _term_variables(fit, component)
    made: list[tuple[Any, ...]] = []
    for names in _tested(terms, grid.names, split):
        specs = Specs(names, split)
        means = _means(fit, request, _reduced(grid, terms, names, split), specs)
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


def _term_variables(fit: Fit, component: str) -> list[set[str]]:
    """The variables of each term of a component."""
    terms = fit.design.predictors[fit.predictor_place(component)].fixed.spec.matrix.terms.terms
    return [{name for factor in term for name in factor.variables} for term in terms]


def _tested(terms: Sequence[set[str]], names: Sequence[str], split: Sequence[str]) -> list[tuple[str, ...]]:
    """Sets of variables that some term of the model has together, by size, those of `by` left out."""
    found: dict[tuple[str, ...], None] = {}
    for inside in terms:
        free = [name for name in names if name in inside and name not in split]
        for size in range(1, len(free) + 1):
            found.update(dict.fromkeys(itertools.combinations(free, size)))
    order = {name: k for k, name in enumerate(names)}
    return sorted(found, key=lambda s: (len(s), [order[n] for n in s]))


def _reduced(
    grid: ReferenceGrid, terms: Sequence[set[str]], names: Sequence[str], split: Sequence[str]
) -> ReferenceGrid:
    """The grid with one value of every variable that the contrasts over `names` do not depend on.

    They keep the terms that have all of `names`; other variables of these terms are averaged over.
    """
    together = set(split).union(names, *(inside for inside in terms if inside.issuperset(names)))
    return replace(
        grid, variables=tuple(v if v.name in together else replace(v, values=v.values[:1]) for v in grid.variables)
    )


def _means(fit: Fit, request: build.Request, grid: ReferenceGrid, specs: Specs) -> MarginalMeans:
    """Means on the link scale, averaged with equal weights."""
    kept, rest = build.split_variables(grid, specs)
    points = build.points_at(fit, request, grid_rows(fit, grid, grid_frame([*kept, *rest])))
    weights = averaging_weights(fit, grid, kept, rest, "equal")
    labels = build.label_columns(grid_frame(kept), specs)
    return build.averaged_means(points, weights, labels, specs.by, View(), Facts("means", "emmean"))
