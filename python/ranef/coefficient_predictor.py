"""Predictions as a function of the coefficients: what delta methods outside this package differentiate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.integrate import average, spreads
from ranef.linear import contribution
from ranef.plots.grid import predictor_variables
from ranef.predict import Target
from ranef.rows import rows_for

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CoefficientPredictor:
    """Predictions at any coefficients, for rows given as one array.

    The array (m, sum p + 2K) holds the matrices of the K linear predictors side by side, then what is added to each
    (offsets and kept random effects), then the standard deviations of the random effects to integrate over.

    Attributes
    ----------
    target : the function of the linear predictors that is predicted
    treatments : of every random term, as in `Fit.predict`
    """

    fit: Fit
    target: Target
    treatments: tuple[str, ...]

    @property
    def sizes(self) -> list[int]:
        """Numbers of coefficients of the linear predictors."""
        return [len(p.fixed.names) for p in self.fit.design.predictors]

    def columns(self) -> list[str]:
        """Columns of the data that predictions read."""
        design = self.fit.design
        names = [name for p in design.predictors for name in predictor_variables(p)]
        for term, treatment in zip(design.terms, self.treatments, strict=True):
            if treatment != "zero":
                names += [*term.spec.term.groups, *term.spec.term.effects.variables]
        return list(dict.fromkeys(names))

    def rows(self, newdata: pd.DataFrame) -> Floats:
        """The array of `newdata`; NaN in rows with missing values."""
        fit = self.fit
        kept = [t == "include" for t in self.treatments]
        integrated = [t == "integrate" for t in self.treatments]
        needed = [a or b for a, b in zip(kept, integrated, strict=True)]
        rows = rows_for(fit, newdata, needed, False, _mean_offset(fit, len(newdata)))
        added = [offset.copy() for offset in rows.offsets]
        for term, design, modes, keep in zip(rows.terms, fit.design.terms, fit.estimate.modes, kept, strict=True):
            if term is not None and keep:
                added[fit.predictor_place(design.component)] += contribution(
                    modes, term.levels, term.basis, term.column
                )
        complete = np.hstack([*rows.matrices, np.column_stack(added), spreads(fit, rows, integrated)])
        made = np.full((rows.kept.size, complete.shape[1]), np.nan)
        made[rows.kept] = complete
        return made

    def __call__(self, coefficients: Floats, rows: Floats) -> Floats:
        """Predictions (m,) at the coefficients of all linear predictors, one after the other."""
        sizes = self.sizes
        ends = np.cumsum([0, *sizes])
        known = ~np.isnan(rows).any(axis=1)
        here = rows[known]
        eta = [
            np.ascontiguousarray(here[:, a:b] @ coefficients[a:b] + here[:, ends[-1] + k])
            for k, (a, b) in enumerate(pairwise(ends))
        ]
        made = np.full(len(rows), np.nan)
        made[known] = average(self.target, eta, here[:, ends[-1] + len(sizes) :]).value
        return made


def _mean_offset(fit: Fit, count: int) -> Floats | None:
    given = fit.model.specification.offset
    if given is None or isinstance(given, str):
        return None
    return np.full(count, np.asarray(given, dtype=np.float64)[fit.design.kept].mean())
