"""Likelihood-ratio tests between fits."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from support.inference_cases import P_VALUE_ATOL, load_inference_case
from support.reference_cases import load_case

import ranef


@pytest.fixture(scope="module")
def sleepstudy():
    return load_case("sleepstudy-ml").data


def test_the_statistic_is_twice_the_difference_of_log_likelihoods(sleepstudy):
    large = ranef.fit("Reaction ~ Days + (Days | Subject)", sleepstudy)
    small = large.update(". ~ . - Days")
    table = ranef.anova(large, small).to_frame()
    assert table["df"].tolist() == [5, 6]
    assert table["chisq"].iloc[1] == pytest.approx(2 * (large.loglik - small.loglik))
    assert table["p_value"].iloc[1] == pytest.approx(chi2.sf(table["chisq"].iloc[1], 1))
    assert np.isnan(table["p_value_boundary"].iloc[1])


def test_a_variance_gets_the_mixture_of_chi_squares(sleepstudy):
    """One more sd and one correlation: equal parts of chi-squares with 1 and 2 degrees of freedom."""
    small = ranef.fit("Reaction ~ Days + (1 | Subject)", sleepstudy)
    large = ranef.fit("Reaction ~ Days + (Days | Subject)", sleepstudy)
    row = ranef.anova(small, large).to_frame().iloc[1]
    expected = 0.5 * (chi2.sf(row["chisq"], 1) + chi2.sf(row["chisq"], 2))
    assert row["p_value_boundary"] == pytest.approx(expected)


def test_a_variance_against_none_halves_the_p_value(sleepstudy):
    row = (
        ranef.anova(ranef.fit("Reaction ~ Days", sleepstudy), ranef.fit("Reaction ~ Days + (1 | Subject)", sleepstudy))
        .to_frame()
        .iloc[1]
    )
    assert row["p_value_boundary"] == pytest.approx(0.5 * row["p_value"])


def test_reml_fits_are_fitted_again_and_it_is_said(sleepstudy):
    large = ranef.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, reml=True)
    small = ranef.fit("Reaction ~ 1 + (Days | Subject)", sleepstudy, reml=True)
    comparison = ranef.anova(small, large)
    assert "fitted again by maximum likelihood" in str(comparison)
    by_ml = ranef.anova(small.update(reml=False), large.update(reml=False)).to_frame()
    np.testing.assert_allclose(comparison.to_frame()["chisq"], by_ml["chisq"])


def test_reml_criteria_of_different_fixed_effects_are_not_compared(sleepstudy):
    large = ranef.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, reml=True)
    small = ranef.fit("Reaction ~ 1 + (Days | Subject)", sleepstudy, reml=True)
    with pytest.raises(ranef.DataError, match="cannot be compared; leave refit at True"):
        ranef.anova(small, large, refit=False)


def test_different_data_are_refused(sleepstudy):
    fit = ranef.fit("Reaction ~ Days + (1 | Subject)", sleepstudy)
    fewer = ranef.fit("Reaction ~ Days + (1 | Subject)", sleepstudy.head(170))
    other = ranef.fit("Reaction ~ Days + (1 | Subject)", sleepstudy.assign(Reaction=sleepstudy["Reaction"] + 1))
    with pytest.raises(ranef.DataError, match="180 observations, model 2 has 170"):
        ranef.anova(fit, fewer)
    with pytest.raises(ranef.DataError, match="different responses"):
        ranef.anova(fit, other)


def test_one_fit_is_no_comparison(sleepstudy):
    with pytest.raises(ranef.DataError, match="two or more fits, got 1"):
        ranef.anova(ranef.fit("Reaction ~ Days", sleepstudy))


def assert_comparison(name, made):
    case = load_inference_case("sleep-lrt")
    expected, tolerances = case.table(name), case.tolerances(name)
    columns = {"AIC": "aic", "BIC": "bic", "logLik": "loglik", "deviance": "deviance", "Chisq": "chisq"}
    for theirs, ours in columns.items():
        np.testing.assert_allclose(made[ours], expected[theirs], **tolerances, err_msg=theirs)
    for theirs in ("npar", "Df", "Chi Df"):
        if theirs in expected:
            first = expected[theirs].notna().all()
            np.testing.assert_array_equal(made["df" if first else "chi_df"], expected[theirs])
    np.testing.assert_allclose(made["p_value"], expected["Pr(>Chisq)"], atol=P_VALUE_ATOL)


@pytest.mark.parametrize(("name", "kept"), [("anova_ml", 4), ("anova_glmmTMB", 2)])
@pytest.mark.parametrize("reml", [False, True], ids=["ml", "reml"])
def test_a_chain_of_models_is_lme4s_and_glmmtmbs_table(name, kept, reml):
    case = load_inference_case("sleep-lrt")
    fits = [case.fit(formula=formula, reml=reml) for formula in case.args["anova_ml"]["models"][:kept]]
    assert_comparison(name, ranef.anova(*fits).to_frame())


def test_reml_criteria_of_the_same_fixed_effects_are_compared_as_they_are():
    case = load_inference_case("sleep-lrt")
    fits = [case.fit(formula=formula) for formula in case.args["anova_reml_norefit"]["models"]]
    made = ranef.anova(*fits, refit=False)
    assert_comparison("anova_reml_norefit", made.to_frame())
    assert not made.notes


def test_a_correlation_is_tested_inside_its_range_and_has_no_mixture():
    case = load_inference_case("sleep-lrt")
    uncorrelated, correlated = (case.fit(formula=f, reml=False) for f in case.args["anova_ml"]["models"][2:])
    assert np.isnan(ranef.anova(uncorrelated, correlated).to_frame()["p_value_boundary"].iloc[1])


def test_different_numbers_of_trials_are_refused():
    data = load_case("cbpp-laplace").data
    fit = ranef.fit("cbind(incidence, size - incidence) ~ period", data, family="binomial")
    other = ranef.fit("cbind(incidence, size - incidence + 1) ~ 1", data, family="binomial")
    with pytest.raises(ranef.DataError, match="numbers of trials"):
        ranef.anova(fit, other)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
def test_two_variances_get_the_mixture_of_three_chi_squares(reml):
    """Rows by columns, once each: REML's variances are those of the analysis of variance, whose covariance is known."""
    rng = np.random.default_rng(3)
    rows, columns = 6, 5
    data = pd.DataFrame([(a, b) for a in "abcdef" for b in "vwxyz"], columns=["a", "b"])
    data["y"] = rng.normal(size=30) + 1.5 * rng.normal(size=rows)[pd.factorize(data["a"])[0]]
    small, large = (ranef.fit(f, data, reml=reml) for f in ("y ~ 1", "y ~ 1 + (1 | a) + (1 | b)"))
    row = ranef.anova(small, large, refit=False).to_frame().iloc[1]
    error = 2 / ((rows - 1) * (columns - 1))
    of_a, of_b = (2 / (rows - 1) + error) / columns**2, (2 / (columns - 1) + error) / rows**2
    # By ML the information about the two variances, the residual's taken out, is diagonal.
    r = error / (rows * columns) / np.sqrt(of_a * of_b) if reml else 0.0
    both = 0.25 + np.arcsin(r) / (2 * np.pi)
    expected = 0.5 * chi2.sf(row["chisq"], 1) + both * chi2.sf(row["chisq"], 2)
    assert row["chisq"] > 0
    assert row["p_value_boundary"] == pytest.approx(expected, rel=1e-6)


def test_two_variances_of_a_model_that_is_not_linear_have_no_mixture():
    data = ranef.demo_data().assign(block=lambda d: np.arange(len(d)) % 12)
    small = ranef.fit("count ~ cover", data, family="poisson")
    large = ranef.fit("count ~ cover + (1 | pond) + (1 | block)", data, family="poisson")
    assert np.isnan(ranef.anova(small, large).to_frame()["p_value_boundary"].iloc[1])


def test_fits_by_laplace_and_by_pql_are_not_compared():
    small, large = (
        ranef.fit(f"count ~ {x} + (1 | pond)", ranef.demo_data(), family="poisson", method=method)
        for x, method in (("1", "pql"), ("cover", "laplace"))
    )
    with pytest.raises(ranef.DataError, match="method='pql'"):
        ranef.anova(small, large)
