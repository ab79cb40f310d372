"""Likelihood profiles and the intervals they give."""

import dataclasses
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import norm
from support.inference_cases import load_inference_case
from support.reference_cases import load_case

import ranef

Z = norm.ppf(0.975)
SLEEP = {
    "sd_(Intercept)|Subject": "sd(Intercept|Subject)",
    "cor_Days.(Intercept)|Subject": "cor(Days,Intercept|Subject)",
    "sd_Days|Subject": "sd(Days|Subject)",
    "sigma": "log_sigma",
    "(Intercept)": "Intercept",
}


@pytest.fixture(scope="module")
def sleep():
    return load_inference_case("sleep-profile").fit()


def ends(table: pd.DataFrame) -> np.ndarray:
    return table[["conf_low", "conf_high"]].to_numpy()


@pytest.mark.parametrize(("name", "level"), [("profile95", 0.95), ("profile90", 0.90)])
def test_sleepstudy_has_the_profile_intervals_of_lme4(sleep, name, level):
    case = load_inference_case("sleep-profile")
    expected = case.matrix(name)
    table = sleep.confint("profile", level=level).loc[[SLEEP.get(row, row) for row in expected.index]]
    table.loc["log_sigma"] = np.exp(table.loc["log_sigma"])
    case.assert_close(name, ends(table), expected)


def test_sleepstudy_has_the_intervals_of_coefficients_of_glmmtmb(sleep):
    case = load_inference_case("sleep-profile")
    table = sleep.confint("profile", parm=["Intercept", "Days"])
    case.assert_close("tmb_uniroot_beta", ends(table), case.matrix("tmb_uniroot_beta")[["2.5 %", "97.5 %"]])


def test_sleepstudy_has_the_wald_intervals_of_glmmtmb_and_lme4(sleep):
    case = load_inference_case("sleep-profile")
    expected = case.matrix("tmb_wald_full")
    ours = ["Intercept", "Days", "log_sigma", "sd(Intercept|Subject)", "sd(Days|Subject)"]
    table = sleep.confint().loc[ours]
    table.loc["log_sigma"] = np.exp(table.loc["log_sigma"])
    case.assert_close("tmb_wald_full", ends(table), expected[["2.5 %", "97.5 %"]].iloc[:5])
    reml = case.fit(reml=True).confint(parm=["Intercept", "Days"])
    case.assert_close("wald95_reml", ends(reml), case.matrix("wald95_reml").loc[["(Intercept)", "Days"]])


@pytest.mark.parametrize("name", ["profile", "uniroot_beta"])
def test_cbpp_has_the_profile_intervals_of_lme4_and_glmmtmb(name):
    case = load_inference_case("cbpp-glmer")
    expected = case.matrix(name)
    named = {"sd_(Intercept)|herd": "sd(Intercept|herd)", "(Intercept)": "Intercept"}
    rows = [named.get(row, row.replace("periodp", "period[T.p") + "]") for row in expected.index]
    table = case.fit().confint("profile", parm=rows)
    case.assert_close(name, ends(table), expected[["2.5 %", "97.5 %"]])


@pytest.mark.parametrize("name", ["wald", "wald_full"])
def test_cbpp_has_the_wald_intervals_of_glmmtmb(name):
    case = load_inference_case("cbpp-glmer")
    case.assert_close(name, ends(case.fit().confint()), case.matrix(name)[["2.5 %", "97.5 %"]])


@pytest.mark.parametrize("case_name", ["cbpp-glmer", "hetero-dispersion"])
def test_covariance_of_all_parameters_is_that_of_glmmtmb(case_name):
    """Theirs is of the log standard deviation."""
    case = load_inference_case(case_name)
    fit = case.fit()
    scale = np.append(np.ones(fit.df - 1), 1.0 / fit.parameter_values[-1])
    case.assert_close("vcov_full", scale[:, None] * fit.vcov(full=True).to_numpy() * scale, case.matrix("vcov_full"))


def test_a_dispersion_model_has_the_profile_intervals_of_glmmtmb():
    case = load_inference_case("hetero-dispersion")
    table = case.fit().confint("profile")
    case.assert_close("uniroot_beta", ends(table)[:5], case.matrix("uniroot_beta")[["2.5 %", "97.5 %"]])
    log_sd = np.log(ends(table.loc[["sd(Intercept|g)"]]))
    case.assert_close("uniroot_logsd_g", log_sd, case.matrix("uniroot_logsd_g")[["2.5 %", "97.5 %"]])


def test_a_dispersion_model_has_the_wald_intervals_of_glmmtmb():
    case = load_inference_case("hetero-dispersion")
    case.assert_close("wald_full", ends(case.fit().confint()), case.matrix("wald_full")[["2.5 %", "97.5 %"]])


def test_a_linear_model_has_the_closed_form():
    """Without random effects the profile of a coefficient is n log(1 + t^2 / (n - p)), t the usual statistic."""
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"x": rng.standard_normal(30)})
    data["y"] = 1 + 0.5 * data["x"] + rng.standard_normal(30)
    fit = ranef.fit("y ~ x", data)
    x = np.column_stack([np.ones(30), data["x"]])
    beta, rss, *_ = np.linalg.lstsq(x, data["y"], rcond=None)
    error = np.sqrt(rss[0] / 28 * np.linalg.inv(x.T @ x)[1, 1])
    t = np.sqrt(28 * np.expm1(Z**2 / 30))
    np.testing.assert_allclose(ends(fit.confint("profile", "x"))[0], [beta[1] - t * error, beta[1] + t * error])
    ratio = [np.sqrt(rss[0] / 30) / s for s in np.exp(ends(fit.confint("profile", "log_sigma"))[0])]
    for r in ratio:
        assert 30 * (r**2 - 1 - 2 * np.log(r)) == pytest.approx(Z**2, rel=1e-6)


def test_a_balanced_one_way_layout_has_the_closed_form_and_an_end_at_zero():
    """The likelihood of a balanced layout is known given the between and within sums of squares."""
    case = load_case("dyestuff-ml")
    fit = ranef.fit(**case.arguments())
    y = case.data.pivot_table(index="Batch", values="Yield", aggfunc=list, observed=True)["Yield"].to_list()
    y = np.array(y, dtype=float)
    between, within = 5 * np.var(y.mean(axis=1)) * 6, np.sum((y - y.mean(axis=1, keepdims=True)) ** 2)

    def deviance(sd):
        def at(log_sigma):
            s2 = np.exp(2 * log_sigma)
            level = s2 + 5 * sd**2
            return 24 * np.log(s2) + within / s2 + 6 * np.log(level) + between / level

        grid = np.linspace(2, 6, 4001)
        return min(at(v) for v in grid[np.argmin([at(v) for v in grid])] + np.linspace(-1e-3, 1e-3, 2001))

    best = deviance(fit.parameter_values[-1])
    high = brentq(lambda sd: deviance(sd) - best - Z**2, 40, 200)
    low, upper = ends(fit.confint("profile", "sd(Intercept|Batch)"))[0]
    assert upper == pytest.approx(high, rel=1e-5)
    assert deviance(low) - best == pytest.approx(Z**2, abs=1e-4)
    assert ends(fit.confint("profile", "sd(Intercept|Batch)", level=0.999))[0, 0] == 0.0
    assert deviance(0.0) - best < norm.ppf(0.9995) ** 2


def test_a_zero_standard_deviation_has_an_interval_from_zero():
    fit = ranef.fit(**load_case("dyestuff2-singular-ml").arguments())
    low, high = ends(fit.confint("profile", "sd(Intercept|Batch)"))[0]
    assert low == 0.0
    drop = fit.loglik - fit.profile("sd(Intercept|Batch)").to_frame()["loglik"]
    assert drop.max() > Z**2 / 2
    assert 0.1 < high < 10


POINTS = {
    "three correlated effects": "cov-us",
    "compound symmetry": "cov-cs",
    "autoregression": "cov-ar1-poisson",
    "zero inflation": "salamanders-zip-simple",
    "random slopes, Laplace": "seed000-frog-rs",
    "dispersion model": "beta-dispformula",
}


@pytest.mark.parametrize("case", POINTS.values(), ids=POINTS.keys())
def test_points_of_profiles_are_constrained_optima(case):
    """The log-likelihood is that of the point's values, and its gradient has no component but the held parameter's."""
    fit = ranef.fit(**load_case(case).arguments())
    names = list(fit.parameter_names)
    error = np.sqrt(np.diag(fit.parameter_vcov))
    table = fit.profile(names[-3:]).to_frame()
    assert table.groupby("parameter")["zeta"].max().min() > 2.5
    for _, row in table.iloc[::4].iterrows():
        values = row[names].to_numpy(dtype=float)
        if np.any(np.abs(values[[n.startswith("cor(") for n in names]]) > 1 - 1e-6):
            continue
        assert fit.model.loglik(values) == pytest.approx(row["loglik"], abs=1e-6)
        gradient = fit.model.gradient(values).to_numpy() * error
        gradient[names.index(row["parameter"])] = 0.0
        assert np.max(np.abs(gradient)) < 2e-3, (row["parameter"], row["value"])
        assert values[names.index(row["parameter"])] == row["value"]


def test_a_correlation_of_three_effects_may_be_profiled_to_its_ends():
    fit = ranef.fit(**load_case("cov-us").arguments())
    name = next(n for n in fit.parameter_names if n.startswith("cor("))
    profile = fit.profile(name, level=0.999999)
    values = profile.to_frame()["value"]
    assert values.is_monotonic_increasing
    assert values.between(-1, 1).all()
    assert profile.to_frame()["zeta"].is_monotonic_increasing


def test_a_reml_fit_is_profiled_by_maximum_likelihood(sleep):
    reml = load_inference_case("sleep-profile").fit(reml=True)
    with pytest.warns(ranef.RanefWarning, match="refitted without REML"):
        table = reml.confint("profile")
    pd.testing.assert_frame_equal(table, sleep.confint("profile"), rtol=1e-5)
    with pytest.warns(ranef.RanefWarning, match="refitted without REML"):
        assert "refitted by maximum likelihood" in str(reml.profile("Days"))


def test_held_parameters_stay_held(sleep):
    fit = load_inference_case("sleep-profile").fit()
    held = ranef.fit(fit.formula, fit.data, fixed={"log_sigma": 3.3})
    table = held.profile("Days").to_frame()
    assert (table["log_sigma"] == 3.3).all()
    with pytest.raises(ranef.DataError, match="'log_sigma' was held at a value"):
        held.profile("log_sigma")
    assert "log_sigma" not in held.confint("profile").index


def test_a_profile_gives_intervals_of_any_level(sleep):
    profile = sleep.profile(["Days", "sd(Days|Subject)"])
    pd.testing.assert_frame_equal(
        profile.confint(0.8), sleep.confint("profile", ["Days", "sd(Days|Subject)"], level=0.8), rtol=1e-7
    )
    assert list(profile.to_frame().columns) == ["parameter", "value", "zeta", "loglik", *sleep.parameter_names]
    assert str(profile).startswith("Likelihood profiles to 99 % intervals")


def test_a_coefficient_without_a_finite_end_has_an_infinite_one():
    """All of group b are successes: the likelihood levels off as its coefficient grows."""
    data = pd.DataFrame({"y": [0, 1] * 10 + [1] * 12, "g": ["a"] * 20 + ["b"] * 12})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ranef.ConvergenceWarning)
        fit = ranef.fit("y ~ g", data, family="binomial")
    low, high = ends(fit.confint("profile", "g[T.b]"))[0]
    assert high == np.inf
    assert 0 < low < 5


def test_a_profile_of_one_point_is_not_drawn():
    """The spline through it was an error of scipy's."""
    fit = ranef.fit(**load_case("sleepstudy-ml").arguments())
    profile = fit.profile("Days")
    alone = dataclasses.replace(profile, table=profile.table.head(1))
    with pytest.raises(ranef.ConvergenceError, match=r"the profile of Days has one point"):
        alone.plot()


def test_plots_show_every_parameter(sleep):
    profile = sleep.profile()
    for density in (False, True):
        axes = profile.plot(density=density)
        assert len(axes) == len(sleep.parameter_names)
        assert axes[0].get_xlabel() == "Intercept"
        assert axes[0].get_ylabel() == ("density" if density else "zeta")
    _, ax = plt.subplots()
    assert sleep.profile("Days").plot(ax)[0] is ax
    plt.close("all")
    with pytest.raises(ranef.DataError, match="ax has 1 axes"):
        profile.plot(ax)


def test_mistakes_are_named(sleep, tmp_path):
    with pytest.raises(ranef.DataError, match="no parameter 'Dayz'; did you mean 'Days'"):
        sleep.profile("Dayz")
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        sleep.profile(level=99)
    sleep.save(tmp_path / "fit.ranef")
    loaded = ranef.load(tmp_path / "fit.ranef")
    with pytest.raises(ranef.DataError, match=r"profile\(\) needs the data"):
        loaded.profile()
    with pytest.raises(ranef.DataError, match=r"bootstrap\(\) needs the data"):
        loaded.bootstrap(10)


def test_a_fit_away_from_its_maximum_is_told_so(sleep):
    away = sleep.at({"Days": 5.0})
    with pytest.raises(ranef.ConvergenceError, match="the fit is not at the maximum"):
        away.confint("profile", "Days")
