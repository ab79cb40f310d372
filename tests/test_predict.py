"""Predictions: types, kept and averaged random effects, standard errors, intervals."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm, t
from support.reference_cases import REFERENCE, load_case

import ranef
from ranef.refitting import evaluate_at

PLAIN_TYPES = ("response", "link", "conditional", "zprob", "zlink", "disp", "dlink")


@pytest.fixture(scope="module")
def sleepstudy():
    return load_case("sleepstudy-ml").data


@pytest.fixture(scope="module")
def slopes(sleepstudy):
    return ranef.fit("Reaction ~ Days + (Days | Subject)", sleepstudy)


@pytest.fixture(scope="module")
def salamanders():
    return load_case("salamanders-zinb2").data


@pytest.fixture(scope="module")
def zinb(salamanders):
    return ranef.fit(**load_case("salamanders-zinb2").arguments())


@pytest.fixture(scope="module")
def cbpp():
    return ranef.fit(**load_case("cbpp-laplace").arguments())


def test_types_hang_together(zinb, salamanders):
    new = salamanders.head(20)
    by = {kind: zinb.predict(new, type=kind) for kind in PLAIN_TYPES}
    np.testing.assert_allclose(by["conditional"], np.exp(by["link"]))
    np.testing.assert_allclose(by["zprob"], 1 / (1 + np.exp(-by["zlink"])))
    np.testing.assert_allclose(by["response"], (1 - by["zprob"]) * by["conditional"])
    np.testing.assert_allclose(by["disp"], np.exp(by["dlink"]))
    np.testing.assert_allclose(by["disp"], zinb.sigma)


def test_the_fitted_rows_as_new_data_give_the_fitted_values(zinb, salamanders):
    pd.testing.assert_series_equal(zinb.predict(salamanders), zinb.fitted(), check_names=False, rtol=1e-10)
    pd.testing.assert_series_equal(zinb.predict(), zinb.fitted(), check_names=False, rtol=1e-10)


def test_population_level_leaves_random_effects_out(slopes, sleepstudy):
    fixed = slopes.fixef()
    expected = fixed["Intercept"] + fixed["Days"] * sleepstudy["Days"]
    np.testing.assert_allclose(slopes.predict(sleepstudy, re_form="~0"), expected)
    np.testing.assert_allclose(slopes.predict(sleepstudy.drop(columns="Subject"), re_form="~0"), expected)


def test_a_formula_keeps_the_terms_it_names():
    case = load_case("penicillin-crossed-ml")
    fit = ranef.fit(**case.arguments())
    plates = fit.ranef()["plate"]["Intercept"]
    kept = fit.predict(case.data, re_form="~ (1 | plate)") - fit.predict(case.data, re_form="~0")
    np.testing.assert_allclose(kept, plates.loc[case.data["plate"]].to_numpy(), atol=1e-10)
    zeroed = fit.predict(case.data, random={"sample": "zero"})
    np.testing.assert_allclose(zeroed, fit.predict(case.data, re_form="~ (1 | plate)"))


def test_a_term_that_the_model_lacks_is_refused(slopes, sleepstudy):
    with pytest.raises(ranef.FormulaError, match=r"\(1 \| Subject\), which is no random term of the model"):
        slopes.predict(sleepstudy, re_form="~ (1 | Subject)")
    with pytest.raises(ranef.FormulaError, match="random has the key 'subject'"):
        slopes.predict(sleepstudy, random={"subject": "zero"})
    with pytest.raises(ValueError, match="must be one of include, zero, integrate"):
        slopes.predict(sleepstudy, random={"Subject": "drop"})


def test_integration_matches_adaptive_quadrature(cbpp):
    data = load_case("cbpp-laplace").data.head(4)
    averaged = cbpp.predict(data, random={"herd": "integrate"})
    eta = cbpp.predict(data, type="link", re_form="~0")
    sd = cbpp.parameters().loc["sd(Intercept|herd)", "estimate"]
    for label in data.index:

        def integrand(z, centre=eta[label]):
            return norm.pdf(z) / (1 + np.exp(-(centre + sd * z)))

        assert averaged[label] == pytest.approx(quad(integrand, -12, 12, epsabs=1e-13)[0], rel=1e-9)


def test_integration_of_a_log_link_has_its_closed_form():
    """E exp(eta + s z) = exp(eta + s^2 / 2)."""
    frogs = ranef.demo_data()
    fit = ranef.fit("count ~ cover + (1 | pond)", frogs, family="poisson")
    sd = fit.parameters().loc["sd(Intercept|pond)", "estimate"]
    averaged = fit.predict(frogs.head(5), random={"pond": "integrate"})
    np.testing.assert_allclose(averaged, fit.predict(frogs.head(5), re_form="~0") * np.exp(sd**2 / 2), rtol=1e-9)


def test_standard_errors_of_an_integrated_mean_follow_from_all_parameters():
    """d/d(beta, sd) of exp(x'beta + sd^2 / 2) with the full covariance of the parameters."""
    frogs = ranef.demo_data()
    fit = ranef.fit("count ~ cover + (1 | pond)", frogs, family="poisson")
    row = frogs.head(1)
    table = fit.predict(row, random={"pond": "integrate"}, se=True)
    mean, sd = table["estimate"].iloc[0], fit.parameters().loc["sd(Intercept|pond)", "estimate"]
    gradient = pd.Series({"Intercept": mean, "cover": mean * row["cover"].iloc[0], "sd(Intercept|pond)": mean * sd})
    vcov = fit.vcov(full=True).loc[gradient.index, gradient.index]
    assert table["std_error"].iloc[0] == pytest.approx(np.sqrt(gradient @ vcov @ gradient), rel=1e-3)


def test_population_standard_errors_are_those_of_the_coefficients(slopes, sleepstudy):
    x = np.column_stack([np.ones(5), sleepstudy["Days"].head(5)])
    expected = np.sqrt(np.einsum("ij,jk,ik->i", x, slopes.vcov().to_numpy(), x))
    np.testing.assert_allclose(slopes.predict(sleepstudy.head(5), re_form="~0", se=True)["std_error"], expected)


@pytest.mark.parametrize(
    ("name", "options"),
    [(kind, {"type": kind}) for kind in ("response", "link", "conditional", "zprob", "zlink")]
    + [("population", {"re_form": "~0"}), ("new_level", {"type": "link", "allow_new_levels": True})],
)
def test_standard_errors_of_a_zero_inflated_model_are_those_of_glmmtmb(name, options, zinb, salamanders):
    """tests/reference/predict: predictions to 1e-4 of a standard error or so, their errors to 0.2 percent."""
    reference = json.loads((REFERENCE / "predict" / "predict_se.json").read_text())
    rows = salamanders.iloc[[int(row) - 1 for row in reference["rows"]]]
    if name == "new_level":
        rows = rows.assign(site="new")
    table = zinb.predict(rows, se=True, **options)
    np.testing.assert_allclose(table["estimate"], reference[name]["fit"], rtol=0, atol=1e-4)
    # Two optimisers' estimates differ by 1e-4 of a standard error, and the covariances are differenced derivatives.
    np.testing.assert_allclose(table["std_error"], reference[name]["se"], rtol=2e-3)


@pytest.mark.parametrize("reml", [False, True], ids=["ml", "reml"])
def test_conditional_standard_errors_count_modes_and_parameters(reml, sleepstudy):
    """Var(eta) = z (Z'Z / sigma^2 + Sigma^-1)^-1 z' + D V D', D the derivatives of eta with the mode moving along."""
    data = sleepstudy.drop(index=[3, 4, 17, 60, 61, 62])
    fit = ranef.fit("Reaction ~ Days + (Days | Subject)", data, reml=reml)
    errors = fit.predict(data, type="link", se=True, vcov="observed")["std_error"].to_numpy()
    x = np.column_stack([np.ones(len(data)), data["Days"]])
    given = x_given_parameters(fit, data, x)
    if reml:
        # The fixed effects are part of what is integrated: their covariance given theta is in `given` already.
        vcov, values = fit.uncertainty.vcov, np.array(fit.estimate.values)
    else:
        vcov, values = fit.vcov(full=True, type="observed").to_numpy(), np.array(fit.parameter_values)
    derivatives = np.column_stack([moved_predictor(fit, values, k) for k in range(values.size)])
    expected = np.sqrt(given + np.einsum("ij,jk,ik->i", derivatives, vcov, derivatives))
    np.testing.assert_allclose(errors, expected, rtol=1e-4)


def x_given_parameters(fit, data, x):
    """Prediction variance given the parameters: of the random effects, and under REML of the fixed ones with them."""
    codes = data["Subject"].cat.codes.to_numpy()
    z = np.zeros((len(data), 36))
    for row, code in enumerate(codes):
        z[row, 2 * code : 2 * code + 2] = x[row]
    design = np.hstack([x, z]) if fit.reml else z
    penalty = np.zeros((design.shape[1],) * 2)
    penalty[-36:, -36:] = np.kron(np.eye(18), np.linalg.inv(fit.covariance_blocks[0].covariance))
    inverse = np.linalg.inv(design.T @ design / fit.sigma**2 + penalty)
    return np.einsum("ij,jk,ik->i", design, inverse, design)


def moved_predictor(fit, values, place):
    """Derivative of the conditional linear predictor in one parameter, by central differences of whole evaluations."""
    step = 1e-4 * max(1.0, abs(values[place]))
    ends = []
    for sign in (-1, 1):
        moved = values.copy()
        moved[place] += sign * step
        ends.append(np.array(evaluate_at(fit, moved).eta[0]))
    return (ends[1] - ends[0]) / (2 * step)


def test_the_mean_of_a_new_level_has_the_degrees_of_freedom_of_its_variance():
    """Balanced groups with next to no variance within them: V = s^2 (1 + 1/G), and s^2 is a chi-squared of G - 1."""
    groups = 12
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(groups), 5)
    y = rng.normal(size=groups)[g] + 1e-3 * rng.normal(size=g.size)
    fit = ranef.fit("y ~ 1 + (1 | g)", pd.DataFrame({"y": y, "g": g}), reml=True)
    rows = fit.predict(pd.DataFrame({"g": [3, 99]}), interval="confidence", allow_new_levels=True)
    half_widths = (rows["conf_high"] - rows["estimate"]) / rows["std_error"]
    degrees = (groups - 1) * (1 + 1 / groups) ** 2
    assert half_widths[0] == pytest.approx(norm.ppf(0.975))
    assert half_widths[1] == pytest.approx(t.ppf(0.975, degrees), rel=1e-3)


def test_a_new_level_needs_permission_and_has_the_prior_variance(slopes, sleepstudy):
    new = sleepstudy.head(3).assign(Subject="999")
    with pytest.raises(ranef.DataError, match="allow_new_levels=True"):
        slopes.predict(new)
    table = slopes.predict(new, allow_new_levels=True, se=True)
    population = slopes.predict(new, re_form="~0", se=True)
    np.testing.assert_allclose(table["estimate"], population["estimate"])
    x = np.column_stack([np.ones(3), new["Days"]])
    prior = np.einsum("ij,jk,ik->i", x, slopes.covariance_blocks[0].covariance, x)
    np.testing.assert_allclose(table["std_error"] ** 2, population["std_error"] ** 2 + prior, rtol=1e-6)


def test_missing_values_in_new_data_give_missing_predictions(slopes, sleepstudy):
    new = sleepstudy.head(3).copy()
    new.loc[1, "Days"] = np.nan
    predicted = slopes.predict(new)
    assert predicted.isna().tolist() == [False, True, False]


def test_confidence_intervals_respect_the_range_of_the_mean(cbpp, zinb, salamanders):
    for table in (cbpp.predict(interval="confidence"), zinb.predict(salamanders, interval="confidence")):
        assert (table["conf_low"] > 0).all()
        assert (table["conf_low"] < table["estimate"]).all()
        assert (table["estimate"] < table["conf_high"]).all()
    assert (cbpp.predict(interval="confidence")["conf_high"] < 1).all()


def test_a_link_scale_interval_is_carried_over(cbpp):
    link = cbpp.predict(type="link", interval="confidence")
    response = cbpp.predict(interval="confidence")
    np.testing.assert_allclose(response["conf_low"], 1 / (1 + np.exp(-link["conf_low"])))
    np.testing.assert_allclose(link["conf_high"] - link["estimate"], norm.ppf(0.975) * link["std_error"])


def test_gaussian_prediction_intervals_have_their_closed_form(slopes, sleepstudy):
    table = slopes.predict(sleepstudy.head(4), interval="prediction", level=0.8)
    margin = norm.ppf(0.9) * np.sqrt(table["std_error"] ** 2 + slopes.sigma**2)
    np.testing.assert_allclose(table["conf_high"] - table["estimate"], margin)
    np.testing.assert_allclose(table["estimate"] - table["conf_low"], margin)


def test_prediction_intervals_of_counts_cover_new_observations():
    frogs = ranef.demo_data()
    fit = ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="nbinom2")
    table = fit.predict(interval="prediction", level=0.9)
    new = fit.simulate(200, seed=1, re_form="~ (1 | pond)")
    covered = new.ge(table["conf_low"], axis=0) & new.le(table["conf_high"], axis=0)
    # At least the nominal level, for counts are discrete and the interval carries the parameters' uncertainty.
    assert 0.89 < covered.to_numpy().mean() < 0.99


def test_prediction_intervals_are_for_responses(slopes):
    with pytest.raises(ValueError, match="interval='prediction' is for type='response'"):
        slopes.predict(type="link", interval="prediction")


@pytest.mark.parametrize("kind", ["zprob", "zlink"])
def test_types_of_absent_components_are_refused(kind, slopes):
    with pytest.raises(ranef.DataError, match="no component 'zi'"):
        slopes.predict(type=kind)


def test_an_unknown_type_is_refused(slopes):
    with pytest.raises(ValueError, match="type must be one of 'response'"):
        slopes.predict(type="mean")


def test_an_offset_given_as_array_is_asked_for_in_new_data():
    frogs = ranef.demo_data()
    fit = ranef.fit("count ~ cover", frogs, family="poisson", offset=np.full(240, 0.5))
    with pytest.raises(ranef.DataError, match="pass offset="):
        fit.predict(frogs.head(2))
    shifted = fit.predict(frogs.head(2), offset=[1.5, 1.5])
    np.testing.assert_allclose(shifted, np.e * fit.fitted().head(2))
