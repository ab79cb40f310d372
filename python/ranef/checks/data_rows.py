"""Checks of the model against the data: dispersion, uniform residuals, outliers, zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ranef.assemble import has_component
from ranef.checks.dispersion import pearson_dispersion
from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.checks.row import CheckRow, verdict_of
from ranef.checks.simulated import SimulatedResiduals
from ranef.checks.zero_counts import zero_counts

if TYPE_CHECKING:
    from ranef.result import Fit

# Ratios of variances that matter, whatever the p-value: half as much again, or two thirds.
_NOTABLE_RATIO = 1.5
# Distance of the residuals' distribution from the uniform one that matters.
_NOTABLE_DISTANCE = 0.1


def overdispersion_row(fit: Fit) -> CheckRow | None:
    """Pearson's chi-square, for counts and for trials; one-sided."""
    trials = fit.design.response.trials
    counts = fit.family.is_count or (trials is not None and bool((trials > 1).any()))
    if not counts or fit.df_resid <= 0:
        return None
    found = pearson_dispersion(fit, "greater")
    return _row("overdispersion", "Pearson chi-square / df", found, found.statistic > _NOTABLE_RATIO)


def simulated_rows(residuals: SimulatedResiduals) -> list[CheckRow]:
    """Dispersion, uniformity and outliers of simulated residuals."""
    uniform, outliers = residuals.test_uniformity(), residuals.test_outliers()
    rows = []
    if residuals.observed.size > 1:
        found = residuals.test_dispersion()
        ratio = found.statistic
        large = bool(np.isfinite(ratio)) and max(ratio, 1.0 / max(ratio, 1e-300)) > _NOTABLE_RATIO
        rows.append(_row("dispersion", "variance, observed / simulated", found, large))
    rows.append(_row("uniform residuals", "Kolmogorov-Smirnov D", uniform, uniform.statistic > _NOTABLE_DISTANCE))
    expected = outliers.details["expected"] * residuals.observed.size
    rows.append(_row("outliers", "rows outside their simulations", outliers, outliers.statistic > 3.0 * expected))
    return rows


def zero_row(fit: Fit) -> CheckRow | None:
    """Zeros of a count model, zero inflation counted where the model has it."""
    if not fit.family.is_count or (fit.family.truncated and not has_component(fit.design, "zi")):
        return None
    found = zero_counts(fit)
    if found.observed == 0 and found.expected < 1e-8:
        return None
    verdict = verdict_of(found.p_value, not 1.0 / _NOTABLE_RATIO < found.ratio < _NOTABLE_RATIO)
    many = found.observed > found.expected
    advice = ""
    if verdict != "ok":
        inflation = "ziformula, or a hurdle (a truncated family with ziformula)"
        richer = inflation if "nbinom" in fit.family.name else f"nbinom2 first, then {inflation}"
        advice = richer if many else "leave zero inflation out"
    return CheckRow(
        "zero inflation",
        "zeros, observed / expected",
        found.ratio,
        found.p_value,
        verdict,
        f"{found.observed} zeros, {found.expected:.4g} expected"
        + ("" if verdict == "ok" else ": too many" if many else ": too few"),
        advice,
    )


def _row(check: str, quantity: str, found: CheckResult, large: bool) -> CheckRow:
    verdict = verdict_of(found.p_value, large)
    if verdict == "attention" and found.p_value < found.resolution and large:
        verdict = "problem"
    advice = _lowered(found.advice) if found.p_value < SIGNIFICANT else ""
    meaning = _lowered(found.meaning)
    return CheckRow(check, quantity, found.statistic, found.p_value, verdict, meaning, advice, found.resolution)


def _lowered(sentence: str) -> str:
    """Without its capital and full stop, as a cell of a table."""
    text = sentence.rstrip(".")
    return text[:1].lower() + text[1:]
