"""Groups without which the coefficients would be others: Cook's distance after one Newton step."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pandas as pd

from ranef.checks.row import CheckRow, Verdict
from ranef.errors import ConvergenceError, DesignWarning
from ranef.inference.linearised import held_names

if TYPE_CHECKING:
    from ranef.result import Fit

# Cook and Weisberg's limit of a distance per coefficient. To be above it is no fault of the model, and so no problem:
# where groups are few, one of them weighs much.
_NOTABLE = 1.0
# A step for each group; with more groups none is influential alone.
_MOST_GROUPS = 2000


def influence_rows(fit: Fit) -> list[CheckRow]:
    """One row a grouping factor of the mean with 3 to 2,000 levels: its most influential group."""
    if not fit.design.predictors[fit.predictor_place("cond")].fixed.names or held_names(fit):
        return []
    terms = [t for t in fit.design.terms if t.component == "cond" and 2 < len(t.labels) <= _MOST_GROUPS]
    return [_group_row(fit, group) for group in dict.fromkeys(t.group for t in terms)]


def _group_row(fit: Fit, group: str) -> CheckRow:
    try:
        return _row(group, _distances(fit, group))
    except ConvergenceError as reason:
        return CheckRow("influential groups", f"not computed: {group}", "", None, "unknown", str(reason))


def _distances(fit: Fit, group: str) -> pd.Series:
    """NaN for groups without which some coefficient is not to be had: the row says so, no warning need."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignWarning)
        return fit.influence(group).cooks_distance


def _row(group: str, distances: pd.Series) -> CheckRow:
    lost = distances.index[distances.isna()]
    if len(lost):
        return CheckRow(
            "influential groups",
            f"groups that alone hold a coefficient: {group}",
            float(len(lost)),
            None,
            "attention",
            f"without {group} {', '.join(map(str, lost[:5]))} some coefficient cannot be estimated",
            "merge levels that one group alone has",
        )
    worst, value = distances.idxmax(), float(distances.max())
    verdict: Verdict = "attention" if value > _NOTABLE else "ok"
    return CheckRow(
        "influential groups",
        f"largest Cook's distance: {group} {worst}",
        value,
        None,
        verdict,
        f"no {group} moves the coefficients much"
        if verdict == "ok"
        else f"without {group} {worst} the coefficients would be others",
        "" if verdict == "ok" else f"influence({group!r}) names the coefficients; look at that group's data",
    )
