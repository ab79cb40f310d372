"""The tests of `Fit.check`: which of them a model has, and what their findings mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ranef.assemble import has_component
from ranef.checks.along import covariate_probes, spread_probe
from ranef.checks.dispersion import dispersion_is_fitted, is_one_trial
from ranef.checks.matched import Matched
from ranef.checks.normality import FEWEST, GroupNormality
from ranef.checks.probes import Finding, Outliers, Probe, Uniformity, Zeros
from ranef.checks.result import SIGNIFICANT
from ranef.checks.simulators import Simulator
from ranef.checks.within_groups import WithinGroups

if TYPE_CHECKING:
    from ranef.result import Fit

# Ratios of variances or of zeros that matter, whatever the p-value: half as much again, or two thirds.
_NOTABLE_RATIO = 1.5
# Distance of the residuals' distribution from the uniform one that matters.
_NOTABLE_DISTANCE = 0.1
# Outliers over their expected number that matter.
_NOTABLE_OUTLIERS = 3.0
# Distances along a covariate and along the fitted values that matter, whatever the number of rows: a share of it.
_NOTABLE_SHARE = 0.05
# W below it is far from normal whatever the number of levels.
_LOW_W = 0.9


@dataclass(frozen=True, slots=True)
class Words:
    """What a finding means where there is evidence, what to do, and whether it matters."""

    large: bool
    meaning: str
    advice: str


@dataclass(frozen=True, slots=True, eq=False)
class PlannedTest:
    """One line of the table before its verdict.

    Attributes
    ----------
    check, quantity : as in the table
    probe : of the residuals
    fine : what is said where there is no evidence
    words : of a finding against the model
    """

    check: str
    quantity: str
    probe: Probe
    fine: str
    words: Callable[[Finding], Words]


def planned_tests(fit: Fit, simulator: Simulator, matched: Matched) -> list[PlannedTest]:
    """The tests of a fit; those are left out whose statistic the fit has fixed."""
    return [
        *_of_distribution(fit, simulator),
        *_along(fit, simulator),
        *_of_effects(fit, matched),
    ]


def _of_distribution(fit: Fit, simulator: Simulator) -> Iterator[PlannedTest]:
    rows, family = fit.design.n_rows, fit.family
    if not dispersion_is_fitted(fit) and rows > 1:
        yield PlannedTest(
            "dispersion",
            "Pearson chi-square, observed / simulated",
            WithinGroups(fit, simulator),
            "no evidence against the variance that the model gives the data",
            partial(_dispersion, fit=fit),
        )
    yield PlannedTest(
        "uniform residuals",
        "Kolmogorov-Smirnov D",
        Uniformity(),
        "no evidence against the model's distribution",
        lambda found: Words(
            found.statistic > _NOTABLE_DISTANCE,
            "the residuals are not uniform: the model's distribution is not that of the data",
            "residuals.plot_qq() shows where; another family, or what the other lines say",
        ),
    )
    if not is_one_trial(fit):
        yield PlannedTest(
            "outliers",
            "rows outside their simulations",
            Outliers(),
            "no evidence of rows that the model does not give",
            partial(_outliers, rows=rows),
        )
    if family.is_count and not family.truncated and not has_component(fit.design, "zi"):
        yield PlannedTest(
            "zero inflation",
            "zeros, observed / expected",
            Zeros(rows),
            "no evidence against the number of zeros",
            partial(_zeros, fit=fit),
        )


def _along(fit: Fit, simulator: Simulator) -> Iterator[PlannedTest]:
    share = _NOTABLE_SHARE * fit.design.n_rows
    for name, probe in covariate_probes(fit, simulator):
        yield PlannedTest(
            "residuals along covariates",
            f"chi-square: {name}",
            probe,
            f"no evidence of a bend, or of another spread, along {name}",
            partial(_covariate, name=name, share=share, fit=fit),
        )
    if (spread := spread_probe(fit, simulator)) is not None:
        yield PlannedTest(
            "spread along fitted values",
            "z of the residuals' squares",
            spread,
            "no evidence of a spread that changes with the fitted values",
            lambda found: Words(
                found.statistic**2 > share,
                f"the residuals spread {'more' if found.statistic > 0 else 'less'} where the fitted values are larger",
                _spread_advice(fit, "the fitted values"),
            ),
        )


def _of_effects(fit: Fit, matched: Matched) -> Iterator[PlannedTest]:
    for term in matched.terms:
        design = fit.design.terms[term.place]
        if len(design.labels) < FEWEST or term.effects > Matched.most_effects:
            continue
        for effect, name in enumerate(design.term_names):
            yield PlannedTest(
                "normality of random effects",
                f"Shapiro-Francia W: {name}|{design.group}",
                GroupNormality(term, effect),
                f"no evidence against normal effects of the {len(design.labels)} levels",
                partial(_effects, levels=len(design.labels)),
            )


def _dispersion(found: Finding, fit: Fit) -> Words:
    ratio = found.statistic
    large = bool(np.isfinite(ratio)) and not 1.0 / _NOTABLE_RATIO < ratio < _NOTABLE_RATIO
    over = ratio > 1
    kind = "overdispersion" if over else "underdispersion"
    meaning = f"{kind}: the data vary {ratio:.3g} times as much (in variance) as the model says"
    richer = "betabinomial" if fit.family.has_trials else "nbinom2"
    advice = (
        f"missing covariates and outliers first; then a family with a dispersion parameter ({richer}), or random "
        "effects of the observations"
        if over
        else "standard errors are too large; a family with less variance, or rows that repeat each other"
    )
    return Words(large, meaning, advice)


def _outliers(found: Finding, rows: int) -> Words:
    expected = found.details["expected"]
    many = found.statistic > expected
    meaning = f"{found.statistic:g} of {rows} rows lie outside their simulations, {expected:.3g} expected"
    if not many:
        meaning += f"; the farthest by {found.details['farthest']:.3g} standard deviations"
    return Words(
        found.statistic > _NOTABLE_OUTLIERS * expected, meaning, "look at these rows: residuals.values near 0 or 1"
    )


def _zeros(found: Finding, fit: Fit) -> Words:
    observed, expected = found.details["observed"], found.details["expected"]
    many = observed > expected
    inflation = "ziformula, or a hurdle (a truncated family with ziformula)"
    richer = inflation if "nbinom" in fit.family.name else f"nbinom2 first, then {inflation}"
    large = not 1.0 / _NOTABLE_RATIO < found.statistic < _NOTABLE_RATIO
    meaning = f"{observed:g} zeros, {expected:.4g} expected: too {'many' if many else 'few'}"
    return Words(large, meaning, richer if many else "a family with fewer zeros, or a truncated one")


def _covariate(found: Finding, name: str, share: float, fit: Fit) -> Words:
    bend, spread = (found.details[key] < SIGNIFICANT for key in ("p_level", "p_spread"))
    if not bend and not spread:
        bend, spread = True, True
    said = " and ".join(["bend"] * bend + ["spread differently"] * spread)
    advice = [f"another shape of {name} (poly, bs), or its interactions"] * bend
    advice += [_spread_advice(fit, name)] * spread
    return Words(found.statistic > share, f"the residuals {said} along {name}", "; ".join(advice))


def _effects(found: Finding, levels: int) -> Words:
    return Words(
        found.statistic < _LOW_W,
        f"the deviations of the {levels} levels do not look normal: outlying levels, or groups of levels",
        "see plot_ranef(); look for a covariate of the groups that sets them apart",
    )


def _spread_advice(fit: Fit, name: str) -> str:
    if fit.family.dispersion:
        of = "a dispformula" if name == "the fitted values" else f'dispformula="~ {name}"'
        return f"{of}, or a family or link whose variance changes so"
    return f"what changes the variance along {name}: a missing effect, or a family with a dispersion parameter"
