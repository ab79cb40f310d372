"""Variance inflation: how much of a coefficient's variance is due to its correlation with the others.

The generalised factor of a term with columns A among all columns but the intercept,

    GVIF = det R_A det R_rest / det R,     R the correlations of the estimated coefficients,

does not depend on how a factor is coded where no other term holds it (Fox and Monette 1992, JASA 87, 178-183). That of
main effects beside their interactions does: they are taken under sum-to-zero coding, in which the terms of a balanced
factorial are orthogonal. GVIF^(1/df) compares terms of several columns with those of one, whose GVIF is the usual VIF.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.inference.hypotheses import model_terms, type_three, type_three_as_coded
from ranef.tables import held_coefficients

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

_COLUMNS = ["component", "term", "df", "gvif", "vif"]


def variance_inflation(fit: Fit) -> pd.DataFrame:
    """One row a term of every component with two terms or more.

    Returns
    -------
    DataFrame with columns ``component``, ``term``, ``df`` (columns of the term), ``gvif``, ``vif`` = gvif^(1/df)
    """
    found = []
    for predictor in fit.design.predictors:
        component = predictor.component
        held = held_coefficients(fit, component)
        terms = [(name, made) for name, contrasts in _terms(fit, component) if (made := contrasts[:, ~held]).size]
        if len(terms) < 2:
            continue
        contrasts = np.vstack([made for _, made in terms])
        owner = np.repeat(np.arange(len(terms)), [len(made) for _, made in terms])
        vcov = contrasts @ fit.vcov(component).to_numpy()[np.ix_(~held, ~held)] @ contrasts.T
        sd = np.sqrt(np.diag(vcov))
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation = vcov / np.outer(sd, sd)
        if not np.isfinite(correlation).all():
            continue
        for place, (name, made) in enumerate(terms):
            own, df = owner == place, len(made)
            log_gvif = _log_det(correlation[np.ix_(own, own)]) + _log_det(correlation[np.ix_(~own, ~own)])
            gvif = float(np.exp(log_gvif - _log_det(correlation)))
            found.append((component, name, df, gvif, gvif ** (1.0 / df)))
    return pd.DataFrame(found, columns=_COLUMNS)


def _terms(fit: Fit, component: str) -> Iterator[tuple[str, Floats]]:
    """Terms but the intercept, each with contrasts of the coefficients: those under sum-to-zero coding.

    Coefficients that are held at a value are as they are coded: a sum of held and free ones would not be known.
    """
    fixed = fit.design.predictors[fit.predictor_place(component)].fixed
    held = held_coefficients(fit, component)
    if held.any() or fit.data is None:
        hypotheses = type_three_as_coded(model_terms(fixed), len(fixed.names))
    else:
        hypotheses = type_three(fit, component)
    intercepts = {term.name for term in model_terms(fixed) if term.is_intercept}
    for hypothesis in hypotheses:
        if hypothesis.term not in intercepts:
            rows = hypothesis.rows
            yield hypothesis.term, rows[np.abs(rows[:, ~held]).max(axis=1, initial=0.0) > 0]


def _log_det(matrix: Floats) -> float:
    return float(np.linalg.slogdet(matrix)[1])
