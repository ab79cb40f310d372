"""Simulated residuals and their tests: equal to DHARMa's given the same simulations, and right by construction."""

import numpy as np
import pandas as pd
import pytest
from support.inference_cases import P_VALUE_ATOL, load_inference_case
from support.reference_cases import data_path

import ranef
from ranef.checks.outliers import outlier_count
from ranef.checks.quantiles import quantile_curves, quantile_test

CASES = ("salamanders-dharma", "severity-dharma")
RESPONSE = {"salamanders-dharma": "count", "severity-dharma": "severity"}
GROUP = {"salamanders-dharma": "spp", "severity-dharma": "block"}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return load_inference_case(request.param)


@pytest.fixture(scope="module")
def given(case):
    name = case.raw["id"].removeprefix("inf-")
    return ranef.simulate_residuals_from(
        pd.read_csv(data_path(case.args["sims"])),
        case.data[RESPONSE[name]],
        case.expect["fitted_response"],
        uniform=case.expect["u"],
        seed=1,
    )


@pytest.fixture(scope="module")
def frogs():
    return ranef.demo_data()


@pytest.fixture(scope="module")
def fit(frogs):
    return ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="nbinom2")


@pytest.fixture(scope="module")
def residuals(fit):
    return fit.simulate_residuals(seed=3)


def test_residuals_are_the_reference_s_given_its_simulations(case, given):
    case.assert_close("lower", given.lower, case.expect["lower"])
    case.assert_close("upper", given.upper, case.expect["upper"])
    case.assert_close("scaled_residuals", given.values, case.expect["scaled_residuals"])


def test_uniformity_is_the_reference_s(case, given):
    expected = case.expect["uniformity"]
    found = given.test_uniformity()
    case.assert_close("uniformity", [found.statistic, found.p_value], [expected["statistic"], expected["p"]])


def test_dispersion_is_the_reference_s(case, given):
    expected = case.expect["dispersion"]
    two_sided, greater = given.test_dispersion(), given.test_dispersion("greater")
    case.assert_close("dispersion", two_sided.statistic, expected["statistic"])
    case.assert_close("dispersion", two_sided.p_value, expected["p_two_sided"])
    case.assert_close("dispersion", greater.p_value, expected["p_greater"])


def test_outliers_are_the_reference_s(case, given):
    expected, at_bounds = case.expect["outliers_binomial"], case.expect["outliers_at_bounds"]
    found = given.test_outliers("binomial")
    case.assert_close("outliers", found.statistic, expected["count"])
    case.assert_close("outliers", found.p_value, expected["p"])
    case.assert_close("outliers", found.details["expected"], expected["expected_prob"])
    case.assert_close("outliers", found.details["share"], expected["estimate"])
    assert int((given.values == 0).sum()) == at_bounds["zero"]
    assert int((given.values == 1).sum()) == at_bounds["one"]


def test_zero_inflation_is_the_reference_s(case, given):
    expected = case.expect["zero_inflation"]
    found = given.test_zero_inflation()
    statistic = np.nan if expected["statistic"] is None else expected["statistic"]
    case.assert_close("zero_inflation", found.statistic, statistic)
    case.assert_close("zero_inflation", found.p_value, expected["p_two_sided"])
    assert found.details == {"observed": expected["observed"], "mean_simulated": expected["mean_simulated"]}


@pytest.mark.parametrize("statistic", ["mean", "sd"])
def test_generic_statistics_are_the_reference_s(case, given, statistic):
    expected = case.expect[f"generic_{statistic}"]
    found = given.test_generic(statistic)
    case.assert_close("generic", [found.statistic, found.p_value], [expected["statistic"], expected["p"]])


def test_uniformity_by_group_and_levene_are_the_reference_s(case, given):
    name = GROUP[case.raw["id"].removeprefix("inf-")]
    found = given.test_categorical(case.data[name])
    expected, levene = case.expect["by_group_uniformity"], case.expect["levene"]
    table = found.to_frame()
    assert list(table["factor"]) == expected["group"]
    case.assert_close("by_group", table["statistic"], expected["statistic"])
    # R sums the asymptotic series of ties to 1e-6 only.
    np.testing.assert_allclose(table["p_value"], expected["p"], rtol=0, atol=P_VALUE_ATOL)
    np.testing.assert_allclose(table["p_holm"], expected["p_holm"], rtol=0, atol=P_VALUE_ATOL)
    ours = [found.details[f"levene_{key}"] for key in ("F", "df1", "df2", "p")]
    case.assert_close("levene", ours, [levene[key] for key in ("F", "df1", "df2", "p")])


def test_pearson_dispersion_is_the_reference_s(case):
    expected = case.expect["pearson_dispersion"]
    found = case.fit().simulate_residuals(seed=1).test_dispersion("greater", type="pearson")
    np.testing.assert_allclose(found.statistic, expected["statistic"], rtol=1e-4)
    assert found.details["df"] == expected["df"]
    assert found.p_value == pytest.approx(expected["p_greater"], abs=1e-4)


def test_simulations_with_new_random_effects_have_the_marginal_moments():
    case = load_inference_case("simulate-moments")
    expect, draws = case.expect, 4000
    sims = case.fit().simulate_residuals(draws, seed=5, re_form="unconditional").simulation_matrix()
    mean, variance = np.array(expect["marginal_mean"]), np.array(expect["marginal_var"])
    assert (np.abs(sims.mean(axis=1) - mean) < 4.5 * np.sqrt(variance / draws)).all()
    first, second = case.args.get("site1_rows", expect["site1_rows"])
    together = np.cov(sims[first], sims[second])[0, 1]
    error = np.sqrt((variance[first] * variance[second] + expect["same_site_cov_first_two"] ** 2) / draws)
    assert abs(together - expect["same_site_cov_first_two"]) < 4 * error
    assert sims.mean() == pytest.approx(expect["grand_mean"], rel=case.raw["tolerance"]["rtol_mc"])
    assert sims.var(axis=1).mean() == pytest.approx(expect["mean_of_var"], rel=case.raw["tolerance"]["rtol_mc"])


def test_simulate_has_the_marginal_moments_too():
    case = load_inference_case("simulate-moments")
    expect, draws = case.expect, 2000
    sims = case.fit().simulate(draws, seed=6).to_numpy()
    mean, variance = np.array(expect["marginal_mean"]), np.array(expect["marginal_var"])
    assert (np.abs(sims.mean(axis=1) - mean) < 4.5 * np.sqrt(variance / draws)).all()


def test_counting_while_drawing_equals_counting_the_matrix(residuals):
    sims = residuals.simulation_matrix()
    y = residuals.observed
    np.testing.assert_array_equal(residuals.lower, (sims < y[:, None]).mean(axis=1))
    np.testing.assert_array_equal(residuals.upper, (sims <= y[:, None]).mean(axis=1))
    again = ranef.simulate_residuals_from(sims, y, residuals.fitted, seed=residuals.seed)
    pd.testing.assert_series_equal(again.values, residuals.values, check_index=False)
    counted = residuals.test_dispersion(reference="asymptotic")
    assert again.test_dispersion().statistic == pytest.approx(counted.statistic, rel=1e-10)
    counted = residuals.test_zero_inflation(reference="asymptotic")
    assert again.test_zero_inflation().statistic == counted.statistic


@pytest.mark.parametrize("re_form", ["conditional", "unconditional", "~ (1 | pond)"])
def test_the_seed_gives_the_same_residuals(fit, re_form):
    first = fit.simulate_residuals(50, seed=4, re_form=re_form)
    again = fit.simulate_residuals(50, seed=4, re_form=re_form)
    pd.testing.assert_series_equal(first.values, again.values)
    assert not first.values.equals(fit.simulate_residuals(50, seed=5, re_form=re_form).values)


def test_without_a_seed_the_one_used_is_told(fit):
    first = fit.simulate_residuals(50)
    assert first.values.equals(fit.simulate_residuals(50, seed=first.seed).values)
    assert not first.values.equals(fit.simulate_residuals(50).values)


def test_keeping_every_term_is_conditional(fit):
    kept = fit.simulate_residuals(50, seed=4, re_form="~ (1 | pond)")
    pd.testing.assert_series_equal(kept.values, fit.simulate_residuals(50, seed=4, re_form="conditional").values)


def test_unconditional_residuals_of_one_pond_move_together(frogs):
    """With random effects drawn anew, a pond's deviation stays in its residuals."""
    fit = ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="nbinom2", fixed={"sd(Intercept|pond)": 1.0})
    spread = {}
    for re_form in ("conditional", "unconditional"):
        values = fit.simulate_residuals(400, seed=1, re_form=re_form).values
        spread[re_form] = values.groupby(frogs["pond"]).mean().std()
    assert spread["unconditional"] > 1.5 * spread["conditional"]


def test_residuals_keep_the_index_and_miss_dropped_rows(frogs):
    data = frogs.set_index(frogs.index + 1000).copy()
    data.loc[1004, "cover"] = np.nan
    made = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson").simulate_residuals(50, seed=1)
    assert made.values.index.equals(data.index)
    assert np.isnan(made.values[1004])
    assert made.values.isna().sum() == 1
    assert made.simulations.loc[1004].isna().all()
    assert len(made) == len(data) - 1


@pytest.mark.parametrize("family", ["poisson", "nbinom2", "beta", "gamma(log)", "gaussian", "binomial"])
def test_residuals_of_a_right_model_are_uniform(family):
    rng = np.random.default_rng(8)
    n = 3000
    data = pd.DataFrame({"x": rng.standard_normal(n), "g": np.repeat(np.arange(60), 50)})
    chosen = ranef.families.resolve(family)
    eta = 0.4 + 0.5 * data["x"].to_numpy() + rng.normal(0, 0.3, 60)[data["g"]]
    etas = [eta] + ([np.full(n, 1.0)] if chosen.dispersion else [])
    data["y"] = chosen.likelihood().simulate(etas, 21, np.ones(n) if chosen.has_trials else None)
    made = ranef.fit("y ~ x + (1 | g)", data, family=family).simulate_residuals(250, seed=2)
    assert made.test_uniformity().p_value > 0.001
    assert made.test_quantiles("x").p_value > 0.001
    assert made.test_categorical(pd.qcut(data["x"], 3, labels=["low", "middle", "high"])).p_value > 0.001


def test_a_poisson_fit_of_overdispersed_counts_is_found_out(frogs):
    poisson = ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="poisson").simulate_residuals(seed=1)
    found = poisson.test_dispersion("greater")
    assert found.p_value == 1 / 251
    assert found.statistic > 1.3
    assert "nbinom2" in found.advice
    assert poisson.test_uniformity().p_value < 0.01


def test_a_missing_quadratic_bends_the_quantiles():
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, 500)
    data = pd.DataFrame({"x": x, "g": np.arange(500) % 20, "y": x**2 + rng.normal(0, 0.5, 500)})
    straight = ranef.fit("y ~ x + (1 | g)", data).simulate_residuals(seed=1)
    bent = ranef.fit("y ~ poly(x, 2) + (1 | g)", data).simulate_residuals(seed=1)
    assert straight.test_quantiles("x").p_value == 1 / 251
    assert straight.test_quantiles("x", reference="asymptotic").p_value < 1e-10
    assert bent.test_quantiles("x").p_value > 0.01
    assert (straight.test_quantiles("x").to_frame()["df"] == 5).all()


def test_quantile_tests_have_their_size():
    """Under uniform residuals at most 5 % of the overall tests find something: Benjamini and Hochberg's bound."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal(150)
    found = sum(quantile_test(rng.random(150), x, "x").p_value < 0.05 for _ in range(1000))
    assert 20 < found < 50 + 3 * np.sqrt(1000 * 0.05 * 0.95)


def test_quantile_curves_follow_the_quantiles():
    """r = x + noise on (-1/4, 1/4): its quartiles are x - 1/8, x and x + 1/8."""
    rng = np.random.default_rng(13)
    x = rng.uniform(0.3, 0.7, 20000)
    curves = quantile_curves(x + rng.uniform(-0.25, 0.25, x.size), x)
    for shift, curve in zip((-0.125, 0.0, 0.125), curves.curves, strict=True):
        np.testing.assert_allclose(curve, curves.grid + shift, atol=0.02)


def test_spread_that_differs_between_groups_is_found():
    rng = np.random.default_rng(5)
    group = np.repeat(["a", "b"], 200)
    y = rng.normal(0, np.where(group == "a", 1.0, 3.0))
    data = pd.DataFrame({"y": y, "kind": group, "g": np.arange(400) % 20})
    residuals = ranef.fit("y ~ kind + (1 | g)", data).simulate_residuals(seed=1)
    assert residuals.test_categorical("kind", reference="asymptotic").details["levene_p"] < 1e-6
    found = residuals.test_categorical("kind")
    assert found.details["spread_p"] == pytest.approx(1 / 251)
    assert found.details["spread_b"] > 2 * found.details["spread_a"]
    assert "dispformula" in found.advice


def test_bootstrapped_outliers_of_a_continuous_response_agree_with_the_binomial():
    rng = np.random.default_rng(7)
    made = ranef.simulate_residuals_from(rng.standard_normal((2000, 100)), rng.standard_normal(2000), seed=1)
    by_binomial, by_bootstrap = made.test_outliers("binomial"), made.test_outliers("bootstrap")
    assert by_bootstrap.statistic == by_binomial.statistic
    assert by_bootstrap.details["expected"] == pytest.approx(2 / 100, rel=0.02)
    assert by_binomial.details["expected"] == pytest.approx(2 / 101)


def test_expected_outliers_of_counts_are_those_of_the_bootstrap():
    rng = np.random.default_rng(7)
    mean = rng.uniform(0.3, 9, 1500)
    made = ranef.simulate_residuals_from(rng.poisson(mean[:, None], (1500, 100)), rng.poisson(mean), seed=1)
    expected, bootstrap = made.test_outliers(), made.test_outliers("bootstrap")
    assert "expected of counts" in expected.name
    assert expected.statistic == bootstrap.statistic
    assert expected.details["expected"] == pytest.approx(bootstrap.details["expected"], rel=0.05)
    assert expected.details["expected"] > 1.05 * made.test_outliers("binomial").details["expected"]
    assert expected.p_value == pytest.approx(bootstrap.p_value, abs=0.25)


def test_expected_outliers_of_a_fit_are_those_of_its_matrix(frogs):
    fit = ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="nbinom2")
    for re_form in ("conditional", "unconditional"):
        made = fit.simulate_residuals(200, seed=3, re_form=re_form)
        given = ranef.simulate_residuals_from(made.simulation_matrix(), made.observed, seed=3)
        shares = [r.test_outliers("expected").details["expected"] for r in (made, given)]
        assert shares[0] == pytest.approx(shares[1], rel=1e-12)


def test_planted_outliers_are_found():
    rng = np.random.default_rng(7)
    y = rng.poisson(4.0, 200)
    y[:12] = 30
    made = ranef.simulate_residuals_from(rng.poisson(4.0, (200, 250)), y, seed=1)
    found = made.test_outliers()
    assert "bootstrap" in found.name
    assert found.p_value == 0
    assert found.statistic == outlier_count(made.scaled, 250) >= 12


def test_aggregated_residuals_are_those_of_the_sums(residuals, frogs):
    by_pond = residuals.recalculate("pond")
    sums = residuals.simulations.groupby(frogs["pond"]).sum()
    observed = frogs["count"].groupby(frogs["pond"]).sum()
    assert list(by_pond.values.index) == list(sums.index)
    lower = sums.lt(observed, axis=0).mean(axis=1)
    upper = sums.le(observed, axis=0).mean(axis=1)
    np.testing.assert_array_equal(by_pond.lower, lower)
    np.testing.assert_array_equal(by_pond.upper, upper)
    assert by_pond.values.between(lower, upper).all()


def test_grouping_at_once_equals_recalculating(fit, residuals):
    at_once = fit.simulate_residuals(seed=3, group="pond")
    pd.testing.assert_series_equal(at_once.values, residuals.recalculate("pond").values)


def test_proportions_are_simulated_as_successes():
    rng = np.random.default_rng(5)
    size = rng.integers(1, 9, 60)
    data = {"y": rng.binomial(size, 0.4), "size": size, "g": np.repeat(np.arange(10), 6)}
    made = ranef.fit("cbind(y, size - y) ~ 1 + (1 | g)", data, family="binomial").simulate_residuals(100, seed=1)
    sims = made.simulation_matrix()
    assert made.integer
    assert (sims <= size[:, None]).all()
    assert made.predictions.max() < 1
    assert made.values.between(0, 1).all()


def test_a_statistic_that_is_no_number_is_refused(residuals):
    with pytest.raises(ranef.DataError, match="must be one finite number"):
        residuals.test_generic(lambda y: y)
    with pytest.raises(ranef.DataError, match="one of 'mean'"):
        residuals.test_generic("skew")


def test_bad_requests_say_what_would_work(fit, residuals):
    with pytest.raises(ranef.DataError, match="re_form must be 'unconditional'"):
        fit.simulate_residuals(50, re_form="some")
    with pytest.raises(ranef.DataError, match="n must be a whole number"):
        fit.simulate_residuals(0)
    with pytest.raises(ranef.DataError, match="n must be at least 2"):
        fit.simulate_residuals(1)
    with pytest.raises(ranef.DataError, match="alternative must be one of"):
        residuals.test_dispersion("more")
    with pytest.raises(ranef.DataError, match="type must be 'simulated' or 'pearson'"):
        residuals.test_dispersion(type="chisq")
    with pytest.raises(ranef.DataError, match="reference must be None, 'simulated' or 'asymptotic', got 'exact'"):
        residuals.test_uniformity(reference="exact")
    with pytest.raises(ranef.DataError, match="type must be 'default'"):
        residuals.test_outliers("exact")
    with pytest.raises(ranef.DataError, match="did you mean 'cover'"):
        residuals.test_quantiles("covr")
    with pytest.raises(ranef.DataError, match="must be numeric"):
        residuals.test_quantiles("pond")
    with pytest.raises(ranef.DataError, match=r"time must have one value a row: 240 values, got shape \(3,\)"):
        residuals.test_temporal_autocorrelation([1, 2, 3])
    with pytest.raises(ranef.DataError, match="one level only"):
        residuals.test_categorical(["a"] * len(residuals))


def test_given_simulations_must_match_the_observations():
    with pytest.raises(ranef.DataError, match=r"observed has shape \(3,\), simulations \(4, 5\)"):
        ranef.simulate_residuals_from(np.ones((4, 5)), np.ones(3))
    with pytest.raises(ranef.DataError, match="observed has missing"):
        ranef.simulate_residuals_from(np.ones((2, 5)), [1.0, np.nan])
    with pytest.raises(ranef.DataError, match="fitted must have one number a row"):
        ranef.simulate_residuals_from(np.ones((2, 5)), np.ones(2), [1.0])
    with pytest.raises(ranef.DataError, match="uniform must lie between 0 and 1"):
        ranef.simulate_residuals_from(np.ones((2, 5)), np.ones(2), uniform=[0.5, 2.0])
    with pytest.raises(ranef.DataError, match="needs a fit"):
        ranef.simulate_residuals_from(np.ones((2, 5)), np.ones(2)).test_dispersion(type="pearson")


def test_results_print_what_they_mean(residuals):
    text = str(residuals.test_zero_inflation())
    assert "p-value" in text
    assert "no evidence against" in text
    assert "What to do" not in text
    assert "quantile" in str(residuals.test_quantiles())
    assert residuals.test_uniformity()._repr_html_().startswith("<pre>")
    assert list(residuals.test_uniformity().to_frame().columns[:3]) == ["test", "statistic", "p_value"]
    assert "240 rows, 250 simulations, seed 3" in str(residuals)


def test_a_saved_fit_has_no_residuals(fit, tmp_path):
    fit.save(tmp_path / "fit.ranef")
    with pytest.raises(ranef.DataError, match="needs the data"):
        ranef.load(tmp_path / "fit.ranef").simulate_residuals()


def test_kolmogorov_smirnov_is_exact_for_few_different_values():
    """One residual u is at distance max(u, 1 - u), and P(D >= d) = 2 (1 - d)."""
    found = ranef.simulate_residuals_from([[0.0] * 8 + [1.0] * 2], [0.5], seed=1).test_uniformity()
    assert found.statistic == pytest.approx(0.8)
    assert found.p_value == pytest.approx(0.4)
