"""Marginal means: closed forms, estimability, averages, scales."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from support.factorial import two_way

import ranef
from ranef.errors import DataError
from ranef.means.table import row_names


@pytest.fixture(scope="module")
def counts():
    return ranef.fit("n ~ a * b + x + offset(log(e)) + (1 | g)", two_way(), family="poisson")


@pytest.fixture(scope="module")
def linear():
    return ranef.fit("y ~ a * b + x + (1 | g)", two_way(), reml=True)


def test_means_are_predictions_averaged_on_the_link_scale(counts):
    """At the covariate's mean, log(mean) for the offset, and equal weights over the other factor."""
    data = counts.data
    grid = pd.DataFrame(
        [(a, b, data["x"].mean(), data["e"].mean(), "g0") for a in ("low", "mid", "high") for b in ("u", "v")],
        columns=["a", "b", "x", "e", "g"],
    )
    grid["link"] = counts.predict(grid, type="link", re_form="~0")
    means = counts.emmeans("~ a")
    np.testing.assert_allclose(means.estimate, grid.groupby("a", sort=False)["link"].mean(), rtol=1e-12)


def test_standard_errors_of_cell_means_are_those_of_predictions(counts):
    data = counts.data
    grid = pd.DataFrame([("mid", "v", 2.0, data["e"].mean(), "g0")], columns=["a", "b", "x", "e", "g"])
    predicted = counts.predict(grid, type="response", re_form="~0", se=True).iloc[0]
    means = counts.emmeans("~ a * b", at={"a": "mid", "b": ["v"], "x": 2}, type="response").to_frame().iloc[0]
    assert means["response"] == pytest.approx(predicted["estimate"], rel=1e-10)
    # Predictions count the variances' uncertainty, by the Hessian of all parameters.
    assert means["std_error"] == pytest.approx(predicted["std_error"], rel=1e-4)


def test_regridded_means_are_arithmetic_means_of_predictions(counts):
    means = counts.emmeans("~ a * b", type="response").to_frame()
    averaged = counts.emmeans("~ a", regrid="response").to_frame()
    expected = means.groupby("a", sort=False, observed=True)["response"].mean()
    np.testing.assert_allclose(averaged["response"], expected, rtol=1e-12)


def test_regrid_after_the_means_gives_differences_in_place_of_ratios(counts):
    means = counts.emmeans("~ a", type="response")
    ratios, differences = means.pairs().to_frame(), means.regrid("response").pairs().to_frame()
    response = means.to_frame()["response"].to_numpy()
    assert ratios["contrast"][0] == "low / mid"
    assert differences["contrast"][0] == "low - mid"
    np.testing.assert_allclose(ratios["ratio"][0], response[0] / response[1])
    np.testing.assert_allclose(differences["estimate"][0], response[0] - response[1])


def test_regrid_to_logarithms_makes_ratios_of_a_linear_model(linear):
    means = linear.emmeans("~ a", at={"x": 4}, ddf="asymptotic")
    ratios = means.regrid("log").contrast("pairwise").to_frame()
    estimate = means.estimate
    np.testing.assert_allclose(ratios["estimate"], np.log(estimate[[0, 0, 1]] / estimate[[1, 2, 2]]))
    shown = linear.emmeans("~ a", at={"x": 4}, regrid="log", type="response").pairs().to_frame()
    assert "ratio" in shown


def test_one_way_means_without_random_effects_are_the_sample_means():
    data = two_way()
    fit = ranef.fit("y ~ a", data, reml=True)
    means = fit.emmeans("~ a").to_frame()
    by_level = data.groupby("a", observed=True)["y"]
    pooled = (by_level.var() * (by_level.size() - 1)).sum() / (len(data) - 3)
    np.testing.assert_allclose(means["emmean"], by_level.mean(), rtol=1e-9)
    np.testing.assert_allclose(means["std_error"], np.sqrt(pooled / by_level.size()), rtol=1e-6)
    assert (means["df"] == len(data) - 3).all()


def test_cell_weights_give_the_means_of_the_fitted_values(linear):
    """Averages with the cells' frequencies undo the model's adjustment for the other factor."""
    fit = ranef.fit("y ~ a * b", linear.data)
    means = fit.emmeans("~ a", weights="cells").to_frame()
    fitted = pd.DataFrame({"a": fit.data["a"], "fitted": fit.fitted()}).groupby("a", observed=True)["fitted"].mean()
    np.testing.assert_allclose(means["emmean"], fitted, rtol=1e-10)


def test_frequency_weights_count_in_proportional_averages():
    data = two_way()
    data["w"] = np.where(data["b"] == "u", 3, 1)
    repeated = data.loc[data.index.repeat(data["w"])].reset_index(drop=True)
    weighted = ranef.fit("n ~ a + b", data, family="poisson", weights=ranef.weights.frequency(data["w"].to_numpy()))
    plain = ranef.fit("n ~ a + b", repeated, family="poisson")
    for kind in ("proportional", "cells", "outer"):
        np.testing.assert_allclose(
            weighted.emmeans("~ a", weights=kind).estimate, plain.emmeans("~ a", weights=kind).estimate, atol=1e-6
        )


def test_own_weights_by_number_and_by_factor_agree(linear):
    by_factor = linear.emmeans("~ a", weights={"b": [3, 1]}).estimate
    np.testing.assert_allclose(linear.emmeans("~ a", weights=[0.75, 0.25]).estimate, by_factor)
    cells = linear.emmeans("~ a * b").estimate.reshape(2, 3)
    np.testing.assert_allclose(by_factor, 0.75 * cells[0] + 0.25 * cells[1])


def test_an_empty_cell_and_averages_over_it_are_not_estimable():
    fit = ranef.fit("y ~ a * b + x + (1 | g)", two_way(missing_cell=True))
    cells = fit.emmeans("~ a * b").to_frame().set_index(["a", "b"])
    assert cells["estimable"].to_dict() == {key: key != ("high", "u") for key in cells.index}
    assert cells["emmean"].isna().sum() == 1
    assert cells["std_error"].isna().sum() == 1
    means = fit.emmeans("~ a")
    assert means.estimable.tolist() == [True, True, False]
    assert "nonEst" in str(means)
    assert "nonEst: not estimable" in str(means)


def test_estimable_contrasts_of_a_rank_deficient_model_do_not_depend_on_the_order_of_levels():
    data = two_way(missing_cell=True)
    other = data.assign(a=data["a"].cat.reorder_categories(["high", "mid", "low"]))
    first = ranef.fit("y ~ a * b + (1 | g)", data).emmeans("~ a | b").pairs().to_frame()
    second = ranef.fit("y ~ a * b + (1 | g)", other).emmeans("~ a | b").pairs(reverse=True).to_frame()
    merged = first.merge(second, on=["contrast", "b"])
    assert len(merged) == 6
    assert merged["estimable_x"].tolist() == merged["estimable_y"].tolist()
    assert merged["estimable_x"].sum() == 4
    known = merged[merged["estimable_x"]]
    np.testing.assert_allclose(known["estimate_x"], known["estimate_y"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(known["p_value_x"], known["p_value_y"], atol=1e-5)


def test_letters_and_adjustments_leave_out_what_is_not_estimable():
    fit = ranef.fit("y ~ a * b + (1 | g)", two_way(missing_cell=True))
    display = fit.emmeans("~ a * b").cld()
    frame = display.to_frame()
    assert (frame["group"] == "").tolist() == frame["emmean"].isna().tolist()


def test_cells_without_data_are_not_estimable_with_cell_weights():
    fit = ranef.fit("y ~ a + b + (1 | g)", two_way(missing_cell=True))
    cells = fit.emmeans("~ a * b", weights="cells")
    assert cells.estimable.all()
    three = ranef.fit("y ~ a + b + factor(year)", two_way(missing_cell=True))
    means = three.emmeans("~ a * b", weights="cells").to_frame()
    assert means["emmean"].isna().sum() == 1


def test_numeric_factors_have_their_levels():
    fit = ranef.fit("y ~ factor(year) + x + (1 | g)", two_way())
    means = fit.emmeans("~ year")
    assert means.to_frame()["year"].tolist() == [2001, 2002, 2003]
    assert means.pairs().to_frame()["contrast"].tolist()[0] == "year2001 - year2002"


def test_covariates_with_two_values_are_averaged_over_like_factors():
    data = two_way()
    data["treated"] = (data["b"] == "v").astype(int)
    fit = ranef.fit("y ~ a + treated + (1 | g)", data)
    means = fit.emmeans("~ treated").to_frame()
    assert means["treated"].tolist() == [0, 1]
    at_half = fit.emmeans("~ a", at={"treated": [0, 1]}).estimate
    np.testing.assert_allclose(fit.emmeans("~ a").estimate, at_half)


def test_truth_values_are_factors():
    data = two_way()
    data["flag"] = data["b"] == "v"
    means = ranef.fit("y ~ flag + (1 | g)", data).emmeans("~ flag").to_frame()
    assert means["flag"].tolist() == [False, True]


def test_the_form_of_the_table_does_not_matter(counts):
    again = ranef.fit("n ~ a * b + x + offset(log(e)) + (1 | g)", pl.from_pandas(counts.data), family="poisson")
    levels = ["low", "mid", "high"]
    ours = again.emmeans("~ a * b").to_frame().set_index(["a", "b"])["emmean"]
    theirs = counts.emmeans("~ a * b").to_frame().set_index(["a", "b"])["emmean"]
    for level in levels:
        np.testing.assert_allclose(ours[level], theirs[level], rtol=1e-6)


def test_the_callers_data_are_not_changed(counts):
    before = counts.data.copy()
    counts.emmeans("~ a | b", at={"x": [1, 2]}).pairs()
    pd.testing.assert_frame_equal(counts.data, before)


def test_an_offset_given_as_an_array_stands_at_its_mean():
    data = two_way()
    offset = np.log(data["e"].to_numpy())
    fit = ranef.fit("n ~ a + (1 | g)", data, family="poisson", offset=offset)
    np.testing.assert_allclose(fit.emmeans("~ a").offset, offset.mean())
    np.testing.assert_allclose(fit.emmeans("~ a", offset=0).estimate + offset.mean(), fit.emmeans("~ a").estimate)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "cauchit"])
def test_bias_adjustment_approaches_the_population_average(link):
    """Predictions integrated over the random effects differ from it by the fourth power of their deviation."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"t": np.repeat(["p", "q"], 300), "g": np.tile(np.arange(30), 20)})
    data["y"] = (rng.uniform(size=600) < np.where(data["t"] == "p", 0.4, 0.7)).astype(float)
    fit = ranef.fit("y ~ t + (1 | g)", data, family=f"binomial({link})", fixed={"sd(Intercept|g)": 0.1})
    adjusted = fit.emmeans("~ t", type="response", bias_adjust=True).to_frame()["response"]
    new = pd.DataFrame({"t": ["p", "q"], "g": [0, 0]})
    averaged = fit.predict(new, random={"g": "integrate"})
    plain = fit.emmeans("~ t", type="response").to_frame()["response"]
    np.testing.assert_allclose(adjusted, averaged, atol=2e-5)
    assert np.abs(plain - averaged).max() > np.abs(adjusted - averaged).max() * 10


@pytest.mark.parametrize(
    ("formula", "back"),
    [
        ("log(y) ~ a + (1 | g)", np.exp),
        ("log10(y) ~ a + (1 | g)", lambda v: 10**v),
        ("log2(y + 1) ~ a + (1 | g)", lambda v: 2**v - 1),
        ("log1p(y) ~ a + (1 | g)", np.expm1),
        ("sqrt(y) ~ a + (1 | g)", np.square),
    ],
)
def test_transformed_responses_are_transformed_back(formula, back):
    data = two_way()
    data["y"] = np.exp(data["y"])
    fit = ranef.fit(formula, data, reml=True)
    means = fit.emmeans("~ a", type="response")
    np.testing.assert_allclose(means.to_frame()["response"], back(means.estimate), rtol=1e-12)
    assert f"back-transformed from the {means.scale.name} scale" in str(means)


def test_ratios_of_logarithms_to_another_base_are_powers_of_that_base():
    data = two_way()
    data["y"] = np.exp(data["y"])
    natural = ranef.fit("log(y) ~ a + (1 | g)", data).emmeans("~ a", type="response").pairs().to_frame()
    decimal = ranef.fit("log10(y) ~ a + (1 | g)", data).emmeans("~ a", type="response").pairs().to_frame()
    np.testing.assert_allclose(natural["ratio"], decimal["ratio"], rtol=1e-5)
    np.testing.assert_allclose(natural["std_error"], decimal["std_error"], rtol=1e-4)


def test_contrasts_on_a_scale_without_ratios_stay_on_it():
    data = two_way()
    data["hit"] = (data["y"] > data["y"].median()).astype(int)
    fit = ranef.fit("hit ~ a + (1 | g)", data, family="binomial(probit)")
    contrasts = fit.emmeans("~ a", type="response").pairs()
    assert "estimate" in contrasts.to_frame()
    assert "Contrasts are of means on the probit scale" in str(contrasts)


def test_trends_in_an_expression_follow_the_chain_rule():
    data = two_way()
    fit = ranef.fit("n ~ a * log(x) + (1 | g)", data, family="poisson")
    in_log = fit.emtrends("~ a", "log(x)").to_frame()
    assert in_log.columns[1] == "log_x_trend"
    slopes = fit.fixef()
    np.testing.assert_allclose(in_log["log_x_trend"][0], slopes["log(x)"], rtol=1e-5)
    in_x = fit.emtrends("~ a", "x", at={"x": 2}).to_frame()
    np.testing.assert_allclose(in_x["x_trend"], in_log["log_x_trend"] / 2, rtol=1e-5)


def test_trends_of_the_response_are_derivatives_of_the_mean(counts):
    on_response = counts.emtrends("~ a | b", "x", regrid="response")
    mean = counts.emmeans("~ a | b", type="response").to_frame()["response"]
    np.testing.assert_allclose(on_response.estimate, mean * counts.fixef()["x"], rtol=1e-6)


def test_trends_of_higher_degree_are_taylor_coefficients(linear):
    fit = ranef.fit("y ~ a + x + I(x^2) + I(x^3)", linear.data)
    trends = fit.emtrends("~ 1", "x", max_degree=3, at={"x": 2.5}).to_frame()
    b1, b2, b3 = fit.fixef()[["x", "I(x ** 2)", "I(x ** 3)"]]
    expected = [b1 + 2 * b2 * 2.5 + 3 * b3 * 2.5**2, b2 + 3 * b3 * 2.5, b3]
    assert trends["degree"].tolist() == ["linear", "quadratic", "cubic"]
    np.testing.assert_allclose(trends["x_trend"], expected, rtol=1e-4)


def test_joint_tests_are_those_of_sum_contrasts(linear):
    """Without interactions with covariates they are type III with contrasts that sum to zero."""
    coded = ranef.fit("y ~ a * b + x + (1 | g)", linear.data, reml=True, contrasts={"a": "sum", "b": "sum"})
    table = linear.joint_tests(ddf="asymptotic").set_index("term")
    vcov, beta = coded.vcov(), coded.fixef()
    for term, picked in {"a": "a[", "b": "b["}.items():
        names = [n for n in beta.index if n.startswith(picked) and ":" not in n]
        value = beta[names] @ np.linalg.solve(vcov.loc[names, names], beta[names]) / len(names)
        assert table.loc[term, "statistic"] == pytest.approx(value, rel=1e-5)
    assert table.index.tolist() == ["a", "b", "x", "a:b"]


def test_joint_tests_of_many_covariates_need_no_large_grid():
    """The grid of all 24 covariates at two values each would have sixteen million points."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame(rng.normal(size=(200, 24)), columns=[f"x{k}" for k in range(24)])
    data["y"] = rng.normal(size=200)
    fit = ranef.fit("y ~ " + " + ".join(data.columns[:24]), data, reml=True)
    table = fit.joint_tests(ddf="asymptotic")
    z = fit.fixef()[1:] / np.sqrt(np.diag(fit.vcov()))[1:]
    np.testing.assert_allclose(table["statistic"], z**2, rtol=1e-8)


def test_a_grid_too_large_to_compute_says_what_to_hold():
    data = two_way()
    fit = ranef.fit("y ~ a * b + x + (1 | g)", data)
    with pytest.raises(DataError, match=r"x \(400000\).*hold some"):
        fit.emmeans("~ a", at={"x": np.linspace(0, 1, 400_000)})


def test_covariates_with_two_values_may_be_asked_for_at_others():
    data = two_way()
    data["treated"] = (data["b"] == "v").astype(int)
    fit = ranef.fit("y ~ a * treated + (1 | g)", data)
    halfway = fit.emmeans("~ a", at={"treated": 0.5})
    np.testing.assert_allclose(halfway.estimate, fit.emmeans("~ a").estimate)
    with pytest.raises(DataError, match="must be finite numbers"):
        fit.emmeans("~ a", at={"treated": "yes"})


def test_rows_with_missing_values_do_not_enter_the_grid():
    data = two_way()
    data.loc[5:90, "x"] = np.nan
    fit = ranef.fit("y ~ a + x + (1 | g)", data)
    assert fit.emmeans("~ a").functions[0, -1] == pytest.approx(data["x"].mean())


def test_a_held_coefficient_has_no_error_and_no_test():
    fit = ranef.fit("y ~ a + x + (1 | g)", two_way(), fixed={"x": 0.3})
    trend = fit.emtrends("~ 1", "x").summary().to_frame().iloc[0]
    assert trend[["x_trend", "std_error", "conf_low", "conf_high", "p_value"]].tolist() == pytest.approx(
        [0.3, 0.0, 0.3, 0.3, 0.0]
    )
    assert fit.joint_tests()["term"].tolist() == ["a"]


def test_means_that_need_a_separated_level_have_no_standard_error_and_the_rest_have():
    data = two_way()
    rng = np.random.default_rng(0)
    data["hit"] = np.where(data["a"] == "high", 1, (rng.uniform(size=len(data)) < 0.5).astype(int))
    with pytest.warns(ranef.RanefWarning, match="runs to infinity"):
        fit = ranef.fit("hit ~ a + (1 | g)", data, family="binomial")
    means = fit.emmeans("~ a")
    assert np.isnan(means.std_error).tolist() == [False, False, True]
    assert "No standard error where a[T.high] is needed" in str(means)
    assert means.pairs().to_frame()["p_value"].notna().tolist() == [True, False, False]
    with pytest.warns(ranef.ConvergenceWarning, match=r"no joint test of what needs a\[T.high\]"):
        assert np.isnan(fit.joint_tests()["p_value"][0])


def test_constant_parts_have_one_mean():
    fit = ranef.fit("y ~ 1 + (1 | g)", two_way())
    mean = fit.emmeans("~ 1").to_frame()
    assert mean["emmean"][0] == pytest.approx(fit.fixef()["Intercept"])
    with pytest.raises(DataError, match="which is a constant"):
        fit.emmeans("~ a")


def test_joint_tests_of_the_zero_part_name_its_terms():
    rng = np.random.default_rng(1)
    data = two_way()
    data["n"] = np.where(rng.uniform(size=len(data)) < 0.3, 0, data["n"] + 1)
    fit = ranef.fit("n ~ a + (1 | g)", data, family="poisson", ziformula="~ b")
    assert fit.joint_tests(component="zi")["term"].tolist() == ["b"]
    one = fit.emmeans("~ b", component="zi").pairs().to_frame()
    assert fit.joint_tests(component="zi")["statistic"][0] == pytest.approx(one["statistic"][0] ** 2)


def test_the_joint_test_of_two_pairs_is_the_square_of_the_test(linear):
    pairs = linear.emmeans("~ b").pairs()
    joint = pairs.joint().iloc[0]
    test = pairs.to_frame().iloc[0]
    assert joint["statistic"] == pytest.approx(test["statistic"] ** 2)
    assert joint["p_value"] == pytest.approx(test["p_value"])
    assert joint["df_den"] == pytest.approx(test["df"])


def test_interaction_contrasts_are_contrasts_of_contrasts(linear):
    means = linear.emmeans("~ a * b")
    one_by_one = means.pairs(by="b").to_frame().pivot_table(index="contrast", columns="b", values="estimate")
    interaction = means.contrast(interaction="pairwise").to_frame().set_index("a_pairwise")["estimate"]
    np.testing.assert_allclose(interaction, (one_by_one["u"] - one_by_one["v"])[interaction.index])
    mixed = means.contrast(interaction={"a": "consec", "b": "eff"}).to_frame()
    assert mixed.columns[:2].tolist() == ["a_consec", "b_eff"]


def test_contrasts_of_contrasts_can_be_taken_step_by_step(linear):
    pairs = linear.emmeans("~ a | b").pairs()
    again = pairs.contrast("pairwise", by="contrast").to_frame()
    direct = linear.emmeans("~ a * b").contrast(interaction="pairwise").to_frame()
    np.testing.assert_allclose(again["estimate"], direct["estimate"])


def test_rbind_joins_different_contrasts_of_the_same_means(linear):
    means = linear.emmeans("~ a | b")
    both = means.contrast("consec").rbind(means.contrast("eff"), adjust="holm")
    assert len(both) == 4 + 6
    assert "holm method for 10 tests" in str(both)


def test_the_order_of_rows_is_that_of_the_specification(linear):
    assert row_names(linear.emmeans("~ a * b"))[:3] == ["low u", "mid u", "high u"]
    assert row_names(linear.emmeans("~ b * a"))[:2] == ["u low", "v low"]
    assert linear.emmeans(["a", "b"]).to_frame().equals(linear.emmeans("~ a:b").to_frame())


def test_the_usual_degrees_of_freedom_follow_the_model(linear, counts):
    assert linear.emmeans("~ a").basis.ddf == "kenward-roger"
    assert np.isinf(counts.emmeans("~ a").df).all()
    by_ml = ranef.fit("y ~ a + (1 | g)", linear.data)
    assert np.isinf(by_ml.emmeans("~ a").df).all()
    no_groups = ranef.fit("y ~ a", linear.data)
    assert (no_groups.emmeans("~ a").df == no_groups.df_resid).all()


def test_thousands_of_random_effects_are_given_z_tests_and_a_note():
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"g": np.repeat(np.arange(3100), 3), "a": np.tile(["p", "q", "r"], 3100)})
    data["y"] = rng.normal(size=3100)[data["g"]] + rng.normal(size=len(data))
    means = ranef.fit("y ~ a + (1 | g)", data, reml=True).emmeans("~ a")
    assert np.isinf(means.df).all()
    assert "Degrees-of-freedom method: asymptotic, with 3100 random effects" in str(means)


def test_small_sample_quantities_are_made_once_a_fit(linear):
    linear.emmeans("~ a")
    known = linear.small_samples["kenward-roger"]
    linear.emmeans("~ b").pairs()
    assert linear.small_samples["kenward-roger"] is known


def test_printed_tables_say_what_was_done(counts):
    shown = str(counts.emmeans("~ a", type="response"))
    assert shown.splitlines()[0].split() == ["a", "response", "std_error", "df", "conf_low", "conf_high"]
    for note in (
        "NOTE: Results may be misleading due to involvement in interactions",
        "Results are averaged over the levels of: b",
        "Confidence level used: 0.95",
        "Intervals are back-transformed from the log scale",
    ):
        assert note in shown
    tested = str(counts.emmeans("~ a", type="response").pairs())
    assert "P value adjustment: tukey method for comparing a family of 3 estimates" in tested
    assert "Tests are performed on the log scale" in tested
    assert "Results are given on the log (not the response) scale." in str(counts.emmeans("~ a"))
    assert "<pre>" in counts.emmeans("~ a")._repr_html_()


def test_tukey_for_means_becomes_sidak_and_says_so(counts):
    shown = counts.emmeans("~ a").confint(adjust="tukey")
    sidak = counts.emmeans("~ a").confint(adjust="sidak")
    assert "Adjustment 'tukey' became 'sidak'" in str(shown)
    np.testing.assert_allclose(shown.to_frame()["conf_low"], sidak.to_frame()["conf_low"])


def test_bias_adjustment_and_level_are_shown(counts):
    shown = str(counts.emmeans("~ a", type="response", bias_adjust=True, sigma=0.5, level=0.9))
    assert "Bias adjustment applied based on sigma = 0.5" in shown
    assert "Confidence level used: 0.9" in shown


def test_covariance_of_means_gives_the_standard_errors(linear):
    means = linear.emmeans("~ a")
    np.testing.assert_allclose(np.sqrt(np.diag(means.vcov())), means.std_error)
    assert means.vcov().index.tolist() == ["low", "mid", "high"]


def test_a_test_against_another_value_shifts_the_statistic(linear):
    means = linear.emmeans("~ a")
    shifted = means.test(null=1.0).to_frame()
    np.testing.assert_allclose(shifted["statistic"], (means.estimate - 1.0) / means.std_error)
    assert (shifted["null"] == 1.0).all()


def test_a_difference_of_equal_means_prints_as_zero_and_not_as_what_rounding_leaves():
    y = np.random.default_rng(3).normal(size=5)
    data = pd.DataFrame({"y": [*y, *y[::-1], *(y + 1)], "a": np.repeat(list("pqr"), 5)})
    printed = str(ranef.fit("y ~ a", data).emmeans("a").pairs())
    equal = next(line.split() for line in printed.splitlines() if line.startswith("p - q"))
    assert not set(equal[3] + equal[6]) - set("0.")


def test_a_level_that_is_a_number_is_the_reference_by_its_name():
    data = two_way()
    data["a"] = data["a"].map({"low": "3", "mid": "2", "high": "1"}).astype("category")
    means = ranef.fit("y ~ a + (1 | g)", data).emmeans("a")
    by_number = means.contrast("trt.vs.ctrl", ref=1)
    pd.testing.assert_frame_equal(by_number.to_frame(), means.contrast("trt.vs.ctrl", ref="1").to_frame())
    assert by_number.to_frame()["contrast"].tolist() == ["3 - 1", "2 - 1"]


@pytest.mark.parametrize("ask", [lambda fit: fit.emmeans(None), lambda fit: fit.emtrends(None, "x")])
def test_means_of_nothing_are_refused_and_the_overall_mean_offered(linear, ask):
    with pytest.raises(DataError, match="'~ 1'"):
        ask(linear)


@pytest.mark.parametrize("weights", [{"own": [1, -0.5, "a"]}, [1, "b", 0], {"own": None}])
def test_contrast_weights_that_are_no_numbers_are_refused(linear, weights):
    with pytest.raises(DataError, match=r"weights|must be numbers"):
        linear.emmeans("a").contrast(weights)
