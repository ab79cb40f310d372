"""Variance inflation: how much of a coefficient's variance is due to its correlation with the others.

The generalised factor of a term with columns A among all columns but the intercept,

    GVIF = det R_A det R_rest / det R,     R the correlations of the estimated coefficients,

does not depend on how a factor is coded (Fox and Monette 1992, JASA 87, 178-183). GVIF^(1/df) compares terms of several
columns with those of one, whose GVIF is the usual VIF.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.inference.hypotheses import model_terms
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
    rows = []
    for predictor in fit.design.predictors:
        component = predictor.component
        held = held_coefficients(fit, component)
        found = {
            t.name: [k for k in t.columns if not held[k]] for t in model_terms(predictor.fixed) if not t.is_intercept
        }
        terms = {name: columns for name, columns in found.items() if columns}
        if len(terms) < 2:
            continue
        keep = [k for columns in terms.values() for k in columns]
        vcov = fit.vcov(component).to_numpy()[np.ix_(keep, keep)]
        sd = np.sqrt(np.diag(vcov))
        correlation = vcov / np.outer(sd, sd)
        if not np.isfinite(correlation).all():
            continue
        for name, columns in terms.items():
            own = np.isin(keep, columns)
            log_gvif = _log_det(correlation[np.ix_(own, own)]) + _log_det(correlation[np.ix_(~own, ~own)])
            gvif = float(np.exp(log_gvif - _log_det(correlation)))
            rows.append((component, name, len(columns), gvif, gvif ** (1.0 / len(columns))))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _log_det(matrix: Floats) -> float:
    return float(np.linalg.slogdet(matrix)[1])
