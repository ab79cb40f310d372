"""Comparison of a fit with a reference case: every check returns what differs by more than the case tolerates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import ranef
from support.reference_cases import ReferenceCase, plain_group, r_name


@dataclass(frozen=True)
class Difference:
    """One quantity outside its tolerance."""

    quantity: str
    ours: float
    reference: float
    tolerance: float

    def __str__(self) -> str:
        return (
            f"{self.quantity}: {self.ours:.9g}, reference {self.reference:.9g}, "
            f"off by {abs(self.ours - self.reference):.2g}, tolerated {self.tolerance:.2g}"
        )


def compare(quantity: str, ours: float, reference: float, tolerance: float) -> Iterator[Difference]:
    """Nothing if `ours` is within `tolerance` of `reference`."""
    if not abs(ours - reference) <= tolerance:
        yield Difference(quantity, float(ours), float(reference), float(tolerance))


def fixed_effects(case: ReferenceCase, fit: ranef.Fit) -> list[Difference]:
    """Estimates and standard errors of every component."""
    found: list[Difference] = []
    for component, table in case.expect["fixef"].items():
        if table is None:
            continue
        ours = fit.fixef(component)
        errors = pd.Series(np.sqrt(np.diag(fit.vcov(component))), index=ours.index)
        names = {r_name(name): name for name in ours.index}
        theirs = [r_name(name) for name in table["names"]]
        unknown = set(names) ^ {name for name, e in zip(theirs, table["estimate"], strict=True) if e is not None}
        found += [Difference(f"{component}: no counterpart of {name}", np.nan, np.nan, 0.0) for name in sorted(unknown)]
        alternatives = _alternative_errors(case, component)
        for name, estimate, error in zip(theirs, table["estimate"], table["se"], strict=True):
            if name not in names or estimate is None:
                continue
            found += compare(
                f"{component}:{name}", ours[names[name]], estimate, _estimate_tolerance(case, estimate, error)
            )
            found += _standard_error(
                case, f"se {component}:{name}", errors[names[name]], [error, *alternatives.get(name, [])]
            )
    return found


def _estimate_tolerance(case: ReferenceCase, estimate: float, error: float) -> float:
    """Within the relative tolerance, or within the stated fraction of a standard error."""
    relative = (case.tolerance["fixef_rel"] or 0.0) * abs(estimate)
    return max(relative, (case.tolerance["fixef_in_se"] or 0.0) * (error or 0.0))


def _standard_error(case: ReferenceCase, quantity: str, ours: float, references: list[float]) -> list[Difference]:
    """Near the reference's standard error or that of another engine: lmer's hold the variances fixed."""
    relative = case.tolerance["se_rel"]
    if relative is None or references[0] is None:
        return []
    misses = [list(compare(quantity, ours, reference, relative * reference)) for reference in references]
    return [] if any(not miss for miss in misses) else misses[0]


def _alternative_errors(case: ReferenceCase, component: str) -> dict[str, list[float]]:
    """Standard errors of the other engines that fitted the case, by coefficient."""
    made: dict[str, list[float]] = {}
    for other in case.raw["alt"]:
        table = other["fixef"].get(component)
        if table is None:
            continue
        for name, error in zip(map(r_name, table["names"]), table["se"], strict=True):
            if error is not None:
                made.setdefault(name, []).append(error)
    return made


def covariances(case: ReferenceCase, fit: ranef.Fit) -> list[Difference]:
    """Standard deviations and correlations of the random effects, and sigma."""
    sds, correlations = _our_covariances(fit)
    found: list[Difference] = []
    for entry in case.expect["varcorr"]:
        place = (entry["component"], plain_group(entry["group"]))
        for name, sd in zip(entry["terms"], entry["sd"], strict=True):
            ours = sds.get((*place, name), np.nan)
            if case.tolerance["sd_rel"] is not None:
                tolerance = max(case.tolerance["sd_rel"] * sd, case.tolerance["sd_abs"] or 0.0)
                found += compare(f"sd {'|'.join((*place, name))}", ours, sd, tolerance)
        if case.tolerance["corr_abs"] is not None:
            found += _correlations(entry, place, correlations, case.tolerance["corr_abs"])
    return found + sigma(case, fit)


def sigma(case: ReferenceCase, fit: ranef.Fit) -> list[Difference]:
    """R's ``sigma()``, where the reference has one."""
    reference, relative = case.expect["sigma"], case.tolerance["sd_rel"]
    if reference is None or relative is None:
        return []
    return list(compare("sigma", fit.sigma, reference, relative * reference))


def _our_covariances(fit: ranef.Fit) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    sds: dict[tuple[str, ...], float] = {}
    correlations: dict[tuple[str, ...], float] = {}
    for row in fit.varcorr().to_frame().itertuples():
        if row.group == "Residual":
            continue
        if row.var2 is None or pd.isna(row.var2):
            sds[row.component, row.group, r_name(row.var1)] = row.sdcor
        else:
            pair = sorted((r_name(row.var1), r_name(row.var2)))
            correlations[row.component, row.group, *pair] = row.sdcor
    return sds, correlations


def _correlations(
    entry: dict[str, Any], place: tuple[str, str], ours: dict[tuple[str, ...], float], tolerance: float
) -> Iterator[Difference]:
    names = entry["terms"]
    for i in range(len(names)):
        for j in range(i):
            key = (*place, *sorted((names[i], names[j])))
            reference = entry["corr"][i][j]
            if reference is not None:
                yield from compare(f"cor {'|'.join(key)}", ours.get(key, 0.0), reference, tolerance)


def modes(case: ReferenceCase, fit: ranef.Fit) -> list[Difference]:
    """Conditional modes of the first levels and the sum of squares over all."""
    found: list[Difference] = []
    for component, key in (("cond", "ranef"), ("zi", "ranef_zi"), ("disp", "ranef_disp")):
        for group, expected in (case.expect.get(key) or {}).items():
            found += _modes_of_group(case, fit.ranef(component)[plain_group(group)], group, expected)
    return found


def _modes_of_group(
    case: ReferenceCase, table: pd.DataFrame, group: str, expected: dict[str, Any]
) -> Iterator[Difference]:
    """A mode moves with the standard deviation it is shrunk by: tolerated relative to both."""
    ours = table.rename(index=str, columns=r_name)
    relative, floor = case.tolerance["sd_rel"], case.tolerance["sd_abs"] or 0.0
    if relative is None:
        return
    yield from compare(f"levels of {group}", len(ours), expected["n_levels"], 0)
    for k, term in enumerate(expected["terms"]):
        total = float((ours[term] ** 2).sum())
        spread = float(np.sqrt(expected["sum_sq"][k] / expected["n_levels"]))
        slack = expected["n_levels"] * floor * (floor + spread)
        yield from compare(
            f"sum of squares {group}|{term}", total, expected["sum_sq"][k], 2 * relative * expected["sum_sq"][k] + slack
        )
        for level, values in zip(expected["levels"], expected["values"], strict=True):
            tolerance = relative * (abs(values[k]) + spread) + floor
            yield from compare(f"mode {group}|{term}[{level}]", ours.loc[str(level), term], values[k], tolerance)


HEADS = (
    ("fitted_head", "response"),
    ("linpred_head", "link"),
    ("zprob_head", "zprob"),
    ("conditional_head", "conditional"),
    ("disp_head", "disp"),
)


def heads(case: ReferenceCase, fit: ranef.Fit) -> list[Difference]:
    """Fitted values and linear predictors of the first rows that were used."""
    relative = case.tolerance["fitted_rel"]
    found: list[Difference] = []
    if relative is None:
        return found
    for key, kind in HEADS:
        expected = case.expect.get(key)
        if expected is None:
            continue
        ours = first(fit.predict(type=kind), len(expected))
        if len(ours) < len(expected):
            found.append(Difference(f"{key}: rows with a value", len(ours), len(expected), 0.0))
            continue
        for row, (mine, reference) in enumerate(zip(ours, expected, strict=True)):
            scale = max(abs(reference), _unit(case)) if kind == "link" else abs(reference)
            found += compare(f"{key}[{row}]", mine, reference, relative * scale)
    return found


def _unit(case: ReferenceCase) -> float:
    """A linear predictor of zero is as exact as any other: relative to one (log, logit ...) or to sigma."""
    sigma = case.expect["sigma"]
    return float(sigma) if case.raw["family"] == "gaussian" and sigma else 1.0


def first(values: Sequence[float] | pd.Series, count: int) -> list[float]:
    """The first values of rows that were used."""
    array = np.asarray(values, dtype=float)
    return list(array[~np.isnan(array)][:count])


def counts(case: ReferenceCase, fit: ranef.Fit) -> list[Difference]:
    """Degrees of freedom, observations, and what AIC and BIC add to the deviance."""
    expect = case.expect
    found = [*compare("df", fit.df, expect["df"], 0), *compare("nobs", fit.nobs, expect["nobs"], 0)]
    for name, ours in (("aic", fit.aic), ("bic", fit.bic)):
        reference = expect[name] + 2 * expect["loglik"]
        found += compare(f"{name} + 2 logLik", ours + 2 * fit.loglik, reference, 1e-8 * abs(reference))
    return found


CHECKS = {
    "fixed effects": fixed_effects,
    "covariances": covariances,
    "modes": modes,
    "heads": heads,
    "counts": counts,
}
