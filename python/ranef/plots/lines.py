"""Fitted lines by group over the data, with the population's line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.frame import Table, open_table
from ranef.errors import DataError
from ranef.plots import style
from ranef.plots.choose import choose, default_group
from ranef.plots.grid import Variable, average_rows, held_values, observed, predict_rows, scale_label, variables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.result import Fit

Floats = NDArray[np.float64]
LineType = Literal["response", "link"]

LINE_POINTS = 41
# As many groups have colours of their own.
COLOURED = len(style.PALETTE)


def plot_lines(fit: Fit, x: str, group: str | None, ax: Axes | None, kind: str, at: Mapping[str, Any] | None) -> Axes:
    """Draw the lines; see `Fit.plot_lines`."""
    style.require_matplotlib("plot_lines")
    known = variables(fit)
    variable = known[choose(x, list(known), "variable of the fixed effects")]
    if variable.numbers is None:
        raise DataError(f"{x!r} is a factor: lines need a numeric variable; plot_effects({x!r}) draws its levels")
    chosen = default_group(fit, group)
    held_values(known, [x], at)  # refuses what cannot be held
    codes, labels = _group_codes(fit, chosen)
    few = len(labels) <= COLOURED
    panel = style.axes(ax, 7.4 if few else 6.4, 4.2)
    lines = group_lines(fit, known, variable, chosen, codes, len(labels), kind, at)
    _draw_data(panel, fit, variable, codes, few, kind)
    for level, line in enumerate(lines):
        look = (
            {"color": style.color(level), "linestyle": style.line(level), "linewidth": 1.8}
            if few
            else _faint(len(lines))
        )
        panel.plot(line[x], line["estimate"], label=style.shorten(labels[level]) if few else None, **look)
    _population(panel, fit, known, variable, kind, at, few)
    panel.set_xlabel(style.shorten(x, 60))
    panel.set_ylabel(style.shorten(scale_label(fit, kind), 44))
    entries = len(panel.get_legend_handles_labels()[0])
    style.legend(panel, entries, chosen if few else None)
    return panel


def _faint(count: int) -> dict[str, Any]:
    return {"color": style.BLUE, "linewidth": 1.0, "alpha": float(np.clip(8.0 / count, 0.15, 0.6))}


def _group_codes(fit: Fit, group: str) -> tuple[NDArray[np.int32], pd.Index]:
    term = next(t for t in fit.design.terms if t.group == group and t.component == "cond")
    return term.levels, term.labels


def group_lines(
    fit: Fit,
    known: Mapping[str, Variable],
    variable: Variable,
    group: str,
    codes: NDArray[np.int32],
    count: int,
    kind: str,
    at: Mapping[str, Any] | None,
) -> list[pd.DataFrame]:
    """Points of every group's line: columns ``<variable>`` and ``estimate``.

    The line spans the group's own range of the variable. The group's other variables are at its own mean or most
    frequent level. Random effects of the group, and of factors that it is nested in, are at their modes, others zero.
    """
    included = _nested_in(fit, group)
    table = open_table(fit.data).columns(fit.design.columns, "the model").take(fit.design.kept)
    wanted = [n for n in dict.fromkeys((*known, *included_columns(fit, included))) if n != variable.name]
    fixed_at = {n: v[0] for n, v in held_values(known, [variable.name], at).items() if n in (at or {})}
    assert variable.numbers is not None
    frames = []
    for level in range(count):
        rows = np.flatnonzero(codes == level)
        across = variable.numbers[rows] if np.ptp(variable.numbers[rows]) > 0 else variable.numbers
        frame: dict[str, Any] = {variable.name: np.linspace(across.min(), across.max(), LINE_POINTS)}
        frame |= {n: [_usual(table, known, n, rows)] * LINE_POINTS for n in wanted}
        frames.append(pd.DataFrame(frame).assign(**fixed_at))
    newdata = pd.concat(frames, ignore_index=True)
    treatments = {t.group: "include" if t.group in included else "zero" for t in fit.design.terms}
    offset = _offset(fit, codes, count)
    newdata["estimate"] = fit.predict(newdata, type=kind, random=treatments, offset=offset)  # type: ignore[arg-type]
    return [part for _, part in newdata.groupby(np.repeat(np.arange(count), LINE_POINTS))]


def _nested_in(fit: Fit, group: str) -> set[str]:
    """The grouping factor and those that its levels determine: ``pop`` for ``pop:patch``."""
    columns_of = {t.group: set(t.spec.group.columns) for t in fit.design.terms}
    return {name for name, columns in columns_of.items() if columns <= columns_of[group]}


def included_columns(fit: Fit, groups: set[str]) -> list[str]:
    """Columns that the random terms of some grouping factors read."""
    made: list[str] = []
    for term in fit.design.terms:
        if term.group in groups:
            made += [*term.spec.term.groups, *term.spec.term.effects.variables]
    return made


def _usual(table: Table, known: Mapping[str, Variable], name: str, rows: NDArray[np.intp]) -> Any:
    """The most frequent level, or the mean, of a column in some rows."""
    column = table[name]
    if not column.is_factor and (name in known and not known[name].is_factor):
        return float(column.numbers()[rows].mean())
    codes, labels = column.factor()
    return labels[int(np.bincount(codes[rows]).argmax())]


def _offset(fit: Fit, codes: NDArray[np.int32], count: int) -> Floats | None:
    """Mean of an offset given as an array, by group."""
    given = fit.model.specification.offset
    if given is None or isinstance(given, str):
        return None
    values = np.asarray(given, dtype=np.float64)[fit.design.kept]
    return np.repeat(np.bincount(codes, values, count) / np.bincount(codes, minlength=count), LINE_POINTS)


def _draw_data(ax: Axes, fit: Fit, variable: Variable, codes: NDArray[np.int32], few: bool, kind: str) -> None:
    if kind == "response":
        height = observed(fit)
    elif kind == "link":
        height = (fit.predict(type="link") + fit.residuals("working")).to_numpy()[fit.design.kept]
    else:
        return
    assert variable.numbers is not None
    across = variable.numbers
    groups: Sequence[int] = range(int(codes.max()) + 1) if few else [0]
    for level in groups:
        rows = codes == level if few else np.ones(codes.size, dtype=np.bool_)
        look: dict[str, Any] = (
            {"color": style.color(level), "alpha": 0.55} if few else {"color": style.MUTED, "alpha": 0.2}
        )
        ax.plot(across[rows], height[rows], style.marker(level) if few else "o", markersize=4.0, zorder=1.5, **look)


def _population(
    ax: Axes,
    fit: Fit,
    known: Mapping[str, Variable],
    variable: Variable,
    kind: str,
    at: Mapping[str, Any] | None,
    few: bool,
) -> None:
    assert variable.numbers is not None
    values = np.linspace(variable.numbers.min(), variable.numbers.max(), LINE_POINTS)
    rows = average_rows(fit, pd.DataFrame({variable.name: values}), held_values(known, [variable.name], at))
    estimate = predict_rows(fit, rows, kind, 0.95)["estimate"]
    ax.plot(values, estimate, color=style.BLACK, linewidth=3.0, label="population", zorder=3)
    if not few:
        ax.plot([], [], color=style.BLUE, linewidth=1.2, alpha=0.7, label="groups")
