"""Wald tests of model terms (types I, II, III) and of linear hypotheses: chi-square or F."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc

from ranef.assemble import COMPONENT_TITLES
from ranef.errors import DataError
from ranef.inference import hypotheses
from ranef.inference.hypotheses import Hypothesis
from ranef.inference.small_sample import METHOD_NAMES, Ddf, SmallSample, asymptotic, checked_ddf, small_sample
from ranef.invertible import invertible
from ranef.textgrid import p_value_texts, stars, text_grid

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Test = Literal["chisq", "F"]
AnovaTest = Literal["chisq", "F", "LR"]
Coding = Literal["sum", "fitted"]

_TESTS: tuple[Test, ...] = ("chisq", "F")
_NUMERALS = {1: "I", 2: "II", 3: "III"}
_TYPES: dict[object, int] = {1: 1, 2: 2, 3: 3, "1": 1, "2": 2, "3": 3, "I": 1, "II": 2, "III": 3}


@dataclass(frozen=True, slots=True, repr=False)
class WaldTests:
    """Tests of the terms of a model; prints like R's anova.

    Attributes
    ----------
    table : one row a term; see `to_frame`
    title : what was tested and how
    notes : what to know about it
    """

    table: pd.DataFrame
    title: str
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a term.

        Returns
        -------
        DataFrame by term: ``statistic``, ``df``, ``p_value``; for F tests also ``df_den`` (denominator), ``mean_sq``
        (F times the residual variance) and ``sum_sq``.
        """
        return self.table.copy()

    def __str__(self) -> str:
        table = self.table
        p_values = [float(p) for p in table["p_value"]]
        columns = [["", *map(str, table.index)]]
        if "df_den" in table:
            for heading, column in (("Sum Sq", "sum_sq"), ("Mean Sq", "mean_sq")):
                columns.append([heading, *(f"{v:.5g}" for v in table[column])])
            columns.append(["NumDF", *(f"{d:.0f}" for d in table["df"])])
            columns.append(["DenDF", *(f"{d:.2f}" for d in table["df_den"])])
            columns.append(["F value", *(f"{f:.4f}" for f in table["statistic"])])
            columns.append(["Pr(>F)", *p_value_texts(p_values)])
        else:
            columns.append(["Chisq", *(f"{c:.4f}" for c in table["statistic"])])
            columns.append(["Df", *(f"{d:.0f}" for d in table["df"])])
            columns.append(["Pr(>Chisq)", *p_value_texts(p_values)])
        marks = [stars(p) for p in p_values]
        if any(marks):
            columns.append(["", *marks])
        left = (0, len(columns) - 1) if any(marks) else (0,)
        return "\n".join([self.title, text_grid(columns, left=left), *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def anova(
    fit: Fit,
    type: int | str,  # noqa: A002 - R's name for it
    test: str | None,
    ddf: Ddf | None,
    component: str,
    coding: Coding,
) -> WaldTests:
    """Tests of all terms of a component; see `Fit.anova`."""
    kind = checked_type(type)
    chosen, method = checked_test(test, ddf)
    check_component(fit, component, chosen)
    if coding not in ("sum", "fitted"):
        raise DataError(f"coding must be 'sum' or 'fitted', got {coding!r}")
    sample = component_sample(fit, component, method)
    tested = term_hypotheses(fit, component, kind, method, sample, coding)
    if not tested:
        raise DataError(
            f"the {COMPONENT_TITLES[component].lower()} model has no terms to test: only an intercept, or all held"
        )
    title = f"Type {_NUMERALS[kind]} Wald {'F' if chosen == 'F' else 'chi-square'} tests"
    if chosen == "F":
        title += f" ({METHOD_NAMES[method]})"
    if component != "cond":
        title += f", {COMPONENT_TITLES[component].lower()} model"
    return WaldTests(terms_table(fit, sample, tested, chosen), title, _notes(fit, component, kind, coding, tested))


def term_hypotheses(
    fit: Fit, component: str, kind: int, method: Ddf, sample: SmallSample, coding: Coding
) -> list[Hypothesis]:
    """The rows that every term's test sets to zero; which convention goes with which method, `docs/tests.md` says."""
    fixed = fit.design.predictors[fit.predictor_place(component)].fixed
    if kind == 3 and coding == "sum":
        tested = hypotheses.type_three(fit, component)
        return [h for h in tested if np.einsum("ka,ab,kb->", h.rows, sample.vcov, h.rows) > 0]
    terms = hypotheses.with_columns(hypotheses.model_terms(fixed), np.diag(sample.vcov) > 0)
    if kind == 3:
        return hypotheses.type_three_as_coded(terms, sample.beta.size)
    if kind == 2 and method != "satterthwaite":
        return hypotheses.type_two_by_covariance(terms, sample.vcov)
    if method == "asymptotic":
        return hypotheses.type_one(terms, _precision(sample.vcov))
    fit.require_data(f"anova(type={kind})")
    cross_products = fixed.matrix.T @ fixed.matrix
    if kind == 1:
        return hypotheses.type_one(terms, cross_products)
    return hypotheses.type_two_by_cross_products(terms, cross_products)


def _precision(vcov: Floats) -> Floats:
    """Inverse of the covariance of the coefficients that are not held, one for those that are."""
    free = np.flatnonzero(np.diag(vcov) > 0)
    made = np.eye(vcov.shape[0])
    with invertible("the covariance of the coefficients"):
        made[np.ix_(free, free)] = np.linalg.inv(vcov[np.ix_(free, free)])
    return made


def component_sample(fit: Fit, component: str, method: Ddf) -> SmallSample:
    """How the coefficients of a component are tested."""
    return small_sample(fit, method) if component == "cond" else asymptotic(fit, component)


def terms_table(fit: Fit, sample: SmallSample, tested: Sequence[Hypothesis], test: Test) -> pd.DataFrame:
    """One row a hypothesis."""
    results = [sample.f_test(h.rows) for h in tested]
    index = pd.Index([h.term for h in tested], name="term")
    if test == "chisq":
        rows = [(r.statistic * r.df_num, r.df_num, float(chdtrc(r.df_num, r.statistic * r.df_num))) for r in results]
        return pd.DataFrame(rows, columns=["statistic", "df", "p_value"], index=index)
    variance = fit.sigma**2
    mean_squares = [(variance * r.statistic * r.df_num, variance * r.statistic) for r in results]
    full = [(*m, r.df_num, r.df_den, r.statistic, r.p_value) for m, r in zip(mean_squares, results, strict=True)]
    return pd.DataFrame(full, columns=["sum_sq", "mean_sq", "df", "df_den", "statistic", "p_value"], index=index)


def checked_type(type: int | str) -> int:  # noqa: A002 - R's name for it
    """1, 2 or 3, from a number or a Roman numeral.

    Raises
    ------
    DataError
        For anything else.
    """
    if isinstance(type, bool) or type not in _TYPES:
        raise DataError(f"type must be 1, 2 or 3 (or 'I', 'II', 'III'), got {type!r}")
    return _TYPES[type]


def checked_test(test: str | None, ddf: str | None) -> tuple[Test, Ddf]:
    """The test and its method: F where degrees of freedom are asked for, by Satterthwaite unless said otherwise.

    Raises
    ------
    DataError
        If there is no such test, or a chi-square test is asked for with degrees of freedom.
    """
    method = None if ddf is None else checked_ddf(ddf)
    if test is None:
        chosen: Test = "chisq" if method in (None, "asymptotic") else "F"
    else:
        names = {name.lower(): name for name in _TESTS}
        if str(test).lower() not in names:
            close = difflib.get_close_matches(str(test).lower(), names, n=1)
            hint = f"did you mean {names[close[0]]!r}?" if close else "offered: 'chisq', 'F' (and 'LR' in anova)"
            raise DataError(f"there is no test {test!r}; {hint}")
        chosen = names[str(test).lower()]
    if chosen == "F":
        if method == "asymptotic":
            raise DataError("an F test needs denominator degrees of freedom: ddf='satterthwaite' or 'kenward-roger'")
        return "F", method or "satterthwaite"
    if method not in (None, "asymptotic"):
        raise DataError(f"a chi-square test has no ddf={ddf!r}: use test='F', or leave ddf out")
    return "chisq", "asymptotic"


def check_component(fit: Fit, component: str, test: Test) -> None:
    """Refuse components that the model does not have, and F tests of any but the conditional model.

    Raises
    ------
    DataError
        Naming the components there are.
    """
    fit.predictor_place(component)
    if test == "F" and component != "cond":
        raise DataError(f"F tests are for the conditional model; the {component!r} component has test='chisq'")


def _notes(fit: Fit, component: str, kind: int, coding: Coding, tested: Sequence[Hypothesis]) -> tuple[str, ...]:
    fixed = fit.design.predictors[fit.predictor_place(component)].fixed
    notes = []
    if kind == 3 and coding == "fitted":
        notes.append("(coefficients as coded: main effects are tested where the contrasts put the other factors' zero)")
    if fixed.dropped:
        notes.append(
            f"({len(fixed.dropped)} coefficient(s) could not be estimated, {fixed.dropped[0]!r} for one: "
            f"what remains of their terms is tested)"
        )
    return tuple(notes)
