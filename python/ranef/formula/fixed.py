"""Model matrices by formulaic: stateful transforms, contrasts, structural full rank. The only file that imports it."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError, FormulaError
from ranef.formula.expression import without_aliases
from ranef.formula.functions import FUNCTIONS, natural_spline

Floats = NDArray[np.float64]


def model_matrix(text: str, frame: pd.DataFrame) -> tuple[Floats, tuple[str, ...], Any]:
    """Matrix of the terms in `text`, its column names, and the memory that treats new data alike.

    Parameters
    ----------
    text : expanded terms in formulaic's language, ``"1 + x + poly(z, 2)"``
    frame : the columns that the terms read, by their aliases, without missing values

    Returns
    -------
    matrix : array (n, p), float64, Fortran order
    names : formulaic's column names
    spec : formulaic's ModelSpec; it can be pickled

    Raises
    ------
    FormulaError
        If a term cannot be evaluated.
    """
    from formulaic import Formula

    return _evaluate(Formula(text), without_aliases(text), frame)


def rebuild_matrix(spec: Any, frame: pd.DataFrame) -> Floats:
    """The matrix of new data, with the knots, contrasts and centres of the old."""
    matrix, _, _ = _evaluate(spec, without_aliases(str(spec.formula)), frame)
    return matrix


def _evaluate(recipe: Any, text: str, frame: pd.DataFrame) -> tuple[Floats, tuple[str, ...], Any]:
    from formulaic.errors import FormulaicError

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            built = recipe.get_model_matrix(frame, context=_context(), na_action="ignore")
    except (FormulaicError, SyntaxError, TypeError, ValueError) as error:
        cause = error.__cause__
        if isinstance(cause, ValueError) and "bounds" in str(cause):
            raise DataError(
                f"new values lie outside the range of the data that bs(...) in {text!r} was built on: "
                f"write bs(..., extrapolation='extend'), or ns(...), which continues as a straight line"
            ) from error
        raise FormulaError(f"cannot evaluate the terms {text!r}: {cause or error}") from error
    matrix = np.asfortranarray(built.to_numpy(dtype=np.float64))
    return matrix, tuple(without_aliases(str(name)) for name in built.columns), built.model_spec


@cache
def _context() -> dict[str, Any]:
    from formulaic.utils.stateful_transforms import stateful_transform

    return {**FUNCTIONS, "pi": np.pi, "ns": stateful_transform(natural_spline)}


def restored_spec(text: str, frame: pd.DataFrame, transform_state: dict[str, Any]) -> Any:
    """formulaic's memory of the terms in `text`, from that of its transforms and a table with every level in it."""
    from formulaic import Formula, ModelSpec

    recipe = ModelSpec(formula=Formula(text), transform_state=dict(transform_state))
    _, _, spec = _evaluate(recipe, text, frame)
    return spec


def columns_by_term(spec: Any) -> tuple[int, ...]:
    """How many columns each term of a formulaic specification has, the intercept's first where there is one."""
    return tuple(len(term.columns) for term in spec.structure)
