"""The null model of a fit: its random effects and dispersion, and no fixed effects but an intercept.

Made from the fit's own design, so that it has the same rows whatever covariates are missing elsewhere, and no formula
is read again.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ranef.design.design import FixedDesign, PredictorDesign

if TYPE_CHECKING:
    from ranef.result import Fit


def null_fit(fit: Fit) -> Fit:
    """The fit of the null model; `fit` itself where it has an intercept only.

    Random terms, offsets, zero inflation, dispersion, weights, REML and method stay as they are; parameters that were
    held stay held.
    """
    from ranef.unfitted import Model

    if fit.design.predictors[0].fixed.names == ("Intercept",):
        return fit
    fit.require_data("the null model")
    first, *rest = fit.design.predictors
    design = dataclasses.replace(fit.design, predictors=(_intercept_only(first, fit.design.n_rows), *rest))
    specification = dataclasses.replace(fit.model.specification, start=None, fixed=None)
    model = Model(specification, design)
    held = {name: v for name, v in (fit.model.specification.fixed or {}).items() if name in model.names}
    return Model(dataclasses.replace(specification, fixed=held or None), design).fit()


def _intercept_only(predictor: PredictorDesign, rows: int) -> PredictorDesign:
    fixed = FixedDesign(np.ones((rows, 1), order="F"), ("Intercept",), (), predictor.fixed.spec)
    return dataclasses.replace(predictor, fixed=fixed)
