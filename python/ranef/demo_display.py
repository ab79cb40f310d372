"""The demonstration's fit, shown: mean count and fitted mean of every pond, as text or as a picture."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pandas as pd

from ranef.errors import RanefError
from ranef.result import Fit

_WIDTH = 48


def pond_means(fit: Fit, data: pd.DataFrame) -> pd.DataFrame:
    """Observed mean, fitted mean and the mean of a typical pond, by pond, largest fit first."""
    table = pd.DataFrame(
        {
            "pond": data["pond"],
            "shore": data["shore"],
            "observed": data["count"],
            "fitted": fit.fitted(),
            "typical": fit.predict(data, re_form="~0"),
        }
    )
    means = table.groupby(["pond", "shore"], observed=True)[["observed", "fitted", "typical"]].mean().reset_index()
    return means.sort_values("fitted", ascending=False, ignore_index=True)


def text_display(fit: Fit, data: pd.DataFrame) -> str:
    """One line a pond: ``o`` the observed mean, ``*`` the fitted one, ``|`` what a typical pond would have."""
    means = pond_means(fit, data)
    top = float(means[["observed", "fitted", "typical"]].to_numpy().max())
    lines = ["Mean count by pond: o observed, * fitted, | a typical pond of this shore and cover", ""]
    for row in means.itertuples(index=False):
        cells = [" "] * (_WIDTH + 1)
        for mark, value in (("|", row.typical), ("o", row.observed), ("*", row.fitted)):
            cells[round(_WIDTH * float(value) / top)] = mark
        lines.append(f"{row.pond} {row.shore:<8}{''.join(cells).rstrip()}")
    lines.append(" " * 12 + "0" + f"{top:.1f}".rjust(_WIDTH))
    return "\n".join(lines)


def draw_png(fit: Fit, data: pd.DataFrame, path: Path) -> None:
    """The same as a picture.

    Raises
    ------
    RanefError
        If matplotlib is not installed.
    """
    try:
        matplotlib_figure = import_module("matplotlib.figure")
    except ImportError as error:
        raise RanefError("--png needs matplotlib: pip install 'ranef[plot]'") from error
    means = pond_means(fit, data)
    figure = matplotlib_figure.Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    for label, style in (("observed", "o"), ("fitted", "x"), ("typical", "|")):
        axes.plot(means[label], means.index, style, label=label, fillstyle="none")
    axes.set_yticks(list(means.index), [f"{p} ({s})" for p, s in zip(means["pond"], means["shore"], strict=True)])
    axes.invert_yaxis()
    axes.set_xlabel("mean count")
    axes.legend()
    figure.savefig(path, dpi=150)
