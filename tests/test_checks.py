"""`Fit.check`: its numbers against R's, its verdicts on models that are right and wrong by construction."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.inference_cases import load_inference_case
from support.reference_cases import load_case

import ranef
from ranef.checks.collinearity import variance_inflation
from ranef.checks.dispersion import pearson_dispersion
from ranef.checks.normality import effect_normality
from ranef.checks.zero_counts import zero_counts


@pytest.fixture(scope="module")
def case():
    return load_inference_case("checks")


@pytest.fixture(scope="module")
def poisson(case):
    return case.fit()


@pytest.fixture(scope="module")
def nbinom2(case):
    return case.fit(family=ranef.families.make(case.args["zeroinflation_nbinom2"]["family"]))


@pytest.fixture(scope="module")
def owls():
    return load_inference_case("owls-residuals-zi")


def assert_same_residuals(case, name, fit, kind):
    """Within the case's relative tolerance of the terms of the difference that a residual is: observation and mean."""
    scale = fit.fitted() + fit.residuals().abs() if kind == "response" else 1.0 + fit.residuals(kind).abs()
    difference = np.abs(fit.residuals(kind) - np.array(case.expect[name]))
    assert (difference <= case.tolerances(name)["rtol"] * scale).all()


def row(checks, name):
    frame = checks.to_frame()
    return frame[frame["check"] == name].iloc[0]


def test_facts_of_the_fit_are_the_reference_s(case, poisson):
    expect = case.expect
    case.assert_close("loglik", poisson.loglik, expect["loglik"])
    case.assert_close("aic", poisson.aic, expect["aic"])
    case.assert_close("bic", poisson.bic, expect["bic"])
    assert poisson.df_resid == expect["df_residual"]


@pytest.mark.parametrize("name", ["overdispersion", "overdispersion_performance"])
def test_overdispersion_is_the_reference_s(case, poisson, name):
    expected = case.expect[name]
    found = pearson_dispersion(poisson)
    case.assert_close(name, found.details["chisq"], expected["chisq"])
    case.assert_close(name, found.statistic, expected["ratio"])
    assert found.details["df"] == expected["rdf"]
    assert found.p_value == pytest.approx(expected["p"], abs=1e-4)
    checked = row(poisson.check(), "overdispersion")
    assert checked["value"] == found.statistic
    assert checked["verdict"] == "problem"


@pytest.mark.parametrize("family", ["poisson", "nbinom2"])
def test_expected_zeros_are_the_reference_s(case, family, request):
    expected = case.expect[f"zeroinflation_{family}"]
    found = zero_counts(request.getfixturevalue(family))
    assert found.observed == expected["observed"]
    assert round(found.expected) == expected["predicted_rounded"]
    case.assert_close("zeroinflation", found.expected, expected["predicted_exact"])
    # R's ratio is of the rounded prediction.
    assert round(found.expected) / found.observed == pytest.approx(expected["ratio"], rel=1e-9)


def test_expected_zeros_respect_zero_inflation(owls):
    found = zero_counts(owls.fit())
    assert found.observed == owls.expect["observed_zeros"]
    owls.assert_close("expected_zeros", found.expected, owls.expect["expected_zeros"])
    assert row(owls.fit().check(), "zero inflation")["verdict"] == "ok"


def test_variance_inflation_is_the_reference_s(case, poisson):
    expected = case.expect["vif"]
    table = variance_inflation(poisson)
    assert list(table["term"]) == expected["term"]
    case.assert_close("vif", table["gvif"], expected["VIF"])


@pytest.mark.parametrize(
    ("name", "kind", "fixture"),
    [
        ("pearson", "pearson", "poisson"),
        ("resid_response", "response", "poisson"),
        ("resid_working", "working", "poisson"),
        ("resid_deviance", "deviance", "poisson"),
        ("pearson_nbinom2", "pearson", "nbinom2"),
        ("deviance_nbinom2", "deviance", "nbinom2"),
    ],
)
def test_residuals_are_the_reference_s(case, name, kind, fixture, request):
    assert_same_residuals(case, name, request.getfixturevalue(fixture), kind)


def test_dispersion_of_the_negative_binomial_is_the_reference_s(case, nbinom2):
    case.assert_close("sigma_nbinom2", nbinom2.sigma, case.expect["sigma_nbinom2"])


def test_singularity_is_the_reference_s(case):
    sleep = load_case("sleepstudy-ml")
    plain = ranef.fit(**sleep.arguments())
    assert plain.singular is case.expect["singular_sleep"]
    extra = sleep.data.assign(extra=np.tile(["a", "b", "c"], 60))
    grouped = ranef.fit("Reaction ~ Days + (Days | Subject) + (1 | extra)", extra)
    assert grouped.singular is case.expect["singular_sleep_extra_group"]
    assert row(plain.check(), "singularity")["verdict"] == "ok"
    assert row(grouped.check(), "singularity")["verdict"] == "attention"


@pytest.mark.parametrize("kind", ["response", "pearson"])
def test_residuals_of_a_zero_inflated_fit_are_the_reference_s(owls, kind):
    assert_same_residuals(owls, kind, owls.fit(), kind)


def test_moments_of_a_zero_inflated_fit_are_the_reference_s(owls):
    fit = owls.fit()
    owls.assert_close("marginal_mean", fit.fitted(), owls.expect["marginal_mean"])
    variance = (fit.residuals() / fit.residuals("pearson")) ** 2
    owls.assert_close("zi_variance_formula", variance, owls.expect["zi_variance_formula"])


def test_overdispersion_of_a_zero_inflated_fit_is_the_reference_s(owls):
    expected, fit = owls.expect["overdispersion"], owls.fit()
    found = pearson_dispersion(fit)
    owls.assert_close("overdispersion", found.statistic, expected["ratio"])
    assert found.details["df"] == expected["rdf"] == owls.expect["df_residual"] == fit.df_resid
    assert found.p_value == pytest.approx(expected["p"], abs=3e-4)
    owls.assert_close("sigma", fit.sigma, owls.expect["sigma"])


def test_generalised_variance_inflation_is_that_of_its_definition():
    """One minus R^2 of a column on the others, for a linear model."""
    rng = np.random.default_rng(3)
    a = rng.standard_normal(120)
    data = pd.DataFrame({"a": a, "b": a + 0.3 * rng.standard_normal(120), "g": np.arange(120) % 10})
    data["y"] = data["a"] + rng.standard_normal(120)
    table = variance_inflation(ranef.fit("y ~ a + b", data)).set_index("term")
    expected = 1 / (1 - np.corrcoef(data["a"], data["b"])[0, 1] ** 2)
    np.testing.assert_allclose(table["vif"], expected, rtol=1e-6)


def test_coding_of_a_factor_does_not_change_its_variance_inflation():
    data = ranef.demo_data().assign(kind=np.tile(["a", "b", "c", "c"], 60))
    data["cover"] += 0.2 * (data["kind"] == "c")
    treatment = ranef.fit("count ~ kind + cover + (1 | pond)", data, family="poisson")
    sums = treatment.update(contrasts={"kind": "sum"})
    np.testing.assert_allclose(variance_inflation(treatment)["gvif"], variance_inflation(sums)["gvif"], rtol=1e-4)
    assert list(variance_inflation(treatment)["df"]) == [2, 1]


def test_collinear_terms_are_a_problem():
    data = ranef.demo_data()
    data["again"] = data["cover"] + 0.02 * np.random.default_rng(1).standard_normal(len(data))
    checks = ranef.fit("count ~ cover + again + (1 | pond)", data, family="nbinom2").check()
    assert row(checks, "collinearity")["verdict"] == "problem"
    assert not checks.ok


def test_normality_is_shapiro_s_of_the_modes():
    fit = ranef.fit(**load_case("sleepstudy-ml").arguments())
    found = effect_normality(fit)
    assert [e.name for e in found] == ["Intercept|Subject", "Days|Subject"]
    for effect, column in zip(found, fit.ranef()["Subject"].to_numpy().T, strict=True):
        assert effect.p_value == pytest.approx(stats.shapiro(column).pvalue)


def test_a_group_set_apart_is_found():
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(30), 10)
    effects = np.append(rng.normal(0, 0.3, 29), 6.0)
    fit = ranef.fit("y ~ 1 + (1 | g)", pd.DataFrame({"g": g, "y": effects[g] + rng.normal(0, 1, 300)}))
    assert row(fit.check(), "normality of random effects")["verdict"] == "problem"


def test_an_influential_group_is_named():
    rng = np.random.default_rng(6)
    g, x = np.repeat(np.arange(20), 8), rng.standard_normal(160)
    x[g == 7] += 6
    y = 0.5 * x + rng.normal(0, 0.3, 20)[g] + rng.normal(0, 1, 160)
    y[g == 7] -= 2 * x[g == 7]
    fit = ranef.fit("y ~ x + (1 | g)", pd.DataFrame({"g": g, "x": x, "y": y}))
    found = row(fit.check(), "influential groups")
    assert found["value"] == fit.influence("g").cooks_distance.max()
    assert found["quantity"] == "largest Cook's distance: g 7"
    assert found["verdict"] != "ok"
    assert "influence('g')" in found["advice"]


def test_a_group_that_alone_holds_a_coefficient_is_named():
    rng = np.random.default_rng(7)
    data = pd.DataFrame({"g": np.repeat(np.arange(10), 6), "y": rng.standard_normal(60)})
    data["kind"] = np.where(data["g"] == 3, "rare", "common")
    found = row(ranef.fit("y ~ kind + (1 | g)", data).check(), "influential groups")
    assert found["verdict"] == "attention"
    assert "without g 3 some coefficient" in found["meaning"]


def test_small_binary_clusters_show_the_laplace_error():
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(300), 3), rng.standard_normal(900)
    p = 1 / (1 + np.exp(-(0.3 + 0.8 * x + rng.normal(0, 2, 300)[g])))
    fit = ranef.fit("y ~ x + (1 | g)", pd.DataFrame({"y": rng.binomial(1, p), "x": x, "g": g}), family="binomial")
    found = row(fit.check(), "Laplace error")
    assert found["verdict"] in ("attention", "problem")
    assert "sd(Intercept|g)" in found["meaning"]
    assert "quadrature" in found["advice"]


def test_a_right_model_gives_no_problem():
    rng = np.random.default_rng(9)
    g, x = np.repeat(np.arange(40), 15), rng.standard_normal(600)
    mu = np.exp(1 + 0.3 * x + rng.normal(0, 0.4, 40)[g])
    data = pd.DataFrame({"y": rng.poisson(mu), "x": x, "g": g})
    checks = ranef.fit("y ~ x + (1 | g)", data, family="poisson").check()
    assert checks.ok
    assert (checks.to_frame()["verdict"] == "ok").mean() > 0.8
    assert {"overdispersion", "zero inflation", "convergence", "Laplace error"} <= set(checks.to_frame()["check"])


def test_gaussian_fits_have_no_rows_about_counts():
    fit = ranef.fit(**load_case("sleepstudy-ml").arguments())
    names = set(fit.check().to_frame()["check"])
    assert not names & {"overdispersion", "zero inflation"}
    assert row(fit.check(), "Laplace error")["meaning"] == "the likelihood is exact"


def test_bernoulli_responses_have_no_overdispersion():
    data = ranef.demo_data().assign(seen=lambda d: (d["count"] > 0).astype(int))
    names = set(ranef.fit("seen ~ cover + (1 | pond)", data, family="binomial").check().to_frame()["check"])
    assert "overdispersion" not in names


@pytest.mark.parametrize("family", ["truncated_poisson", "truncated_nbinom2"])
def test_truncated_counts_have_zeros_to_check_in_a_hurdle_only(family):
    frogs = ranef.demo_data()
    positive = ranef.fit("count ~ cover + (1 | pond)", frogs[frogs["count"] > 0], family=family)
    hurdle = ranef.fit("count ~ cover + (1 | pond)", frogs, family=family, ziformula="~ 1")
    assert "zero inflation" not in set(positive.check().to_frame()["check"])
    assert row(hurdle.check(), "zero inflation")["value"] == pytest.approx(1, rel=1e-4)


def test_a_fit_by_pql_is_checked_too():
    fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson", method="pql")
    found = row(fit.check(), "Laplace error")
    assert found["verdict"] == "unknown"
    assert "method='laplace'" in found["meaning"]


def test_a_model_without_random_effects_is_checked_too():
    checks = ranef.fit("count ~ cover", ranef.demo_data(), family="poisson").check()
    names = set(checks.to_frame()["check"])
    assert "convergence" in names
    assert not names & {"singularity", "Laplace error", "normality of random effects"}


def test_the_table_prints_what_calls_for_attention(poisson):
    checks = poisson.check()
    text = str(checks)
    assert text.splitlines()[0].split() == ["check", "quantity", "value", "p", "verdict"]
    assert "problem, overdispersion: " in text
    assert "What to do: " in text
    html = checks._repr_html_()
    assert html.count("<tr>") == len(checks.rows) + 1
    assert "&lt; 2e-16" in html
    assert text == str(poisson.check())


def test_a_truncated_family_is_not_blamed_for_the_zeros_it_cannot_have():
    data = ranef.demo_data().query("count > 0")
    for family in ("truncated_poisson", "truncated_nbinom2"):
        checks = ranef.fit("count ~ shore + (1 | pond)", data, family=family).check(n=50)
        assert "zero inflation" not in checks.to_frame()["check"].tolist()
    hurdle = ranef.fit("count ~ shore + (1 | pond)", ranef.demo_data(), family="truncated_nbinom2", ziformula="~ shore")
    row = hurdle.check(n=50).to_frame().set_index("check").loc["zero inflation"]
    assert row["value"] == pytest.approx(1.0, abs=1e-4)


def test_sentences_of_the_checks_end_once(case):
    assert ".." not in str(case.fit().check(n=50)).replace("...", "")
