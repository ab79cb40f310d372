"""Effect plots: the population's response along one variable, with its interval and the data's partial residuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.formula.tokens import split_outside_backticks, unquoted
from ranef.plots import style
from ranef.plots.choose import choose
from ranef.plots.grid import (
    Variable,
    average_rows,
    held_values,
    observed,
    predict_rows,
    scale_label,
    variables,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.result import Fit

Floats = NDArray[np.float64]

CURVE_POINTS = 101
# More partial residuals than these cannot be told apart.
MOST_POINTS = 2000
_SHIFTABLE = ("response", "conditional", "link")


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: the values that `by` is held at, and the rows of the data that go with it."""

    label: str
    held: dict[str, Any]
    rows: NDArray[np.bool_]


def plot_effects(
    fit: Fit,
    term: str,
    ax: Axes | None,
    at: Mapping[str, Any] | None,
    kind: str,
    partial_residuals: bool,
    level: float,
) -> Axes:
    """Draw the effect of a term; see `Fit.plot_effects`."""
    style.require_matplotlib("plot_effects")
    known = variables(fit)
    focal = _focal(term, known)
    held = held_values(known, focal, at)
    x = known[focal[0]]
    series = _series(known, focal[1:], fit.design.n_rows)
    values = _values(x)
    frames = [pd.DataFrame({x.name: values, **{k: [v] * len(values) for k, v in s.held.items()}}) for s in series]
    panel = style.axes(ax, 6.4 + (1.4 if len(series) > 1 else 0.0), 4.2)
    for k, (one, frame) in enumerate(zip(series, frames, strict=True)):
        curve = predict_rows(fit, average_rows(fit, frame, held), kind, level)
        if partial_residuals and kind in _SHIFTABLE:
            _draw_points(panel, fit, x, one, held, kind, k, len(series))
        _draw_curve(panel, x, values, curve, k, style.shorten(one.label), len(series))
    _finish(panel, fit, x, kind, focal, len(series))
    return panel


def _focal(term: str, known: Mapping[str, Variable]) -> list[str]:
    names = [unquoted(name) for name in split_outside_backticks(term, ":")] if term not in known else [term]
    if not known:
        raise DataError("the fixed effects have no variable, so there is no effect to draw")
    if len(names) > 2:
        raise DataError(
            f"an effect plot shows one variable, or two as 'x:by'; {term!r} has {len(names)}: hold the rest"
        )
    return [choose(name, list(known), "variable of the fixed effects") for name in names]


def _values(x: Variable) -> list[Any]:
    if x.numbers is None:
        return list(x.levels)
    return list(np.linspace(x.numbers.min(), x.numbers.max(), CURVE_POINTS))


def _series(known: Mapping[str, Variable], by: list[str], count: int) -> list[Series]:
    """One curve, or one for every level of `by` (mean and a standard deviation to both sides, if it is numeric)."""
    if not by:
        return [Series("", {}, np.ones(count, dtype=np.bool_))]
    variable = known[by[0]]
    if variable.codes is not None:
        return [Series(str(v), {by[0]: v}, variable.codes == k) for k, v in enumerate(variable.levels)]
    assert variable.numbers is not None
    mean, sd = variable.numbers.mean(), variable.numbers.std()
    values = [v for v in (mean - sd, mean, mean + sd) if variable.numbers.min() <= v <= variable.numbers.max()]
    nearest = np.argmin(np.abs(variable.numbers[:, None] - np.array(values)), axis=1)
    return [Series(f"{v:.3g}", {by[0]: float(v)}, nearest == k) for k, v in enumerate(values)]


def _draw_curve(
    ax: Axes, x: Variable, values: list[Any], curve: pd.DataFrame, index: int, label: str, count: int
) -> None:
    color = style.color(index)
    if x.numbers is not None:
        ax.fill_between(values, curve["conf_low"], curve["conf_high"], color=color, alpha=0.18, linewidth=0)
        ax.plot(values, curve["estimate"], color=color, linestyle=style.line(index), linewidth=2.0, label=label)
        return
    place = np.arange(len(values)) + _dodge(index, count)
    ax.vlines(place, curve["conf_low"], curve["conf_high"], color="white", linewidth=5.0, zorder=2.9)
    ax.vlines(place, curve["conf_low"], curve["conf_high"], color=color, linewidth=2.4, zorder=3)
    ax.plot(
        place, curve["estimate"], style.marker(index), color=color, mec="white", markersize=9.0, zorder=3, label=label
    )


def _dodge(index: int, count: int) -> float:
    """Factor levels of several series stand beside each other."""
    return 0.0 if count == 1 else 0.6 * (index / (count - 1) - 0.5)


def _draw_points(
    ax: Axes, fit: Fit, x: Variable, one: Series, held: Mapping[str, Any], kind: str, index: int, count: int
) -> None:
    rows = _some(np.flatnonzero(one.rows))
    if not rows.size:
        return
    own = x.numbers[rows] if x.numbers is not None else place_of(x, rows)
    distinct, place = np.unique(own, return_inverse=True)
    values = distinct if x.numbers is not None else [x.levels[int(k)] for k in distinct]
    frame = pd.DataFrame({x.name: values, **{k: [v] * len(distinct) for k, v in one.held.items()}})
    mean = predict_rows(fit, average_rows(fit, frame, held), kind, 0.95)["estimate"].to_numpy()[place]
    height = moved_observations(fit, rows, mean, kind)
    across = own
    if x.is_factor:
        across = own + _dodge(index, count) + _jitter(rows.size, 0.12 if count == 1 else 0.25 / count)
    marker = "|" if kind != "link" and fit.design.response.trials is None and fit.family.has_trials else "o"
    ax.plot(
        across,
        height,
        marker,
        color=style.color(index),
        alpha=style.see_through(rows.size),
        markersize=7.0 if marker == "|" else 3.5,
        zorder=1.5,
    )


def place_of(x: Variable, rows: NDArray[np.intp]) -> Floats:
    """Level numbers of rows."""
    assert x.codes is not None
    return x.codes[rows].astype(np.float64)


def moved_observations(fit: Fit, rows: NDArray[np.intp], mean: Floats, kind: str) -> Floats:
    """The observations with all else made typical: partial residuals.

    Parameters
    ----------
    rows : which rows of those that entered the fit
    mean : the prediction at their value of the variable, all else typical
    kind : ``"link"``, ``"response"`` or ``"conditional"``

    Notes
    -----
    On the link scale the linear predictor plus the working residual. On the response scale an observation y of mean m,
    where the typical mean is m', becomes y + m' - m for a real response and y m' / m for a positive one; a proportion
    keeps its odds ratio to its mean, logit y + logit m' - logit m. Zeros stay zeros and proportions stay below one.
    """
    y, fitted = observed(fit)[rows], fit.fitted().to_numpy()[fit.design.kept][rows]
    if kind == "link":
        return np.asarray(mean + fit.residuals("working").to_numpy()[fit.design.kept][rows])
    if fit.family.mean_range == "real":
        return np.asarray(y + mean - fitted)
    if fit.family.mean_range == "positive":
        return np.asarray(y * mean / fitted)
    odds = (mean / (1.0 - mean)) * ((1.0 - fitted) / fitted)
    return np.asarray(y * odds / (1.0 - y + y * odds))


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """At most `MOST_POINTS` of the rows, evenly chosen."""
    if rows.size <= MOST_POINTS:
        return rows
    return rows[np.linspace(0, rows.size - 1, MOST_POINTS).astype(np.intp)]


def _jitter(count: int, spread: float) -> Floats:
    """Offsets in [-spread, spread], evenly filled and the same every time (golden-ratio sequence)."""
    return np.asarray(spread * (2.0 * np.mod(0.6180339887498949 * np.arange(count), 1.0) - 1.0))


def _finish(ax: Axes, fit: Fit, x: Variable, kind: str, focal: list[str], count: int) -> None:
    if x.numbers is None:
        ax.set_xlim(-0.6, len(x.levels) - 0.4)
        style.level_ticks(ax, x.levels, x.name, axis="x")
        ax.grid(False, axis="x")
    else:
        ax.set_xlabel(style.shorten(x.name, 60))
    ax.set_ylabel(style.shorten(scale_label(fit, kind), 44))
    style.legend(ax, count, focal[-1])
