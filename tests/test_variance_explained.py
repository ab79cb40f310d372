"""Intraclass correlations, R2 and the partition of variance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, polygamma
from support.inference_cases import load_inference_case, read_data

import ranef
from ranef.null_model import null_fit
from ranef.observation_variance import observation_variance, offered_methods
from ranef.variance_components import averaged_mean

CASE = load_inference_case("icc-r2")
QUANTITIES = {
    "icc_adjusted": lambda icc, r2: icc.adjusted,
    "icc_unadjusted": lambda icc, r2: icc.unadjusted,
    "r2_conditional": lambda icc, r2: r2.conditional,
    "r2_marginal": lambda icc, r2: r2.marginal,
    "var_fixed": lambda icc, r2: icc.components.fixed,
    "var_random": lambda icc, r2: icc.components.random,
    "var_residual": lambda icc, r2: icc.components.residual,
    "var_distribution": lambda icc, r2: icc.components.distribution,
    "var_dispersion": lambda icc, r2: icc.components.overdispersion,
    "lambda": lambda icc, r2: icc.components.mean,
}


def reference_fit(model: str) -> ranef.Fit:
    arguments = CASE.args[model]
    data = read_data(arguments["data"], {"inf_sleepstudy.csv": ["Subject"]}.get(arguments["data"]))
    return ranef.fit(
        arguments["formula"], data, family=arguments.get("family", "gaussian"), reml=arguments.get("reml", False)
    )


@pytest.fixture(scope="module")
def frogs():
    return ranef.demo_data()


@pytest.fixture(scope="module")
def sleep():
    return reference_fit("gaussian_rs")


@pytest.mark.parametrize("result", list(CASE.expect))
def test_reference(result: str) -> None:
    """`poisson_insight_0_19` is the older definition: the mean where the random effects are zero."""
    fit = reference_fit(result.removesuffix("_insight_0_19").removesuffix("_nakagawa2017"))
    reference = "null-intercept" if result == "poisson_insight_0_19" else "null"
    icc, r2 = fit.icc(reference=reference), fit.r2(reference=reference)
    for name, expected in CASE.expect[result].items():
        CASE.assert_close(result, QUANTITIES[name](icc, r2), expected)


def test_reference_of_the_cattle_herds() -> None:
    case = load_inference_case("cbpp-glmer")
    icc, r2 = case.fit().icc(), case.fit().r2()
    for name in ("icc_adjusted", "icc_unadjusted", "r2_conditional", "r2_marginal"):
        case.assert_close(name, QUANTITIES[name](icc, r2), case.expect[name])


def closed_form(family: str, method: str, mean: float, dispersion: float) -> float:
    """The formulas of Nakagawa, Johnson and Schielzeth (2017), table 1."""
    relative = {
        "poisson": 1 / mean,
        "nbinom1": (1 + dispersion) / mean,
        "nbinom2": 1 / mean + 1 / dispersion,
        "gamma": 1 / dispersion,
    }[family]
    return {"delta": relative, "lognormal": np.log1p(relative), "trigamma": float(polygamma(1, 1 / relative))}[method]


@pytest.mark.parametrize("family", ["poisson", "nbinom1", "nbinom2", "gamma"])
@pytest.mark.parametrize("method", ["delta", "lognormal", "trigamma"])
def test_log_links_have_the_published_formulas(family: str, method: str) -> None:
    made = ranef.families.make(family, "log")
    assert made.link == "log"
    found = observation_variance(made, method, 1.7, np.log([0.6, 2.5]))
    assert found == pytest.approx([closed_form(family, method, 1.7, d) for d in (0.6, 2.5)], rel=1e-12)


def test_trials_have_the_latent_variance_or_the_delta_method() -> None:
    at, none = 0.3, np.zeros(1)
    logit, probit = ranef.families.make("binomial"), ranef.families.make("binomial", "probit")
    assert observation_variance(logit, "theoretical", at, none) == pytest.approx(np.pi**2 / 3)
    assert observation_variance(probit, "theoretical", at, none) == pytest.approx(1.0)
    assert observation_variance(logit, "delta", at, none) == pytest.approx(1 / (at * (1 - at)))
    beta = ranef.families.make("beta")
    assert observation_variance(beta, "delta", at, np.log([4.0])) == pytest.approx(1 / (5.0 * at * (1 - at)))


def test_a_square_root_link_has_a_quarter() -> None:
    family = ranef.families.make("poisson", "sqrt")
    assert observation_variance(family, "delta", 3.3, np.zeros(1)) == pytest.approx(0.25)


@pytest.mark.parametrize("row", list(ranef.families.list().itertuples()), ids=lambda row: row.name)
def test_every_family_and_link_has_a_variance_of_an_observation(row) -> None:
    for link in row.links.split(", "):
        family = ranef.families.make(row.name, link)
        for method in offered_methods(family):
            found = observation_variance(family, method, 0.4, np.array([0.3, -0.2]))
            assert np.isfinite(found).all()
            assert (found > 0).all()


def test_the_mean_of_the_null_model_is_averaged_over_its_random_effects() -> None:
    logit = ranef.families.make("binomial")
    draws = np.random.default_rng(3).standard_normal(400_000)
    assert averaged_mean(logit, -1.2, 0.9) == pytest.approx(expit(-1.2 + 0.9 * draws).mean(), abs=1e-3)
    assert averaged_mean(ranef.families.make("poisson"), 0.4, 0.8) == pytest.approx(np.exp(0.4 + 0.32))
    assert averaged_mean(ranef.families.make("poisson", "sqrt"), 1.5, 0.5) == pytest.approx(1.5**2 + 0.5**2)


def test_the_null_model_keeps_rows_that_only_other_covariates_lack(frogs) -> None:
    holes = frogs.assign(cover=frogs["cover"].where(frogs.index % 5 > 0))
    fit = ranef.fit("count ~ cover + (1 | pond)", holes, family="poisson")
    null = null_fit(fit)
    assert null.nobs == fit.nobs == 192
    direct = ranef.fit("count ~ 1 + (1 | pond)", holes.dropna(), family="poisson")
    assert null.loglik == pytest.approx(direct.loglik, abs=1e-6)


def test_random_slopes_count_as_the_mean_over_the_rows(sleep) -> None:
    z = np.column_stack([np.ones(180), sleep.data["Days"]])
    sigma = sleep.covariance_blocks[0].covariance
    assert sleep.icc().components.random == pytest.approx(np.diag(z @ sigma @ z.T).mean(), rel=1e-12)


def test_icc_at_a_covariate_is_the_correlation_there(sleep) -> None:
    icc = sleep.icc(at={"Days": [0, 5, 9]})
    sigma, residual = sleep.covariance_blocks[0].covariance, sleep.sigma**2
    for days in (0, 5, 9):
        z = np.array([1.0, days])
        assert icc[days] == pytest.approx(z @ sigma @ z / (z @ sigma @ z + residual), rel=1e-12)
    assert icc.to_frame().index.name == "Days"
    assert "Intraclass correlation at Days" in str(icc)


def test_icc_by_group_sums_to_the_adjusted_one(frogs) -> None:
    data = frogs.assign(visit=frogs["visit"].astype(str))
    fit = ranef.fit("cover ~ shore + (1 | pond) + (1 | visit)", data, reml=True)
    by_group = fit.icc(by_group=True).to_frame()["estimate"]
    assert list(by_group.index) == ["pond", "visit"]
    assert by_group.sum() == pytest.approx(fit.icc().adjusted)


def test_an_effect_for_every_row_is_overdispersion_not_a_group(frogs) -> None:
    data = frogs.assign(row=np.arange(len(frogs)).astype(str))
    fit = ranef.fit("count ~ shore + (1 | pond) + (1 | row)", data, family="poisson")
    components = fit.icc().components
    assert [t.group for t in components.terms] == ["pond"]
    assert components.overdispersion == pytest.approx(fit.covariance_blocks[1].covariance[0, 0])
    assert "overdispersion" in set(fit.variance_partition().to_frame()["component"])


def test_frequency_weights_count_rows(frogs) -> None:
    doubled = pd.concat([frogs, frogs], ignore_index=True)
    once = ranef.fit(
        "count ~ cover + (1 | pond)", frogs, family="poisson", weights=ranef.weights.frequency(np.full(240, 2.0))
    )
    twice = ranef.fit("count ~ cover + (1 | pond)", doubled, family="poisson")
    assert once.r2().marginal == pytest.approx(twice.r2().marginal, rel=1e-5)


def test_wald_intervals_lie_in_the_unit_interval_and_are_the_delta_method_of_the_logit(sleep) -> None:
    table = sleep.icc(interval="wald").to_frame()
    logit = sleep.derive(lambda fit: np.log(fit.icc().adjusted / (1 - fit.icc().adjusted)))
    row = table.loc["adjusted"]
    assert row["conf_low"] == pytest.approx(expit(logit["conf_low"].iloc[0]), rel=1e-6)
    assert row["conf_high"] == pytest.approx(expit(logit["conf_high"].iloc[0]), rel=1e-6)
    assert 0 < row["conf_low"] < row["estimate"] < row["conf_high"] < 1


def fit_without_group_variance() -> ranef.Fit:
    noise = np.random.default_rng(2).standard_normal((12, 6))
    y = (noise - noise.mean(axis=1, keepdims=True)).ravel()
    return ranef.fit("y ~ 1 + (1 | g)", pd.DataFrame({"g": np.repeat(np.arange(12), 6).astype(str), "y": y}))


def test_a_variance_of_zero_gives_an_icc_of_zero_and_no_wald_interval() -> None:
    fit = fit_without_group_variance()
    assert fit.icc().adjusted == 0.0
    with pytest.warns(ranef.RanefWarning, match="no wald interval .NaN.: use interval='boot'"):
        table = fit.icc(interval="wald").to_frame()
    assert table["conf_high"].isna().all()
    with pytest.warns(ranef.RanefWarning, match="no wald interval"):
        parts = fit.variance_partition(interval="wald").to_frame().set_index("component")
    assert parts.loc["random", "share"] == 0.0


def test_the_partition_adds_up_and_states_cv2(frogs) -> None:
    fit = ranef.fit("count ~ shore + (1 | pond)", frogs, family="nbinom2")
    table = fit.variance_partition(interval="wald").to_frame().set_index("component")
    parts = table.drop(index="total")
    assert parts["variance"].sum() == pytest.approx(table.loc["total", "variance"])
    assert parts["share"].sum() == pytest.approx(1.0)
    assert table["cv2"].to_numpy() == pytest.approx(np.expm1(table["variance"].to_numpy()))
    assert ((parts["share_low"] < parts["share"]) & (parts["share"] < parts["share_high"])).all()
    mean = fit.icc().components.mean
    assert table.loc["observation", "cv2"] == pytest.approx(1 / mean + 1 / fit.sigma)


def test_cv2_of_a_positive_response_divides_by_its_mean(sleep) -> None:
    partition = sleep.variance_partition()
    table = partition.to_frame()
    mean = sleep.data["Reaction"].mean()
    assert table["cv2"].to_numpy() == pytest.approx(table["variance"].to_numpy() / mean**2)
    assert "CV^2 = variance / mean^2" in str(partition)


def test_a_response_of_either_sign_has_no_cv2(frogs) -> None:
    fit = ranef.fit("cover ~ shore + (1 | pond)", frogs)
    assert "cv2" not in fit.variance_partition().to_frame()


def test_the_print_says_which_definition_is_used(frogs) -> None:
    fit = ranef.fit("count ~ shore + (1 | pond)", frogs, family="poisson", ziformula="~ 1")
    text = str(fit.icc())
    for part in ("lognormal", "of the null model averaged over its random effects", "extra zeros left out"):
        assert part in text
    assert "(residual variance)" in str(ranef.fit("cover ~ 1 + (1 | pond)", frogs).r2())


def test_truncated_counts_are_taken_before_truncation(frogs) -> None:
    positive = frogs[frogs["count"] > 0]
    fit = ranef.fit("count ~ shore + (1 | pond)", positive, family="truncated_poisson")
    components = fit.icc().components
    assert components.distribution == pytest.approx(np.log1p(1 / components.mean))
    assert "of the poisson distribution before truncation" in str(fit.icc())
    with pytest.raises(ranef.DataError, match="zero-inflated or truncated"):
        fit.icc(reference="response")


def test_a_betabinomial_row_is_overdispersion(frogs) -> None:
    rng = np.random.default_rng(7)
    rows = pd.DataFrame({"g": np.repeat(np.arange(20), 5).astype(str)})
    p = rng.beta(2.0, 3.0, 100)
    rows["y"], rows["n"] = rng.binomial(12, p), 12
    fit = ranef.fit("cbind(y, n - y) ~ 1 + (1 | g)", rows, family="betabinomial")
    components = fit.icc().components
    at = components.mean
    assert components.distribution == pytest.approx(np.pi**2 / 3)
    assert components.overdispersion == pytest.approx(1 / ((1 + fit.sigma) * at * (1 - at)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "theoretical"}, "no theoretical variance of an observation for poisson"),
        ({"method": "magic"}, "method must be one of 'lognormal', 'trigamma', 'delta'"),
        ({"reference": "mean"}, "reference must be 'null', 'null-intercept', 'response' or a mean"),
        ({"reference": -1.0}, "between 0 and inf"),
        ({"at": {"cover": [1.0]}}, "'cover' is no covariate of a random slope"),
        ({"at": {}}, "at must be a dict"),
        ({"interval": "bayes"}, "'wald', 'profile' or 'boot'"),
        ({"by_group": True, "at": {"cover": [1.0]}}, "two different tables"),
    ],
)
def test_bad_requests_say_what_would_work(arguments, message, frogs) -> None:
    fit = ranef.fit("count ~ shore + (1 | pond)", frogs, family="poisson")
    with pytest.raises(ranef.RanefError, match=message):
        fit.icc(**arguments)


def test_without_random_effects_there_is_an_r2_and_no_icc(frogs) -> None:
    fit = ranef.fit("cover ~ shore", frogs)
    assert fit.r2().marginal == fit.r2().conditional
    with pytest.raises(ranef.DataError, match="needs a random term"):
        fit.icc()


def test_a_part_without_variance_prints_as_zero_and_not_as_what_rounding_leaves():
    fit = ranef.fit("Reaction ~ 1 + (1 | Subject)", read_data("inf_sleepstudy.csv", ["Subject"]), reml=True)
    printed = str(fit.variance_partition())
    assert "e-" not in printed
    assert next(line.split() for line in printed.splitlines() if line.startswith("fixed"))[1:4] == ["0", "0.00", "0.0%"]


@pytest.mark.parametrize("method", ["profile", "boot"])
def test_interval_of_icc_is_that_of_its_formula(method):
    fit = ranef.fit("Reaction ~ Days + (1 | Subject)", CASE.data)
    formula = "sd(Intercept|Subject)^2 / (sd(Intercept|Subject)^2 + sigma^2)"
    ends = ["conf_low", "conf_high"]
    expected = fit.derive(formula, method=method, n=100, seed=4)[ends].to_numpy()[0]
    found = fit.icc(interval=method, n=100, seed=4).to_frame().loc["adjusted", ends].to_numpy(float)
    assert found == pytest.approx(expected, rel=1e-5)
    assert expected[0] < fit.icc().adjusted < expected[1]
