"""Pictures of simulated residuals: QQ plot with the tests, residuals along a predictor, one statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranef.checks.probes import Quartiles, Uniformity
from ranef.checks.quantiles import QUANTILES, curve_envelope, quantile_curves
from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.checks.simulated_statistics import Statistic, values_of
from ranef.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.checks.simulated import SimulatedResiduals
    from ranef.design.columns import Column

Floats = NDArray[np.float64]

# More points than this are drawn as a cloud; more than that, as a sample.
_CLOUD = 800
_SAMPLE = 20_000
# Share of the simulated data sets that envelopes hold.
_LEVEL = 0.95


def page(residuals: SimulatedResiduals, ax: Any = None) -> NDArray[Any]:
    """Both panels side by side."""
    made = style.panels(ax, 2, width=5.0, height=4.4, columns=2)
    qq(residuals, made[0])
    against(residuals, None, made[1])
    return made


def qq(residuals: SimulatedResiduals, ax: Axes | None = None) -> Axes:
    """Ordered residuals against expected ones, with an envelope; the tests' p-values where there are no points."""
    made = style.axes(ax, 5.0, 4.4)
    values = np.sort(residuals.scaled)
    expected = (np.arange(values.size) + 0.5) / values.size
    if values.size > _SAMPLE:
        shown = np.linspace(0, values.size - 1, _SAMPLE).astype(np.intp)
        values, expected = values[shown], expected[shown]
    if (sets := residuals.sets) is not None:
        probe = Uniformity()
        half = float(np.quantile(probe.distances(sets.run([probe])), _LEVEL))
        ends = np.array([0.0, 1.0])
        made.fill_between(ends, ends - half, ends + half, color=style.SKY, alpha=0.25, linewidth=0, zorder=0)
    made.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1.2, zorder=1)
    made.plot(expected, values, ".", color=style.BLUE, markersize=4, zorder=2)
    _write_tests(made, list(residuals.tests().items()))
    made.set(xlabel="expected", ylabel="observed", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    made.set_title("QQ plot of the residuals")
    made.set_aspect("equal", adjustable="box")
    return made


def against(residuals: SimulatedResiduals, predictor: str | ArrayLike | None, ax: Axes | None = None) -> Axes:
    """Curves of the quartiles over the points, with envelopes, or boxes by level where the predictor is a factor."""
    made = style.axes(ax, 5.0, 4.4)
    if predictor is None and np.unique(residuals.predictions).size > 1:
        _curves(residuals, residuals.ranked_predictions(), "fitted values (ranks, scaled)", made)
    elif predictor is None:
        _boxes(residuals.scaled, np.zeros(len(residuals), np.intp), ["all rows"], "one fitted value", made)
    else:
        name, column = residuals.predictor_column(predictor)
        if column.is_factor:
            _factor(residuals, column, name, made)
        else:
            _curves(residuals, column.numbers(), name, made)
    made.set(ylabel="residual", ylim=(-0.02, 1.02))
    return made


def statistic(residuals: SimulatedResiduals, wanted: str | Statistic, ax: Axes | None = None) -> Axes:
    """Histogram of the simulated values."""
    made = style.axes(ax)
    value, simulated, name = values_of(wanted, residuals.observed, residuals.simulated_columns())
    made.hist(simulated, bins="auto", color=style.SKY, edgecolor="white", label="simulated")
    made.axvline(value, color=style.VERMILION, linewidth=2, label="observed")
    made.set(xlabel=name, ylabel="simulations")
    tested = residuals.is_tested
    made.set_title(f"{name}: p {residuals.test_generic(wanted).p_text}" if tested else name)
    made.legend(frameon=False)
    return made


def _curves(residuals: SimulatedResiduals, predictor: Floats, name: str, ax: Axes) -> None:
    values = residuals.scaled
    rng = np.random.default_rng(0)
    many = values.size > _CLOUD
    shown = rng.choice(values.size, _SAMPLE, replace=False) if values.size > _SAMPLE else np.arange(values.size)
    size, alpha = (3.0, 0.25) if many else (12.0, 0.55)
    ax.scatter(predictor[shown], values[shown], s=size, alpha=alpha, color=style.MUTED, linewidths=0, zorder=2)
    extreme = (values == 0) | (values == 1)
    if extreme.any():
        ax.scatter(predictor[extreme], values[extreme], s=26, marker="*", color=style.VERMILION, zorder=5)
    found = quantile_curves(values, predictor)
    if (sets := residuals.sets) is not None:
        probe = Quartiles(found.basis, QUANTILES)
        for low, high in curve_envelope(found, probe.scores(sets.run([probe])), _LEVEL):
            ax.fill_between(found.grid, low, high, color=style.SKY, alpha=0.25, linewidth=0, zorder=1)
    test = residuals.test_quantiles(predictor) if residuals.is_tested else None
    bent = [False] * len(QUANTILES) if test is None else list(test.to_frame()["p_adjusted"] < SIGNIFICANT)
    for tau, curve, wrong in zip(QUANTILES, found.curves, bent, strict=True):
        ax.axhline(tau, color=style.INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=3)
        hue, width = (style.VERMILION, 2.2) if wrong else (style.BLUE, 1.8)
        ax.plot(found.grid, curve, color=hue, linewidth=width, zorder=4)
    ax.set_xlabel(style.shorten(name, 40))
    ax.set_title(
        "Residuals: quartiles"
        if test is None
        else f"Residuals: quartiles {'level' if test.ok else 'deviate'} (p {test.p_text})"
    )


def _factor(residuals: SimulatedResiduals, column: Column, name: str, ax: Axes) -> None:
    codes, labels = column.factor()
    _boxes(residuals.scaled, codes.astype(np.intp), list(labels), name, ax)
    if len(labels) > 1 and residuals.is_tested:
        result = residuals.test_categorical(np.asarray(labels)[codes])
        ax.set_title(f"Residuals by {style.shorten(name)} (p {result.p_text})")


def _boxes(values: Floats, codes: NDArray[np.intp], labels: list[Any], name: str, ax: Axes) -> None:
    places = range(len(labels))
    ax.boxplot(
        [values[codes == k] for k in places],
        positions=list(places),
        widths=0.6,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": style.SKY, "edgecolor": style.INK},
        medianprops={"color": style.INK, "linewidth": 2},
        flierprops={"marker": ".", "markeredgecolor": style.MUTED},
    )
    for tau in QUANTILES:
        ax.axhline(tau, color=style.INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=3)
    style.level_ticks(ax, labels, name, axis="x")


def _write_tests(ax: Axes, tests: list[tuple[str, CheckResult]]) -> None:
    """One line a test, significant ones in colour and with a mark."""
    for place, (name, result) in enumerate(reversed(tests)):
        ax.text(
            0.97,
            0.04 + 0.065 * place,
            f"{name}: p {result.p_text}" + ("" if result.ok else " *"),
            transform=ax.transAxes,
            ha="right",
            va="bottom",
            fontsize="small",
            color=style.INK if result.ok else style.VERMILION,
        )
