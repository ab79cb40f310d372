"""Readable names of a model's parameters, and the scales on which their uncertainty is judged.

Fixed effects go by their coefficient (``Days``), those of other components with a prefix (``zi:Intercept``); a
constant dispersion by the family's own name for it (``log_phi``). Random effects: ``sd(Days|Subject)``,
``cor(Days,Intercept|Subject)`` (row before column), ``zi:sd(Intercept|site)``.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef import _core
from ranef.design.design import Design, RandomDesign
from ranef.errors import DataError
from ranef.families import Family

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One entry of the parameter vector.

    Attributes
    ----------
    name : readable and unique
    kind : ``"beta"``, ``"sd"`` or ``"cor"``
    component : ``"cond"``, ``"zi"`` or ``"disp"``
    group : grouping factor, None for a fixed effect
    term : coefficient name, or the names of a standard deviation's or correlation's effects
    owner : index of the predictor (beta) or random term
    row, col : place inside the owner, -1 where shared by all
    """

    name: str
    kind: str
    component: str
    group: str | None
    term: str
    owner: int
    row: int
    col: int


def difference_step(parameter: Parameter, value: float, share: float) -> float:
    """Step for differences of a covariance in one of its parameters: a share of a standard deviation, or of one."""
    return share * (abs(value) if parameter.kind == "sd" and value != 0.0 else 1.0)


def name_parameters(infos: Sequence[_core.ParameterInfo], design: Design, family: Family) -> tuple[Parameter, ...]:
    """Names for the core's parameter vector, in its order."""
    made: list[Parameter] = []
    position: Counter[int] = Counter()
    for info in infos:
        if info.kind == "beta":
            made.append(_coefficient(info.owner, position[info.owner], design, family))
            position[info.owner] += 1
        else:
            made.append(_covariance_parameter(info, design.terms[info.owner]))
    return _unique(made)


def coefficient_parameters(owner: int, design: Design, family: Family) -> tuple[Parameter, ...]:
    """The coefficients of one predictor as parameters."""
    count = len(design.predictors[owner].fixed.names)
    return tuple(_coefficient(owner, place, design, family) for place in range(count))


def _coefficient(owner: int, place: int, design: Design, family: Family) -> Parameter:
    predictor = design.predictors[owner]
    term = predictor.fixed.names[place]
    name = term if predictor.component == "cond" else f"{predictor.component}:{term}"
    if predictor.component == "disp" and is_constant(predictor.fixed.names):
        name = family.dispersion
    return Parameter(name, "beta", predictor.component, None, term, owner, place, -1)


def is_constant(names: Sequence[str]) -> bool:
    """Whether a predictor is an intercept and nothing else."""
    return tuple(names) == ("Intercept",)


def pair_names(term: RandomDesign) -> tuple[str, ...]:
    """Names of the standard deviations and the correlation of a term of two correlated effects."""
    places = (("sd", 0, 0), ("sd", 1, 1), ("cor", 1, 0))
    return tuple(_covariance_parameter(CovariancePlace(kind, 0, row, col), term).name for kind, row, col in places)


@dataclass(frozen=True, slots=True)
class CovariancePlace:
    """What the core says of a covariance parameter."""

    kind: str
    owner: int
    row: int
    col: int


def _covariance_parameter(info: _core.ParameterInfo | CovariancePlace, term: RandomDesign) -> Parameter:
    if info.row < 0:
        inside = shared_name(term.term_names)
    elif info.kind == "sd":
        inside = term.term_names[info.row]
    else:
        inside = f"{term.term_names[info.row]},{term.term_names[info.col]}"
    prefix = "" if term.component == "cond" else f"{term.component}:"
    name = f"{prefix}{info.kind}({inside}|{term.group})"
    return Parameter(name, info.kind, term.component, term.group, inside, info.owner, info.row, info.col)


def shared_name(term_names: Sequence[str]) -> str:
    """One name for all effects of a block: the factor's, if they are the levels of one.

    Examples
    --------
    >>> shared_name(["time[1]", "time[2]"])
    'time'
    >>> shared_name(["Intercept", "x"])
    'Intercept,x'
    """
    stems = {name.partition("[")[0] for name in term_names}
    if len(stems) == 1 and len(term_names) > 1:
        return stems.pop()
    return ",".join(term_names)


def _unique(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The same effect twice in a model gets ``#2`` after its second name."""
    seen: Counter[str] = Counter()
    made = []
    for parameter in parameters:
        seen[parameter.name] += 1
        again = seen[parameter.name]
        made.append(parameter if again == 1 else replace(parameter, name=f"{parameter.name}#{again}"))
    return tuple(made)


Values: TypeAlias = Mapping[str, float] | pd.Series | Sequence[float] | Floats


def values_by_name(values: Values, names: Sequence[str], what: str, default: Floats | None = None) -> Floats:
    """The parameter vector from a mapping by name or an array in the vector's order.

    Parameters
    ----------
    values : mapping or Series by parameter name, or array of all parameters in order
    names : the model's parameter names
    what : the argument's name, for error messages
    default : values of parameters that a mapping leaves out; None: every parameter must be given

    Raises
    ------
    DataError
        For an unknown name (the nearest is offered), a missing one, a wrong length or a value that is not finite.
    """
    if isinstance(values, Mapping | pd.Series):
        vector = _from_mapping({str(k): number(v, str(k), what) for k, v in values.items()}, names, what, default)
    else:
        try:
            vector = np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{what} must be a dict of numbers by parameter name, or an array: {error}") from error
        if vector.shape != (len(names),):
            raise DataError(
                f"{what} has shape {vector.shape} but the model has {len(names)} parameters ({', '.join(names)}); "
                f"pass a dict by name or an array in this order"
            )
    for name, value in zip(names, vector, strict=True):
        number(value, name, what)
    return vector


def number(value: object, name: str, what: str) -> float:
    """The finite number that argument `what` gives for parameter `name`.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise DataError(f"{what}[{name!r}] is {value!r}; parameters are numbers") from error
    if not np.isfinite(result):
        raise DataError(f"{what}[{name!r}] is {result}; parameters must be finite")
    return result


def _from_mapping(given: dict[str, float], names: Sequence[str], what: str, default: Floats | None) -> Floats:
    for name in given:
        check_name(name, names, what)
    missing = [name for name in names if name not in given]
    if default is None and missing:
        raise DataError(f"{what} lacks {', '.join(map(repr, missing))}; every parameter of the model needs a value")
    base = np.zeros(len(names)) if default is None else default
    return np.array([given.get(name, float(base[i])) for i, name in enumerate(names)])


def check_name(name: str, names: Sequence[str], what: str) -> None:
    """Refuse a parameter name that the model does not have.

    Raises
    ------
    DataError
        With the nearest name, or all names.
    """
    if name in names:
        return
    same = [known for known in names if known.lower() == name.lower()]
    close = same or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"the model has: {', '.join(names)}"
    raise DataError(f"{what}: there is no parameter {name!r}; {hint}")
