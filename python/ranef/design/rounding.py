"""Columns that are dropped though they are not dependent: their digits do not suffice beside others."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ranef.callers import caller_level
from ranef.design.columns import Floats
from ranef.errors import DesignWarning

# Shares of a column outside the span of others: below the first it is rounding, above the second it is information
# that remains once both are centred.
_ROUNDING = 1e-11
_INDEPENDENT = 1e-7


def warn_of_rounding(matrix: Floats, names: Sequence[str], kept: Sequence[int]) -> None:
    """Warn of dropped columns that differ from all combinations of those before them, by too little to compute with."""
    lost = [k for k in range(matrix.shape[1]) if k not in kept]
    lost = [k for k in lost if _differs(matrix[:, k], matrix[:, [j for j in kept if j < k]])]
    if lost:
        them = "it" if len(lost) == 1 else "them"
        warnings.warn(
            f"{', '.join(repr(names[k]) for k in lost)} left out: beside the columns before {them}, too few digits are "
            f"left to tell {them} apart; move the origin or change the unit, as in I(x - mean(x))",
            DesignWarning,
            stacklevel=caller_level(),
        )


def _differs(column: Floats, before: Floats) -> bool:
    """Whether more than rounding is left of a column beside others, as it stands or about its mean."""
    if _share_outside(column, before) > _ROUNDING:
        return True
    flat = np.ptp(before, axis=0) == 0
    if not flat.any() or np.ptp(column) == 0:
        return False
    others = _centred(before[:, ~flat])
    return _share_outside(_centred(column), others) > _INDEPENDENT


def _centred(columns: Floats) -> Floats:
    shifted = columns - columns[0]
    return np.asarray(shifted - shifted.mean(axis=0))


def _share_outside(column: Floats, others: Floats) -> float:
    """Length of what the others' span leaves of a column, as a share of its own."""
    basis, _ = np.linalg.qr(others)
    left = column - basis @ (basis.T @ column)
    left = left - basis @ (basis.T @ left)
    length = float(np.linalg.norm(column))
    return float(np.linalg.norm(left)) / length if length > 0 else 0.0
