"""Rows put together: by a grouping factor, a column of the data, or an array; which designs have independent groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.design.columns import column_from_values
from ranef.design.frame import open_table
from ranef.errors import DataError

if TYPE_CHECKING:
    from ranef.result import Fit

Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Clusters:
    """A partition of the rows that entered the fit.

    Attributes
    ----------
    name : what it is called
    codes : (n,) which cluster a row is in
    labels : the clusters
    """

    name: str
    codes: Codes
    labels: pd.Index

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.labels)

    def rows(self) -> list[Codes]:
        """The rows of each cluster."""
        order = np.argsort(self.codes, kind="stable")
        ends = np.cumsum(np.bincount(self.codes, minlength=self.count))[:-1]
        return np.split(order, ends)


def clusters_of(fit: Fit, by: Any) -> Clusters:
    """Rows by a grouping factor of the model (``"batch"``, ``"cask:batch"``), a column of the data or an array.

    None gives every row its own.

    Raises
    ------
    DataError
        For a name that is neither, an array of a wrong length, or missing values.
    """
    if by is None:
        return row_clusters(fit)
    if not isinstance(by, str):
        return _from_array(fit, by)
    for term in fit.design.terms:
        if term.group == by:
            return _compact(by, np.asarray(term.levels, dtype=np.intp), term.labels)
    names = open_table(fit.data).names
    if by not in names:
        groups = sorted({t.group for t in fit.design.terms})
        known = ", ".join(groups) or "it has none"
        raise DataError(f"{by!r} is no grouping factor of the model ({known}) and no column of the data")
    column = open_table(fit.data).columns([by], fit.formula)[by].take(fit.design.kept)
    if column.missing is not None:
        raise DataError(f"column {by!r} has missing values in rows that the model uses; fill them or drop the rows")
    codes, labels = column.factor()
    return _compact(by, np.asarray(codes, dtype=np.intp), labels)


def row_clusters(fit: Fit) -> Clusters:
    """Every row by itself, labelled as in the data."""
    return Clusters("row", np.arange(fit.design.n_rows), fit.design.index[fit.design.kept])


def _from_array(fit: Fit, by: Any) -> Clusters:
    values = by.to_numpy() if isinstance(by, pd.Series) else np.asarray(by)
    kept = fit.design.kept
    if values.ndim != 1 or values.size not in (kept.size, fit.design.n_rows):
        raise DataError(
            f"the clusters have shape {values.shape}; they need one value for each of the {fit.design.n_rows} rows "
            f"that entered the fit, or for each of the {kept.size} rows of the data"
        )
    used = values[kept] if values.size == kept.size else values
    if pd.isna(used).any():
        raise DataError("the clusters have missing values")
    codes, labels = column_from_values("cluster", used).factor()
    return _compact("cluster", np.asarray(codes, dtype=np.intp), labels)


def _compact(name: str, codes: Codes, labels: pd.Index) -> Clusters:
    """Clusters without rows left out."""
    present = np.bincount(codes, minlength=len(labels)) > 0
    return Clusters(name, (np.cumsum(present) - 1)[codes], labels[present])


def independent_clusters(fit: Fit, by: Any) -> Clusters:
    """Clusters within which every random term is nested: rows of different ones are independent.

    None: the coarsest grouping factor, every row by itself without random effects.

    Raises
    ------
    DataError
        If a random term has levels in several clusters, or the grouping factors are crossed.
    """
    if by is not None:
        made = clusters_of(fit, by)
        for term in fit.design.terms:
            if not is_nested(term.levels, made.codes):
                raise DataError(
                    f"levels of {term.group} occur in several clusters of {made.name}, whose rows are then not "
                    f"independent: cluster by {term.group} or by something coarser"
                )
        return made
    if not fit.design.terms:
        return row_clusters(fit)
    for candidate in fit.design.terms:
        if all(is_nested(t.levels, candidate.levels) for t in fit.design.terms):
            return clusters_of(fit, candidate.group)
    groups = " and ".join(dict.fromkeys(t.group for t in fit.design.terms))
    raise DataError(
        f"the grouping factors {groups} are crossed, so no rows are independent by the model; give cluster= a column "
        f"in which both are nested (a region, a laboratory), or use model-based standard errors"
    )


def is_nested(inner: NDArray[Any], outer: NDArray[Any]) -> bool:
    """Whether every level of `inner` occurs in one level of `outer` alone."""
    pairs = np.unique(np.column_stack([inner, outer]), axis=0)
    return bool(len(pairs) == len(np.unique(inner)))
