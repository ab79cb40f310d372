"""Intraclass correlation and R2 of mixed models, after Nakagawa, Johnson and Schielzeth (2017).

With the variances of `ranef.variance_components`, fixed f, random r (by group r_g) and residual e (of one observation,
overdispersion included):

    ICC adjusted    r / (r + e)            of a group    r_g / (r + e)         R2 marginal       f / (f + r + e)
    ICC unadjusted  r / (f + r + e)        where z = x   r(x) / (r(x) + e)     R2 conditional    (f + r) / (f + r + e)

Nakagawa, Johnson, Schielzeth 2017, Journal of the Royal Society Interface 14: 20170213; random slopes as Johnson 2014,
Methods in Ecology and Evolution 5, 944-946; the ICC at given values of the slopes' covariates is Goldstein, Browne and
Rasbash's (2002, Understanding Statistics 1, 223-231).

Wald and profile intervals are made on the logit scale, where a share is most nearly normal, and mapped back; the
bootstrap's are percentiles, the same on any scale.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.assemble import has_component
from ranef.callers import caller_level
from ranef.errors import DataError, RanefWarning
from ranef.inference.derived import Method, derived_interval
from ranef.observation_variance import chosen_method, describe
from ranef.random_rows import random_rows
from ranef.textgrid import text_grid
from ranef.variance_components import (
    Reference,
    ReferenceMean,
    VarianceComponents,
    needs_mean,
    slope_variances,
    variance_components,
)

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
# Shares nearer to 0 or 1 than this are there: the variance of a constant is zero but for rounding.
_END = 1e-12

Shares = Callable[["Fit"], pd.Series]


@dataclass(frozen=True, slots=True)
class Definition:
    """How variances are taken: the request, completed by what the family offers.

    Attributes
    ----------
    method, reference : see `Fit.icc`
    mean : the mean of the response for a fit; None where none is needed
    text : in words
    """

    method: Any
    reference: Reference
    mean: Callable[[Fit], float | None]
    text: str

    def components(self, fit: Fit) -> VarianceComponents:
        """The variances of a fit."""
        return variance_components(fit, self.method, self.mean(fit))


@dataclass(frozen=True, slots=True)
class Interval:
    """What interval is asked for; see `Fit.icc`."""

    method: Method | None = None
    level: float = 0.95
    n: int = 1000
    seed: int | None = None


class VarianceShares:
    """Shares of variance of a fit; prints with their definition.

    Attributes
    ----------
    title : what they are
    definition : how the variances were taken
    components : the variances
    """

    def __init__(self, title: str, definition: str, components: VarianceComponents, table: pd.DataFrame) -> None:
        self.title = title
        self.definition = definition
        self.components = components
        self._table = table

    def to_frame(self) -> pd.DataFrame:
        """One row a share: ``estimate``; with an interval ``std_error``, ``conf_low`` and ``conf_high`` too."""
        return self._table.copy()

    def __getitem__(self, name: Any) -> float:
        """The estimate called `name`, as in the index of `to_frame`."""
        if name not in self._table.index:
            raise KeyError(f"there is no {name!r}; there are: {', '.join(map(repr, self._table.index))}")
        return float(self._table.loc[name, "estimate"])

    def __str__(self) -> str:
        return f"{self.title}\n{in_brackets(self.definition)}\n\n{_grid(self._table)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


class Icc(VarianceShares):
    """Intraclass correlations; made by `Fit.icc`."""

    @property
    def adjusted(self) -> float:
        """Share of the groups in what the fixed effects leave: r / (r + e)."""
        return self.components.random / (self.components.random + self.components.residual)

    @property
    def unadjusted(self) -> float:
        """Share of the groups in all variance: r / (f + r + e)."""
        return self.components.random / self.components.total


class RSquared(VarianceShares):
    """Marginal and conditional R2; made by `Fit.r2`."""

    @property
    def marginal(self) -> float:
        """Share of the fixed effects: f / (f + r + e)."""
        return self.components.fixed / self.components.total

    @property
    def conditional(self) -> float:
        """Share of fixed and random effects: (f + r) / (f + r + e)."""
        return (self.components.fixed + self.components.random) / self.components.total


def icc(
    fit: Fit,
    by_group: bool,
    at: Mapping[str, Any] | None,
    method: str | None,
    reference: Reference,
    interval: Interval,
) -> Icc:
    """Intraclass correlations; see `Fit.icc`."""
    fit.require_data("icc()")
    _require_groups(fit)
    if at is not None and by_group:
        raise DataError("by_group and at are two different tables: ask for one of them")
    definition = definition_of(fit, method, reference)
    if at is not None:
        made = random_rows(fit, at)

        def shares(other: Fit) -> pd.Series:
            residual = definition.components(other).residual
            variance = slope_variances(other, made.bases, made.count)
            return pd.Series(variance / (variance + residual), index=made.labels)

    elif by_group:

        def shares(other: Fit) -> pd.Series:
            found = definition.components(other)
            groups = found.by_group()
            return pd.Series(groups) / (found.random + found.residual)

    else:

        def shares(other: Fit) -> pd.Series:
            found = definition.components(other)
            random = found.random
            return pd.Series({"adjusted": random / (random + found.residual), "unadjusted": random / found.total})

    title = "Intraclass correlation" + (" by group" if by_group else f" at {', '.join(at)}" if at else "")
    return Icc(title, definition.text, definition.components(fit), table_of(fit, shares, interval))


def r2(fit: Fit, method: str | None, reference: Reference, interval: Interval) -> RSquared:
    """Marginal and conditional R2; see `Fit.r2`."""
    fit.require_data("r2()")
    definition = definition_of(fit, method, reference)

    def shares(other: Fit) -> pd.Series:
        found = definition.components(other)
        return pd.Series(
            {"marginal": found.fixed / found.total, "conditional": (found.fixed + found.random) / found.total}
        )

    return RSquared("R2", definition.text, definition.components(fit), table_of(fit, shares, interval))


def _require_groups(fit: Fit) -> None:
    if not any(t.component == "cond" for t in fit.design.terms):
        raise DataError("an intraclass correlation needs a random term in the conditional model, such as (1 | group)")


def definition_of(fit: Fit, method: str | None, reference: Reference) -> Definition:
    """The definition of the residual variance of a fit.

    Raises
    ------
    FamilyError
        For a method that the family does not have.
    DataError
        For a reference that does not exist.
    """
    chosen = chosen_method(fit.family, method)
    parts = [describe(fit.family, chosen)]
    mean: Callable[[Fit], float | None]
    if needs_mean(fit, chosen):
        source = ReferenceMean(fit, reference)
        mean = source.of
        parts.append(source.describe(source.of(fit)))
    else:
        mean = _no_mean
    if has_component(fit.design, "zi"):
        parts.append("of the conditional model, extra zeros left out")
    if fit.family.truncated:
        parts.append(f"of the {fit.family.name.removeprefix('truncated_')} distribution before truncation")
    return Definition(chosen, reference, mean, "; ".join(parts))


def _no_mean(fit: Fit) -> None:
    return None


def table_of(fit: Fit, shares: Shares, interval: Interval) -> pd.DataFrame:
    """The shares of a fit, with intervals where they are asked for.

    Warns
    -----
    RanefWarning
        Where a share is zero because a variance is: only the bootstrap has an interval then, NaN for the others.
    """
    estimate = shares(fit)
    if interval.method is None:
        return estimate.to_frame("estimate")
    if interval.method == "boot":
        return _derived(fit, shares, interval.method, interval).set_axis(estimate.index)
    inside = ((estimate > _END) & (estimate < 1.0 - _END)).to_numpy()
    table = pd.DataFrame(np.nan, index=estimate.index, columns=["estimate", "std_error", "conf_low", "conf_high"])
    table["estimate"] = estimate
    if inside.any():
        found = _derived(fit, lambda other: _logit(shares(other)[inside]), interval.method, interval)
        slope = (estimate * (1.0 - estimate)).to_numpy()[inside]
        table.loc[inside, "std_error"] = found["std_error"].to_numpy() * slope
        for end in ("conf_low", "conf_high"):
            table.loc[inside, end] = _expit(found[end].to_numpy())
    if not inside.all():
        message = f"a share at the end of its range has no {interval.method} interval (NaN): use interval='boot'"
        warnings.warn(message, RanefWarning, stacklevel=caller_level())
    return table


def _derived(fit: Fit, statistic: Shares, method: Method, interval: Interval) -> pd.DataFrame:
    return derived_interval(fit, statistic, method, interval.level, interval.n, interval.seed)


def _logit(share: pd.Series) -> pd.Series:
    with np.errstate(divide="ignore"):  # a share of 0 or 1 is an infinite logit
        return np.log(share) - np.log1p(-share)


def _expit(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def in_brackets(definition: str) -> str:
    """Each part of a definition on its own line."""
    return "\n".join(f"({part})" for part in definition.split("; "))


def _grid(table: pd.DataFrame) -> str:
    """Index and columns, three decimals more than a percent needs."""
    shown = table.reset_index()
    labels = list(shown.columns[: table.index.nlevels])
    columns = []
    for name in shown.columns:
        if name in labels:
            columns.append(["" if name == "index" else str(name), *map(str, shown[name])])
        else:
            columns.append([str(name), *(f"{v:.4f}" for v in shown[name])])
    return text_grid(columns, left=range(len(labels)))
