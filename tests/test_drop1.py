"""Single term deletions, tests of random effects, likelihood-ratio types I and II."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from support.inference_cases import P_VALUE_ATOL, InferenceCase, load_inference_case

import ranef


@pytest.fixture(scope="module")
def sleep() -> InferenceCase:
    return load_inference_case("sleep-lrt")


def assert_deletions(case: InferenceCase, name: str, made: pd.DataFrame) -> None:
    expected = case.table(name)
    assert list(made.index) == list(expected.index)
    tolerances = case.tolerances(name)
    for theirs, ours in (("AIC", "aic"), ("LRT", "lrt"), ("logLik", "loglik"), ("LR Chisq", "lrt")):
        if theirs in expected:
            np.testing.assert_allclose(made[ours], expected[theirs], **tolerances)
    p_values = expected[next(c for c in expected if str(c).startswith("Pr("))]
    np.testing.assert_allclose(made["p_value"], p_values, atol=P_VALUE_ATOL)


def test_drop1_of_a_reml_fit_compares_fits_by_ml(sleep: InferenceCase) -> None:
    made = sleep.fit().drop1()
    assert_deletions(sleep, "drop1_chisq", made.to_frame())
    assert made.to_frame()["df"].iloc[1] == 1
    assert made.notes == ("(REML fit fitted again by maximum likelihood)",)


@pytest.mark.parametrize("name", ["drop1", "drop1_glmmTMB"])
def test_drop1_of_a_binomial_model(name: str) -> None:
    case = load_inference_case("cbpp-glmer")
    assert_deletions(case, name, case.fit().drop1().to_frame())


def test_drop1_by_f_is_lmertests(sleep: InferenceCase) -> None:
    made, expected = sleep.fit().drop1(test="F").to_frame(), sleep.table("drop1_F_satterthwaite")
    np.testing.assert_allclose(made["statistic"], expected["F value"], rtol=1e-4)
    np.testing.assert_allclose(made["df_den"], expected["DenDF"], rtol=1e-4)
    np.testing.assert_allclose(made["sum_sq"], expected["Sum Sq"], rtol=1e-4)


def test_ranova_is_lmertests_with_the_boundary_mixture_beside_it(sleep: InferenceCase) -> None:
    made = sleep.fit().ranova().to_frame()
    assert_deletions(sleep, "ranova", made)
    assert made["npar"].tolist() == sleep.table("ranova")["npar"].tolist()
    statistic = made["lrt"].iloc[1]
    mixture = 0.5 * (chi2.sf(statistic, 1) + chi2.sf(statistic, 2))
    assert made["p_value_boundary"].iloc[1] == pytest.approx(mixture, rel=1e-9)


def test_ranova_leaves_out_intercepts_whole() -> None:
    fit = load_inference_case("oats-unbalanced-ddf").fit()
    made = fit.ranova().to_frame()
    assert list(made.index) == ["<none>", "(1 | Block)", "(1 | Block:Variety)"]
    smaller = ranef.fit("yield ~ Variety * N + (1 | Block:Variety)", fit.data, reml=True)
    assert made.loc["(1 | Block)", "loglik"] == pytest.approx(smaller.loglik, abs=1e-6)
    assert made.loc["(1 | Block)", "p_value_boundary"] == pytest.approx(made.loc["(1 | Block)", "p_value"] / 2)


def test_ranova_of_structured_terms_leaves_them_out_whole() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"g": np.repeat(np.arange(12), 6).astype(str), "t": np.tile(list("abcdef"), 12)})
    data["y"] = rng.normal(size=72) + rng.normal(size=12)[np.repeat(np.arange(12), 6)]
    fit = ranef.fit("y ~ 1 + cs(0 + t | g)", data)
    assert list(fit.ranova().to_frame().index) == ["<none>", "cs(0 + t | g)"]


def test_terms_that_others_contain_stay() -> None:
    fit = load_inference_case("salamanders-emmeans").fit()
    assert list(fit.drop1().to_frame().index) == ["<none>", "cover", "spp:mined"]


def test_the_smaller_model_is_fitted_to_the_same_rows() -> None:
    """Rows that a missing value of the dropped covariate kept out stay out."""
    case = load_inference_case("sleep-lrt")
    data = case.data.assign(z=np.sin(np.arange(180.0)))
    data.loc[::9, "z"] = np.nan
    fit = ranef.fit("Reaction ~ Days + z + (1 | Subject)", data)
    smaller = ranef.fit("Reaction ~ Days + (1 | Subject)", data.dropna())
    made = fit.drop1().to_frame()
    assert made.loc["z", "loglik"] == pytest.approx(smaller.loglik, abs=1e-7)


@pytest.mark.parametrize(
    ("component", "formula", "term"), [("zi", "ziformula", "FoodTreatment"), ("disp", "dispformula", "trt")]
)
def test_drop1_of_other_components(component: str, formula: str, term: str) -> None:
    case = load_inference_case("owls-zinb-emmeans" if component == "zi" else "hetero-dispersion")
    fit = case.fit()
    made = fit.drop1(component=component).to_frame()
    assert made.loc[term, "loglik"] == pytest.approx(fit.update(**{formula: "~ 1"}).loglik, abs=1e-6)


def test_likelihood_ratio_tests_of_type_two_are_cars() -> None:
    case = load_inference_case("orobanche-anova")
    made = case.fit().anova(test="LR")
    assert_deletions(case, "glm_LR_type2", made.to_frame())
    assert "Type II likelihood-ratio" in str(made)


def test_likelihood_ratios_of_type_one_add_up() -> None:
    fit = load_inference_case("orobanche-anova").fit()
    null = fit.update(". ~ 1")
    total = fit.anova(1, test="LR").to_frame()["lrt"].sum()
    assert total == pytest.approx(null.deviance - fit.deviance, abs=1e-6)


def test_expressions_and_names_with_blanks_are_left_out_like_any_term() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(size=60), "my col": rng.normal(size=60), "n": np.arange(60) % 3})
    data["y"] = rng.normal(size=60)
    fit = ranef.fit("y ~ I(x^2) + factor(n) + `my col`", data)
    made = fit.drop1().to_frame()
    assert list(made.index) == ["<none>", "I(x**2)", "C(n)", "my col"]
    assert made["df"].tolist()[1:] == [1, 2, 1]
    assert made.loc["my col", "loglik"] == pytest.approx(ranef.fit("y ~ I(x^2) + factor(n)", data).loglik)
    assert fit.test("my col").statistic == pytest.approx(fit.anova().to_frame().loc["my col", "statistic"])


def test_a_wrong_request_is_refused() -> None:
    fit = load_inference_case("orobanche-anova").fit()
    with pytest.raises(ranef.DataError, match="no random effects"):
        fit.ranova()
    with pytest.raises(ranef.DataError, match="linear mixed models"):
        fit.drop1(test="F")
    empty = fit.update(". ~ 1")
    with pytest.raises(ranef.DataError, match="only an intercept"):
        empty.drop1()
    arguments: dict[str, Any] = {"test": "LR", "ddf": "satterthwaite"}
    with pytest.raises(ranef.DataError, match="has no ddf"):
        fit.anova(**arguments)
