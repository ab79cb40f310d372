"""`ranef.anova`: likelihood-ratio tests between fits of the same data."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc

from ranef.design.design import Design
from ranef.errors import DataError
from ranef.inference.boundary import boundary_p_value
from ranef.inference.refits import by_maximum_likelihood
from ranef.result import Fit
from ranef.textgrid import p_value_texts, stars, text_grid

Floats = NDArray[np.float64]


class Comparison:
    """Likelihood-ratio tests of nested models, the smallest first; prints like R's anova.

    Attributes
    ----------
    formulas : the models' formulas, in the table's order
    notes : what was done before comparing (fits by REML are fitted again by maximum likelihood)
    """

    def __init__(self, table: pd.DataFrame, formulas: tuple[str, ...], notes: tuple[str, ...]) -> None:
        self._table = table
        self.formulas = formulas
        self.notes = notes

    def to_frame(self) -> pd.DataFrame:
        """One row a model.

        Returns
        -------
        DataFrame with columns ``df``, ``aic``, ``bic``, ``loglik``, ``deviance``, ``chisq``, ``chi_df``, ``p_value``
        and ``p_value_boundary`` (the mixture of chi-squares that holds where the models differ by one variance, with
        the covariances that go with it; else NaN). Tests compare with the row above.
        """
        return self._table.copy()

    def __str__(self) -> str:
        table = self._table
        tested = [float(p) for p in table["p_value"]]
        columns = [
            ["", *map(str, table.index)],
            ["npar", *(str(d) for d in table["df"])],
            *([name, *(f"{v:.2f}" for v in table[column])] for name, column in (("AIC", "aic"), ("BIC", "bic"))),
            ["logLik", *(f"{v:.3f}" for v in table["loglik"])],
            ["-2*logLik", *(f"{v:.2f}" for v in table["deviance"])],
            ["Chisq", *("" if np.isnan(v) else f"{v:.4f}" for v in table["chisq"])],
            ["Df", *("" if np.isnan(v) else f"{v:.0f}" for v in table["chi_df"])],
            ["Pr(>Chisq)", *_p_column(tested)],
        ]
        if table["p_value_boundary"].notna().any():
            columns.append(["(boundary)", *_p_column([float(p) for p in table["p_value_boundary"]])])
        columns.append(["", *(stars(p) if not np.isnan(p) else "" for p in tested)])
        models = [f"{label}: {formula}" for label, formula in zip(table.index, self.formulas, strict=True)]
        return "\n".join(["Models:", *models, text_grid(columns, left=(0, len(columns) - 1)), *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _p_column(p_values: list[float]) -> list[str]:
    texts = iter(p_value_texts([p for p in p_values if not np.isnan(p)]))
    return ["" if np.isnan(p) else next(texts) for p in p_values]


def anova(*fits: Fit, refit: bool = True) -> Comparison:
    """Likelihood-ratio tests between two or more fits of the same data.

    Parameters
    ----------
    fits : Fit
        Nested models of the same rows, response and weights, in any order.
    refit : bool
        Fit REML models again by maximum likelihood (said in the notes). With False their criteria are compared,
        which is right only where the fixed effects are the same.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If fewer than two fits are given, the data differ, or REML criteria with different fixed effects would be
        compared.

    Notes
    -----
    A variance is tested on the boundary of its range. Where two models differ by one variance and its k - 1
    covariances, the statistic is a mixture of chi-squares with k - 1 and k degrees of freedom in equal parts
    (Stram and Lee 1994, Biometrics 50, 1171-1177); the plain p-value, beside it, is too large.

    Examples
    --------
    >>> import ranef
    >>> data = ranef.demo_data()
    >>> small = ranef.fit("count ~ 1 + (1 | pond)", data, family="poisson")
    >>> large = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson")
    >>> bool(ranef.anova(small, large).to_frame()["p_value"].iloc[1] < 0.001)
    True
    """
    if len(fits) < 2:
        raise DataError(f"anova compares two or more fits, got {len(fits)}")
    for fit in fits:
        if not isinstance(fit, Fit):
            raise TypeError(f"anova compares fits, got {type(fit).__name__}")
    check_same_data(fits)
    compared, notes = _by_maximum_likelihood(fits) if refit else (_as_they_are(fits), [])
    places = sorted(range(len(fits)), key=lambda i: compared[i].df)
    ordered = [compared[i] for i in places]
    table = _table(ordered, [f"model {i + 1}" for i in places])
    return Comparison(table, tuple(_full_formula(f) for f in ordered), tuple(notes))


def check_same_data(fits: tuple[Fit, ...]) -> None:
    """Refuse fits whose likelihoods cannot be compared.

    Raises
    ------
    DataError
        Saying what differs.
    """
    first = fits[0]
    for place, fit in enumerate(fits[1:], start=2):
        if fit.nobs != first.nobs:
            raise DataError(
                f"model 1 has {first.nobs} observations, model {place} has {fit.nobs}: they cannot be compared; "
                f"fit both to the rows without missing values in any of their columns"
            )
        if fit.design.n_rows and first.design.n_rows:
            _check_rows(first, fit, place)
    if {fit.method for fit in fits if fit.design.terms} == {"laplace", "pql"}:
        raise DataError(
            "fits by method='laplace' and method='pql' approximate the likelihood differently and cannot be compared; "
            "update(method='laplace') the others"
        )


def _check_rows(first: Fit, fit: Fit, place: int) -> None:
    a, b = first.design, fit.design
    same_weights = (a.weights is None) == (b.weights is None)
    if same_weights and a.weights is not None and b.weights is not None:
        same_weights = a.weights.kind == b.weights.kind and np.array_equal(a.weights.values, b.weights.values)
    if not same_weights:
        raise DataError(f"model 1 and model {place} have different weights: they cannot be compared")
    if not np.array_equal(_trials(a), _trials(b)):
        raise DataError(f"model 1 and model {place} have different numbers of trials: they cannot be compared")
    differ = np.flatnonzero(a.response.values != b.response.values)
    if differ.size:
        row = a.index[np.flatnonzero(a.kept)[differ[0]]]
        raise DataError(f"model 1 and model {place} have different responses (first in row {row})")


def _trials(design: Design) -> Floats:
    trials = design.response.trials
    return np.ones(design.n_rows) if trials is None else trials


def _by_maximum_likelihood(fits: tuple[Fit, ...]) -> tuple[list[Fit], list[str]]:
    if not any(fit.reml for fit in fits):
        return list(fits), []
    return [by_maximum_likelihood(f) for f in fits], ["(REML fits fitted again by maximum likelihood)"]


def _as_they_are(fits: tuple[Fit, ...]) -> list[Fit]:
    if any(fit.reml for fit in fits):
        fixed = {tuple(f.fixef().index) for f in fits}
        if len(fixed) > 1 or not all(f.reml for f in fits):
            raise DataError(
                "REML criteria of models with different fixed effects (or REML with ML) cannot be compared; "
                "leave refit at True"
            )
    return list(fits)


def _table(fits: list[Fit], labels: list[str]) -> pd.DataFrame:
    rows = []
    for place, fit in enumerate(fits):
        chisq, chi_df, p_value, boundary = (float("nan"),) * 4
        if place and fit.df > fits[place - 1].df:
            smaller = fits[place - 1]
            chisq, chi_df = max(0.0, smaller.deviance - fit.deviance), float(fit.df - smaller.df)
            p_value = float(chdtrc(chi_df, chisq))
            boundary = boundary_p_value(smaller, fit, chisq)
        rows.append((fit.df, fit.aic, fit.bic, fit.loglik, fit.deviance, chisq, chi_df, p_value, boundary))
    columns = ["df", "aic", "bic", "loglik", "deviance", "chisq", "chi_df", "p_value", "p_value_boundary"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(labels, name="model"))


def _full_formula(fit: Fit) -> str:
    specification = fit.model.specification
    parts = [fit.formula]
    for name, text in (("ziformula", specification.ziformula), ("dispformula", specification.dispformula)):
        if text is not None:
            parts.append(f"{name} {text}")
    return ", ".join(parts)
