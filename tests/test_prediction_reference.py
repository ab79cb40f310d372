"""Predictions, fitted values and Pearson residuals against R's, for new data: bases, levels, components, offsets."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom
from support.inference_cases import load_inference_case

import ranef

# The references were run to tight convergence: so are these fits.
TIGHT = ranef.Control(gain_tolerance=1e-12)

BASES = ("poly", "ns", "bs", "bs_knots", "poly_raw", "scale_inter")
POPULATION = {"re": None, "pop": "~0"}


def case_and_fit(name, **changes):
    case = load_inference_case(name)
    return case, case.fit(control=TIGHT, **changes)


def assert_prediction(case, name, predicted):
    """A table of predictions against a reference with `fit` and, where R gave one, `se`."""
    expected = case.expect[name]
    case.assert_close(name, predicted["estimate"], expected["fit"])
    if "se" in expected:
        case.assert_close(name, predicted["std_error"], expected["se"])


def assert_coefficients(case, name, table):
    expected = case.table(name)
    case.assert_close(name, table["estimate"], expected["Estimate"])
    case.assert_close(name, table["std_error"], expected["Std. Error"])
    case.assert_close(name, table["statistic"], expected["z value"])
    np.testing.assert_allclose(table["p_value"], expected["Pr(>|z|)"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("basis", BASES)
def test_bases_are_rebuilt_for_new_data_as_r_rebuilds_them(basis):
    case = load_inference_case("basis-predict")
    fit = case.fit(formula=case.args["formulas"][basis], control=TIGHT, vcov="observed")
    newdata, expected = pd.DataFrame(case.args["newdata"]), case.expect[basis]
    population = fit.predict(newdata, re_form="~0", se=True)
    known = fit.predict(newdata, se=True)
    case.assert_close("loglik", fit.loglik, expected["loglik"])
    case.assert_close("pop_fit", population["estimate"], expected["pop_fit"])
    case.assert_close("pop_se", population["std_error"], expected["pop_se"])
    case.assert_close("re_fit", known["estimate"], expected["re_fit"])
    case.assert_close("re_se", known["std_error"], expected["re_se"])
    fitted = fit.predict(re_form="~0").iloc[: len(expected["insample_pop"])]
    case.assert_close("insample_pop", fitted, expected["insample_pop"])


@pytest.mark.parametrize("basis", BASES)
def test_coefficients_of_bases_are_rs(basis):
    """R's splines, polynomials and scales, so that even the single coefficients agree."""
    case = load_inference_case("basis-predict")
    fit = case.fit(formula=case.args["formulas"][basis], control=TIGHT, vcov="observed")
    expected = case.expect[basis]["coef"]
    table = fit.parameters().query("kind == 'beta' and component == 'cond'")
    case.assert_close("coef", table["estimate"], expected["Estimate"])
    case.assert_close("coef", table["std_error"], expected["Std. Error"])


def test_a_poisson_polynomial_predicts_on_both_scales():
    case = load_inference_case("basis-predict")
    expected, newdata = case.expect["poisson_poly"], pd.DataFrame(case.args["newdata"])
    fit = case.fit(**case.args["poisson_poly"], control=TIGHT)
    case.assert_close("loglik", fit.loglik, expected["loglik"])
    for name, request in {
        "link": {"type": "link", "re_form": "~0"},
        "response": {"type": "response", "re_form": "~0"},
        "response_re": {"type": "response"},
    }.items():
        predicted = fit.predict(newdata, se=True, **request)
        case.assert_close(name, predicted["estimate"], expected[f"{name}_fit"])
        case.assert_close(name, predicted["std_error"], expected[f"{name}_se"])


@pytest.mark.parametrize("level", POPULATION)
@pytest.mark.parametrize("kind", ["link", "response", "conditional", "zprob", "zlink", "disp"])
def test_zero_inflated_owls_predict_every_type(kind, level):
    case, fit = case_and_fit("owls-predict")
    newdata = pd.DataFrame(case.args[f"newdata_{level}"])
    predicted = fit.predict(newdata, type=kind, re_form=POPULATION[level], se=True, allow_new_levels=True)
    assert_prediction(case, f"{kind}_{level}", predicted)


def test_an_unknown_nest_gets_the_populations_value():
    case, fit = case_and_fit("owls-predict")
    newdata = pd.DataFrame(case.args["newdata_pop"])
    case.assert_close(
        "response_newlevels",
        fit.predict(newdata, allow_new_levels=True),
        case.expect["response_newlevels"]["fit"],
    )


@pytest.mark.parametrize("kind", ["response", "conditional", "zprob"])
def test_owls_predictions_of_the_fitted_rows(kind):
    case, fit = case_and_fit("owls-predict")
    expected = case.expect[f"insample_{kind}"]
    case.assert_close(f"insample_{kind}", fit.predict(type=kind).iloc[: len(expected)], expected)


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("all", {}),
        ("block_only", {"re_form": "~ (1 | Block)"}),
        ("block_variety_only", {"re_form": "~ (1 | Block:Variety)"}),
        ("population", {"re_form": "~0"}),
        ("all_new_level", {"allow_new_levels": True}),
        ("population_new_level", {"re_form": "~0"}),
    ],
)
def test_predictions_keep_the_random_terms_asked_for(name, request_):
    case, fit = case_and_fit("oats-reform")
    newdata = pd.DataFrame(case.args["newdata"])
    rows = len(case.expect[name])
    case.assert_close(name, fit.predict(newdata.head(rows), **request_), case.expect[name])


@pytest.mark.parametrize(("name", "group"), [("ranef_Block", "Block"), ("ranef_Block_Variety", "Block:Variety")])
def test_conditional_modes_of_nested_blocks_are_rs(name, group):
    case, fit = case_and_fit("oats-reform")
    expected = case.table(name)["(Intercept)"]
    case.assert_close(name, fit.ranef()[group].loc[expected.index, "Intercept"], expected)


@pytest.mark.parametrize("level", POPULATION)
@pytest.mark.parametrize("kind", ["link", "response", "conditional", "zprob", "zlink"])
def test_a_hurdle_model_predicts_every_type(kind, level):
    case, fit = case_and_fit("salamanders-hurdle")
    newdata = pd.DataFrame(case.args["newdata"])
    predicted = fit.predict(newdata, type=kind, re_form=POPULATION[level], se=True)
    assert_prediction(case, f"{kind}_{level}", predicted)


def test_the_hurdle_fit_is_the_references():
    case, fit = case_and_fit("salamanders-hurdle")
    case.assert_close("loglik", fit.loglik, case.expect["loglik"])
    case.assert_close("sigma", fit.sigma, case.expect["sigma"])
    case.assert_close("fitted_head", fit.fitted().iloc[:20], case.expect["fitted_head"])
    for component in ("cond", "zi"):
        assert_coefficients(case, f"coef_{component}", fit.summary().coefficients[component])


def hurdle_deviations(fit, mu):
    """Standard deviations of a hurdle of negative binomials truncated at zero, summed over the counts."""
    theta, positive = fit.sigma, 1.0 - fit.predict(type="zprob").to_numpy()
    counts = np.arange(1, 2000)
    mass = nbinom.pmf(counts, theta, theta / (theta + mu[:, None]))
    mass /= mass.sum(axis=1, keepdims=True)
    mean = mass @ counts
    return mean, mass @ counts**2 - mean**2, positive


def test_pearson_residuals_of_a_hurdle_divide_by_the_responses_own_deviation():
    _, fit = case_and_fit("salamanders-hurdle")
    mean, variance, positive = hurdle_deviations(fit, np.exp(fit.predict(type="link").to_numpy()))
    deviation = np.sqrt(positive * variance + positive * (1 - positive) * mean**2)
    expected = (fit.data["count"] - positive * mean) / deviation
    np.testing.assert_allclose(fit.residuals("pearson"), expected, rtol=1e-8)


def test_the_references_pearson_residuals_truncate_twice():
    """R's differ from ours: glmmTMB 1.1.15 puts the mean of the truncated counts where the untruncated one belongs.

    With that mean in the variance of the truncated counts its residuals come out, which leaves the formula as the only
    difference.
    """
    case, fit = case_and_fit("salamanders-hurdle")
    conditional = fit.predict(type="conditional").to_numpy()
    _, variance, positive = hurdle_deviations(fit, conditional)
    deviation = np.sqrt(positive * variance + positive * (1 - positive) * conditional**2)
    twice = (fit.data["count"] - fit.fitted()) / deviation
    case.assert_close("pearson_head", twice.iloc[:20], case.expect["pearson_head"])


def test_a_dispersion_model_predicts_standard_deviations():
    case, fit = case_and_fit("hetero-dispersion")
    newdata = pd.DataFrame(case.args["newdata"])
    case.assert_close("disp", fit.predict(newdata, type="disp"), case.expect["disp"])
    assert_prediction(case, "link_re", fit.predict(newdata, type="link", se=True))
    assert_prediction(case, "response_pop", fit.predict(newdata, re_form="~0", se=True))


def test_a_dispersion_models_coefficients_and_residuals_are_rs():
    case, fit = case_and_fit("hetero-dispersion")
    case.assert_close("loglik", fit.loglik, case.expect["loglik"])
    case.assert_close("vcov_cond", fit.vcov(), case.matrix("vcov_cond"))
    case.assert_close("resid_pearson", fit.residuals("pearson"), case.expect["resid_pearson"])
    case.assert_close("coef_disp", fit.fixef("disp"), case.expect["coef_disp"]["value"])
    assert_coefficients(case, "coef_cond", fit.summary().coefficients["cond"])
