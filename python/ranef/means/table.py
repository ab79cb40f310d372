"""Marginal means and contrasts as a table, and as text with the notes that make it readable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.means.adjust import (
    FamilyOfTests,
    adjusted_p_values,
    critical_values,
    interval_method,
)
from ranef.means.scales import IDENTITY, Scale
from ranef.textgrid import p_value_texts, significant, text_grid

if TYPE_CHECKING:
    from ranef.means.emmeans import MarginalMeans

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

# Adjustments that need more than the number of tests.
_NEEDS_CORRELATION, _NEEDS_RANK = "mvt", "scheffe"
# Share of its standard error below which an estimate is printed as zero: what is left of a difference of equal means.
_ROUNDING = 1e-10


def frame(means: MarginalMeans) -> pd.DataFrame:
    """See `MarginalMeans.to_frame`."""
    table = label_frame(means)
    scale, sigma = shown_scale(means), means.view.sigma
    eta, std_error, df = means.estimate, means.std_error, means.df
    table[estimate_name(means)] = scale.adjusted(eta, sigma)
    table["std_error"] = np.abs(scale.adjusted_derivative(eta, sigma)) * std_error
    table["df"] = df
    families = _families(means, eta, std_error, df)
    if means.view.intervals:
        margin = np.where(std_error == 0.0, 0.0, std_error * _spread(families, means, critical=True))
        ends = [scale.adjusted(eta + sign * margin, sigma) for sign in (-1.0, 1.0)]
        table["conf_low"], table["conf_high"] = np.minimum(*ends), np.maximum(*ends)
    if means.view.tests:
        shown_null = float(scale.inverse(np.array([means.view.null]))[0])
        if shown_null:
            table["null"] = shown_null
        table["statistic"] = _statistics(eta - means.view.null, std_error)
        table["p_value"] = _spread(families, means, critical=False)
    if not means.estimable.all():
        table["estimable"] = means.estimable
    return table


def label_frame(means: MarginalMeans) -> pd.DataFrame:
    """The labels, contrasts as texts."""
    stroke = " / " if _is_ratio(means) else " - "
    made = {name: [_label(v, stroke) for v in means.labels[name]] for name in means.labels}
    return pd.DataFrame(
        {name: means.labels[name] if not _has_parts(means.labels[name]) else made[name] for name in made},
        index=pd.RangeIndex(len(means)),
    )


def row_names(means: MarginalMeans) -> list[str]:
    """One name a row, of all its labels."""
    labels = label_frame(means)
    return [" ".join(level_text(v) for v in row) or "overall" for row in labels.itertuples(index=False)]


def level_text(value: Any) -> str:
    """A level in words: numbers as short as they can be."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return str(value)


def shown_scale(means: MarginalMeans) -> Scale:
    """The scale to transform back from, for the table."""
    return means.scale if means.view.response else IDENTITY


def estimate_name(means: MarginalMeans) -> str:
    """Name of the column of estimates."""
    scale = shown_scale(means)
    if not scale.name:
        return means.facts.estimate
    return scale.ratio or "response" if means.facts.kind == "contrasts" else "response"


def groups(means: MarginalMeans) -> list[tuple[tuple[Any, ...], Places]]:
    """The combinations of `by`, in order of appearance, and the rows of each."""
    if not means.by:
        return [((), np.arange(len(means)))]
    keys = list(zip(*(means.labels[name] for name in means.by), strict=True))
    order = {key: k for k, key in enumerate(dict.fromkeys(keys))}
    places = np.array([order[key] for key in keys], dtype=np.intp)
    return [(key, np.flatnonzero(places == k)) for key, k in order.items()]


def effective_adjustment(means: MarginalMeans) -> str:
    """The adjustment, Sidak's where Tukey's is asked for what are no pairwise comparisons."""
    if means.view.adjust == "tukey" and means.facts.means is None:
        return "sidak"
    return means.view.adjust


def _is_ratio(means: MarginalMeans) -> bool:
    return means.facts.kind == "contrasts" and bool(shown_scale(means).ratio)


def _has_parts(column: pd.Series) -> bool:
    return any(isinstance(v, tuple) for v in column)


def _label(value: Any, stroke: str) -> str:
    return stroke.join(value) if isinstance(value, tuple) else level_text(value)


def _families(means: MarginalMeans, eta: Floats, std_error: Floats, df: Floats) -> list[tuple[Places, FamilyOfTests]]:
    """The estimable rows of every group with their family."""
    method = effective_adjustment(means)
    statistic = _statistics(eta - means.view.null, std_error)
    made = []
    for _, rows in groups(means):
        places = rows[~np.isnan(statistic[rows])]
        if method == "none" or not places.size:
            made.append((places, FamilyOfTests(statistic[places], df[places], None, 0, np.zeros((0, 0)))))
            continue
        functions = means.functions[places]
        covariance = functions @ means.basis.covariance @ functions.T if method == _NEEDS_CORRELATION else None
        rank = int(np.linalg.matrix_rank(functions)) if method == _NEEDS_RANK else 0
        correlation = np.zeros((0, 0)) if covariance is None else _correlation(covariance)
        made.append((places, FamilyOfTests(statistic[places], df[places], means.facts.means, rank, correlation)))
    return made


def _statistics(difference: Floats, std_error: Floats) -> Floats:
    """Differences in standard errors; of what is known without error infinite, or zero where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((difference == 0) & (std_error == 0), 0.0, difference / std_error)


def _correlation(covariance: Floats) -> Floats:
    sd = np.sqrt(np.diag(covariance))
    safe = np.where(sd > 0, sd, 1.0)
    made = covariance / np.outer(safe, safe)
    np.fill_diagonal(made, 1.0)
    return np.asarray(made)


def _spread(families: Sequence[tuple[Places, FamilyOfTests]], means: MarginalMeans, critical: bool) -> Floats:
    """P-values or critical values of all rows; NaN where there is no test."""
    made = np.full(len(means), np.nan)
    method = effective_adjustment(means)
    for places, family in families:
        if not places.size:
            continue
        level = means.view.level
        made[places] = critical_values(method, family, level) if critical else adjusted_p_values(method, family)
    return made


def text(means: MarginalMeans, extra: Mapping[str, Sequence[str]] | None = None, more_notes: Sequence[str] = ()) -> str:
    """The table as text, one part for every combination of `by`, and the notes; `extra` columns come last."""
    table = frame(means)
    shown = [c for c in table.columns if c not in means.by and c != "estimable"]
    columns = {name: _column_text(table, name, means) for name in shown}
    left = [k for k, name in enumerate(shown) if name in means.labels]
    for name, given in (extra or {}).items():
        left.append(len(shown))
        shown.append(name)
        columns[name] = list(given)
    widths = {name: max(map(len, [name, *column])) for name, column in columns.items()}
    parts = []
    for key, rows in groups(means):
        head = ", ".join(f"{name} = {level_text(v)}" for name, v in zip(means.by, key, strict=True))
        cells = [[name, *(columns[name][r] for r in rows)] for name in shown]
        padded = [[cell.ljust(widths[name]) if k in left else cell.rjust(widths[name]) for cell in column]
                  for k, (name, column) in enumerate(zip(shown, cells, strict=True))]  # fmt: skip
        parts.append((f"{head}:\n" if head else "") + text_grid(padded, left=left))
    return "\n\n".join(parts) + "".join(f"\n{note}" for note in ("", *notes(means), *more_notes)) if parts else ""


def _column_text(table: pd.DataFrame, name: str, means: MarginalMeans) -> list[str]:
    values = table[name]
    if name in means.labels:
        return [level_text(v) for v in values]
    known = means.estimable
    numbers = [float(v) for v in values[known]]
    if name == means.facts.estimate:
        rounding = _ROUNDING * means.std_error[known]
        numbers = [0.0 if abs(v) < r else v for v, r in zip(numbers, rounding, strict=True)]
    made = {"df": _df_texts, "p_value": p_value_texts, "statistic": _three_decimals}.get(name, significant)(numbers)
    texts = iter(made)
    missing = "nonEst" if name == estimate_name(means) else "NA"
    return [next(texts) if k else missing for k in known]


def _df_texts(values: Sequence[float]) -> list[str]:
    finite = [v for v in values if np.isfinite(v)]
    whole = all(abs(v - round(v)) < 1e-3 for v in finite)
    return ["Inf" if not np.isfinite(v) else f"{v:.0f}" if whole else f"{v:.1f}" for v in values]


def _three_decimals(values: Sequence[float]) -> list[str]:
    return ["NA" if np.isnan(v) else f"{round(v, 3) + 0.0:.3f}" for v in values]


def notes(means: MarginalMeans) -> list[str]:
    """What a reader of the table must know, in the order of the columns."""
    view, scale = means.view, means.scale
    back = bool(shown_scale(means).name)
    made = [*means.facts.notes]
    if means.basis.ddf:
        made.append(f"Degrees-of-freedom method: {means.basis.ddf}")
    if scale.name and not view.response:
        what = "" if means.facts.kind == "contrasts" else " (not the response)"
        made.append(f"Results are given on the {scale.name}{what} scale.")
    if view.intervals:
        made.append(f"Confidence level used: {view.level:g}")
        made += _adjustment_note("Conf-level adjustment", interval_method(effective_adjustment(means)), means)
        if back:
            made.append(f"Intervals are back-transformed from the {scale.name} scale")
    if view.tests:
        made += _adjustment_note("P value adjustment", effective_adjustment(means), means)
        if back:
            made.append(f"Tests are performed on the {scale.name} scale")
    if view.adjust != effective_adjustment(means):
        made.append("Adjustment 'tukey' became 'sidak': it is for pairwise comparisons only")
    if view.sigma and back:
        made.append(f"Bias adjustment applied based on sigma = {view.sigma:.5g}")
    if not means.estimable.all():
        made.append("nonEst: not estimable, the data have no rows that determine it")
    needed = means.basis.unknown_in(means.functions)
    if needed.any():
        names = ", ".join(name for name in means.basis.unknown if name)
        made.append(f"No standard error where {names} is needed: the fit's diagnose() says why")
    return made


def _adjustment_note(title: str, method: str, means: MarginalMeans) -> list[str]:
    if method == "none":
        return []
    sizes = {int(np.isfinite(means.estimate[rows]).sum()) for _, rows in groups(means)}
    size = str(sizes.pop()) if len(sizes) == 1 else "varying numbers of"
    if size == "1" and means.facts.means is None:
        return []
    if method == "tukey":
        if means.facts.means == 2:
            return []
        return [f"{title}: tukey method for comparing a family of {means.facts.means} estimates"]
    unit = "tests" if title.startswith("P") else "estimates"
    return [f"{title}: {method} method for {size} {unit}"]
