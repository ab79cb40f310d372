"""Rows to draw a curve through: some variables run over values, the others are held at typical ones.

Numeric variables stand at their means. Factors are averaged over, with equal weights and on the linear predictor's
scale, as marginal means are: rows of the model matrices are averages over all combinations of the other factors'
levels.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.design import PredictorDesign
from ranef.design.frame import open_table
from ranef.errors import DataError
from ranef.integrate import average, spreads
from ranef.new_levels import half_widths
from ranef.plots.choose import choose
from ranef.predict import Request, averaged_error, confidence_interval, target_of
from ranef.rows import Rows, linear_predictors, predictor_covariance, rows_for

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Rows of a grid with its averages written out: more asks for a choice of levels.
_MOST_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Variable:
    """A column that the fixed effects or offsets read, in the rows that entered the fit.

    Attributes
    ----------
    name : of the column
    numbers : (n,), None for a factor
    codes : (n,) level of every row; None for numbers
    levels : of a factor, else empty
    """

    name: str
    numbers: Floats | None
    codes: NDArray[np.int32] | None
    levels: tuple[Any, ...]

    @property
    def is_factor(self) -> bool:
        """Whether the model takes it by levels."""
        return self.numbers is None

    def typical(self) -> tuple[Any, ...]:
        """Values to average over: the mean, or all levels."""
        return self.levels if self.numbers is None else (float(self.numbers.mean()),)


def variables(fit: Fit) -> dict[str, Variable]:
    """Variables of the fixed effects and offsets of all components, by name.

    Raises
    ------
    DataError
        If the fit was loaded from a file, which holds no data.
    """
    fit.require_data("a picture of the data")
    levels: dict[str, pd.Index] = {}
    names: list[str] = []
    for predictor in fit.design.predictors:
        names += predictor_variables(predictor)
        levels |= predictor.fixed.spec.matrix.levels
    source = open_table(fit.data)
    table = source.columns(dict.fromkeys(names), "the model").take(fit.design.kept)
    made = {}
    for name in dict.fromkeys(names):
        column = table[name]
        if name in levels:
            made[name] = Variable(name, None, column.codes_in(levels[name]), tuple(levels[name]))
        elif column.values.dtype == np.bool_:
            made[name] = Variable(name, None, column.values.astype(np.int32), (False, True))
        else:
            made[name] = Variable(name, column.numbers(), None, ())
    return made


def predictor_variables(predictor: PredictorDesign) -> list[str]:
    """Columns that a linear predictor's fixed effects and offsets read."""
    made = list(predictor.fixed.spec.matrix.terms.variables)
    for source in predictor.offset_sources:
        if source.expression is not None:
            made += source.expression.variables
    return made


def held_values(
    known: Mapping[str, Variable], focal: Sequence[str], at: Mapping[str, Any] | None
) -> dict[str, tuple[Any, ...]]:
    """Values of every variable that does not run: those of `at`, or typical ones.

    Raises
    ------
    DataError
        If `at` names a variable that runs or is unknown, or a level that is not the factor's.
    """
    held = {name: variable.typical() for name, variable in known.items() if name not in focal}
    for name, value in (at or {}).items():
        if name in focal:
            raise DataError(f"at[{name!r}]: {name} is what the picture runs over, it cannot be held")
        variable = known[choose(name, list(known), "variable of the fixed effects")]
        if variable.is_factor:
            held[name] = (_level(variable, value),)
        else:
            held[name] = (_number(name, value),)
    return held


def _level(variable: Variable, value: Any) -> Any:
    if value in variable.levels:
        return value
    chosen = choose(str(value), [str(level) for level in variable.levels], f"level of {variable.name!r} called")
    return next(level for level in variable.levels if str(level) == chosen)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"at[{name!r}] must be a number, got {value!r}") from error


def average_rows(fit: Fit, focal: pd.DataFrame, held: Mapping[str, tuple[Any, ...]]) -> Rows:
    """Rows of the population, one for each of `focal`, averaged over the combinations of the values `held`.

    Raises
    ------
    DataError
        If there are too many combinations.
    """
    combinations = reduce(lambda count, values: count * len(values), held.values(), 1)
    if combinations * len(focal) > _MOST_ROWS:
        widest = max(held, key=lambda name: len(held[name]))
        raise DataError(
            f"averaging over {combinations} combinations of factor levels is too much; hold one of them, "
            f"at={{{widest!r}: ...}}"
        )
    columns = {name: np.repeat(focal[name].to_numpy(), combinations) for name in focal}
    for name, values in zip(held, zip(*itertools.product(*held.values()), strict=True), strict=True):
        columns[name] = np.tile(_array(values), len(focal))
    grid = pd.DataFrame(columns, index=range(combinations * len(focal)))
    rows = rows_for(fit, grid, [False] * len(fit.design.terms), False, _array_offset(fit, len(grid)))
    count = len(focal)
    return Rows(
        matrices=tuple(np.asfortranarray(m.reshape(count, combinations, -1).mean(axis=1)) for m in rows.matrices),
        offsets=tuple(o.reshape(count, combinations).mean(axis=1) for o in rows.offsets),
        terms=rows.terms,
        index=pd.RangeIndex(count),
        kept=np.ones(count, dtype=np.bool_),
        trials=None,
    )


def _array(values: Sequence[Any]) -> NDArray[Any]:
    """Booleans as such, all else as it is: an array of mixed types would turn levels into text."""
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made.astype(type(values[0])) if isinstance(values[0], bool | int | float) else made


def _array_offset(fit: Fit, count: int) -> Floats | None:
    """The mean of an offset that was given as an array."""
    given = fit.model.specification.offset
    if given is None or isinstance(given, str):
        return None
    values = np.asarray(given, dtype=np.float64)[fit.design.kept]
    return np.full(count, values.mean())


def predict_rows(fit: Fit, rows: Rows, kind: str, level: float) -> pd.DataFrame:
    """Population predictions at `rows`: ``estimate``, ``std_error``, ``conf_low``, ``conf_high``."""
    request = Request(type=kind, re_form="~0", interval="confidence", level=level)
    none = [False] * len(fit.design.terms)
    target = target_of(fit, kind)
    eta = linear_predictors(fit, rows, none)
    averaged = average(target, eta, spreads(fit, rows, none))
    covariance = predictor_covariance(fit, rows, none)
    std_error = averaged_error(fit, rows, none, averaged, covariance)
    widths = half_widths(fit, rows, none, covariance, level)
    ends = confidence_interval(fit, request, target, eta, averaged, std_error, covariance, widths)
    return pd.DataFrame({"estimate": averaged.value, "std_error": std_error, **ends})


def observed(fit: Fit) -> Floats:
    """The response of the rows that entered the fit: proportions where there are trials."""
    response = fit.design.response
    return response.values if response.trials is None else response.values / response.trials


def scale_label(fit: Fit, kind: str) -> str:
    """What a prediction type is called on an axis."""
    if kind == "link":
        return f"linear predictor ({fit.family.link})"
    if kind in ("response", "conditional"):
        return _mean_label(fit)
    return {
        "zprob": "probability of a structural zero",
        "zlink": "zero inflation, logit",
        "disp": fit.family.dispersion_name() or "dispersion",
        "dlink": fit.family.dispersion,
    }[kind]


def _mean_label(fit: Fit) -> str:
    """``probability of incidence`` for ``cbind(incidence, ...)``, ``mean of count``."""
    response = fit.design.response
    if response.levels is not None:
        return f"probability of {response.name} = {response.levels[-1]}"
    if response.form == "cbind":
        return f"probability of {response.name.removeprefix('cbind(').partition(',')[0].strip()}"
    return f"probability of {response.name}" if fit.family.has_trials else f"mean of {response.name}"
