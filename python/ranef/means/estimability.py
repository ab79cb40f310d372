"""Which linear functions of the coefficients the data determine.

With X = [X_k, X_d], the columns that a rank-deficient design kept and dropped, X_d = X_k A exactly. The function
l_k' b_k + l_d' b_d has the same value for all solutions of the least-squares problem, is *estimable*, if and only if
l_d = A' l_k (Searle 1971, Linear Models, section 5.4: l is orthogonal to the null space of X). l_d - A' l_k is its
*defect*; it is linear in l, so that of an average or a contrast is the average or contrast of the defects.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.design import FixedDesign
from ranef.design.fixed import FixedSpec, rebuild
from ranef.design.frame import Table, open_table

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Defects up to this size, relative to 1 or to the row's largest entry, are rounding.
_TOLERANCE = 1e-8


def defects(fixed: FixedDesign, table: Table, points: pd.DataFrame) -> Floats:
    """Defects (m, r) of the rows of `points`, r the number of dropped columns.

    Parameters
    ----------
    fixed : the fitted fixed effects of one linear predictor
    table : the columns of the rows of the fit
    points : the points that the linear predictor is wanted at
    """
    if not fixed.dropped:
        return np.zeros((len(points), 0))
    spec: FixedSpec = fixed.spec
    kept = list(spec.kept)
    dropped = [k for k in range(len(spec.matrix.names)) if k not in set(kept)]
    fitted = rebuild(spec.matrix, table)
    relation, *_ = np.linalg.lstsq(fitted[:, kept], fitted[:, dropped], rcond=None)
    wanted = rebuild(spec.matrix, open_table(points).columns(list(points.columns), "emmeans"))
    size = np.maximum(1.0, np.abs(wanted).max(axis=1, keepdims=True))
    return np.asarray((wanted[:, dropped] - wanted[:, kept] @ relation) / size)


def indicators(defect: Floats) -> Floats:
    """Defects (m, k) of functions that are not linear: nothing but itself makes up for one that is not estimable."""
    unknown = np.flatnonzero(~estimable(defect))
    made = np.zeros((len(defect), len(unknown)))
    made[unknown, np.arange(len(unknown))] = 1.0
    return made


def estimable(defect: Floats) -> Bools:
    """Whether each row (m, r) of defects is zero up to rounding."""
    if not defect.shape[1]:
        return np.ones(len(defect), dtype=np.bool_)
    return np.asarray(np.abs(defect).max(axis=1) < _TOLERANCE)
