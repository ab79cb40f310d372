"""Satterthwaite and Kenward-Roger: R's numbers, the textbook's dense formulas, and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.dense_lmm import dense_model, kenward_roger_vcov, satterthwaite_df
from support.inference_cases import load_inference_case

import ranef
from ranef.inference.small_sample import small_sample

METHODS = {"satterthwaite": "coef_satterthwaite", "kenward-roger": "coef_kr"}


def split_plot(seed: int = 1, blocks: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [(b, v, n) for b in range(blocks) for v in "xyz" for n in range(4)]
    data = pd.DataFrame(rows, columns=["block", "variety", "dose"]).astype({"block": "str"})
    data["plot"] = data["block"] + data["variety"]
    data["weight"] = rng.uniform(0.5, 2.0, len(data))
    data["slope"] = rng.normal(size=len(data))
    effects = {name: rng.normal(0, 2, data[name].nunique()) for name in ("block", "plot")}
    slopes = rng.normal(0, 1.5, blocks)
    data["y"] = 10 + data["dose"] + sum(e[pd.factorize(data[name])[0]] for name, e in effects.items())
    data["y"] += slopes[data["block"].astype(int)] * data["slope"] + rng.normal(size=len(data)) / np.sqrt(
        data["weight"]
    )
    return data.sample(frac=0.85, random_state=seed)


RANDOM = {
    "nested": "(1 | block) + (1 | plot)",
    "slopes": "(1 + slope | block)",
    "slopes and nested": "(1 + slope | block) + (1 | plot)",
    "diagonal": "diag(1 + slope | block)",
    "one variance for all": "homdiag(0 + variety | block)",
    "crossed": "(1 | block) + (1 | variety)",
    "dummies": "(0 + variety | block)",
}


def fit_split_plot(random: str, **arguments: object) -> ranef.Fit:
    fixed = "y ~ dose" if "(1 | variety)" in random else "y ~ variety * dose"
    return ranef.fit(f"{fixed} + {random}", split_plot(), reml=True, **arguments)


@pytest.mark.parametrize("name", ["oats-ddf", "oats-unbalanced-ddf", "sleep-lrt"])
@pytest.mark.parametrize("method", METHODS)
def test_df_and_standard_errors_of_coefficients_are_lmertests(name: str, method: str) -> None:
    case = load_inference_case(name)
    made = small_sample(case.fit(), method)
    table = case.table(METHODS[method])
    np.testing.assert_allclose(np.sqrt(np.diag(made.vcov)), table["Std. Error"], rtol=case.tolerances("coef")["rtol"])
    # The reference's own optimum is only so near: its balanced df are 45.00004 for 45.
    np.testing.assert_allclose(made.df(np.eye(len(table))), table["df"], rtol=1e-3)


def test_balanced_split_plot_has_the_degrees_of_freedom_of_the_analysis_of_variance() -> None:
    fit = load_inference_case("oats-ddf").fit()
    for method in METHODS:
        df = small_sample(fit, method).df(np.eye(12))
        np.testing.assert_allclose(df[[3, 4, 5]], 45.0, rtol=1e-7)


@pytest.mark.parametrize("random", RANDOM.values(), ids=RANDOM)
def test_kenward_roger_is_the_dense_formula(random: str) -> None:
    fit = fit_split_plot(random)
    made = small_sample(fit, "kenward-roger")
    dense = dense_model(fit)
    adjusted, slopes, w = kenward_roger_vcov(dense)
    np.testing.assert_allclose(made.vcov, adjusted, rtol=1e-6, atol=1e-9)
    gradient = np.array([np.diag(s) for s in slopes])
    expected = 2.0 * np.diag(dense.vcov(dense.theta)) ** 2 / np.einsum("ik,ij,jk->k", gradient, w, gradient)
    np.testing.assert_allclose(made.df(np.eye(expected.size)), expected, rtol=1e-6)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("random", RANDOM.values(), ids=RANDOM)
def test_satterthwaite_is_the_dense_criterion_differentiated(random: str, reml: bool) -> None:
    fit = fit_split_plot(random).update(reml=reml)
    assert not fit.singular
    contrasts = np.eye(len(fit.fixef()))
    expected = satterthwaite_df(dense_model(fit), contrasts, reml)
    # Second differences of a criterion of rounding 1e-13.
    np.testing.assert_allclose(small_sample(fit, "satterthwaite").df(contrasts), expected, rtol=2e-4)


def test_precision_weights_enter_both_methods() -> None:
    fit = fit_split_plot("(1 | block)", weights="weight")
    dense = dense_model(fit)
    np.testing.assert_allclose(small_sample(fit, "kenward-roger").vcov, kenward_roger_vcov(dense)[0], rtol=1e-7)
    contrasts = np.eye(6)
    np.testing.assert_allclose(
        small_sample(fit, "satterthwaite").df(contrasts), satterthwaite_df(dense, contrasts, True), rtol=1e-4
    )


def test_without_random_effects_the_df_are_the_residual_ones() -> None:
    data = split_plot()
    fit = ranef.fit("y ~ variety * dose", data, reml=True)
    for method in METHODS:
        made = small_sample(fit, method)
        np.testing.assert_allclose(made.df(np.eye(6)), len(data) - 6)
        test = made.f_test(np.eye(6)[[4, 5]])
        assert test.df_num == 2
        assert test.df_den == pytest.approx(len(data) - 6)


def test_a_variance_of_zero_leaves_satterthwaite_without_that_term() -> None:
    data = split_plot()
    data["noise"] = data["dose"].astype("str")
    data["y"] -= data.groupby("noise")["y"].transform("mean")
    with_zero = ranef.fit("y ~ variety + (1 | block) + (1 | noise)", data, reml=True)
    without = ranef.fit("y ~ variety + (1 | block)", data, reml=True)
    assert with_zero.singular
    np.testing.assert_allclose(
        small_sample(with_zero, "satterthwaite").df(np.eye(3)),
        small_sample(without, "satterthwaite").df(np.eye(3)),
        rtol=5e-4,  # the optimiser stops within 2e-5 of the same standard deviation, once on each side
    )


def test_variances_that_are_all_zero_leave_the_residual_degrees_of_freedom() -> None:
    data = split_plot()
    means = np.linalg.lstsq(np.eye(5)[data["block"].astype(int)], data["y"], rcond=None)[0]
    data["y"] -= means[data["block"].astype(int)]
    basis = np.eye(5)[data["block"].astype(int)] * data["slope"].to_numpy()[:, None]
    data["y"] -= basis @ np.linalg.lstsq(basis, data["y"], rcond=None)[0]
    fit = ranef.fit("y ~ slope + (slope | block)", data, reml=True)
    assert len(fit.zero_names) == 2
    np.testing.assert_allclose(small_sample(fit, "satterthwaite").df(np.eye(2)), len(data) - 2, rtol=1e-6)
    assert (small_sample(fit, "kenward-roger").df(np.eye(2)) < len(data)).all()


def test_a_repeated_row_of_a_hypothesis_changes_nothing() -> None:
    fit = fit_split_plot("(1 | block) + (1 | plot)")
    rows = np.eye(6)[[1, 2]]
    for method in ("asymptotic", *METHODS):
        made = small_sample(fit, method)
        once, twice = made.f_test(rows), made.f_test(np.vstack([rows, rows.sum(axis=0)]))
        assert once.df_num == twice.df_num == 2
        assert twice.statistic == pytest.approx(once.statistic)


def test_one_contrast_s_f_is_its_t_squared() -> None:
    fit = fit_split_plot("(1 + slope | block)")
    for method in METHODS:
        made = small_sample(fit, method)
        row = np.array([[0.0, 1.0, -1.0, 0.0, 0.0, 0.0]])
        test = made.f_test(row)
        assert test.statistic == pytest.approx(float((row @ made.beta)[0] ** 2 / (row @ made.vcov @ row.T)[0, 0]))
        assert test.df_den == pytest.approx(float(made.df(row)[0]))


def test_asymptotic_is_the_fits_own_covariance_and_a_chi_square() -> None:
    fit = load_inference_case("cbpp-glmer").fit()
    made = small_sample(fit, "asymptotic")
    np.testing.assert_array_equal(made.vcov, fit.vcov())
    assert np.isinf(made.df(np.eye(4))).all()
    case = load_inference_case("cbpp-glmer")
    chisq = case.table("Anova2")["Chisq"].iloc[0]
    assert 3 * made.f_test(np.eye(4)[1:]).statistic == pytest.approx(chisq, rel=case.tolerances("Anova2")["rtol"])


@pytest.mark.parametrize(
    ("arguments", "method", "message"),
    [
        ({"reml": False}, "kenward-roger", r"maximum likelihood.*reml=True"),
        ({"dispformula": "~ variety"}, "satterthwaite", r"dispersion model \(~ variety\)"),
        ({"weights": ranef.weights.frequency("copies")}, "kenward-roger", "frequency weights; repeat the rows"),
        ({"family": "poisson", "formula": "copies ~ dose + (1 | block)"}, "kenward-roger", "poisson with link log"),
        ({"fixed": {"dose": 1.0}, "reml": False}, "satterthwaite", "coefficient 'dose' is held"),
        ({}, "kenwardroger", "did you mean 'kenward-roger'"),
        ({}, "residual", "'asymptotic', 'satterthwaite', 'kenward-roger'"),
    ],
    ids=["ml", "dispersion", "frequencies", "poisson", "held", "typo", "unknown"],
)
def test_what_cannot_be_done_is_refused_with_a_remedy(arguments: dict, method: str, message: str) -> None:
    data = split_plot().assign(copies=lambda d: 1 + d["dose"] % 2)
    fit = ranef.fit(**({"formula": "y ~ dose + (1 | block)", "data": data, "reml": True} | arguments))
    with pytest.raises(ranef.RanefError, match=message):
        small_sample(fit, method)


def test_a_loaded_fit_has_no_small_sample_tests(tmp_path) -> None:
    fit_split_plot("(1 | block)").save(tmp_path / "fit.ranef")
    with pytest.raises(ranef.DataError, match="needs the data"):
        small_sample(ranef.load(tmp_path / "fit.ranef"), "satterthwaite")
