"""Tidy tables, coefficients, random effects and their covariances as tables."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from support.reference_cases import load_case

import ranef


@pytest.fixture(scope="module")
def zinb():
    return ranef.fit(**load_case("salamanders-zinb2").arguments())


@pytest.fixture(scope="module")
def slopes():
    return ranef.fit(**load_case("sleepstudy-ml").arguments())


def test_tidy_lists_every_component_in_model_matrix_order(zinb):
    table = zinb.tidy()
    assert list(table.columns) == ["component", "term", "estimate", "std_error", "statistic", "p_value"]
    assert table["component"].tolist() == ["cond"] * 8 + ["zi"] * 2
    assert table["term"].tolist()[-2:] == ["Intercept", "mined[T.no]"]


def test_tidy_is_wald(zinb):
    table = zinb.tidy(conf_int=True, conf_level=0.9)
    np.testing.assert_allclose(table["statistic"], table["estimate"] / table["std_error"])
    np.testing.assert_allclose(table["p_value"], 2 * norm.sf(np.abs(table["statistic"])), rtol=1e-10)
    half = norm.ppf(0.95) * table["std_error"]
    np.testing.assert_allclose(table["conf_high"] - table["estimate"], half)
    np.testing.assert_allclose(table["estimate"] - table["conf_low"], half)


def test_exponentiate_maps_estimates_and_intervals(zinb):
    plain, ratio = zinb.tidy(conf_int=True), zinb.tidy(conf_int=True, exponentiate=True)
    for column in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(ratio[column], np.exp(plain[column]))
    np.testing.assert_allclose(ratio["std_error"], plain["std_error"] * ratio["estimate"])
    np.testing.assert_allclose(ratio["p_value"], plain["p_value"])


def test_exponentiate_is_for_coefficients(zinb):
    with pytest.raises(ValueError, match="effects='fixed' only"):
        zinb.tidy("ran_pars", exponentiate=True)


def test_variance_parameters_have_intervals_inside_their_range(slopes):
    table = slopes.tidy("ran_pars", conf_int=True)
    assert table["term"].tolist() == [
        "sd(Intercept|Subject)", "sd(Days|Subject)", "cor(Days,Intercept|Subject)", "sigma",
    ]  # fmt: skip
    assert (table["conf_low"] < table["estimate"]).all()
    assert (table["estimate"] < table["conf_high"]).all()
    assert (table.loc[table["term"].str.startswith("sd"), "conf_low"] > 0).all()
    assert table.loc[2, "conf_low"] > -1
    assert table.loc[2, "conf_high"] < 1


def test_conditional_modes_are_listed_with_their_standard_errors(slopes):
    table = slopes.tidy("ran_vals")
    assert len(table) == 36
    modes = slopes.ranef(condvar=True)["Subject"]
    first = table[(table["level"] == table["level"].iloc[0]) & (table["term"] == "Days")].iloc[0]
    assert first["estimate"] == modes["Days"].iloc[0]
    assert first["std_error"] == modes["Days_sd"].iloc[0]


def test_conditional_sds_of_a_balanced_one_way_layout_have_their_closed_form():
    """Var(b | y) = sigma^2 sd^2 / (sigma^2 + k sd^2), the same for every level."""
    fit = ranef.fit(**load_case("dyestuff-ml").arguments())
    sd, sigma = fit.parameters().loc["sd(Intercept|Batch)", "estimate"], fit.sigma
    expected = np.sqrt(sigma**2 * sd**2 / (sigma**2 + 5 * sd**2))
    np.testing.assert_allclose(fit.ranef(condvar=True)["Batch"]["Intercept_sd"], expected, rtol=1e-6)


def test_coef_is_fixed_plus_random(slopes):
    coefficients = slopes.coef()["Subject"]
    modes, fixed = slopes.ranef()["Subject"], slopes.fixef()
    pd.testing.assert_frame_equal(coefficients, modes + fixed, check_names=False)


def test_coef_keeps_fixed_effects_without_random_counterpart(zinb):
    coefficients = zinb.coef()["site"]
    assert list(coefficients.columns) == list(zinb.fixef().index)
    assert set(coefficients["mined[T.no]"]) == {zinb.fixef()["mined[T.no]"]}


def test_independent_terms_of_one_group_stand_side_by_side():
    fit = ranef.fit(**load_case("sleepstudy-uncorr-ml").arguments())
    assert list(fit.ranef()["Subject"].columns) == ["Intercept", "Days"]


def test_vcov_is_a_block_of_the_full_matrix(zinb):
    full = zinb.vcov(full=True)
    assert list(full.index) == list(zinb.parameters().index)
    part = zinb.vcov("zi")
    names = [f"zi:{name}" for name in part.index]
    # The fit's own covariance comes from one-sided differences of the gradient, the full one from central ones.
    np.testing.assert_allclose(full.loc[names, names], part, rtol=2e-2)


def test_an_absent_component_is_refused(slopes):
    with pytest.raises(ranef.DataError, match="no component 'zi'; it has: cond, disp"):
        slopes.fixef("zi")


def test_varcorr_lists_variances_then_covariances_then_the_residual(slopes):
    table = slopes.varcorr().to_frame()
    assert list(table.columns) == ["component", "group", "var1", "var2", "vcov", "sdcor"]
    assert table["group"].tolist() == ["Subject"] * 3 + ["Residual"]
    sd0, sd1, cor, residual = table["sdcor"]
    assert table["vcov"].tolist() == pytest.approx([sd0**2, sd1**2, cor * sd0 * sd1, residual**2])


def test_glance_is_one_row_of_facts(slopes):
    row = slopes.glance().iloc[0]
    assert row["nobs"] == 180
    assert row["loglik"] == slopes.loglik
    assert row["df"] == 6


def test_unknown_effects_are_refused(slopes):
    with pytest.raises(ValueError, match="'fixed', 'ran_pars', 'ran_vals', got 'all'"):
        slopes.tidy("all")
