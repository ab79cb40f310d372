"""Marginal means, contrasts, letters and joint tests equal R's emmeans, multcomp and glht."""

from functools import cache

import numpy as np
import pytest
from support.inference_cases import P_VALUE_ATOL, load_inference_case
from support.reference_cases import DataAbsentError

# R's names of the columns, under ours.
INTERVALS = {"conf_low": ("asymp.LCL", "lower.CL"), "conf_high": ("asymp.UCL", "upper.CL")}
NUMBERS = {"std_error": ("SE",), "df": ("df",), "statistic": ("z.ratio", "t.ratio"), "null": ("null",), **INTERVALS}
ESTIMATES = (
    "emmean", "response", "prob", "rate", "ratio", "odds.ratio", "estimate", "x.trend", "cover.trend",
    "ArrivalTime.trend",
)  # fmt: skip
OURS = ("emmean", "response", "ratio", "odds_ratio", "estimate", "x_trend", "cover_trend", "ArrivalTime_trend")

# R's quantile of the multivariate t (mvtnorm::qmvt) is found to 1e-3 only.
MVT_INTERVALS = ("consec_N",)


@cache
def fitted(case, **changes):
    loaded = load_inference_case(case)
    try:
        return loaded.fit(**changes)
    except DataAbsentError as error:
        pytest.skip(str(error))


def first_of(table, names):
    return next((table[name] for name in names if name in table), None)


def compare(case, name, means):
    """Every number of the reference's table that ours has, by the case's tolerances."""
    loaded = load_inference_case(case)
    expected, actual = loaded.table(name), means.summary().to_frame()
    assert len(actual) == len(expected)
    labels = [c for c in actual if c in expected and c not in NUMBERS and c not in (*OURS, "p_value")]
    for label in labels:
        np.testing.assert_array_equal(as_text(actual[label]), as_text(expected[label]))
    assert_near(loaded.tolerances(name), "estimate", first_of(actual, OURS), first_of(expected, ESTIMATES), actual)
    for ours, theirs in NUMBERS.items():
        wanted = first_of(expected, theirs)
        if wanted is not None and ours in actual:
            tolerance = loaded.tolerances("ddf" if ours == "df" else name)
            if name in MVT_INTERVALS and ours in INTERVALS:
                tolerance["rtol"] = 1e-3
            assert_near(tolerance, ours, actual[ours], wanted, actual)
    if "p.value" in expected:
        # A statistic that is off by the case's tolerance moves its p-value by no more than that.
        atol = max(P_VALUE_ATOL, loaded.tolerances(name)["rtol"])
        np.testing.assert_allclose(actual["p_value"], expected["p.value"], rtol=0, atol=atol)


def assert_near(tolerance, what, actual, expected, table):
    """Within the relative tolerance of the number or, for what may be near zero, of its standard error."""
    unit = {"statistic": 1.0, "df": 0.0, "null": 0.0}.get(what, table["std_error"].to_numpy(float))
    allowed = np.maximum(tolerance["atol"], tolerance["rtol"] * (np.abs(expected.to_numpy(float)) + unit))
    infinite = np.isinf(expected.to_numpy(float))  # degrees of freedom
    np.testing.assert_array_equal(np.isinf(actual.to_numpy(float)), infinite)
    difference = np.abs(actual.to_numpy(float)[~infinite] - expected.to_numpy(float)[~infinite])
    assert (difference <= allowed[~infinite]).all(), f"{what}: {difference / allowed[~infinite]}"


def as_text(values):
    return [f"{v:g}" if isinstance(v, (int, float)) else str(v) for v in values]


# The requests of every case: name of the result -> from the fit to the table.

OROBANCHE = {
    "link": lambda f: f.emmeans("~ extract * gen"),
    "response": lambda f: f.emmeans("~ extract * gen", type="response"),
    "response_by": lambda f: f.emmeans("~ extract | gen", type="response"),
    "avg_link": lambda f: f.emmeans("~ extract"),
    "avg_response": lambda f: f.emmeans("~ extract", type="response"),
    "avg_response_regrid": lambda f: f.emmeans("~ extract", regrid="response"),
    **{
        f"pairs_{adjust}": lambda f, a=adjust: f.emmeans("~ extract * gen", type="response").pairs(adjust=a)
        for adjust in ("none", "tukey", "bonferroni", "holm", "sidak", "scheffe", "fdr")
    },
    "pairs_link_tukey": lambda f: f.emmeans("~ extract * gen").pairs(),
    "simple_by_gen": lambda f: f.emmeans("~ extract * gen", type="response").contrast(simple="extract"),
    "simple_each": lambda f: f.emmeans("~ extract * gen", type="response").contrast(simple="each"),
    "interaction": lambda f: f.emmeans("~ extract * gen").contrast(interaction="pairwise"),
    "interaction_response": lambda f: f.emmeans("~ extract * gen", type="response").contrast(interaction="pairwise"),
    "trt_vs_ctrl": lambda f: f.emmeans("~ extract * gen", type="response").contrast("trt.vs.ctrl", ref="bean O73"),
    "eff": lambda f: f.emmeans("~ extract * gen").contrast("eff"),
}

BASIS = {
    "pois_dose": lambda f: f.emmeans("~ dose", type="response"),
    "pois_dose_at": lambda f: f.emmeans("~ dose * x", at={"x": [2, 5, 8], "z": 1}, type="response"),
    "pois_pairs_at": lambda f: f.emmeans("~ dose | x", at={"x": [2, 8]}, type="response").pairs(),
    "trends": lambda f: f.emtrends("~ dose", "x"),
    "trend_pairs": lambda f: f.emtrends("~ dose", "x").pairs(),
    "bias_adjust": lambda f: f.emmeans("~ dose", type="response", bias_adjust=True),
}

BASIS_LOG_RESPONSE = {
    "logresp_link": lambda f: f.emmeans("~ dose", ddf="asymptotic"),
    "logresp_response": lambda f: f.emmeans("~ dose", type="response", ddf="asymptotic"),
    "logresp_pairs_response": lambda f: f.emmeans("~ dose", type="response", ddf="asymptotic").pairs(),
    "logresp_bias": lambda f: f.emmeans("~ dose", type="response", bias_adjust=True, ddf="asymptotic"),
}

BASIS_GAUSSIAN = {
    "gauss_trends_satt": lambda f: f.emtrends("~ dose", "x", ddf="satterthwaite"),
    "gauss_trend_pairs_kr": lambda f: f.emtrends("~ dose", "x").pairs(),
    "gauss_prop": lambda f: f.emmeans("~ 1", weights="proportional", ddf="asymptotic"),
    "gauss_equal": lambda f: f.emmeans("~ 1", ddf="asymptotic"),
    "gauss_cells": lambda f: f.emmeans("~ dose", weights="cells"),
}

OWLS = {
    "cond_link": lambda f: f.emmeans("~ FoodTreatment | SexParent"),
    "cond_response": lambda f: f.emmeans("~ FoodTreatment | SexParent", type="response"),
    "pairs_ratio": lambda f: f.emmeans("~ FoodTreatment | SexParent", type="response").pairs(),
    "avg_sex": lambda f: f.emmeans("~ FoodTreatment", type="response"),
    "avg_prop": lambda f: f.emmeans("~ FoodTreatment", weights="proportional"),
    "avg_cells": lambda f: f.emmeans("~ FoodTreatment", weights="cells"),
    "avg_outer": lambda f: f.emmeans("~ FoodTreatment", weights="outer"),
    "offset0": lambda f: f.emmeans("~ FoodTreatment", offset=0),
    "offset_log3": lambda f: f.emmeans("~ FoodTreatment", offset=np.log(3)),
    "at_arrival": lambda f: f.emmeans(
        "~ FoodTreatment * ArrivalTime", at={"ArrivalTime": [22, 25, 28]}, type="response"
    ),
    "cov_range": lambda f: f.emmeans("~ FoodTreatment * ArrivalTime", cov_reduce=lambda x: [x.min(), x.max()]),
    "zi_link": lambda f: f.emmeans("~ FoodTreatment", component="zi"),
    "zi_response": lambda f: f.emmeans("~ FoodTreatment", component="zi", type="response"),
    "zi_pairs": lambda f: f.emmeans("~ FoodTreatment", component="zi", type="response").pairs(),
    "response_component": lambda f: f.emmeans("~ FoodTreatment * SexParent", component="response"),
    "cmean_component": lambda f: f.emmeans("~ FoodTreatment * SexParent", component="cmean"),
    "emtrends_arrival": lambda f: f.emtrends("~ 1", "ArrivalTime"),
    "interaction": lambda f: f.emmeans("~ FoodTreatment * SexParent").contrast(interaction="pairwise"),
}

SALAMANDERS = {
    "response": lambda f: f.emmeans("~ mined * spp", type="response"),
    "ratio_by_spp": lambda f: f.emmeans("~ mined | spp", type="response").pairs(),
    "ratio_by_spp_rev": lambda f: f.emmeans("~ mined | spp", type="response").pairs(reverse=True),
    "ratio_by_spp_cross_bonf": lambda f: f.emmeans("~ mined | spp", type="response").pairs().rbind(),
    "pairs_spp_by_mined_tukey": lambda f: f.emmeans("~ spp | mined", type="response").pairs(),
    "marg_spp": lambda f: f.emmeans("~ spp", type="response"),
    "marg_spp_pairs_tukey": lambda f: f.emmeans("~ spp").pairs(),
    "ctrl_GP": lambda f: f.emmeans("~ spp", type="response").contrast("trt.vs.ctrl", ref="GP"),
    "ctrl_last": lambda f: f.emmeans("~ spp").contrast("trt.vs.ctrlk"),
    "del_eff": lambda f: f.emmeans("~ spp").contrast("del.eff"),
    "custom": lambda f: f.emmeans("~ spp", type="response").contrast(
        {"salam_vs_des": [1 / 3, 1 / 3, 1 / 3, -1 / 2, -1 / 2, 0, 0]}
    ),
    "interaction": lambda f: f.emmeans("~ spp * mined").contrast(interaction="pairwise"),
    "at_cover": lambda f: f.emmeans("~ mined * cover", at={"cover": [-1, 0, 1]}, type="response"),
    "trend_cover": lambda f: f.emtrends("~ 1", "cover"),
}

SEVERITY = {
    "response": lambda f: f.emmeans("~ fungicide", type="response"),
    "pairs_tukey": lambda f: f.emmeans("~ fungicide").pairs(),
    "pairs_tukey_response": lambda f: f.emmeans("~ fungicide", type="response").pairs(),
    "dunnettx": lambda f: f.emmeans("~ fungicide").contrast("trt.vs.ctrl"),
}

HETERO = {
    "emm": lambda f: f.emmeans("~ trt"),
    "emm_disp": lambda f: f.emmeans("~ trt", component="disp", type="response"),
}

HURDLE = {
    "emm_cond_untruncated": lambda f: f.emmeans("~ mined", type="response"),
    "emm_cmean": lambda f: f.emmeans("~ mined", component="cmean"),
    "emm_response": lambda f: f.emmeans("~ mined", component="response"),
    "emm_zi": lambda f: f.emmeans("~ mined", component="zi", type="response"),
}

CBPP = {
    "emm_response": lambda f: f.emmeans("~ period", type="response"),
    "pairs_or_tukey": lambda f: f.emmeans("~ period", type="response").pairs(),
    "pairs_or_holm": lambda f: f.emmeans("~ period", type="response").pairs(adjust="holm"),
    "bias_adjust": lambda f: f.emmeans("~ period", type="response", bias_adjust=True),
}

OATS = {
    "emm_N_kr": lambda f: f.emmeans("~ N"),
    "emm_N_satt": lambda f: f.emmeans("~ N", ddf="satterthwaite"),
    "emm_N_asymp": lambda f: f.emmeans("~ N", ddf="asymptotic"),
    "emm_V_by_N": lambda f: f.emmeans("~ Variety | N"),
    "pairs_V_tukey": lambda f: f.emmeans("~ Variety").pairs(),
    "poly_N": lambda f: f.emmeans("~ N").contrast("poly"),
    "consec_N": lambda f: f.emmeans("~ N", ddf="satterthwaite").contrast("consec"),
}

OATS_UNBALANCED = {
    "emm_N_kr": lambda f: f.emmeans("~ N"),
    "emm_N_satt": lambda f: f.emmeans("~ N", ddf="satterthwaite"),
    "emm_V_kr": lambda f: f.emmeans("~ Variety"),
    "emm_V_satt": lambda f: f.emmeans("~ Variety", ddf="satterthwaite"),
    "pairs_V_tukey_kr": lambda f: f.emmeans("~ Variety").pairs(),
    "pairs_N_tukey_satt": lambda f: f.emmeans("~ N", ddf="satterthwaite").pairs(),
    "dunnett_N_satt": lambda f: f.emmeans("~ N", ddf="satterthwaite").contrast("trt.vs.ctrl"),
}

# Models of a case beside its own: a prefix of the results, and what changes in the call.
POLY = {"formula": "y ~ poly(x, 2) * dose + log(z) + (1 | g)"}
LOG_RESPONSE = {"formula": "log(y + 1) ~ dose + x + (1 | g)", "family": "gaussian", "reml": True}
GAUSSIAN = {"formula": "v ~ dose * x + z + (1 | g)", "family": "gaussian", "reml": True}

REQUESTS = [
    pytest.param(case, changes, name, request, id=f"{case}-{name}")
    for case, changes, requests in [
        ("orobanche-emmeans", {}, OROBANCHE),
        ("basis-emmeans", {}, BASIS),
        ("basis-emmeans", LOG_RESPONSE, BASIS_LOG_RESPONSE),
        ("basis-emmeans", GAUSSIAN, BASIS_GAUSSIAN),
        ("owls-zinb-emmeans", {}, OWLS),
        ("salamanders-emmeans", {}, SALAMANDERS),
        ("severity-beta-cld", {}, SEVERITY),
        ("hetero-dispersion", {}, HETERO),
        ("salamanders-hurdle", {}, HURDLE),
        ("cbpp-glmer", {}, CBPP),
        ("oats-ddf", {}, OATS),
        ("oats-unbalanced-ddf", {}, OATS_UNBALANCED),
    ]
    for name, request in requests.items()
]


@pytest.mark.parametrize(("case", "changes", "name", "request_of"), REQUESTS)
def test_tables_equal_those_of_emmeans(case, changes, name, request_of):
    compare(case, name, request_of(fitted(case, **changes)))


def test_trends_of_polynomials_are_those_of_emmeans_at_the_middle_of_its_difference_quotient():
    """R takes [f(x + h) - f(x)] / h, h a thousandth of the range: for a parabola the derivative at x + h / 2.

    The linear trend beside a quadratic one it takes to the left of x. Ours is the derivative at x itself.
    """
    case = load_inference_case("basis-emmeans")
    fit = fitted("basis-emmeans", **POLY)
    step = np.ptp(case.data["x"]) / 1000
    expected = case.table("trends_poly")
    trends = fit.emtrends("~ dose * x", "x", at={"x": expected["x"].unique() + step / 2}).to_frame()
    case.assert_close("trends_poly", trends[["x_trend", "std_error"]], expected[["x.trend", "SE"]])
    expected = case.table("trends_poly_max2")
    trends = fit.emtrends("~ dose", "x", max_degree=2, at={"x": case.data["x"].mean() - step / 2}).to_frame()
    assert trends["degree"].tolist() == expected["degree"].tolist()
    case.assert_close("trends_poly_max2", trends[["x_trend", "std_error"]], expected[["x.trend", "SE"]])


JOINT = [
    ("orobanche-emmeans", "joint_tests_F_rounded3", None, None),
    ("salamanders-emmeans", "joint_tests_F_rounded3", None, None),
    ("salamanders-emmeans", "joint_by_mined_F_rounded3", "mined", None),
    ("oats-unbalanced-ddf", "joint_tests_kr_F_rounded3", None, None),
    ("oats-unbalanced-ddf", "joint_tests_satt_F_rounded3", None, "satterthwaite"),
]


@pytest.mark.parametrize(("case", "name", "by", "ddf"), JOINT, ids=[f"{c}-{n}" for c, n, _, _ in JOINT])
def test_joint_tests_equal_those_of_emmeans(case, name, by, ddf):
    expected = load_inference_case(case).table(name)
    actual = fitted(case).joint_tests(by=by, ddf=ddf)
    assert actual["term"].tolist() == expected["model term"].tolist()
    if by is not None:
        assert actual[by].tolist() == expected[by].tolist()
    np.testing.assert_array_equal(actual["df_num"], expected["df1"])
    np.testing.assert_allclose(actual["df_den"], expected["df2"].astype(float), atol=0.0051)
    np.testing.assert_allclose(actual["statistic"], expected["F.ratio"], atol=0.00051)
    np.testing.assert_allclose(actual["p_value"], expected["p.value"], atol=P_VALUE_ATOL)


LETTERS = [
    ("severity-beta-cld", "cld_tukey", "~ fungicide", "tukey"),
    ("severity-beta-cld", "cld_sidak", "~ fungicide", "sidak"),
    ("severity-beta-cld", "cld_none", "~ fungicide", "none"),
    ("salamanders-emmeans", "cld", "~ spp | mined", "tukey"),
]


@pytest.mark.parametrize(("case", "name", "specs", "adjust"), LETTERS, ids=[name for _, name, _, _ in LETTERS])
def test_letters_equal_those_of_multcomp(case, name, specs, adjust):
    expected = load_inference_case(case).table(name)
    display = fitted(case).emmeans(specs).cld(adjust)
    assert list(display.letters) == expected["letters"].tolist()
    np.testing.assert_allclose(display.means.estimate, expected["emmean"], rtol=2e-4, atol=1e-5)


def test_multivariate_t_p_values_equal_those_of_mvtnorm():
    case = load_inference_case("severity-beta-cld")
    means = fitted("severity-beta-cld").emmeans("~ fungicide")
    against_first = means.contrast("trt.vs.ctrl", adjust="mvt").to_frame()
    np.testing.assert_allclose(against_first["p_value"], case.expect["dunnett_mvt_p"], atol=2e-3)
    single_step = means.contrast("trt.vs.ctrl", adjust="single-step").to_frame()
    expected = case.table("glht_dunnett")["p_single_step"]
    np.testing.assert_allclose(single_step["p_value"], expected, atol=1e-3)


def test_all_pairs_by_single_step_equal_those_of_glht():
    case = load_inference_case("severity-beta-cld")
    expected = case.table("glht_tukey")
    pairs = fitted("severity-beta-cld").emmeans("~ fungicide").pairs(reverse=True, adjust="mvt").to_frame()
    pairs = pairs.set_index("contrast").loc[expected.index]
    np.testing.assert_allclose(pairs["estimate"], expected["estimate"], rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(pairs["std_error"], expected["se"], rtol=2e-4)
    np.testing.assert_allclose(pairs["p_value"], expected["p_single_step"], atol=1e-3)


def test_covariates_and_offsets_stand_where_emmeans_puts_them():
    from ranef.means.grid import reference_grid

    case = load_inference_case("owls-zinb-emmeans")
    fit = fitted("owls-zinb-emmeans")
    grid = reference_grid(fit, ("cond",))
    assert grid.variable("ArrivalTime").values == (pytest.approx(case.expect["grid_arrival"]),)
    log_mean = fit.emmeans("~ 1").offset[0]
    assert log_mean == pytest.approx(case.expect["grid_offset"][0])
    basis = load_inference_case("basis-emmeans")
    grid = reference_grid(fitted("basis-emmeans"), ("cond",))
    for name, mean in basis.expect["cov_means"].items():
        assert grid.variable(name).values == (pytest.approx(mean),)


def test_every_result_of_the_cases_is_compared():
    """No marginal mean of a reference case is left out by accident."""
    compared = {(p.values[0], p.values[2]) for p in REQUESTS} | {(c, n) for c, n, *_ in (*JOINT, *LETTERS)}
    elsewhere = {"dunnett_mvt_p", "glht_tukey", "glht_dunnett", "cov_means", "grid_offset", "grid_arrival"}
    elsewhere |= {"trends_poly", "trends_poly_max2"}
    facts = ("coef", "sigma", "loglik", "vcov", "nova")
    for case in ("basis-emmeans", "orobanche-emmeans", "owls-zinb-emmeans", "salamanders-emmeans", "severity-beta-cld"):
        names = [n for n in load_inference_case(case).expect if not any(fact in n for fact in facts)]
        missing = [n for n in names if (case, n) not in compared and n not in elsewhere]
        assert missing == []
