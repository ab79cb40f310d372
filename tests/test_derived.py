"""Intervals of quantities derived from a fit, and a fit at other parameter values."""

import numpy as np
import pandas as pd
import pytest
from support.reference_cases import load_case

import ranef


@pytest.fixture(scope="module")
def sleep():
    return ranef.fit(**load_case("sleepstudy-ml").arguments())


@pytest.fixture(scope="module")
def cbpp():
    return ranef.fit(**load_case("cbpp-laplace").arguments())


def test_at_the_estimates_is_the_fit(sleep):
    again = sleep.at(sleep.parameters()["estimate"])
    assert again.loglik == pytest.approx(sleep.loglik, abs=1e-9)
    np.testing.assert_allclose(again.ranef()["Subject"], sleep.ranef()["Subject"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(again.fitted(), sleep.fitted(), rtol=1e-8)


def test_at_other_values_has_the_log_likelihood_of_the_model(cbpp):
    values = {"Intercept": -1.0, "sd(Intercept|herd)": 0.3}
    there = cbpp.at(values)
    full = cbpp.parameters()["estimate"].to_dict() | values
    assert there.loglik == pytest.approx(cbpp.model.loglik(full), abs=1e-8)
    assert there.fixef()["Intercept"] == -1.0
    assert cbpp.fixef()["Intercept"] != -1.0


def test_at_a_reml_fit_moves_its_fixed_effects():
    fit = ranef.fit(**load_case("sleepstudy-reml").arguments())
    moved = fit.at({"Days": 5.0})
    assert moved.fixef()["Days"] == pytest.approx(5.0)
    expected = moved.model.loglik(fit.parameters()["estimate"].to_dict() | {"Days": 5.0})
    assert moved.loglik == pytest.approx(expected, abs=1e-9)


def test_at_refuses_what_no_model_has(sleep):
    with pytest.raises(ranef.DataError, match="no parameter 'Dayz'; did you mean 'Days'"):
        sleep.at({"Dayz": 1.0})
    with pytest.raises(ranef.DataError, match="a standard deviation is at least 0"):
        sleep.at({"sd(Days|Subject)": -1.0})


def test_wald_of_a_contrast_is_the_exact_quadratic_form(sleep):
    table = sleep.derive(lambda f: f.fixef()["Intercept"] + 3 * f.fixef()["Days"])
    weights = np.array([1.0, 3.0])
    expected = np.sqrt(weights @ sleep.vcov().to_numpy() @ weights)
    assert table["std_error"].iloc[0] == pytest.approx(expected, rel=1e-6)
    assert table["conf_high"].iloc[0] - table["estimate"].iloc[0] == pytest.approx(1.959964 * expected, rel=1e-6)


def test_wald_of_a_variance_ratio_is_the_delta_method(sleep):
    text = "sd(Intercept|Subject)^2 / sigma^2"
    table = sleep.derive(text)
    sd, log_sigma = (sleep.parameters().loc[name, "estimate"] for name in ("sd(Intercept|Subject)", "log_sigma"))
    ratio = sd**2 / np.exp(2 * log_sigma)
    places = [sleep.parameter_names.index(name) for name in ("sd(Intercept|Subject)", "log_sigma")]
    gradient = np.array([2 * ratio / sd, -2 * ratio])
    expected = np.sqrt(gradient @ sleep.parameter_vcov[np.ix_(places, places)] @ gradient)
    assert table.loc[text, "estimate"] == pytest.approx(ratio, rel=1e-12)
    assert table.loc[text, "std_error"] == pytest.approx(expected, rel=1e-5)


def test_wald_of_a_reml_fit_counts_all_its_uncertainty():
    fit = ranef.fit(**load_case("sleepstudy-reml").arguments())
    table = fit.derive({"slope": "Days"})
    assert table.loc["slope", "std_error"] == pytest.approx(np.sqrt(fit.vcov().loc["Days", "Days"]), rel=1e-3)


def test_a_series_keeps_its_names(cbpp):
    table = cbpp.derive(lambda f: np.exp(f.fixef()))
    assert list(table.index) == list(cbpp.fixef().index)
    names = list(cbpp.fixef().index)
    errors = np.sqrt(np.diag(cbpp.vcov(full=True).loc[names, names])) * np.exp(cbpp.fixef())
    np.testing.assert_allclose(table["std_error"], errors, rtol=1e-5)


def test_prediction_statistics_have_the_error_of_their_parameters(cbpp):
    rows = cbpp.data.head(3)
    table = cbpp.derive(lambda f: f.predict(rows, type="link", re_form="~0"))
    expected = cbpp.predict(rows, type="link", re_form="~0", se=True)["std_error"]
    # The fit's own covariance is from forward differences of the gradient, that of all parameters from central ones.
    np.testing.assert_allclose(table["std_error"], expected, rtol=1e-4)


def test_a_held_parameter_is_taken_as_given():
    fit = ranef.fit(**load_case("sleepstudy-ml").arguments(), fixed={"Days": 10.0})
    table = fit.derive({"held": "Days", "free": "Intercept"})
    assert table.loc["held", "std_error"] == 0.0
    assert table.loc["free", "std_error"] > 0.0


def test_mistakes_in_statistics_are_named(sleep):
    with pytest.raises(ranef.DataError, match="did you mean 'Days'"):
        sleep.derive("Dayz^2")
    with pytest.raises(ranef.DataError, match="neither a parameter nor arithmetic"):
        sleep.derive("__import__('os').getcwd()")
    with pytest.raises(ranef.DataError, match="raised KeyError: 'nothing'"):
        sleep.derive(lambda f: f.fixef()["nothing"])
    with pytest.raises(ranef.DataError, match="it must give a number"):
        sleep.derive(lambda f: "text")
    with pytest.raises(ranef.DataError, match="method must be 'wald', 'profile' or 'boot'"):
        sleep.derive("Days", method="bayes")


def test_expressions_read_names_longest_first(sleep):
    table = sleep.derive({"r": "cor(Days,Intercept|Subject) * sd(Days|Subject)", "d": "exp(log_sigma) - sigma"})
    block = sleep.parameters()["estimate"]
    assert table.loc["r", "estimate"] == pytest.approx(
        block["cor(Days,Intercept|Subject)"] * block["sd(Days|Subject)"], rel=1e-12
    )
    assert table.loc["d", "estimate"] == pytest.approx(0.0, abs=1e-10)
    assert isinstance(table, pd.DataFrame)


def test_profile_of_a_parameter_is_its_profile_interval(sleep):
    names = ["Days", "sd(Days|Subject)", "cor(Days,Intercept|Subject)"]
    derived = sleep.derive({name: name for name in names}, method="profile")
    direct = sleep.confint("profile", names)
    np.testing.assert_allclose(derived[["conf_low", "conf_high"]], direct[["conf_low", "conf_high"]], rtol=1e-4)


def test_profile_intervals_follow_a_transformation(cbpp):
    odds = cbpp.derive({"odds": "exp(Intercept)"}, method="profile")
    direct = np.exp(cbpp.confint("profile", "Intercept"))
    np.testing.assert_allclose(odds[["conf_low", "conf_high"]], direct[["conf_low", "conf_high"]], rtol=1e-4)


def test_profile_of_a_combination_is_that_of_a_moved_covariate(sleep):
    """The expected reaction on day 3 is the intercept once days are counted from there."""
    data = sleep.data.assign(later=sleep.data["Days"] - 3)
    moved = ranef.fit("Reaction ~ later + (Days | Subject)", data)
    derived = sleep.derive({"day 3": "Intercept + 3 * Days"}, method="profile", level=0.9)
    direct = moved.confint("profile", "Intercept", level=0.9)
    np.testing.assert_allclose(derived[["conf_low", "conf_high"]], direct[["conf_low", "conf_high"]], rtol=1e-5)


def test_profile_of_a_reml_fit_is_that_of_maximum_likelihood(sleep):
    fit = ranef.fit(**load_case("sleepstudy-reml").arguments())
    with pytest.warns(ranef.RanefWarning, match="refitted without REML"):
        table = fit.derive("Days", method="profile")
    np.testing.assert_allclose(table, sleep.derive("Days", method="profile"), rtol=1e-4)


def test_a_correlation_at_the_end_of_its_range_is_taken_as_given():
    """Its standard error is zero: derivatives by differences of no width were NaN, and every interval with them."""
    random = np.random.default_rng(3)
    t, g = np.tile(np.arange(6), 30), np.repeat(np.arange(30), 6)
    y = random.poisson(np.exp(1.0 + 0.8 * random.normal(size=30)[g]))
    fit = ranef.fit("y ~ 1 + ar1(0 + factor(t) | g)", pd.DataFrame({"y": y, "t": t, "g": g}), family="poisson")
    assert fit.parameters()["std_error"].iloc[-1] == 0.0
    table = fit.derive("exp(Intercept)")
    slope = np.exp(fit.parameters()["estimate"]["Intercept"])
    assert table["std_error"].iloc[0] == pytest.approx(slope * fit.parameters()["std_error"]["Intercept"], rel=1e-4)
    assert np.isfinite(fit.icc(interval="wald").to_frame()[["conf_low", "conf_high"]].to_numpy(dtype=float)).all()
