"""`method="pql"`: the coefficients of the mean belong to the mode of the random effects."""

from __future__ import annotations

import numpy as np
import pytest

import ranef
from ranef.rowderivatives import row_derivatives

FORMULA = "count ~ shore + cover + (1 | pond)"
FAMILIES = ("poisson", "nbinom2", "nbinom1")


@pytest.fixture(scope="module")
def frogs():
    return ranef.demo_data()


def joint_fit(frogs, family="poisson", **arguments):
    return ranef.fit(FORMULA, frogs, family=family, method="pql", **arguments)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_penalised_likelihood_is_stationary_in_the_coefficients(family, frogs):
    fit = joint_fit(frogs, family)
    gradient, _ = row_derivatives(fit)
    matrix = fit.design.predictors[0].fixed.matrix
    assert np.abs(matrix.T @ gradient[:, 0]).max() < 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loglik_is_the_laplace_approximation_at_the_joint_mode(family, frogs):
    fit = joint_fit(frogs, family)
    values = dict(zip(fit.parameter_names, fit.parameter_values, strict=True))
    laplace = ranef.model(FORMULA, frogs, family=family)
    assert laplace.loglik(values) == pytest.approx(fit.loglik, rel=1e-10)
    assert laplace.fit().loglik >= fit.loglik


@pytest.mark.parametrize("family", FAMILIES)
def test_no_variance_parameters_beside_the_found_ones_are_better(family, frogs):
    fit = joint_fit(frogs, family)
    model = ranef.model(FORMULA, frogs, family=family, method="pql")
    gradient = model.gradient(fit.estimate.values)
    assert np.abs(gradient).max() < 1e-3
    for place in range(len(model.names)):
        for step in (-0.02, 0.02):
            moved = np.array(fit.estimate.values)
            moved[place] += step
            assert model.loglik(moved) < fit.loglik


def test_dispersion_and_zero_inflation_are_no_part_of_the_mode(frogs):
    model = ranef.model(FORMULA, frogs, family="nbinom2", ziformula="~ shore", method="pql")
    assert list(model.parameters.index) == ["log_phi", "zi:Intercept", "zi:shore[T.mown]", "sd(Intercept|pond)"]
    fit = joint_fit(frogs, "nbinom2", ziformula="~ 1")
    assert fit.parameter_names[:3] == ("Intercept", "shore[T.mown]", "cover")
    assert np.isfinite(np.diag(fit.vcov(full=True))).all()


def test_standard_errors_are_given_the_variance_parameters(frogs):
    """The coefficients' block of the inverse joint Hessian, here from dense matrices."""
    fit = joint_fit(frogs)
    x = fit.design.predictors[0].fixed.matrix
    z = np.eye(30)[fit.design.terms[0].levels]
    _, second = row_derivatives(fit)
    weight = second[:, 0, 0][:, None]
    precision = np.eye(30) / fit.covariance_blocks[0].covariance
    hessian = np.block([[x.T @ (weight * x), x.T @ (weight * z)], [z.T @ (weight * x), z.T @ (weight * z) + precision]])
    assert fit.vcov().to_numpy() == pytest.approx(np.linalg.inv(hessian)[:3, :3], rel=1e-6)


def test_a_gaussian_fit_is_the_ordinary_one(frogs):
    ordinary = ranef.fit("cover ~ shore + (1 | pond)", frogs)
    joint = ranef.fit("cover ~ shore + (1 | pond)", frogs, method="pql")
    assert joint.loglik == ordinary.loglik
    assert joint.fixef().to_numpy() == pytest.approx(ordinary.fixef().to_numpy(), rel=1e-12)
    assert "nAGQ" not in str(joint.summary())


def test_without_random_effects_the_fit_is_the_ordinary_one(frogs):
    ordinary = ranef.fit("count ~ shore", frogs, family="poisson")
    joint = ranef.fit("count ~ shore", frogs, family="poisson", method="pql")
    assert joint.loglik == ordinary.loglik


def test_the_summary_names_the_method(frogs):
    fit = joint_fit(frogs)
    assert fit.method == "pql"
    assert "maximum likelihood (PQL-type joint mode, nAGQ = 0)" in str(fit.summary())


def test_update_refit_and_saving_keep_the_method(frogs, tmp_path):
    fit = joint_fit(frogs)
    assert fit.update(". ~ . - cover").method == "pql"
    again = fit.refit(frogs["count"].to_numpy())
    assert again.fixef().to_numpy() == pytest.approx(fit.fixef().to_numpy(), rel=1e-6)
    fit.save(tmp_path / "fit.ranef")
    loaded = ranef.load(tmp_path / "fit.ranef")
    assert loaded.method == "pql"
    assert str(loaded.summary()) == str(fit.summary())


def test_predictions_have_standard_errors(frogs):
    joint, laplace = joint_fit(frogs), ranef.fit(FORMULA, frogs, family="poisson")
    ours, theirs = (f.predict(frogs.head(20), interval="confidence") for f in (joint, laplace))
    assert ours["std_error"].to_numpy() == pytest.approx(theirs["std_error"].to_numpy(), rel=0.05)


def test_reml_of_a_joint_mode_is_refused(frogs):
    with pytest.raises(ranef.DataError, match="maximises over the coefficients that reml=True integrates out"):
        joint_fit(frogs, reml=True)
