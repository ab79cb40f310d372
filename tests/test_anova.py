"""Likelihood-ratio tests between fits."""

import numpy as np
import pytest
from scipy.stats import chi2
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
