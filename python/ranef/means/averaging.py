"""Averages over the factors of the grid that a mean is not asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranef.errors import DataError
from ranef.means.grid import ReferenceGrid, cell_counts
from ranef.means.variable import GridVariable

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Weighting = str | ArrayLike | Mapping[str, ArrayLike]

WEIGHTINGS = ("equal", "proportional", "outer", "cells")


def averaging_weights(
    fit: Fit, grid: ReferenceGrid, kept: Sequence[GridVariable], rest: Sequence[GridVariable], weights: Weighting
) -> Floats:
    """Weights (kept cells, cells of the rest) that every mean is an average with; rows sum to one.

    Parameters
    ----------
    fit, grid : the model and its reference grid
    kept : variables that the means are asked for
    rest : variables that are averaged over
    weights : ``"equal"``; ``"proportional"`` to the frequencies of the rest's combinations; ``"outer"`` to the product
        of each factor's own frequencies; ``"cells"`` to the frequencies within each kept cell; one number a
        combination of the rest (the last variable varies fastest), or ``{factor: one number a level}``

    Returns
    -------
    NaN in the rows of cells without data, for ``"cells"``.

    Raises
    ------
    DataError
        If there is no such weighting, or own weights do not fit.
    """
    rows = int(np.prod([len(v.values) for v in kept], dtype=np.intp))
    columns = int(np.prod([len(v.values) for v in rest], dtype=np.intp))
    if isinstance(weights, str):
        made = _by_name(weights, fit, grid, kept, rest, (rows, columns))
    else:
        made = np.broadcast_to(_own(weights, rest), (rows, columns))
    if columns == 1:
        return np.ones((rows, 1))
    totals = made.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(made / totals)


def _by_name(
    weights: str,
    fit: Fit,
    grid: ReferenceGrid,
    kept: Sequence[GridVariable],
    rest: Sequence[GridVariable],
    shape: tuple[int, int],
) -> Floats:
    if weights == "equal":
        return np.ones(shape)
    if weights == "cells":
        return cell_counts(fit, grid, [*kept, *rest]).reshape(shape)
    if weights == "proportional":
        return np.broadcast_to(cell_counts(fit, grid, rest).reshape(1, -1), shape)
    if weights == "outer":
        return np.broadcast_to(_outer([cell_counts(fit, grid, [v]) for v in rest]), shape)
    raise DataError(
        f"weights must be one of {', '.join(map(repr, WEIGHTINGS))}, numbers, or {{factor: numbers}}, got {weights!r}"
    )


def _own(weights: ArrayLike | Mapping[str, ArrayLike], rest: Sequence[GridVariable]) -> Floats:
    """Own weights (combinations of the rest,)."""
    if isinstance(weights, Mapping):
        names = [v.name for v in rest]
        unknown = [name for name in weights if name not in names]
        if unknown:
            averaged = f"averaged over: {', '.join(names)}" if names else "nothing is averaged over"
            raise DataError(f"weights are given for {unknown[0]!r}, which the means are not averaged over; {averaged}")
        usual = [np.ones(len(v.values)) for v in rest]
        return _outer([_checked(weights.get(v.name, u), len(u), v.name) for v, u in zip(rest, usual, strict=True)])
    count = int(np.prod([len(v.values) for v in rest], dtype=np.intp))
    return _checked(weights, count, " x ".join(v.name for v in rest) or "nothing")


def _checked(weights: Any, count: int, over: str) -> Floats:
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (count,):
        raise DataError(f"weights are {values.size} numbers, but the means are averaged over {count} values ({over})")
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise DataError(f"weights over {over} must be finite, not negative, and not all zero; got {weights!r}")
    return values


def _outer(each: Sequence[Floats]) -> Floats:
    made = np.ones(1)
    for values in each:
        made = np.outer(made, values).ravel()
    return made
