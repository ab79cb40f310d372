"""Which pictures a report shows: an effect for every variable, modes and shrinkage for every grouping factor."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ranef.errors import RanefError
from ranef.plots import style
from ranef.plots.choose import random_terms
from ranef.plots.grid import predictor_variables
from ranef.report import figures

if TYPE_CHECKING:
    from ranef.checks.simulated import SimulatedResiduals
    from ranef.result import Fit

# A report shows so many effects and random effects; more belong in pictures of their own.
MOST_EFFECTS = 8
# Every level's own estimate is a fit: some 3 ms.
MOST_LEVELS = 1000


def effects(fit: Fit, level: float) -> str:
    """One effect plot a variable of the conditional model's fixed effects."""
    predictor = fit.design.predictors[fit.predictor_place("cond")]
    offsets = {n for s in predictor.offset_sources if s.expression is not None for n in s.expression.variables}
    names = [n for n in dict.fromkeys(predictor_variables(predictor)) if n not in offsets]
    shown = [_effect(fit, name, level) for name in names[:MOST_EFFECTS]]
    note = (
        f"Population level, {100 * level:g} % intervals, other variables at their means, other factors averaged over. "
        f"Points: observations moved to where they would stand were all else typical."
    )
    left_out = f" Not shown: {', '.join(names[MOST_EFFECTS:])}." if len(names) > MOST_EFFECTS else ""
    return _figures(shown) + _note(note + left_out) if shown else ""


def _effect(fit: Fit, name: str, level: float) -> str:
    return figures.drawn(lambda ax: fit.plot_effects(name, ax=ax, level=level), f"Effect of {name}")


def groups(fit: Fit, level: float) -> str:
    """Caterpillars of every random effect, and each grouping factor's shrinkage."""
    shown: list[str] = []
    for component in dict.fromkeys(term.component for term in fit.design.terms):
        for group in dict.fromkeys(fit.design.terms[k].group for k in random_terms(fit, component)):
            shown += _caterpillars(fit, component, group, level)
            if component == "cond":
                shown += _shrinkage(fit, group)
    return _figures(shown)


def _caterpillars(fit: Fit, component: str, group: str, level: float) -> list[str]:
    terms = [fit.design.terms[k] for k in random_terms(fit, component, group)]
    count = sum(len(term.term_names) for term in terms)
    if count > MOST_EFFECTS:
        return [_note(f"The {count} random effects of {group} are not shown; fit.plot_ranef({group!r}) draws them.")]
    height = style.level_height(len(terms[0].labels))
    prefix = "" if component == "cond" else f"{component}: "
    panels = figures.axes(count, height=height)
    try:
        fit.plot_ranef(group, ax=panels, component=component, level=level)
    except RanefError as error:
        return [_note(f"No picture of the modes of {group}: {error}")]
    names = [name for term in terms for name in term.term_names]
    caption = "{0}Conditional modes of {1} by {2}, {3:g} % intervals"
    return [
        figures.figure_html(figures.figure_of(panel), caption.format(prefix, name, group, 100 * level))
        for panel, name in zip(panels, names, strict=True)
    ]


def _shrinkage(fit: Fit, group: str) -> list[str]:
    levels = len(next(t for t in fit.design.terms if t.group == group and t.component == "cond").labels)
    if levels > MOST_LEVELS:
        return [_note(f"Shrinkage of the {levels} levels of {group} is not shown; plot_shrinkage({group!r}) draws it.")]
    caption = f"Shrinkage: each {group}'s own estimate, and the one that borrows from the others"
    try:
        return [figures.drawn(lambda ax: fit.plot_shrinkage(group, ax=ax), caption, height=_height(fit, group, levels))]
    except RanefError as error:
        return [_note(f"No picture of shrinkage for {group}: {error}")]


def _height(fit: Fit, group: str, levels: int) -> float:
    """Two effects span a plane; one has a row for each level."""
    names = [n for t in fit.design.terms if t.group == group and t.component == "cond" for n in t.term_names]
    return figures.HEIGHT + 0.4 if len(names) > 1 else style.level_height(levels) + 0.4


def residuals(simulated: SimulatedResiduals) -> str:
    """The QQ plot of simulated residuals, and the residuals against the fitted values."""
    shown = [
        figures.drawn(simulated.plot_qq, "Simulated residuals against what they should be"),
        figures.drawn(
            lambda ax: simulated.plot_residuals(ax=ax),
            "Simulated residuals against fitted values, with their quartiles",
        ),
    ]
    return _figures(shown)


def _figures(shown: list[str]) -> str:
    return f'<div class="figures">{"".join(shown)}</div>' if shown else ""


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
