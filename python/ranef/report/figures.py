"""Pictures of a report: drawn narrow, so that a phone shows their texts at a size that can be read."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from ranef.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.6, 3.5
_DOTS = 160
_CSS_DOTS = 96


def axes(count: int = 1, width: float = WIDTH, height: float = HEIGHT) -> list[Axes]:
    """Axes, each of a figure of its own, that pyplot never learns of."""
    style.require_matplotlib("report")
    from matplotlib.figure import Figure

    return [Figure(figsize=(width, height), layout="constrained").subplots() for _ in range(count)]


def figure_of(ax: Axes) -> Figure:
    """The figure that axes of `axes` stand in."""
    from matplotlib.figure import Figure

    figure = ax.figure
    assert isinstance(figure, Figure)
    return figure


def figure_html(figure: Figure, caption: str) -> str:
    """A figure with the picture inside the page, and its caption."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    width, height = (round(_CSS_DOTS * inches) for inches in figure.get_size_inches())
    size = f'width="{width}" height="{height}" alt="{escape(caption, quote=True)}"'
    image = f'<img src="data:image/png;base64,{text}" {size}>'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def drawn(draw: Callable[[Any], Any], caption: str, width: float = WIDTH, height: float = HEIGHT) -> str:
    """One picture: what `draw` draws on the axes that it is given."""
    ax = axes(1, width, height)[0]
    draw(ax)
    return figure_html(figure_of(ax), caption)
