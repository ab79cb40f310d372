"""Fitted values and residuals, against R's where R has them and against their definitions."""

import numpy as np
import pandas as pd
import pytest
from support.reference_cases import load_case

import ranef


@pytest.fixture(scope="module")
def cbpp():
    return ranef.fit(**load_case("cbpp-laplace").arguments())


def test_response_residuals_of_proportions_are_differences_of_proportions(cbpp):
    data = load_case("cbpp-laplace").data
    expected = data["incidence"] / data["size"] - cbpp.fitted()
    np.testing.assert_allclose(cbpp.residuals(), expected)


def test_pearson_residuals_are_standardised(cbpp):
    data, p = load_case("cbpp-laplace").data, cbpp.fitted()
    expected = (data["incidence"] - data["size"] * p) / np.sqrt(data["size"] * p * (1 - p))
    np.testing.assert_allclose(cbpp.residuals("pearson"), expected)


def test_working_residuals_divide_by_the_slope_of_the_mean(cbpp):
    p = cbpp.fitted()
    np.testing.assert_allclose(cbpp.residuals("working"), cbpp.residuals() / (p * (1 - p)))


def test_squared_deviance_residuals_sum_to_the_binomial_deviance(cbpp):
    data, p = load_case("cbpp-laplace").data, cbpp.fitted()
    y, n = data["incidence"], data["size"]
    with np.errstate(divide="ignore", invalid="ignore"):
        success = np.where(y > 0, y * np.log(y / (n * p)), 0.0)
        failure = np.where(y < n, (n - y) * np.log((n - y) / (n * (1 - p))), 0.0)
    residuals = cbpp.residuals("deviance")
    np.testing.assert_allclose(residuals**2, 2 * (success + failure), rtol=1e-8, atol=1e-12)
    assert (np.sign(residuals) == np.sign(cbpp.residuals())).all()


def test_gaussian_deviance_residuals_are_plain_differences():
    fit = ranef.fit(**load_case("sleepstudy-ml").arguments())
    np.testing.assert_allclose(fit.residuals("deviance"), fit.residuals(), atol=1e-9)
    np.testing.assert_allclose(fit.residuals("pearson"), fit.residuals() / fit.sigma)


def test_precision_weights_scale_residuals():
    data = ranef.demo_data().assign(w=np.tile([1.0, 4.0], 120))
    fit = ranef.fit("cover ~ shore", data, weights="w")
    expected = fit.residuals() * np.sqrt(data["w"])
    np.testing.assert_allclose(fit.residuals("deviance"), expected)
    np.testing.assert_allclose(fit.residuals("pearson"), expected / fit.sigma)


def test_families_without_saturated_likelihood_say_so():
    fit = ranef.fit(**load_case("beta-logit").arguments())
    with pytest.raises(ranef.NotAvailableError, match="use type='pearson'"):
        fit.residuals("deviance")


def test_an_unknown_type_is_refused(cbpp):
    with pytest.raises(ValueError, match="type must be one of 'response'"):
        cbpp.residuals("raw")


def test_rows_that_a_separated_level_predicts_perfectly_have_no_pearson_residual():
    """Their means underflow to zero, and zero over zero was NaN with a warning of numpy's."""
    data = pd.DataFrame({"y": [0] * 6 + [2, 3, 1, 2, 4, 3], "f": ["a"] * 6 + ["b"] * 6})
    fit = ranef.fit("y ~ f", data, family="poisson", fixed={"Intercept": -800.0, "f[T.b]": 801.0})
    assert (fit.fitted().head(6) == 0.0).all()
    assert (fit.residuals("pearson").head(6) == 0.0).all()
    assert fit.residuals("working").head(6).isna().all()
