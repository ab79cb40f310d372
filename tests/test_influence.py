"""Hat values, Cook's distances, and what deleting groups and rows does."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from support.inference_cases import load_inference_case

import ranef
from ranef.inference.influence import _one_step
from ranef.inference.linearised import linearised

CASE = load_inference_case("sleep-residuals")
# Of the case cbpp-glmer: see test_hat_values_of_the_cattle_herds_in_lme4.
SCALE_LEFT_BY_PROFILE = 0.755784600
FROG_MODELS = {
    "poisson": {"family": "poisson"},
    "nbinom2": {"family": "nbinom2"},
    "nbinom2, zero-inflated": {"family": "nbinom2", "ziformula": "~ shore"},
    "nbinom2, dispersion modelled": {"family": "nbinom2", "dispformula": "~ shore"},
    "joint mode": {"family": "poisson", "method": "pql"},
    "REML": {"family": "poisson", "reml": True},
}


@pytest.fixture(scope="module")
def sleep():
    return CASE.fit()


@pytest.fixture(scope="module")
def frogs():
    return ranef.demo_data()


def frog_fit(frogs, name):
    return ranef.fit("count ~ shore + cover + (1 | pond)", frogs, **FROG_MODELS[name])


def test_hat_values_are_lme4s(sleep) -> None:
    CASE.assert_close("hat", sleep.hatvalues(), CASE.expect["hat"])
    CASE.assert_close("hat_trace", sleep.hatvalues().sum(), CASE.expect["hat_trace"])


def test_residuals_studentised_by_hat_values_are_lme4s(sleep) -> None:
    CASE.assert_close("rstudent", sleep.rstudent(), CASE.expect["rstudent"])


def test_pearson_residuals_are_lme4s_divided_by_sigma(sleep) -> None:
    CASE.assert_close("response_scaled", sleep.residuals("pearson"), CASE.expect["response_scaled"])
    for name in ("pearson", "deviance", "working", "response"):
        CASE.assert_close(name, sleep.residuals("response"), CASE.expect[name])


def test_one_step_cooks_distances_are_lme4s(sleep) -> None:
    CASE.assert_close("cooks_distance", sleep.cooks_distance(), CASE.expect["cooks_distance"])


def test_what_else_the_reference_says_of_the_fit(sleep) -> None:
    expect = CASE.expect
    for name, ours in {
        "fitted": sleep.fitted(),
        "fitted_marginal": sleep.predict(re_form="~0"),
        "sigma": sleep.sigma,
        "df_residual": sleep.df_resid,
        "nobs": sleep.nobs,
        "reml_criterion": sleep.deviance,
        "loglik": sleep.loglik,
        "aic": sleep.aic,
        "bic": sleep.bic,
        "deviance_ml": sleep.update(reml=False).deviance,
        "vcov": sleep.vcov(),
    }.items():
        CASE.assert_close(name, ours, expect[name]["values"] if name == "vcov" else expect[name])
    varcorr = sleep.varcorr().to_frame()
    CASE.assert_close("varcorr", varcorr["vcov"], expect["varcorr"]["vcov"])
    CASE.assert_close("varcorr", varcorr["sdcor"], expect["varcorr"]["sdcor"])


def test_modes_of_the_reference_and_their_conditional_covariance(sleep) -> None:
    modes, sds = CASE.table("ranef"), CASE.table("ranef_condsd")
    ours = sleep.ranef(condvar=True)["Subject"]
    CASE.assert_close("ranef", ours[["Intercept", "Days"]], modes[["(Intercept)", "Days"]])
    CASE.assert_close("ranef_condsd", ours[["Intercept_sd", "Days_sd"]], sds[["intercept", "Days"]])
    CASE.assert_close("ranef_condsd", sleep.conditional_covariance[0][:, 0, 1], sds["cov"])
    CASE.assert_close("coef_by_group", sleep.coef()["Subject"], CASE.table("coef_by_group"))


@pytest.mark.parametrize("by", ["obs", "group"])
def test_refitted_deletions_are_lme4s(by: str, sleep) -> None:
    """lme4's Cook's distance has a factor (m - p) / m, m deletions, and its dfbeta the other sign."""
    found = sleep.influence(None if by == "obs" else "Subject", refit=True)
    expected = CASE.matrix(f"influence_{by}_fixef")
    count, p = len(found.fixef), 2
    first = slice(0, len(expected))
    CASE.assert_close(f"influence_{by}_fixef", found.fixef[first], expected)
    cooks = found.cooks_distance[first] * (count - p) / count
    CASE.assert_close(f"influence_{by}_cooks", cooks, CASE.expect[f"influence_{by}_cooks"])
    if by == "group":
        CASE.assert_close("influence_group_dfbeta", -found.dfbeta, CASE.matrix("influence_group_dfbeta"))


@pytest.mark.parametrize("by", ["Subject", None])
def test_a_newton_step_is_exact_given_the_variance_parameters(by, sleep) -> None:
    values = dict(zip(sleep.parameter_names, sleep.parameter_values, strict=True))
    held = {name: value for name, value in values.items() if "|" in name or name == "log_sigma"}
    fixed = CASE.fit().update(fixed=held)
    one, refitted = fixed.influence(by), fixed.influence(by, refit=True)
    assert one.fixef.to_numpy() == pytest.approx(refitted.fixef.to_numpy(), rel=1e-9)


@pytest.mark.parametrize("name", list(FROG_MODELS))
def test_a_newton_step_is_near_the_refit(name: str, frogs) -> None:
    """Within a fifth of a standard error, where deletions move coefficients by up to 1.4."""
    fit = frog_fit(frogs, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ranef.ConvergenceWarning)
        refitted = fit.influence("pond", refit=True).dfbetas
    difference = (fit.influence("pond").dfbetas - refitted).abs().to_numpy()
    assert difference.max() < 0.2
    assert difference.mean() < 0.03


@pytest.mark.parametrize("name", list(FROG_MODELS))
def test_hat_values_are_the_diagonal_of_the_weighted_projection(name: str, frogs) -> None:
    fit = frog_fit(frogs, name)
    system = linearised(fit)
    rows = system.rows[0].toarray()
    dense = np.einsum("ij,ji->i", rows, np.linalg.solve(system.hessian.toarray(), rows.T))
    assert fit.hatvalues().to_numpy() == pytest.approx(system.weights[:, 0, 0] * dense, rel=1e-8)


def test_hat_values_of_a_glm_are_those_of_weighted_least_squares(frogs) -> None:
    fit = ranef.fit("count ~ shore + cover", frogs, family="poisson")
    x, weight = fit.design.predictors[0].fixed.matrix, fit.fitted().to_numpy()
    root = np.sqrt(weight)[:, None] * x
    dense = np.diag(root @ np.linalg.solve(root.T @ root, root.T))
    assert fit.hatvalues().to_numpy() == pytest.approx(dense, rel=1e-9)
    assert fit.hatvalues().sum() == pytest.approx(3.0)


def test_hat_values_of_the_cattle_herds_in_lme4() -> None:
    """lme4's hat values of a GLMM have the prior weights, not the working weights, in the numerator.

    Those of the case were taken after `profile()`, which had left the scale of the random effects at another value
    (0.75578 for 0.64206) in the object: with it, lme4's formula gives the reference, and from it lme4's Cook's
    distances. Ours sum to the effective number of parameters.
    """
    case = load_inference_case("cbpp-glmer")
    fit = case.fit()
    system = linearised(fit)
    spherical, x = system.rows[0][:, :15].toarray(), system.rows[0][:, 15:].toarray()
    weight, trials = system.weights[:, 0, 0], fit.design.response.trials
    lower = np.linalg.cholesky(spherical.T @ (weight[:, None] * spherical) + np.eye(15))
    cross = np.linalg.solve(lower, spherical.T @ (weight[:, None] * x))
    upper = np.linalg.cholesky(x.T @ (weight[:, None] * x) - cross.T @ cross)
    left_scale = SCALE_LEFT_BY_PROFILE / float(fit.covariance_blocks[0].sd[0])
    random = np.linalg.solve(lower, left_scale * spherical.T * np.sqrt(trials))
    fixed = np.linalg.solve(upper, x.T * np.sqrt(trials) - cross.T @ random)
    hat = (random**2).sum(axis=0) + (fixed**2).sum(axis=0)
    case.assert_close("hat", hat, case.expect["hat"])
    case.assert_close("cooks", (fit.residuals("pearson") / (1 - hat)) ** 2 * hat / 4, case.expect["cooks"])
    assert 4 < fit.hatvalues().sum() < 19
    assert (fit.hatvalues() < 1).all()


def test_residuals_and_modes_of_the_cattle_herds() -> None:
    """The reference's modes and their sds are spherical ones times the scale that `profile()` had left behind."""
    case = load_inference_case("cbpp-glmer")
    fit = case.fit()
    for kind in ("response", "pearson", "deviance", "working"):
        case.assert_close(f"resid_{kind}", fit.residuals(kind), case.expect[f"resid_{kind}"])
    case.assert_close("glmmTMB_resid_response", fit.residuals(), case.expect["glmmTMB_resid_response"])
    case.assert_close("glmmTMB_resid_pearson", fit.residuals("pearson"), case.expect["glmmTMB_resid_pearson"])
    case.assert_close("glmer_deviance", (fit.residuals("deviance") ** 2).sum(), case.expect["glmer_deviance"])
    case.assert_close("fitted", fit.fitted(), case.expect["fitted"])
    for name, ours in {"loglik": fit.loglik, "aic": fit.aic, "bic": fit.bic, "df_residual": fit.df_resid}.items():
        case.assert_close(name, ours, case.expect[name])
    expected = case.table("ranef")["(Intercept)"]
    ours = fit.ranef(condvar=True)["herd"].loc[expected.index]
    left_scale = SCALE_LEFT_BY_PROFILE / float(fit.covariance_blocks[0].sd[0])
    case.assert_close("ranef", left_scale * ours["Intercept"], expected)
    case.assert_close("condsd", left_scale * ours["Intercept_sd"], case.expect["condsd"])
    table = case.table("coef")
    tidy = fit.tidy()
    case.assert_close("coef", tidy["estimate"], table["Estimate"])
    case.assert_close("coef", tidy["std_error"], table["Std. Error"])
    assert fit.singular == case.expect["singular"]


@pytest.mark.filterwarnings("ignore::ranef.DesignWarning")
@pytest.mark.parametrize("refit", [False, True])
def test_a_coefficient_that_hangs_on_one_group_is_said_to_be_lost(refit: bool, frogs) -> None:
    data = frogs.assign(kind=np.where(frogs["pond"] == "P07", "odd", "even"))
    fit = ranef.fit("count ~ kind + (1 | pond)", data, family="poisson")
    with pytest.warns(ranef.DesignWarning, match="without pond P07 some coefficient cannot be estimated"):
        found = fit.influence("pond", refit=refit)
    assert list(found.fixef.index[found.fixef.isna().any(axis=1)]) == ["P07"]


def test_dfbetas_and_cooks_distances_follow_from_the_coefficients(frogs) -> None:
    fit = frog_fit(frogs, "nbinom2")
    found = fit.influence("pond")
    change = fit.fixef() - found.fixef.loc["P09"]
    vcov = fit.vcov().to_numpy()
    assert found.dfbetas.loc["P09"].to_numpy() == pytest.approx(change.to_numpy() / np.sqrt(np.diag(vcov)))
    assert found.cooks_distance["P09"] == pytest.approx(change @ np.linalg.solve(vcov, change) / 3)
    assert found.parameters is None
    assert list(found.to_frame().columns) == ["cooks_distance", *fit.fixef().index]


def test_rows_are_labelled_as_in_the_data(frogs) -> None:
    data = frogs.head(80).set_index("row" + frogs.index[:80].astype(str))
    data.loc["row3", "cover"] = np.nan
    fit = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson")
    assert list(fit.influence().fixef.index[:4]) == ["row0", "row1", "row2", "row4"]
    assert np.isnan(fit.cooks_distance()["row3"])


def test_refits_report_all_parameters(frogs) -> None:
    fit = frog_fit(frogs, "nbinom2")
    found = fit.influence("pond", refit=True)
    assert list(found.parameters.columns) == list(fit.parameter_names)
    without = fit.update(data=frogs[frogs["pond"] != "P03"])
    assert found.parameters.loc["P03"].to_numpy() == pytest.approx(without.parameter_values, abs=2e-4)


def test_the_print_shows_the_most_influential_first(frogs) -> None:
    text = str(frog_fit(frogs, "poisson").influence("pond"))
    assert text.startswith("Influence of 30 deletions by pond (one Newton step, variance parameters as in the fit)")
    assert text.splitlines()[4].startswith("P09")
    assert "... and 20 more" in text


def test_bad_requests_say_what_would_work(frogs) -> None:
    fit = frog_fit(frogs, "poisson")
    with pytest.raises(ranef.DataError, match=r"'lake' is no grouping factor of the model \(pond\) and no column"):
        fit.influence("lake")
    with pytest.raises(ranef.DataError, match="need one value for each of the 240 rows"):
        fit.influence(np.zeros(7))
    holes = frogs.assign(lake=np.where(frogs.index < 3, None, "a"))
    with pytest.raises(ranef.DataError, match="'lake' has missing values"):
        ranef.fit("count ~ cover + (1 | pond)", holes, family="poisson").influence("lake")
    with pytest.raises(ranef.DataError, match="one value"):
        fit.influence(np.zeros(240))


def test_a_large_system_is_solved_as_the_small_one(frogs, monkeypatch) -> None:
    fit = frog_fit(frogs, "poisson")
    small = fit.influence("pond").fixef
    monkeypatch.setattr("ranef.inference.linearised._DENSE", 0)
    pd.testing.assert_frame_equal(fit.influence("pond").fixef, small, rtol=1e-9)


@pytest.mark.parametrize("name", list(FROG_MODELS))
def test_rows_one_by_one_and_all_at_once_are_the_same(name: str, frogs) -> None:
    fit = frog_fit(frogs, name)
    one_by_one = _one_step(fit, [np.array([row]) for row in range(240)])
    assert fit.influence().fixef.to_numpy() == pytest.approx(one_by_one, rel=1e-8)


def test_a_coefficient_held_at_a_value_moves_in_no_deletion():
    data = ranef.demo_data()
    held = ranef.fit("count ~ shore + cover + (1 | pond)", data, family="poisson", fixed={"cover": 0.2})
    for ask in (held.influence, held.hatvalues, held.cooks_distance, lambda: held.vcov(type="CR1")):
        with pytest.raises(ranef.DataError, match="use an offset"):
            ask()
    assert "influential" not in held.check(n=50).to_frame()["check"].str.cat()


def test_a_model_without_estimated_coefficients_has_no_influence():
    fit = ranef.fit("cover ~ 0 + (1 | pond)", ranef.demo_data())
    for ask in (fit.cooks_distance, fit.influence):
        with pytest.raises(ranef.DataError, match="no estimated coefficients to influence"):
            ask()
