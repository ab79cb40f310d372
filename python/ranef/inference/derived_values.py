"""Statistics: functions of a fit that give a number, or several by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from ranef.errors import DataError

if TYPE_CHECKING:
    from ranef.result import Fit

Statistic: TypeAlias = "Callable[[Fit], float | pd.Series]"


def evaluate(statistic: Statistic, fit: Fit) -> pd.Series:
    """What `statistic` makes of a fit, as a Series of floats.

    Raises
    ------
    DataError
        If the statistic raises, or gives something else than a number or a Series of numbers.
    """
    try:
        found = statistic(fit)
    except Exception as error:
        raise DataError(f"the statistic raised {type(error).__name__}: {error}") from error
    try:
        if isinstance(found, pd.Series):
            return found.astype(np.float64)
        return pd.Series([float(found)], index=[_name(statistic)])
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the statistic gave {type(found).__name__}; it must give a number, or a Series of numbers by name"
        ) from error


def _name(statistic: Statistic) -> str:
    name = getattr(statistic, "__name__", "value")
    return "value" if name == "<lambda>" else name
