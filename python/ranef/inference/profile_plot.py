"""The zeta plot of a profile, and the density it implies (Bates and Watts 1988, chapter 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtri

from ranef.errors import ConvergenceError
from ranef.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.inference.profile import Profile

Floats = NDArray[np.float64]

_LEVELS = (0.5, 0.8, 0.95)


def plot(profile: Profile, ax: Any, density: bool) -> NDArray[Any]:
    """One panel a parameter; see `Profile.plot`."""
    panels = style.panels(ax, len(profile.names))
    for axes, name in zip(panels, profile.names, strict=True):
        points = profile.table[profile.table["parameter"] == name]
        (_density if density else _zeta)(axes, points)
        axes.set_xlabel(style.shorten(name))
        axes.set_ylabel("density" if density else "zeta")
    return panels


def curve(points: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """A monotone curve through a profile's points: values, zeta, and its slope."""
    value, zeta = points["value"].to_numpy(), points["zeta"].to_numpy()
    rising = np.concatenate([[True], np.diff(value) > 0])
    if rising.sum() < 2:
        raise ConvergenceError(
            f"the profile of {points['parameter'].iloc[0]} has one point, which makes no curve: beside the estimate "
            "the model has no fit; fit.diagnose() says what is wrong with it"
        )
    spline = PchipInterpolator(value[rising], zeta[rising])
    fine = np.linspace(value[0], value[-1], 301)
    return fine, np.asarray(spline(fine)), np.asarray(spline.derivative()(fine))


def _zeta(ax: Axes, points: pd.DataFrame) -> None:
    value, zeta, _ = curve(points)
    style.zero_line(ax)
    ax.plot(value, zeta, color=style.color(0))
    ax.plot(points["value"], points["zeta"], linestyle="none", marker="o", markersize=3, color=style.color(0))
    for level in _LEVELS:
        z = float(ndtri(0.5 + level / 2))
        ends = [float(np.interp(side * z, zeta, value)) for side in (-1, 1) if zeta[0] <= side * z <= zeta[-1]]
        ends = [value[0], *ends] if zeta[0] > -z else ends
        ends = [*ends, value[-1]] if zeta[-1] < z else ends
        heights = np.interp(ends, value, zeta)
        ax.vlines(ends, 0.0, heights, color=style.color(1), linewidth=1.2)
        if level == _LEVELS[-1]:
            ax.plot(ends, [0.0, 0.0], color=style.color(1), linewidth=2.5, solid_capstyle="butt")


def _density(ax: Axes, points: pd.DataFrame) -> None:
    value, zeta, slope = curve(points)
    height = np.exp(-0.5 * zeta**2) / np.sqrt(2 * np.pi) * slope
    ax.plot(value, height, color=style.color(0))
    ax.fill_between(value, 0.0, height, color=style.color(0), alpha=0.15, linewidth=0)
    ax.axvline(float(np.interp(0.0, zeta, value)), color=style.MUTED, linewidth=1.0, linestyle="--")
    ax.set_ylim(bottom=0.0)
