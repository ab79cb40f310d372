"""Functions of a formula that remember the rows they were fitted to: bases, scales, and factors.

Each takes the values of its argument and a dict `state`, empty at first, from which it treats new rows alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
State = dict[str, Any]

# Digits of the ends of an interval in its label.
_DIGITS = 3
# R widens the range of equal intervals by this share at both ends.
_MARGIN = 1e-3


@dataclass(frozen=True, slots=True)
class Basis:
    """Several columns of numbers.

    Attributes
    ----------
    columns : float64 (n, k)
    labels : one a column, ``("1", "2")``
    spans_intercept : whether their span holds the constant; then the first is left out where it is there already
    """

    columns: Floats
    labels: tuple[str, ...]
    spans_intercept: bool = False


@dataclass(frozen=True, slots=True)
class Factor:
    """Levels, one a row.

    Attributes
    ----------
    name : the expression, for messages
    codes : int32 (n,), places in `levels`, negative for a value that is not among them
    levels : the levels in order
    contrasts : formulaic's contrasts, a matrix, or None for the usual ones
    spans_intercept : whether indicators of all levels would span the constant
    """

    name: str
    codes: NDArray[np.int32]
    levels: pd.Index
    contrasts: Any = None
    spans_intercept: bool = True


def is_basis(name: str) -> bool:
    """Whether the function is one of `apply_basis`."""
    return name in _BASES


def apply_basis(name: str, state: State, x: Any, *args: Any, **options: Any) -> Any:
    """``poly``, ``bs``, ``scale`` ... of `x`: a `Basis`, or numbers.

    Raises
    ------
    ValueError
        If the arguments do not suit, or more columns are asked for than there are rows.
    """
    values = x.columns if isinstance(x, Basis) else np.asarray(x, dtype=np.float64)
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(f"{name} needs a column of numbers")
    for given in [*args, *options.values()]:
        if isinstance(given, np.ndarray | Basis | Factor) or (isinstance(given, list) and not _are_numbers(given)):
            raise ValueError(f"{name} takes one column and numbers beside it")
    plain = [_whole(a) for a in args]
    named = {key: _whole(value) for key, value in options.items()}
    if not state.setdefault("fitted", False):
        _check_size(name, plain, named, len(values))
        state["fitted"] = True
    return _basis_of(_basis_functions()[name](values, *plain, _state=state, **named))


_BASES: Mapping[str, str | None] = {
    "poly": "degree", "bs": "df", "ns": "df", "cc": "df", "cr": "df", "cs": "df",
    "scale": None, "center": None, "standardize": None,
}  # fmt: skip


@cache
def _basis_functions() -> dict[str, Callable[..., Any]]:
    from formulaic.transforms import TRANSFORMS

    return {name: TRANSFORMS[name] for name in _BASES if name != "ns"} | {"ns": natural_spline}


def _whole(value: Any) -> Any:
    """The result of arithmetic as an integer where it is one."""
    return int(value) if isinstance(value, np.floating) and np.isfinite(value) and value == int(value) else value


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int | float) for v in values)


def _check_size(name: str, args: Sequence[Any], options: Mapping[str, Any], n_rows: int) -> None:
    """The number of columns, and the degree of splines, are whole numbers that the rows can bear."""
    sizes = {key: options[key] for key in (_BASES[name], "degree") if key is not None and key in options}
    if args and _BASES[name] is not None:
        sizes[str(_BASES[name])] = args[0]
    for key, size in sizes.items():
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, int | float) or size != int(size) or size < 0:
            raise ValueError(f"{key} of {name} must be a whole number, got {size!r:.40}")
        if size == 0 and key == _BASES[name]:
            raise ValueError(f"{key} of {name} must be at least 1")
        if size > n_rows:
            raise ValueError(f"{key}={size:g} of {name} is more than the {n_rows} rows can tell apart")


def _basis_of(value: Any) -> Any:
    """A `Basis` or plain numbers from what a transform of formulaic gives."""
    about = getattr(value, "__formulaic_metadata__", None)
    plain = getattr(value, "__wrapped__", value)
    if isinstance(plain, dict):
        columns = np.column_stack([np.asarray(c, dtype=np.float64) for c in plain.values()])
        return Basis(columns, tuple(str(k) for k in plain), bool(about is not None and about.spans_intercept))
    array = np.asarray(plain, dtype=np.float64)
    if array.ndim == 1:
        return array
    names = about.column_names if about is not None and about.column_names else range(array.shape[1])
    return Basis(array, tuple(str(n) for n in names))


def as_factor(name: str, x: Any, state: State) -> Factor:
    """The levels of `x`: its own, or the distinct values of a column of numbers or truth values in order."""
    if isinstance(x, Factor):
        return x
    values = np.asarray(x)
    if values.ndim != 1 or values.dtype.kind not in "fiub":
        raise ValueError("a factor is made of one column")
    levels = pd.Index(state.setdefault("levels", np.unique(values)))
    return Factor(name, np.asarray(levels.get_indexer(pd.Index(values)), dtype=np.int32), levels)


def coded(
    name: str, state: State, x: Any, contrasts: Any = None, *, levels: Any = None, spans_intercept: bool = True
) -> Factor:
    """``C(x, contrasts, levels=...)``: a factor, its contrasts and the order of its levels.

    Raises
    ------
    ValueError
        If `levels` lack one that the data have.
    """
    factor = as_factor(name, x, state)
    if levels is not None:
        factor = _reordered(factor, pd.Index(list(levels), dtype=factor.levels.dtype if len(levels) else object), state)
    return replace(factor, name=name, contrasts=contrasts, spans_intercept=bool(spans_intercept))


def _reordered(factor: Factor, levels: pd.Index, state: State) -> Factor:
    """The factor with its levels in another order; levels that no fitted row has are left out."""
    lacking = [str(v) for v in factor.levels if v not in levels]
    if lacking:
        raise ValueError(f"levels= lacks {', '.join(map(repr, lacking[:5]))}")
    if not levels.is_unique:
        raise ValueError("levels= names a level twice")
    kept = levels[np.asarray([v in factor.levels for v in levels], dtype=bool)]
    places = np.append(kept.get_indexer(factor.levels), -1).astype(np.int32)
    return replace(factor, codes=places[factor.codes], levels=kept)


def relevelled(name: str, state: State, x: Any, ref: Any) -> Factor:
    """R's ``relevel``: the level `ref` first."""
    factor = as_factor(name, x, state)
    places = [k for k, v in enumerate(factor.levels) if v == ref or str(v) == str(ref)]
    if not places:
        raise ValueError(f"there is no level {ref!r:.60}")
    order = [places[0], *(k for k in range(len(factor.levels)) if k != places[0])]
    return replace(_reordered(factor, factor.levels[order], state), name=name)


def intervals(
    name: str, state: State, x: Any, breaks: Any, labels: Any = None, right: bool = True, include_lowest: bool = False
) -> Any:
    """R's ``cut``: the interval of `breaks` (or of so many equal ones) in which each value lies.

    Raises
    ------
    ValueError
        If the breaks are no two distinct numbers, the labels are not one an interval, or a value lies in none.
    """
    values = np.asarray(x, dtype=np.float64)
    if "breaks" not in state:
        state["breaks"] = _breaks(values, breaks)
    ends = np.asarray(state["breaks"], dtype=np.float64)
    places = np.searchsorted(ends, values, side="left" if right else "right") - 1
    if include_lowest:
        places[values == (ends[0] if right else ends[-1])] = 0 if right else len(ends) - 2
    outside = (places < 0) | (places > len(ends) - 2)
    if outside.any():
        raise ValueError(f"{values[outside][0]:g} lies in no interval from {ends[0]:g} to {ends[-1]:g}")
    if labels is False:
        return places + 1.0
    named = _interval_labels(ends, right, include_lowest) if labels is None else [str(v) for v in labels]
    if len(named) != len(ends) - 1 or len(set(named)) < len(named):
        raise ValueError(f"labels must be {len(ends) - 1} different texts, one an interval")
    used = state.setdefault("used", np.unique(places))
    codes = np.asarray(pd.Index(used).get_indexer(pd.Index(places)), dtype=np.int32)
    if (codes < 0).any():
        raise ValueError(f"no fitted row lies in the interval {named[int(places[codes < 0][0])]!r}")
    return Factor(name, codes, pd.Index([named[int(k)] for k in used]))


def _breaks(values: Floats, breaks: Any) -> Floats:
    if isinstance(breaks, list):
        ends = np.sort(np.asarray(breaks, dtype=np.float64))
    else:
        count = int(breaks)
        if count != breaks or not 2 <= count <= len(values):
            raise ValueError("breaks must be the ends of the intervals, or their number, two or more")
        low, high = float(np.min(values)), float(np.max(values))
        ends = np.linspace(low, high, count + 1)
        ends[[0, -1]] += np.array([-_MARGIN, _MARGIN]) * (high - low)
    if len(ends) < 2 or not (np.diff(ends) > 0).all():
        raise ValueError("breaks must be two or more different numbers")
    return ends


def _interval_labels(ends: Floats, right: bool, include_lowest: bool) -> list[str]:
    """``"(0,5]"``, with as many digits as tell the ends apart."""
    for digits in range(_DIGITS, 17):
        shown = [f"{end:.{digits}g}" for end in ends]
        if len(set(shown)) == len(shown):
            break
    made = [f"({a},{b}]" if right else f"[{a},{b})" for a, b in itertools.pairwise(shown)]
    if include_lowest:
        made[0 if right else -1] = f"[{shown[0]},{shown[1]}]" if right else f"[{shown[-2]},{shown[-1]}]"
    return made


def contrasts_named(name: str, *args: Any, **options: Any) -> Any:
    """formulaic's contrasts by the name that a formula calls them.

    Raises
    ------
    ValueError
        If the arguments do not suit.
    """
    kinds = _contrast_classes()
    kind = name.removeprefix("contr.")
    try:
        return kinds[kind.lower()](*args, **options)
    except TypeError as error:
        raise ValueError(f"{name} takes no such arguments") from error


@cache
def _contrast_classes() -> dict[str, Callable[..., Any]]:
    from formulaic.transforms.contrasts import ContrastsRegistry

    made = {name.lower(): getattr(ContrastsRegistry, name)
            for name in ("treatment", "sum", "poly", "helmert", "diff", "SAS", "custom")}  # fmt: skip
    return made | {"treatment": lambda base=None, reference=None, **more: _treatment(base, reference, **more)}


def _treatment(base: Any, reference: Any) -> Any:
    from formulaic.transforms.contrasts import TreatmentContrasts

    first = base if base is not None else reference
    return TreatmentContrasts() if first is None else TreatmentContrasts(base=first)


def coding_of(factor: Factor, reduced: bool) -> tuple[tuple[str, ...], Floats]:
    """Labels and coding matrix (levels, columns) of a factor: indicators, or contrasts where `reduced`.

    Raises
    ------
    ValueError
        If the contrasts do not suit the levels.
    """
    levels = [v.item() if isinstance(v, np.generic) else v for v in factor.levels]
    if factor.contrasts is None:
        first = int(reduced)
        return tuple(f"[{'T.' * reduced}{v}]" for v in levels[first:]), np.eye(len(levels))[:, first:]
    contrasts = factor.contrasts
    if isinstance(contrasts, list):
        contrasts = contrasts_named("contr.custom", contrasts)
    matrix = np.asarray(contrasts.get_coding_matrix(levels, reduced_rank=reduced), dtype=np.float64)
    form = contrasts.get_factor_format(levels, reduced_rank=reduced)
    names = contrasts.get_coding_column_names(levels, reduced_rank=reduced)
    return tuple(form.format(name="", field=n) for n in names), matrix


def natural_spline(
    x: Any, df: int | None = None, knots: Any = None, intercept: bool = False, _state: State | None = None
) -> dict[str, Any]:
    """R's ``ns``: cubic splines that are straight lines beyond the outermost knots.

    The cubic B-spline basis is restricted to the null space of its second derivatives at both boundary knots.
    Interior knots stand at quantiles of `x`; `df` counts the columns. Beyond the boundary knots the basis
    continues as its tangent.

    Parameters
    ----------
    x : array (n,)
    df : number of columns
    knots : interior knots, instead of `df`
    intercept : whether the basis spans the constant
    """
    state = {} if _state is None else _state
    values = np.asarray(x, dtype=np.float64)
    if "knots" not in state:
        boundary = np.array([np.min(values), np.max(values)])
        state["knots"] = np.concatenate([np.repeat(boundary[0], 4), _interior(values, df, knots, intercept),
                                         np.repeat(boundary[1], 4)])  # fmt: skip
        state["rotation"] = _natural_rotation(state["knots"], intercept)
    basis = _extended_basis(values, state["knots"])[:, 0 if intercept else 1 :] @ state["rotation"]
    return {str(k + 1): column for k, column in enumerate(basis.T)}


def _interior(values: Floats, df: int | None, knots: Any, intercept: bool) -> Floats:
    if knots is not None:
        return np.sort(np.atleast_1d(np.asarray(knots, dtype=np.float64)))
    count = (1 if df is None else int(df)) - 1 - int(intercept)
    if count < 0:
        raise ValueError(f"ns needs df >= {1 + int(intercept)}, got {df}")
    return np.asarray(np.quantile(values, np.linspace(0.0, 1.0, count + 2)[1:-1]), dtype=np.float64)


def _natural_rotation(knots: Floats, intercept: bool) -> Floats:
    """Orthonormal basis of the coefficients whose second derivatives vanish at both ends."""
    from scipy.interpolate import BSpline

    second = np.asarray(BSpline(knots, np.eye(len(knots) - 4), 3).derivative(2)(knots[[0, -1]]))
    constraint = second[:, 0 if intercept else 1 :]
    rotation, _ = np.linalg.qr(constraint.T, mode="complete")
    return np.asarray(rotation[:, 2:], dtype=np.float64)


def _extended_basis(values: Floats, knots: Floats) -> Floats:
    """Cubic B-splines inside the boundary knots, their tangents outside."""
    from scipy.interpolate import BSpline

    splines = BSpline(knots, np.eye(len(knots) - 4), 3)
    inside = np.clip(values, knots[0], knots[-1])
    beyond = (values - inside)[:, None]
    return np.asarray(splines(inside) + np.where(beyond == 0.0, 0.0, beyond * splines.derivative(1)(inside)))
