"""Correlations of random effects: the conditional modes of two effects, and the ellipse that the model gives them."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.plots import style
from ranef.plots.choose import random_terms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.result import Fit

Floats = NDArray[np.float64]

LEVELS = (0.5, 0.95)


def plot_correlations(fit: Fit, group: str | None, component: str, ax: Any) -> Axes | NDArray[Any]:
    """Draw one panel a pair of effects; see `Fit.plot_correlations`."""
    style.require_matplotlib("plot_correlations")
    pairs = [
        (place, i, j)
        for place in random_terms(fit, component, group)
        for i, j in combinations(range(len(fit.design.terms[place].term_names)), 2)
    ]
    if not pairs:
        raise DataError(
            "no random term has two effects or more, so there are no correlations; (x | g) has them, (x || g) has not"
        )
    axes = style.panels(ax, len(pairs))
    for panel, (place, i, j) in zip(axes, pairs, strict=True):
        _draw(panel, fit, place, i, j)
    style.legend_above(axes[0])
    return axes if len(axes) > 1 else axes[0]


def _draw(ax: Axes, fit: Fit, place: int, i: int, j: int) -> None:
    term, block, modes = fit.design.terms[place], fit.covariance_blocks[place], fit.estimate.modes[place]
    covariance = block.covariance[np.ix_([i, j], [i, j])]
    style.zero_line(ax)
    style.zero_line(ax, vertical=True)
    if np.isfinite(covariance).all():
        for level, look in zip(LEVELS, ("-", "--"), strict=True):
            outline = ellipse(covariance, level)
            ax.plot(*outline, color=style.VERMILION, linestyle=look, linewidth=1.4, label=f"{level:.0%} of the levels")
    crowd = len(modes) > 200
    ax.plot(modes[:, i], modes[:, j], "o", color=style.BLUE, alpha=0.6, markersize=3.0 if crowd else 5.0)
    correlation = block.corr[i, j]
    known = "none: a standard deviation is zero" if np.isnan(correlation) else f"{correlation:.2f}"
    ax.set_xlabel(f"{style.shorten(term.term_names[i], 40)}\n{style.shorten(term.group)}: correlation {known}")
    ax.set_ylabel(style.shorten(term.term_names[j], 40))


def ellipse(covariance: Floats, level: float, points: int = 181) -> Floats:
    """Outline (2, points) of the region of a centred normal pair with probability `level`.

    Notes
    -----
    x' Sigma^-1 x = q, where q = -2 log(1 - level) is the quantile of chi-square with two degrees of freedom; Sigma's
    root comes from its eigenvalues, so that a correlation of one gives the line it should.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    angle = np.linspace(0.0, 2.0 * np.pi, points)
    return np.asarray(np.sqrt(-2.0 * np.log1p(-level)) * root @ np.vstack([np.cos(angle), np.sin(angle)]))
