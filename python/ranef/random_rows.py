"""Rows at chosen values of the covariates of random slopes, all else left as it is."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.build import new_design
from ranef.design.frame import open_table
from ranef.errors import DataError

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RandomRows:
    """The random effects' columns at a grid of covariate values.

    Attributes
    ----------
    labels : the grid, named by covariate
    bases : per random term of the conditional model its basis (m, q) or column (m,), as in `NewTerm`
    """

    labels: pd.Index
    bases: tuple[tuple[Floats | None, NDArray[Any] | None], ...]

    @property
    def count(self) -> int:
        """Rows of the grid."""
        return len(self.labels)


def random_rows(fit: Fit, at: object) -> RandomRows:
    """The grid of all combinations of the values in `at`; other covariates of random slopes stay at their means.

    Raises
    ------
    DataError
        If a name is no covariate of a random slope, or a factor with a random slope has no value in `at`.
    """
    if not isinstance(at, Mapping) or not at:
        raise DataError(f"at must be a dict of values by covariate, such as {{'Days': [0, 5, 9]}}, got {at!r}")
    terms = [t for t in fit.design.terms if t.component == "cond"]
    slopes = sorted({name for t in terms for name in t.spec.term.effects.variables})
    for name in at:
        if name not in slopes:
            offered = f"there are: {', '.join(map(repr, slopes))}" if slopes else "the model has none"
            raise DataError(f"at: {name!r} is no covariate of a random slope; {offered}")
    values = {name: np.atleast_1d(np.asarray(given)) for name, given in at.items()}
    grid = list(itertools.product(*values.values()))
    chosen = {name: [row[k] for row in grid] for k, name in enumerate(values)}
    groups = {name for t in terms for name in t.spec.term.groups}
    frame = _frame(fit, chosen, slopes, groups - set(slopes), len(grid))
    wanted = [t.component == "cond" for t in fit.design.terms]
    new = new_design(fit.design, frame, components=(), terms=wanted, allow_new_levels=True)
    labels = _labels(list(values), grid)
    return RandomRows(labels, tuple((t.basis, t.column) for t in new.terms if t is not None))


def _labels(names: Sequence[str], grid: Sequence[tuple[Any, ...]]) -> pd.Index:
    if len(names) == 1:
        return pd.Index([row[0] for row in grid], name=names[0])
    return pd.MultiIndex.from_tuples(grid, names=list(names))


def _frame(
    fit: Fit, chosen: dict[str, list[Any]], slopes: Sequence[str], groups: Collection[str], rows: int
) -> pd.DataFrame:
    """The columns of the random terms: those chosen, slopes' covariates at their means, any level of each group."""
    table = open_table(fit.data).columns([*slopes, *groups], fit.formula).take(fit.design.kept)
    made: dict[str, Any] = dict(chosen)
    for name in slopes:
        if name in chosen:
            continue
        if table[name].is_factor:
            raise DataError(f"at: {name!r} has random slopes and is a factor: give its value in at")
        made[name] = np.full(rows, table[name].numbers().mean())
    for name in groups:
        codes, levels = table[name].factor()
        made[name] = [levels[codes[0]]] * rows
    return pd.DataFrame(made)
