"""Residuals by the levels of a factor: uniform within each, and equally spread."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.checks.data_sets import DataSets
from ranef.checks.pooled import pooled_p_value
from ranef.checks.probes import Categories
from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.checks.uniformity import kolmogorov_smirnov
from ranef.errors import DataError

Floats = NDArray[np.float64]


def by_category(values: Floats, codes: NDArray[np.intp], labels: pd.Index, name: str) -> CheckResult:
    """Kolmogorov-Smirnov within every level (p-values of Holm), Levene's test between them; of independent residuals.

    Levene's F is that of Brown and Forsythe (1974, JASA 69, 364-367): absolute distances from the medians.

    Raises
    ------
    DataError
        If the factor has one level in these rows.
    """
    from scipy.stats import levene

    present = present_levels(codes, labels, name)
    parts = [values[codes == k] for k in present]
    found = [kolmogorov_smirnov(part) for part in parts]
    p_values = np.array([p for _, p in found])
    spread = levene(*parts, center="median") if min(part.size for part in parts) > 1 else None
    details = {
        "smallest_p_within": float(holm(p_values).min()),
        "levene_F": float("nan") if spread is None else float(spread.statistic),
        "levene_df1": float(len(parts) - 1),
        "levene_df2": float(values.size - len(parts)),
        "levene_p": 1.0 if spread is None else float(spread.pvalue),
    }
    overall = float(min(1.0, 2.0 * min(details["smallest_p_within"], details["levene_p"])))
    return category_result(
        name,
        labels[present],
        np.array([part.size for part in parts]),
        np.array([d for d, _ in found]),
        p_values,
        details["levene_p"],
        overall,
        details,
    )


def among_simulations(sets: DataSets, codes: NDArray[np.intp], labels: pd.Index, name: str) -> CheckResult:
    """The same among the simulated data sets, spread by mean squares about 1/2.

    Raises
    ------
    DataError
        If the factor has one level in these rows.
    """
    present = present_levels(codes, labels, name)
    own = np.searchsorted(present, codes)
    probe = Categories(own, len(present))
    matched = sets.run([probe])
    found, (within, _, spread) = probe.finding(matched), probe.parts(matched)
    details = dict(found.details) | {f"spread_{labels[k]}": float(v) for k, v in zip(present, spread, strict=True)}
    return category_result(
        name,
        labels[present],
        np.bincount(own),
        within[:, 0],
        np.array([pooled_p_value(row) for row in within]),
        found.details["spread_p"],
        found.p_value,
        details,
        found.resolution,
    )


def present_levels(codes: NDArray[np.intp], labels: pd.Index, name: str) -> list[int]:
    """The levels that these rows have.

    Raises
    ------
    DataError
        If it is one.
    """
    present = [k for k in range(len(labels)) if np.any(codes == k)]
    if len(present) < 2:
        raise DataError(f"{name} has one level only in these rows; test_uniformity() tests them all together")
    return present


def category_result(
    name: str,
    levels: pd.Index,
    sizes: NDArray[np.intp],
    statistics: Floats,
    p_values: Floats,
    spread_p: float,
    overall: float,
    details: Mapping[str, float],
    resolution: float = 0.0,
) -> CheckResult:
    """What tests within the levels, and one of spread between them, say."""
    adjusted = holm(p_values)
    table = pd.DataFrame(
        {name: list(levels), "n": sizes, "statistic": statistics, "p_value": p_values, "p_holm": adjusted}
    )
    wrong = [str(level) for level, p in zip(levels, adjusted, strict=True) if p < SIGNIFICANT]
    uneven = spread_p < SIGNIFICANT
    return CheckResult(
        f"Residuals by {name} (uniformity within levels, equal spread between them)",
        "largest D",
        float(statistics.max()),
        overall,
        "two-sided",
        _meaning(wrong, uneven, name),
        _advice(bool(wrong), uneven, name),
        details,
        table,
        resolution,
    )


def _meaning(wrong: list[str], uneven: bool, name: str) -> str:
    if not wrong and not uneven:
        return f"No evidence against uniform and equally spread residuals in every level of {name}."
    parts = []
    if wrong:
        shown = ", ".join(wrong[:6]) + (f" and {len(wrong) - 6} more" if len(wrong) > 6 else "")
        parts.append(f"the residuals are not uniform within {shown}")
    if uneven:
        parts.append(f"their spread differs between the levels of {name}")
    text = "; ".join(parts) + "."
    return text[0].upper() + text[1:]


def _advice(wrong: bool, uneven: bool, name: str) -> str:
    parts = []
    if wrong:
        parts.append(f"{name} (or its interactions) may belong in the formula")
    if uneven:
        parts.append(f'dispformula="~ {name}" lets the spread differ')
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "." if text else ""


def holm(p_values: Floats) -> Floats:
    """P-values adjusted by Holm (1979, Scandinavian Journal of Statistics 6, 65-70).

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p_values)
    factors = np.arange(p_values.size, 0, -1)
    stepped = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    made = np.empty_like(stepped)
    made[order] = stepped
    return made
