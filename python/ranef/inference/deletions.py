"""Models against the same without one of their terms: the table and its print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ranef.textgrid import p_value_texts, stars, text_grid

if TYPE_CHECKING:
    from ranef.result import Fit

COLUMNS = ["npar", "loglik", "aic", "lrt", "df", "p_value"]
_MISSING = float("nan")


@dataclass(frozen=True, slots=True, repr=False)
class DeletionTests:
    """Likelihood-ratio tests of a model against the same without one of its terms; prints like R's drop1.

    Attributes
    ----------
    table : one row a model, the whole one first; see `to_frame`
    title : what was compared
    notes : what to know about it
    """

    table: pd.DataFrame
    title: str
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a model, ``<none>`` being the whole one.

        Returns
        -------
        DataFrame by term that was left out: ``npar``, ``loglik`` and ``aic`` of the model without it, ``lrt`` (twice
        the difference of log-likelihoods), ``df``, ``p_value``; of random terms also ``p_value_boundary``, NaN where
        no mixture of chi-squares is known. The first row has no test.
        """
        return self.table.copy()

    def __str__(self) -> str:
        table = self.table
        tested = [float(p) for p in table["p_value"]]
        columns = [
            ["", *map(str, table.index)],
            ["npar", *(str(n) for n in table["npar"])],
            ["logLik", *(f"{v:.3f}" for v in table["loglik"])],
            ["AIC", *(f"{v:.2f}" for v in table["aic"])],
            ["LRT", *("" if np.isnan(v) else f"{v:.4f}" for v in table["lrt"])],
            ["Df", *("" if np.isnan(v) else f"{v:.0f}" for v in table["df"])],
            ["Pr(>Chi)", *_p_column(tested)],
        ]
        if "p_value_boundary" in table and table["p_value_boundary"].notna().any():
            columns.append(["(boundary)", *_p_column([float(p) for p in table["p_value_boundary"]])])
        columns.append(["", *("" if np.isnan(p) else stars(p) for p in tested)])
        return "\n".join([self.title, text_grid(columns, left=(0, len(columns) - 1)), *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _p_column(p_values: Sequence[float]) -> list[str]:
    texts = iter(p_value_texts([p for p in p_values if not np.isnan(p)]))
    return ["" if np.isnan(p) else next(texts) for p in p_values]


def deletion_table(whole: Fit, smaller: dict[str, Fit]) -> pd.DataFrame:
    """The whole model, and each smaller one tested against it."""
    rows: list[tuple[float, ...]] = [(whole.df, whole.loglik, whole.aic, _MISSING, _MISSING, _MISSING)]
    rows += [(fit.df, fit.loglik, fit.aic, *likelihood_ratio(fit, whole)) for fit in smaller.values()]
    return pd.DataFrame(rows, columns=COLUMNS, index=pd.Index(["<none>", *smaller], name="term")).astype({"npar": int})


def likelihood_ratio(smaller: Fit, larger: Fit) -> tuple[float, int, float]:
    """Twice the difference of log-likelihoods, its degrees of freedom, its p-value (NaN without degrees of freedom)."""
    chisq, df = max(0.0, smaller.deviance - larger.deviance), larger.df - smaller.df
    return chisq, df, float(chdtrc(df, chisq)) if df > 0 else _MISSING
