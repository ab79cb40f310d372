"""The covariance that tests of coefficients use: the model's, a robust one by name, or the caller's own matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ranef import tables
from ranef.errors import DataError
from ranef.inference.sandwich import TYPES, RobustType, robust_vcov
from ranef.information import INFORMATION, Information

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
VcovChoice: TypeAlias = Information | RobustType | pd.DataFrame | ArrayLike | None


def chosen_information(fit: Fit, choice: VcovChoice) -> tuple[Fit, VcovChoice]:
    """The fit by the information that `choice` names, and what of the choice is left to `chosen_errors`."""
    if isinstance(choice, str) and choice in INFORMATION:
        return fit.with_information(choice), None
    return fit, choice


def chosen_errors(fit: Fit, component: str, choice: VcovChoice) -> Floats:
    """Standard errors (p,) of a component's coefficients.

    `choice` None: the model's; ``"CR0"``, ``"CR1"``, ``"CR2"``: robust, by the outermost grouping factor; a matrix
    (p, p): of the conditional coefficients, the other components keep the model's.

    Raises
    ------
    DataError
        For another word, or a matrix of other coefficients.
    """
    if isinstance(choice, str):
        if choice not in TYPES:
            raise DataError(
                f"vcov must be 'expected', 'observed', 'CR0', 'CR1', 'CR2' or a covariance matrix, got {choice!r}"
            )
        return np.sqrt(np.diag(robust_vcov(fit, component, choice, None)))
    if choice is None or component != "cond":
        return np.sqrt(np.diag(tables.vcov(fit, component, full=False)))
    return np.sqrt(np.diag(_checked_matrix(fit, choice)))


def _checked_matrix(fit: Fit, given: pd.DataFrame | ArrayLike) -> Floats:
    names = list(tables.coefficient_names(fit, "cond"))
    if isinstance(given, pd.DataFrame) and set(map(str, given.index)) == set(map(str, given.columns)) == set(names):
        given = given.loc[names, names]
    elif isinstance(given, pd.DataFrame):
        raise DataError(f"vcov is of {', '.join(map(str, given.index))}; the coefficients are {', '.join(names)}")
    try:
        matrix = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"vcov must be 'expected', 'observed', 'CR0', 'CR1', 'CR2' or a matrix of numbers: {error}"
        ) from error
    if matrix.shape != (len(names), len(names)):
        raise DataError(f"vcov has shape {matrix.shape}; there are {len(names)} coefficients ({', '.join(names)})")
    if not np.isfinite(matrix).all() or (np.diag(matrix) < 0).any():
        raise DataError("vcov has entries that are not finite, or negative variances")
    return matrix
