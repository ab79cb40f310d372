"""`ranef.fit` and the facts of a fit."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from support.reference_cases import load_case

import ranef


@pytest.fixture(scope="module")
def frogs():
    return ranef.demo_data()


@pytest.fixture(scope="module")
def fit(frogs):
    return ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="nbinom2")


def test_information_criteria_follow_from_loglik_df_and_nobs(fit):
    assert fit.df == 5
    assert fit.nobs == 240
    assert fit.df_resid == 235
    assert fit.deviance == -2 * fit.loglik
    assert fit.aic == pytest.approx(fit.deviance + 10)
    assert fit.bic == pytest.approx(fit.deviance + 5 * np.log(240))
    assert fit.aicc == pytest.approx(fit.aic + 2 * 5 * 6 / (240 - 6))


def test_the_estimates_are_near_the_truth_behind_the_demonstration_data(fit):
    """data/make_demo.py: 1.2, -0.9, 0.15, sd 0.5, phi 2; within three standard errors."""
    truth = pd.Series({"Intercept": 1.2, "shore[T.mown]": -0.9, "cover": 0.15})
    errors = np.sqrt(np.diag(fit.vcov()))
    assert (np.abs(fit.fixef() - truth) < 3 * errors).all()
    table = fit.parameters()
    assert abs(table.loc["sd(Intercept|pond)", "estimate"] - 0.5) < 3 * table.loc["sd(Intercept|pond)", "std_error"]
    assert abs(table.loc["log_phi", "estimate"] - np.log(2)) < 3 * table.loc["log_phi", "std_error"]


def test_timings_name_the_stages(fit):
    assert set(fit.timings) == {"parse", "design", "fit", "inference"}
    assert all(seconds >= 0 for seconds in fit.timings.values())


def test_a_held_parameter_stays_and_does_not_count(frogs, fit):
    held = ranef.fit("count ~ cover + (1 | pond)", frogs, family="poisson", fixed={"sd(Intercept|pond)": 0.5})
    free = ranef.fit("count ~ cover + (1 | pond)", frogs, family="poisson")
    assert held.parameters().loc["sd(Intercept|pond)", "estimate"] == pytest.approx(0.5, abs=1e-12)
    assert np.isnan(held.parameters().loc["sd(Intercept|pond)", "std_error"])
    assert held.df == free.df - 1
    assert held.loglik < free.loglik


def test_rows_with_missing_values_are_dropped_counted_and_keep_their_place(frogs):
    data = frogs.set_index(frogs.index + 1000)
    data.loc[1003, "cover"] = np.nan
    fit = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson")
    assert fit.nobs == 239
    fitted = fit.fitted()
    assert fitted.index.equals(data.index)
    assert np.isnan(fitted.loc[1003])
    assert fitted.drop(1003).notna().all()
    assert "1 of 240 rows left out for missing values in: cover (1)" in str(fit.summary())


def test_frequency_weights_count_their_sum(frogs):
    weights = np.tile([1.0, 2.0], 120)
    fit = ranef.fit("count ~ cover", frogs, family="poisson", weights=ranef.weights.frequency(weights))
    assert fit.nobs == 360


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "agq"}, "method='agq' comes in a later version"),
        ({"n_agq": 9}, "n_agq=9"),
        ({"priors": {"cover": 1}}, "priors come in a later version"),
    ],
    ids=["agq", "n_agq", "priors"],
)
def test_what_is_planned_says_so(arguments, message, frogs):
    with pytest.raises(ranef.NotAvailableError, match=message):
        ranef.fit("count ~ cover + (1 | pond)", frogs, family="poisson", **arguments)


def test_an_unknown_method_is_refused(frogs):
    with pytest.raises(ValueError, match="method must be 'laplace'"):
        ranef.fit("count ~ 1", frogs, method="magic")


def test_a_formula_that_is_no_text_is_refused(frogs):
    with pytest.raises(ranef.FormulaError, match="formula must be text"):
        ranef.fit(3, frogs)


@pytest.mark.parametrize("case", ["sleepstudy-reml", "salamanders-zinb2", "gamma-log"])
def test_starting_elsewhere_arrives_at_the_same_optimum(case):
    arguments = load_case(case).arguments()
    first = ranef.fit(**arguments)
    start = {name: 1.5 * value for name, value in first.parameters()["estimate"].items() if name.startswith("sd(")}
    again = ranef.fit(**arguments, start=start)
    assert again.loglik == pytest.approx(first.loglik, abs=1e-6)


def test_refit_to_the_same_response_gives_the_same_fit(fit, frogs):
    again = fit.refit(frogs["count"])
    assert again.loglik == pytest.approx(fit.loglik, abs=1e-7)
    assert again.fixef().to_numpy() == pytest.approx(fit.fixef().to_numpy(), abs=1e-4)


def test_refit_equals_a_new_fit_to_that_response(fit, frogs):
    response = fit.simulate(1, seed=4)["sim_1"]
    new = ranef.fit("count ~ shore + cover + (1 | pond)", frogs.assign(count=response), family="nbinom2")
    again = fit.refit(response)
    assert again.loglik == pytest.approx(new.loglik, abs=1e-6)
    assert again.parameters()["std_error"].to_numpy() == pytest.approx(
        new.parameters()["std_error"].to_numpy(), rel=1e-2
    )


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (np.ones(7), r"shape \(7,\); refit needs one value for each of the 240 rows"),
        (np.where(np.arange(240) == 5, np.nan, 1.0), "y is nan in row 5"),
        (np.where(np.arange(240) == 6, -1.0, 1.0), "y is -1 in row 6, outside the support of nbinom2"),
        (np.where(np.arange(240) == 6, 1.5, 1.0), "y is 1.5 in row 6, outside"),
    ],
    ids=["length", "missing", "negative", "no count"],
)
def test_refit_refuses_what_the_family_cannot_have(response, message, fit):
    with pytest.raises(ranef.DataError, match=message):
        fit.refit(response)


@pytest.mark.parametrize(
    ("change", "formula"),
    [
        (". ~ . - cover", "count ~ 1 + shore + (1 | pond)"),
        ("~ . + visit", "count ~ 1 + shore + cover + visit + (1 | pond)"),
        (". ~ . - (1 | pond)", "count ~ 1 + shore + cover"),
        ("log(count + 1) ~ cover", "log(count + 1) ~ 1 + cover"),
    ],
)
def test_update_puts_the_old_formula_for_the_dots(change, formula, fit):
    family = "gaussian" if change.startswith("log") else "nbinom2"
    assert fit.update(change, family=family).formula == formula


def test_update_changes_other_arguments_and_refuses_unknown_ones(fit):
    assert fit.update(family="poisson").family.name == "poisson"
    with pytest.raises(TypeError, match="no argument 'familly'; did you mean 'family'"):
        fit.update(familly="poisson")


@pytest.mark.parametrize(
    "duplicate", [lambda f: pickle.loads(pickle.dumps(f)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_a_copy_is_the_same_fit_and_still_has_its_data(duplicate, fit, frogs):
    other = duplicate(fit)
    pd.testing.assert_frame_equal(other.parameters(), fit.parameters(), rtol=1e-5)
    pd.testing.assert_series_equal(other.fitted(), fit.fitted())
    expected = fit.predict(frogs.head(3), se=True)
    pd.testing.assert_frame_equal(other.predict(frogs.head(3), se=True), expected, rtol=1e-5)


def test_control_refuses_limits_that_mean_nothing():
    with pytest.raises(ValueError, match=r"Control\(max_iterations=0\): must be at least 1"):
        ranef.Control(max_iterations=0)
    with pytest.raises(ValueError, match=r"gain_tolerance=2.0"):
        ranef.Control(gain_tolerance=2.0)


def test_verbose_prints_a_line_an_iteration(frogs, capfd):
    ranef.fit("count ~ cover + (1 | pond)", frogs, family="poisson", control=ranef.Control(verbose=1))
    lines = capfd.readouterr().err.strip().splitlines()
    assert lines
    assert all(line.startswith("iteration") and "objective" in line and "gradient" in line for line in lines)


def test_one_parameter_of_a_correlated_pair_can_be_held():
    """Holding the correlation at zero is the model of independent effects."""
    frogs = ranef.demo_data()
    held = ranef.fit(
        "count ~ cover + (cover | pond)", frogs, family="poisson", fixed={"cor(cover,Intercept|pond)": 0.0}
    )
    independent = ranef.fit("count ~ cover + (cover || pond)", frogs, family="poisson")
    assert held.loglik == pytest.approx(independent.loglik, abs=1e-6)
    assert held.df == independent.df
    narrow = ranef.fit("count ~ cover + (cover | pond)", frogs, family="poisson", fixed={"sd(Intercept|pond)": 0.25})
    assert narrow.parameters().loc["sd(Intercept|pond)", "estimate"] == 0.25
    assert narrow.loglik < ranef.fit("count ~ cover + (cover | pond)", frogs, family="poisson").loglik


def test_refit_of_a_reml_fit_reports_like_any_fit():
    """It used to count the coefficients twice, so that every table failed."""
    data = ranef.demo_data()
    fit = ranef.fit("cover ~ 1 + (1 | pond)", data, reml=True)
    again = fit.refit(data["cover"].to_numpy())
    assert str(again.varcorr()) == str(fit.varcorr())
    assert again.df == fit.df
    assert list(again.parameters().index) == list(fit.parameters().index)


def test_standard_errors_of_a_singular_fit_are_those_of_its_curvature():
    """One-sided differences at |cor| = 1 used to put the fit's own standard errors off by 0.3 % and more."""
    rng = np.random.default_rng(0)
    g, x, u = np.repeat(np.arange(12), 8), rng.normal(size=96), rng.normal(size=12) / 2
    data = pd.DataFrame({"y": rng.poisson(np.exp(0.5 + 0.3 * x + u[g] + 0.3 * u[g] * x)), "x": x, "g": g})
    fit = ranef.fit("y ~ x + (x | g)", data, family="poisson")
    assert fit.singular
    own = np.sqrt(np.diag(fit.vcov()))
    assert own == pytest.approx(fit.parameters()["std_error"].to_numpy()[:2], rel=1e-5)
