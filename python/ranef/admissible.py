"""Values that parameters cannot have: negative standard deviations, correlations that no covariance matrix has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ranef.design.design import Design, RandomDesign
from ranef.errors import DataError
from ranef.parameters import Parameter

Floats = NDArray[np.float64]

# Eigenvalue of a matrix of correlations below which it is no longer semidefinite but for rounding.
_INDEFINITE = -1e-9


def check_admissible(parameters: Sequence[Parameter], values: Floats, design: Design) -> None:
    """Refuse standard deviations below zero and correlations outside their structure's range.

    Raises
    ------
    DataError
        Naming the parameter, its value and the range.
    """
    for parameter, value in zip(parameters, values, strict=True):
        if parameter.kind == "sd" and value < 0:
            raise DataError(f"{parameter.name} is {value:g}; a standard deviation is at least 0")
        if parameter.kind == "cor" and not np.isnan(value):  # undetermined beside a variance of zero
            _check_correlation(parameter, float(value), design.terms[parameter.owner])
    for place, term in enumerate(design.terms):
        if term.structure == "us" and len(term.term_names) > 2:
            _check_matrix(place, term, parameters, values)


def _check_correlation(parameter: Parameter, value: float, term: RandomDesign) -> None:
    """The range of one correlation: closed for a pair of effects, open where all effects share it."""
    if abs(value) > 1:
        raise DataError(f"{parameter.name} is {value:g}; a correlation lies in [-1, 1]")
    count = len(term.term_names)
    lowest = -1.0 / (count - 1) if term.structure == "cs" else -1.0
    if term.structure in ("cs", "ar1") and not lowest < value < 1.0:
        what = f"correlation that {count} effects share" if term.structure == "cs" else "autocorrelation"
        reason = "; a lower one no covariance matrix has" if value <= lowest and count > 2 and lowest > -1.0 else ""
        raise DataError(f"{parameter.name} is {value:.12g}; the {what} lies in ({lowest:.6g}, 1){reason}")


def _check_matrix(place: int, term: RandomDesign, parameters: Sequence[Parameter], values: Floats) -> None:
    """Correlations, each in its range, must be possible together."""
    pairs = zip(parameters, values, strict=True)
    own = [(p, v) for p, v in pairs if p.kind == "cor" and p.owner == place and not np.isnan(v)]
    matrix = np.eye(len(term.term_names))
    for parameter, value in own:
        matrix[parameter.row, parameter.col] = matrix[parameter.col, parameter.row] = value
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest < _INDEFINITE:
        listed = ", ".join(f"{parameter.name} = {value:g}" for parameter, value in own)
        raise DataError(
            f"{listed}: no covariance matrix has these correlations together (the smallest eigenvalue of their matrix "
            f"is {smallest:.3g}, it must be at least 0)"
        )
