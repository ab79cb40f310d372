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
from ranef.checks.normality import francia
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
    assert row(poisson.check(), "dispersion")["verdict"] == "problem"


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
    tested = owls.fit().simulate_residuals(2, seed=1).test_zero_inflation(type="expected")
    assert (tested.statistic, tested.p_value) == (found.ratio, found.p_value)


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


def test_normality_is_nearly_shapiro_s_of_normal_deviations():
    rng = np.random.default_rng(5)
    sets = rng.standard_normal((40, 2000))
    ours = francia(sets)
    shapiro = [stats.shapiro(column).statistic for column in sets.T[:200]]
    assert np.corrcoef(ours[:200], shapiro)[0, 1] > 0.85
    np.testing.assert_allclose(francia(3.0 + 2.0 * sets), ours, rtol=1e-10)


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
    assert {
        "dispersion",
        "zero inflation",
        "residuals along covariates",
        "spread along fitted values",
        "normality of random effects",
        "convergence",
        "Laplace error",
    } <= set(checks.to_frame()["check"])


def names_of_checks(formula, data, **options):
    return set(ranef.fit(formula, data, **options).check(n=50).to_frame()["check"])


def test_tests_whose_statistic_the_fit_has_fixed_are_left_out():
    frogs = ranef.demo_data().assign(seen=lambda d: (d["count"] > 0).astype(int), row=range(240))
    gaussian = names_of_checks("cover ~ shore + (1 | pond)", frogs)
    assert not gaussian & {"dispersion", "zero inflation"}
    assert not names_of_checks("seen ~ cover + (1 | pond)", frogs, family="binomial") & {"dispersion", "outliers"}
    assert "dispersion" not in names_of_checks("count ~ cover + (1 | row)", frogs, family="poisson")
    assert "dispersion" in names_of_checks("cbind(seen, 3 - seen) ~ cover + (1 | pond)", frogs, family="binomial")
    positive = frogs[frogs["count"] > 0]
    for family in ("truncated_poisson", "truncated_nbinom2"):
        assert "zero inflation" not in names_of_checks("count ~ shore + (1 | pond)", positive, family=family)
        hurdle = names_of_checks("count ~ shore + (1 | pond)", frogs, family=family, ziformula="~ 1")
        assert "zero inflation" not in hurdle


def test_the_laplace_likelihood_of_a_linear_model_is_exact():
    fit = ranef.fit(**load_case("sleepstudy-ml").arguments())
    assert row(fit.check(), "Laplace error")["meaning"] == "the likelihood is exact"


def test_verdicts_are_holm_s_over_all_tests():
    frame = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson").check().to_frame()
    tests = frame.dropna(subset=["p_value"]).sort_values("p_value")
    steps = tests["p_value"].to_numpy() * np.arange(len(tests), 0, -1)
    np.testing.assert_allclose(tests["p_adjusted"], np.minimum(np.maximum.accumulate(steps), 1.0))
    assert ((tests["verdict"] == "ok") == (tests["p_adjusted"] >= 0.05)).all()
    assert tests["p_value"].min() < 1 / 251


def test_a_missing_bend_and_an_unequal_spread_are_named():
    rng = np.random.default_rng(2)
    g, x = np.repeat(np.arange(40), 10), rng.uniform(0, 2, 400)
    bent = pd.DataFrame({"x": x, "g": g, "y": (x - 1) ** 2 + rng.normal(0, 0.4, 40)[g] + rng.normal(0, 0.3, 400)})
    found = row(ranef.fit("y ~ x + (1 | g)", bent).check(), "residuals along covariates")
    assert found["verdict"] == "problem"
    assert found["meaning"] == "the residuals bend along x"
    assert "poly" in found["advice"]
    uneven = bent.assign(y=x + rng.normal(0, 0.4, 40)[g] + rng.normal(0, np.exp(x)))
    straight = ranef.fit("y ~ x + (1 | g)", uneven)
    assert row(straight.check(), "spread along fitted values")["verdict"] == "problem"
    assert row(straight.check(), "residuals along covariates")["meaning"] == "the residuals spread differently along x"
    modelled = straight.update(dispformula="~ x").check().to_frame()
    assert set(modelled["verdict"]) == {"ok"}


def test_terms_of_a_balanced_factorial_are_orthogonal():
    rng = np.random.default_rng(4)
    a, b, c, block = (part.ravel() for part in np.meshgrid(list("uvwx"), list("st"), list("klm"), range(5)))
    data = pd.DataFrame({"a": a, "b": b, "c": c, "block": block, "y": rng.standard_normal(a.size)})
    for contrasts in (None, {"a": "sum", "b": "helmert"}):
        table = variance_inflation(ranef.fit("y ~ a * b * c + (1 | block)", data, contrasts=contrasts))
        assert len(table) == 7
        np.testing.assert_allclose(table["vif"], 1.0, rtol=1e-8)


def test_refits_replace_the_p_values():
    fit = ranef.fit("count ~ shore + (1 | pond)", ranef.demo_data(), family="nbinom2")
    frame = fit.check(n=19, refit=True).to_frame().dropna(subset=["p_value"])
    assert set(frame["check"]) == set(fit.check(n=19).to_frame().dropna(subset=["p_value"])["check"])
    np.testing.assert_allclose(frame["p_value"] * 20, (frame["p_value"] * 20).round())


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
    assert "problem, dispersion: overdispersion: " in text
    assert "What to do: " in text
    html = checks._repr_html_()
    assert html.count("<tr>") == len(checks.rows) + 1
    assert "&lt;= 0.0" in html
    assert text == str(poisson.check())


def test_sentences_of_the_checks_end_once(case):
    assert ".." not in str(case.fit().check(n=50)).replace("...", "")
