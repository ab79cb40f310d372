"""How every picture of the package looks: colours, muted axes, labels that stay legible.

The colours are those of Okabe and Ito (2008, *Color Universal Design*), told apart with any kind of colour vision;
series differ by marker or line style too, so that a grey print can be read. matplotlib is imported when a picture is
asked for, not before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ranef.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
PALETTE: tuple[str, ...] = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
"""Okabe and Ito's colours, the best told apart first; their yellow is too pale for lines on white."""

MARKERS: tuple[str, ...] = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[str, ...] = ("-", "--", "-.", ":")
INK, MUTED, GRID = "#222222", "#767676", "#E5E5E5"

MAX_TICK_LABELS = 40
MAX_LABEL = 28
LABEL_ROOM = 0.19  # inches between tick labels of the default size


def require_matplotlib(what: str = "plots") -> None:
    """Raise an error that names the extra ``plot`` where matplotlib is absent.

    Raises
    ------
    MissingExtraError
        If matplotlib cannot be imported.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError(what, "matplotlib", "plot")


def axes(ax: Axes | None = None, width: float = 6.4, height: float = 4.2) -> Axes:
    """The caller's axes, or those of a new figure of `width` by `height` inches; muted and with a pale grid."""
    require_matplotlib()
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    _check_axes([ax])
    return mute(ax)


def _check_axes(given: Iterable[object]) -> None:
    from matplotlib.axes import Axes

    wrong = [a for a in given if not isinstance(a, Axes)]
    if wrong:
        raise DataError(f"ax must be axes of matplotlib, as plt.subplots() gives them, got {type(wrong[0]).__name__}")


def panels(
    ax: Axes | Iterable[Axes] | None, count: int, width: float = 4.2, height: float = 3.6, columns: int = 3
) -> NDArray[Any]:
    """Axes of `count` panels, each `width` by `height` inches: the caller's, or those of a new figure.

    Returns
    -------
    array (count,) of Axes

    Raises
    ------
    DataError
        If the caller gave another number of axes than there are panels.
    """
    require_matplotlib()
    if ax is not None:
        given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        _check_axes(given)
        if len(given) != count:
            raise DataError(f"ax has {len(given)} axes, but the picture has {count} panels: give {count} or none")
        return np.array([mute(a) for a in given], dtype=object)
    import matplotlib.pyplot as plt

    columns = min(count, columns)
    rows = -(-count // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained"
    )
    flat = grid.ravel()
    for unused in flat[count:]:
        figure.delaxes(unused)
    return np.array([mute(a) for a in flat[:count]], dtype=object)


def mute(ax: Axes) -> Axes:
    """Pale grid behind the data, no upper and right frame."""
    ax.set_axisbelow(True)
    ax.grid(True, color=GRID, linewidth=0.8)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(color=MUTED, labelcolor=INK)
    return ax


def color(index: int) -> str:
    """The colour of the series `index`."""
    return PALETTE[index % len(PALETTE)]


def marker(index: int) -> str:
    """The marker of the series `index`."""
    return MARKERS[index % len(MARKERS)]


def line(index: int) -> str:
    """The line style of the series `index`: changes with every colour."""
    return LINES[index % len(LINES)]


def zero_line(ax: Axes, *, vertical: bool = False, at: float = 0.0) -> None:
    """A reference line, at zero unless told otherwise."""
    draw = ax.axvline if vertical else ax.axhline
    draw(at, color=MUTED, linewidth=1.0, linestyle="--", zorder=1)


def shorten(text: object, limit: int = MAX_LABEL) -> str:
    """The text, its middle left out where it is longer than `limit` characters."""
    label = str(text)
    if len(label) <= limit:
        return label
    head = (limit - 1) // 2
    return f"{label[:head]}…{label[len(label) - (limit - 1 - head) :]}"


def level_height(levels: int, smallest: float = 2.2, largest: float = 8.5) -> float:
    """Inches that a panel of so many rows needs: one tick label each, up to `largest`."""
    return float(np.clip(1.1 + LABEL_ROOM * levels, smallest, largest))


def level_ticks(ax: Axes, labels: Sequence[object], what: str, *, axis: str = "y") -> None:
    """Ticks at 0, 1, ... with the levels' names; with too many to read, only their number is told.

    Parameters
    ----------
    labels : names of the levels, the one at 0 first
    what : the factor's name, for the axis
    axis : ``"y"`` or ``"x"``
    """
    target = ax.yaxis if axis == "y" else ax.xaxis
    name = shorten(what)
    if len(labels) > MAX_TICK_LABELS:
        target.set_ticks([])
        target.set_label_text(f"{len(labels)} levels of {name}")
        return
    shown = [shorten(label) for label in labels]
    target.set_ticks(range(len(shown)), shown)
    target.set_label_text(name)
    if axis == "x" and sum(len(label) + 2 for label in shown) > 60:
        for text in ax.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")


def robust_limits(values: NDArray[np.float64], always: NDArray[np.float64]) -> tuple[float, float]:
    """Limits of an axis: all of `always`, and the `values` within four quartile ranges of their middle."""
    values = values[np.isfinite(values)] if np.isfinite(values).any() else always
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    reach = 4.0 * max(high - low, 1e-12)
    near = values[np.abs(values - middle) <= reach]
    shown = np.concatenate([near, always])
    margin = 0.05 * (shown.max() - shown.min())
    return float(shown.min() - margin), float(shown.max() + margin)


def see_through(count: int) -> float:
    """Opacity of so many points that crowds show."""
    return float(np.clip(0.5 * np.sqrt(60.0 / max(count, 1)), 0.08, 0.5))


def legend(ax: Axes, entries: int, title: str | None = None) -> None:
    """A legend beside the axes, where it covers no data; none where there is a single series."""
    if entries < 2:
        return
    ax.legend(
        title=None if title is None else shorten(title),
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        frameon=False,
        ncols=1 if entries <= 18 else 2,
    )


def legend_above(ax: Axes) -> None:
    """A legend in one line above the axes, where it covers no data; none where nothing has a label."""
    labels = ax.get_legend_handles_labels()[1]
    if labels:
        ax.legend(
            loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(labels), frameon=False, fontsize="small",
            columnspacing=1.2, handletextpad=0.5, borderaxespad=0.2,
        )  # fmt: skip
