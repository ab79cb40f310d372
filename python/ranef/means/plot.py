"""Pictures of marginal means and contrasts: estimates, intervals, compact letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.means.table import estimate_name, label_frame, level_text, shown_scale
from ranef.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.means.emmeans import MarginalMeans

Floats = NDArray[np.float64]

# Room between two categories that the series of one category share.
_DODGE = 0.56
_TITLES = {"emmean": "marginal mean", "odds_ratio": "odds ratio", "response": "marginal mean (response)"}


def plot_means(means: MarginalMeans, ax: Axes | None, letters: bool, adjust: str, horizontal: bool) -> Axes:
    """See `MarginalMeans.plot`."""
    shown = means.confint()
    table, labels = shown.to_frame(), label_frame(shown)
    if not means.estimable.any():
        raise DataError("there is nothing to plot: none of these means is estimable")
    letter_texts = shown.cld(adjust).letters if letters else None
    horizontal = horizontal or means.facts.kind == "contrasts"
    first, series = _axis_and_series(labels)
    numeric = first in means.facts.covariates
    places, ticks = _positions(labels[first] if first else None, numeric)
    keys = _series_keys(labels, series)
    distinct = list(dict.fromkeys(keys))
    width = 1.0 if not numeric else float(np.ptp(places)) / max(len(np.unique(places)) - 1, 1)
    size = style.level_height(len(ticks) * max(len(distinct), 1)) if horizontal else 4.2
    room = max(6.4, min(11.0, 1.2 + 0.42 * len(ticks) * max(1, len(distinct)) ** 0.5))
    ax = style.axes(ax, 6.4 if horizontal else room, max(size, 2.6) if horizontal else size)
    for number, key in enumerate(distinct):
        rows = np.flatnonzero([k == key for k in keys])
        shift = 0.0 if numeric else width * _DODGE * ((number + 0.5) / len(distinct) - 0.5)
        if numeric:
            rows = rows[np.argsort(places[rows], kind="stable")]
        label = ", ".join(key) if key else None
        part, where = table.iloc[rows], places[rows] + shift
        _draw_series(ax, part, where, number, horizontal, numeric, estimate_name(shown), label)
        if letter_texts is not None:
            color = style.color(number) if len(distinct) > 1 else style.INK
            _write_letters(ax, part, where, [letter_texts[r] for r in rows], horizontal, color)
    _finish(ax, shown, first, ticks, numeric, horizontal)
    style.legend(ax, len(distinct), " x ".join(series))
    return ax


def _axis_and_series(labels: pd.DataFrame) -> tuple[str | None, list[str]]:
    """The label along the axis, and those that make the series."""
    names = list(labels.columns)
    return (names[0], names[1:]) if names else (None, [])


def _positions(values: pd.Series | None, numeric: bool) -> tuple[Floats, list[str]]:
    """Place of every row along the axis, and the names of the places 0, 1, ..."""
    if values is None:
        return np.zeros(1), [""]
    if numeric:
        return values.to_numpy(np.float64), []
    names = list(dict.fromkeys(level_text(v) for v in values))
    order = {name: k for k, name in enumerate(names)}
    return np.array([order[level_text(v)] for v in values], dtype=np.float64), names


def _series_keys(labels: pd.DataFrame, series: list[str]) -> list[tuple[str, ...]]:
    rows = labels[series].itertuples(index=False, name=None) if series else iter([()] * len(labels))
    return [tuple(level_text(v) for v in row) for row in rows]


def _draw_series(
    ax: Axes,
    table: pd.DataFrame,
    places: Floats,
    number: int,
    horizontal: bool,
    numeric: bool,
    name: str,
    label: str | None,
) -> None:
    """Points with intervals; along a covariate a line with a band."""
    estimate = table[name].to_numpy(np.float64)
    low, high = table[["conf_low", "conf_high"]].to_numpy(np.float64).T
    reach = None if numeric else np.abs(np.stack([low, high]) - estimate)
    look: dict[str, Any] = {
        "fmt": style.marker(number),
        "linestyle": style.line(number) if numeric else "none",
        "color": style.color(number),
        "markersize": 6,
        "elinewidth": 1.8,
        "capsize": 0,
        "label": label,
        "zorder": 3,
    }
    if numeric:
        band = ax.fill_betweenx if horizontal else ax.fill_between
        band(places, low, high, color=style.color(number), alpha=0.15, linewidth=0, zorder=2)
    if horizontal:
        ax.errorbar(estimate, places, xerr=reach, **look)
    else:
        ax.errorbar(places, estimate, yerr=reach, **look)


def _write_letters(
    ax: Axes, table: pd.DataFrame, places: Floats, letters: list[str], horizontal: bool, color: str
) -> None:
    """Letters beyond the upper ends of the intervals."""
    for high, place, text in zip(table["conf_high"], places, letters, strict=True):
        if not text or not np.isfinite(high):
            continue
        at, offset = ((high, place), (6, 0)) if horizontal else ((place, high), (0, 5))
        ha, va = ("left", "center") if horizontal else ("center", "bottom")
        ax.annotate(text, at, offset, textcoords="offset points", color=color, ha=ha, va=va)
    # Room for the letters, which do not count when the limits are found.
    if horizontal:
        ax.margins(x=0.12)
    else:
        ax.margins(y=0.12)


def _finish(
    ax: Axes, means: MarginalMeans, first: str | None, ticks: list[str], numeric: bool, horizontal: bool
) -> None:
    """Axis names, ticks, the reference line of contrasts, and the scale."""
    scale, kind = shown_scale(means), means.facts.kind
    name = estimate_name(means)
    title = _TITLES.get(name, name.replace("_", " "))
    if means.scale.name and not means.view.response:
        title += f" ({means.scale.name} scale)"
    along, across = ("y", "x") if horizontal else ("x", "y")
    getattr(ax, f"set_{across}label")(f"{title} with {means.view.level:.0%} interval")
    if numeric:
        getattr(ax, f"set_{along}label")(style.shorten(first))
    elif first is not None:
        style.level_ticks(ax, ticks, "" if first == "contrast" else first, axis=along)
        if horizontal:
            ax.grid(False, axis="y")
            ax.set_ylim(len(ticks) - 0.5, -0.5)
        else:
            ax.grid(False, axis="x")
            ax.set_xlim(-0.5, len(ticks) - 0.5)
    else:
        style.level_ticks(ax, [""], "", axis=along)
    if kind == "contrasts":
        ratio = bool(scale.ratio)
        if ratio:
            _log_axis(ax, across)
        style.zero_line(ax, vertical=horizontal, at=1.0 if ratio else 0.0)
    elif kind == "trends":
        style.zero_line(ax, vertical=horizontal)


def _log_axis(ax: Axes, which: str) -> None:
    """A logarithmic axis with plain numbers at 1, 2 and 5 of every decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if which == "x":
        ax.set_xscale("log")
    else:
        ax.set_yscale("log")
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
