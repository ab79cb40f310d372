"""The variances of a fit as one table that adds up: fixed effects, each random term, overdispersion, observation.

Variances are those of `ranef.variance_components`, so that a term with random slopes has one row: its mean contribution
to a row of the data. Squared coefficients of variation (Houle 1992, Genetics 130, 195-204):

    log link                        exp(variance) - 1, that of the factor by which the normal effect multiplies the mean
    identity link, positive y       variance / mean(y)^2
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ranef.observation_variance import is_residual
from ranef.textgrid import significant, text_grid
from ranef.variance_components import Reference, VarianceComponents, row_weights
from ranef.variance_explained import Interval, definition_of, in_brackets, table_of

# Share of the total below which a variance is printed as zero: what rounding leaves of it.
_ROUNDING = 1e-14

if TYPE_CHECKING:
    from ranef.result import Fit


class VariancePartition:
    """Variances with their shares; made by `Fit.variance_partition`, prints with its definition.

    Attributes
    ----------
    definition : how the variance of an observation was taken
    components : the variances
    """

    def __init__(self, definition: str, cv2: str | None, components: VarianceComponents, table: pd.DataFrame) -> None:
        self.definition = definition
        self.components = components
        self._cv2 = cv2
        self._table = table

    def to_frame(self) -> pd.DataFrame:
        """One row a part.

        Returns
        -------
        DataFrame with columns ``component`` (``fixed``, ``random``, ``overdispersion``, ``residual`` or
        ``observation``, ``total``), ``group``, ``effects``, ``variance``, ``sd``, ``share`` of the total, where an
        interval of the shares was asked for ``share_std_error``, ``share_low`` and ``share_high``, and ``cv2`` where
        the link is the log, or the link the identity and the response positive.
        """
        return self._table.copy()

    def __str__(self) -> str:
        table = self._table
        size = float(table["variance"].iloc[-1])
        variance = table["variance"].where(table["variance"] > _ROUNDING * size, 0.0)
        columns = [
            ["Component", *table["component"]],
            ["Group", *table["group"].fillna("")],
            ["Effects", *table["effects"].fillna("")],
            ["Variance", *significant(variance)],
            ["Std.Dev.", *significant(table["sd"].where(variance > 0.0, 0.0))],
            ["Share", *(f"{100.0 * s:.1f}%" for s in table["share"])],
        ]
        if "share_low" in table:
            ends = zip(table["share_low"], table["share_high"], strict=True)
            texts = ["" if np.isnan(a) else f"{100 * a:.1f}% .. {100 * b:.1f}%" for a, b in ends]
            columns.append(["interval", *texts])
        if "cv2" in table:
            columns.append(["CV^2", *significant(table["cv2"].where(variance > 0.0, 0.0))])
        note = f"\n(CV^2 = {self._cv2})" if self._cv2 else ""
        head = f"Variance partition\n{in_brackets(self.definition)}{note}"
        return f"{head}\n\n{text_grid(columns, left=(0, 1, 2))}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def variance_partition(fit: Fit, method: str | None, reference: Reference, interval: Interval) -> VariancePartition:
    """The partition of a fit; see `Fit.variance_partition`."""
    fit.require_data("variance_partition()")
    definition = definition_of(fit, method, reference)

    def parts(other: Fit) -> pd.Series:
        found = _variances(other, definition.components(other))
        return found / found.sum()

    components = definition.components(fit)
    table = _table(fit, components)
    if interval.method is not None:
        shares = table_of(fit, parts, interval)
        for name, column in (("share_std_error", "std_error"), ("share_low", "conf_low"), ("share_high", "conf_high")):
            table[name] = [*shares[column], np.nan]
    text, cv2 = _squared_variation(fit, table["variance"])
    if cv2 is not None:
        table["cv2"] = cv2
    return VariancePartition(definition.text, text, components, table)


def _variances(fit: Fit, found: VarianceComponents) -> pd.Series:
    """Variance of every part; the index is unique, whatever terms look alike."""
    rows = {"fixed": found.fixed}
    rows |= {f"random {k}": term.variance for k, term in enumerate(found.terms)}
    if _has_overdispersion(fit):
        rows["overdispersion"] = found.overdispersion
    return pd.Series(rows | {"observation": found.distribution})


def _has_overdispersion(fit: Fit) -> bool:
    rows = any(len(t.labels) == fit.design.n_rows and t.component == "cond" for t in fit.design.terms)
    return (rows and not is_residual(fit.family)) or fit.family.name == "betabinomial"


def _table(fit: Fit, found: VarianceComponents) -> pd.DataFrame:
    variance = _variances(fit, found).to_numpy()
    labels: list[tuple[str, str | None, str | None]] = [("fixed", None, None)]
    labels += [("random", term.group, _effects(term.effects)) for term in found.terms]
    if _has_overdispersion(fit):
        labels.append(("overdispersion", None, None))
    labels += [("residual" if is_residual(fit.family) else "observation", None, None), ("total", None, None)]
    table = pd.DataFrame(labels, columns=["component", "group", "effects"])
    table["variance"] = [*variance, found.total]
    table["sd"] = np.sqrt(table["variance"])
    table["share"] = table["variance"] / found.total
    return table


def _effects(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, ... ({len(names)})"


def _squared_variation(fit: Fit, variance: pd.Series) -> tuple[str | None, pd.Series | None]:
    """CV^2 of every part and its definition, where it has one."""
    if fit.family.link == "log":
        return "exp(variance) - 1", np.expm1(variance)
    response = fit.design.response.values
    if fit.family.link == "identity" and fit.family.mean_range != "unit" and (response > 0).all():
        mean = float(np.average(response, weights=row_weights(fit)))
        return f"variance / mean^2, mean of the response {mean:.4g}", variance / mean**2
    return None, None
