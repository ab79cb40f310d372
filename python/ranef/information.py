"""Which information the standard errors of a fit rest on: the expected or the observed one.

In a linear mixed model the coefficients are orthogonal to the variance parameters in expected information: their
covariance is (X'V^-1X)^-1, whatever the variances' own uncertainty (lmer's and nlme's). The observed information of all
parameters has cross terms and counts that uncertainty (glmmTMB's). In other models the expected information has no
closed form, and the observed one is taken. Under dropout that depends on earlier responses the observed information is
the valid one (Kenward and Molenberghs 1998, Statistical Science 13, 236-247).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import has_component
from ranef.errors import DataError
from ranef.invertible import invertible
from ranef.parameters import is_constant

if TYPE_CHECKING:
    from ranef.fitstate import FitState
    from ranef.unfitted import Model

Floats = NDArray[np.float64]
Information = Literal["expected", "observed"]
INFORMATION = ("expected", "observed")
TITLES = {
    "expected": "expected information, given the variances",
    "observed": "observed information of all parameters",
}


def is_linear(model: Model) -> bool:
    """Whether coefficients and variances are orthogonal in expected information: a linear (mixed) model."""
    design, family = model.design, model.family
    constant = all(is_constant(p.fixed.names) or not p.fixed.names for p in design.predictors if p.component == "disp")
    only_mean = all(term.component == "cond" for term in design.terms)
    return family.name == "gaussian" and family.link == "identity" and constant and only_mean and not has_component(
        design, "zi"
    )  # fmt: skip


def checked_information(choice: object, model: Model) -> Information:
    """The information asked for; None: the model's usual one.

    Raises
    ------
    DataError
        For another word, or expected information of a model that is not linear.
    """
    if choice is None:
        return "expected" if is_linear(model) else "observed"
    if not isinstance(choice, str) or choice not in INFORMATION:
        raise DataError(f"vcov must be 'expected' or 'observed', got {choice!r}")
    if choice == "expected" and not is_linear(model):
        raise DataError(
            "vcov='expected' is for a gaussian response with identity link, constant dispersion and no zero inflation: "
            "elsewhere coefficients and variances are not orthogonal, and the expected information has no closed form; "
            "use vcov='observed'"
        )
    return "expected" if choice == "expected" else "observed"


def expected_vcov(fit: FitState) -> Floats:
    """Covariance of all parameters with the mean's coefficients orthogonal to the others."""
    made = fit.observed_vcov.copy()
    own, other = _mean_places(fit)
    made[np.ix_(own, other)] = made[np.ix_(other, own)] = 0.0
    made[np.ix_(own, own)] = expected_block(fit)
    undetermined = np.isnan(np.diag(made))
    made[undetermined, :] = made[:, undetermined] = np.nan
    made[fit.held, :] = made[:, fit.held] = np.nan
    return made


def expected_block(fit: FitState) -> Floats:
    """(X'V^-1X)^-1 of the mean's coefficients, at the estimated variances."""
    count = len(fit.design.predictors[0].fixed.names)
    if fit.outside_count or not fit.held.any():
        return fit.estimate.beta_vcov[:count, :count]
    return _given_the_others(fit)


def _given_the_others(fit: FitState) -> Floats:
    """V_bb - V_bt V_tt^-1 V_tb: the inverse of the coefficients' block of the information."""
    vcov = fit.observed_vcov
    own, other = _mean_places(fit)
    held = fit.held[own]
    other = other[np.isfinite(np.diag(vcov))[other]]
    cross = vcov[np.ix_(own, other)]
    with invertible("the covariance of the variance parameters"):
        made = vcov[np.ix_(own, own)] - cross @ np.linalg.pinv(vcov[np.ix_(other, other)]) @ cross.T
    made[held, :] = made[:, held] = 0.0
    return np.asarray(made)


def _mean_places(fit: FitState) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the mean's coefficients among all parameters, and of the others."""
    mean = np.array([p.kind == "beta" and p.owner == 0 for p in fit.parameter_info], dtype=np.bool_)
    return np.flatnonzero(mean), np.flatnonzero(~mean)
