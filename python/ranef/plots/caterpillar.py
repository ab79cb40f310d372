"""Caterpillar plots: the conditional mode of every random effect with an interval, by level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ranef.plots import style
from ranef.plots.choose import effect_label, random_terms
from ranef.tables import conditional_sd, normal_quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.design.design import RandomDesign
    from ranef.result import Fit

Floats = NDArray[np.float64]

# With more levels their intervals touch: they are drawn as one band.
_BAND = 120


def plot_ranef(fit: Fit, group: str | None, component: str, ax: Any, level: float, sort: bool) -> Axes | NDArray[Any]:
    """Draw the modes; see `Fit.plot_ranef`."""
    style.require_matplotlib("plot_ranef")
    half_width = normal_quantile(level)
    places = random_terms(fit, component, group)
    shown = [(place, column) for place in places for column in range(len(fit.design.terms[place].term_names))]
    tallest = max(len(fit.design.terms[place].labels) for place in places)
    axes = style.panels(ax, len(shown), height=style.level_height(tallest))
    orders = {place: _order(fit, place, places, sort) for place in places}
    named: set[str] = set()
    for panel, (place, column) in zip(axes, shown, strict=True):
        term = fit.design.terms[place]
        order = orders[place]
        _draw(panel, fit, place, column, order, half_width)
        panel.set_title(style.shorten(effect_label(term, term.term_names[column]), 44), fontsize="medium")
        first = term.group not in named or bool(panel.get_subplotspec() and panel.get_subplotspec().is_first_col())
        _label(panel, term, order, first)
        named.add(term.group)
    return axes if len(axes) > 1 else axes[0]


def _order(fit: Fit, place: int, places: list[int], sort: bool) -> NDArray[np.intp]:
    """Levels from bottom to top: by the first effect of their grouping factor, or as the data have them."""
    levels = len(fit.design.terms[place].labels)
    if not sort:
        return np.arange(levels)[::-1]
    group = fit.design.terms[place].group
    first = next(k for k in places if fit.design.terms[k].group == group)
    return np.argsort(fit.estimate.modes[first][:, 0], kind="stable")


def _draw(ax: Axes, fit: Fit, place: int, column: int, order: NDArray[np.intp], half_width: float) -> None:
    modes = fit.estimate.modes[place][order, column]
    margin = half_width * conditional_sd(fit.conditional_covariance[place])[order, column]
    height = np.arange(len(order))
    crowd = len(order) > style.MAX_TICK_LABELS
    style.zero_line(ax, vertical=True)
    if len(order) > _BAND:
        ax.fill_betweenx(height, modes - margin, modes + margin, step="mid", color=style.BLUE, alpha=0.35, linewidth=0)
    else:
        ax.hlines(height, modes - margin, modes + margin, color=style.BLUE, linewidth=0.9 if crowd else 1.6, alpha=0.8)
    ax.plot(modes, height, "o", color=style.BLUE, markersize=2.0 if crowd else 4.5)
    ax.set_ylim(-0.8, len(order) - 0.2)
    ax.set_xlabel("conditional mode")


def _label(ax: Axes, term: RandomDesign, order: NDArray[np.intp], first: bool) -> None:
    if first:
        style.level_ticks(ax, [term.labels[k] for k in order], term.group)
    else:
        ax.set_yticks([])
    ax.grid(False, axis="y")
