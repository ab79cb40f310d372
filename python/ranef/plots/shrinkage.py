"""Shrinkage plots: what each group says by itself, and what it says once the groups inform each other."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.design import RandomDesign
from ranef.errors import DataError, RanefError, RanefWarning
from ranef.linear import add_random_effects, fixed_part
from ranef.plots import style
from ranef.plots.choose import choose, default_group, random_terms
from ranef.tables import coefficient_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.result import Fit

Floats = NDArray[np.float64]

# An own estimate whose standard error is larger, on the linear predictor's scale, says that the group has none
# (all counts zero, all trials successes): its likelihood rises for ever.
_NO_ESTIMATE = 50.0


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """Estimates by group, on the linear predictor's scale.

    Attributes
    ----------
    own : DataFrame (levels, effects), of the group by itself; NaN where it has none
    pooled : DataFrame (levels, effects), fixed effect plus conditional mode
    population : Series (effects), the fixed effects
    """

    own: pd.DataFrame
    pooled: pd.DataFrame
    population: pd.Series


def shrinkage(fit: Fit, group: str | None) -> Shrinkage:
    """Own and pooled estimates of the random effects of one grouping factor.

    Each level's own estimate is that of a fit to its rows alone, without random effects: of the effects that vary by
    the group, all other parts of the linear predictors held as the whole model has them.
    """
    fit.require_data("a shrinkage plot")
    chosen = default_group(fit, group)
    terms = [fit.design.terms[k] for k in random_terms(fit, "cond", chosen)]
    names = [name for term in terms for name in term.term_names]
    fixed = dict(zip(coefficient_names(fit, "cond"), fit.estimate.beta[fit.predictor_place("cond")], strict=True))
    population = pd.Series([fixed.get(name, 0.0) for name in names], index=names, name="estimate")
    modes = pd.concat([_modes(fit, term) for term in terms], axis=1)
    own = _own_estimates(fit, terms, names, fixed)
    return Shrinkage(own, modes + population, population)


def _modes(fit: Fit, term: RandomDesign) -> pd.DataFrame:
    place = fit.design.terms.index(term)
    return pd.DataFrame(fit.estimate.modes[place], index=term.labels.rename(term.group), columns=list(term.term_names))


def term_columns(term: RandomDesign) -> Floats:
    """The columns (n, q) that multiply the effects of a row's level."""
    if term.basis is not None:
        return term.basis
    q = len(term.term_names)
    if term.column is None:
        return np.ones((term.levels.size, 1))
    return np.eye(q)[term.column]


def _own_estimates(fit: Fit, terms: list[RandomDesign], names: list[str], fixed: dict[str, float]) -> pd.DataFrame:
    columns = np.hstack([term_columns(term) for term in terms])
    data = _rest_of_the_model(fit, terms, columns @ np.array([fixed.get(name, 0.0) for name in names]))
    for k in range(len(names)):
        data[f"z{k}"] = columns[:, k]
    labels = terms[0].labels.rename(terms[0].group)
    estimates = [_own_estimate(fit, data[terms[0].levels == level], len(names)) for level in range(len(labels))]
    return pd.DataFrame(np.vstack(estimates), index=labels, columns=names)


def _rest_of_the_model(fit: Fit, terms: list[RandomDesign], own_fixed: Floats) -> pd.DataFrame:
    """Response, weights, and every linear predictor without the fixed and random effects of `terms`."""
    effects = [
        np.zeros_like(modes) if any(term is t for t in terms) else modes
        for term, modes in zip(fit.design.terms, fit.estimate.modes, strict=True)
    ]
    eta = add_random_effects(fit, fixed_part(fit), effects)
    response, weights = fit.design.response, fit.design.weights
    columns = {f"eta_{p.component}": e for p, e in zip(fit.design.predictors, eta, strict=True)}
    columns["eta_cond"] = columns["eta_cond"] - own_fixed
    columns["y"] = response.values
    if response.trials is not None:
        columns["failures"] = response.trials - response.values
    columns["weight"] = np.ones(fit.design.n_rows)
    if weights is not None and weights.kind in ("frequency", "likelihood"):
        columns["weight"] = weights.values
    return pd.DataFrame(columns)


def _own_estimate(fit: Fit, data: pd.DataFrame, count: int) -> Floats:
    """Coefficients (count,) of one level's rows; NaN where they do not determine them."""
    from ranef.fitting import fit as fit_model
    from ranef.weights import likelihood

    none = np.full(count, np.nan)
    columns = data[[f"z{k}" for k in range(count)]].to_numpy()
    if np.linalg.matrix_rank(columns) < count:
        return none
    side = "cbind(y, failures)" if "failures" in data else "y"
    terms = " + ".join(f"z{k}" for k in range(count))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RanefWarning)
            own = fit_model(
                f"{side} ~ 0 + {terms} + offset(eta_cond)",
                data,
                family=fit.family,
                ziformula="~ 0 + offset(eta_zi)" if "eta_zi" in data else None,
                dispformula="~ 0 + offset(eta_disp)" if "eta_disp" in data else None,
                weights=likelihood(data["weight"].to_numpy()),
            )
            errors = np.sqrt(np.diag(own.vcov()))
    except RanefError:
        return none  # a group from which no fit can start has no estimate of its own
    known = own.converged and bool(np.isfinite(errors).all()) and errors.max() < _NO_ESTIMATE
    return own.fixef().to_numpy() if known else none


def plot_shrinkage(fit: Fit, group: str | None, x: str | None, ax: Axes | None) -> Axes:
    """Draw arrows from own to pooled estimates; see `Fit.plot_shrinkage`."""
    style.require_matplotlib("plot_shrinkage")
    estimates = shrinkage(fit, group)
    names = list(estimates.pooled.columns)
    pair = _pair(names, x)
    if len(pair) == 2:
        panel = style.axes(ax, 6.4, 4.8)
        _draw_plane(panel, estimates, pair)
    else:
        panel = style.axes(ax, 6.4, style.level_height(len(estimates.pooled)) + 0.4)
        _draw_levels(panel, estimates, pair[0])
    for note in _notes(panel, estimates, pair):
        panel.set_xlabel(f"{panel.get_xlabel()}\n{note}")
    return panel


def _notes(ax: Axes, estimates: Shrinkage, pair: list[str]) -> list[str]:
    """What the picture leaves out."""
    absent = int(estimates.own[pair].isna().any(axis=1).sum())
    limits = [ax.get_xlim(), ax.get_ylim()]
    own = [estimates.own[name].to_numpy() for name in pair]
    beyond = np.any([(o < low) | (o > high) for o, (low, high) in zip(own, limits[: len(pair)], strict=True)], axis=0)
    made = [f"{absent} of {len(estimates.own)} levels have no estimate of their own"] if absent else []
    return [*made, f"{beyond.sum()} own estimates lie beyond the frame"] if beyond.any() else made


def _pair(names: list[str], x: str | None) -> list[str]:
    """The effects to show: the first, and the one called `x` (the second, if there is one)."""
    if x is not None:
        chosen = choose(x, names, "random effect")
        others = [name for name in names if name != chosen]
        return [*others[:1], chosen]
    if len(set(names)) < len(names):
        raise DataError(f"the grouping factor has an effect twice ({', '.join(names)}): no picture can tell them apart")
    return names[:2]


def _draw_plane(ax: Axes, estimates: Shrinkage, pair: list[str]) -> None:
    """Two effects against each other."""
    first, second = pair
    known = estimates.own[pair].notna().all(axis=1)
    own, pooled = estimates.own.loc[known, pair].to_numpy(), estimates.pooled.loc[known, pair].to_numpy()
    _arrows(ax, own, pooled)
    alone = estimates.pooled[~known]
    ax.plot(own[:, 0], own[:, 1], "o", mfc="white", color=style.VERMILION, markersize=5.5, label="own estimate")
    ax.plot(pooled[:, 0], pooled[:, 1], "o", color=style.BLUE, markersize=5.0, label="partially pooled")
    ax.plot(alone[first], alone[second], "o", color=style.BLUE, markersize=5.0)
    ax.plot(*estimates.population[pair], "*", color=style.BLACK, markersize=15, label="population")
    ax.set_xlim(style.robust_limits(own[:, 0], estimates.pooled[first].to_numpy()))
    ax.set_ylim(style.robust_limits(own[:, 1], estimates.pooled[second].to_numpy()))
    ax.set_xlabel(style.shorten(first, 44))
    ax.set_ylabel(style.shorten(second, 44))
    style.legend_above(ax)


def _draw_levels(ax: Axes, estimates: Shrinkage, effect: str) -> None:
    """One effect, a row for every level, ordered by the pooled estimate."""
    order = np.argsort(estimates.pooled[effect].to_numpy(), kind="stable")
    own, pooled = estimates.own[effect].to_numpy()[order], estimates.pooled[effect].to_numpy()[order]
    height = np.arange(len(order), dtype=np.float64)
    known = np.isfinite(own)
    crowd = len(order) > style.MAX_TICK_LABELS
    _arrows(ax, np.column_stack([own, height])[known], np.column_stack([pooled, height])[known], thin=crowd)
    small = 3.0 if crowd else 5.5
    ax.plot(own, height, "o", mfc="white", color=style.VERMILION, markersize=small, label="own estimate")
    ax.plot(pooled, height, "o", color=style.BLUE, markersize=small, label="partially pooled")
    ax.axvline(
        float(estimates.population[effect]), color=style.BLACK, linewidth=1.2, linestyle="--", label="population"
    )
    ax.set_xlim(style.robust_limits(own[known], np.append(pooled, estimates.population[effect])))
    ax.set_ylim(-0.8, len(order) - 0.2)
    labels = [estimates.pooled.index[k] for k in order]
    style.level_ticks(ax, labels, str(estimates.pooled.index.name))
    ax.grid(False, axis="y")
    ax.set_xlabel(style.shorten(effect, 44))
    style.legend_above(ax)


def _arrows(ax: Axes, start: Floats, end: Floats, thin: bool = False) -> None:
    step: Any = end - start
    ax.quiver(
        *start.T, *step.T, angles="xy", scale_units="xy", scale=1.0, color=style.MUTED, zorder=1.5,
        width=0.0018 if thin else 0.003, headwidth=4.0, headlength=5.0, headaxislength=4.5, minlength=0.0,
    )  # fmt: skip
