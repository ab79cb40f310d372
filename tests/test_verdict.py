"""One verdict: `converged`, the warning and the diagnosis say the same, and a likelihood without a maximum is named."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from robustness_kinds import KINDS

import ranef


def judged(formula: str, data: pd.DataFrame, **more: Any) -> tuple[ranef.Fit, list[str]]:
    """A fit and its convergence warnings; the three verdicts must agree."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = ranef.fit(formula, data, **more)
    said = [str(w.message) for w in caught if issubclass(w.category, ranef.ConvergenceWarning)]
    assert fit.converged is fit.diagnose().ok is (not said)
    assert fit.converged is (fit.diagnose().certificate["stopped"] == "converged")
    assert fit.converged is ("NOT CONVERGED" not in str(fit.summary()))
    return fit, said


def single_row(seed: int) -> pd.DataFrame:
    """A factor with a level of one row."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(10), 10)
    f = rng.choice(list("ab"), 100).astype(object)
    f[7] = "s"
    x = rng.normal(size=100)
    return pd.DataFrame({"f": f, "g": g, "x": x, "y": 1 + 0.3 * x + rng.normal(size=10)[g] + rng.normal(size=100)})


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("formula", ["y ~ x + f + (1 | g)", "y ~ x + f"])
def test_a_dispersion_level_that_is_fitted_exactly_has_no_maximum(seed: int, formula: str) -> None:
    """It used to be converged without a word in 9 of 40, with standard errors of 1e-51."""
    fit, said = judged(formula, single_row(seed), dispformula="~ f")
    assert not fit.converged
    assert fit.verdict.state == "unbounded"
    assert len(said) == 1
    assert "no maximum" in said[0]
    assert "disp:f[T.s]" in said[0]
    assert "dispformula" in said[0]
    assert "max_iterations" not in said[0]


@pytest.mark.parametrize("seed", range(6))
def test_the_same_dispersion_has_a_maximum_where_the_mean_leaves_that_row_free(seed: int) -> None:
    fit, _ = judged("y ~ x", single_row(seed).iloc[:60], dispformula="~ f")
    assert fit.verdict.state in ("maximum", "unbounded")


def test_variances_that_trade_off_are_warned_of() -> None:
    """Two grouping factors with the same groups: it used to be left to `diagnose`."""
    frogs = ranef.demo_data()
    data = frogs.assign(twin=frogs["pond"].str.replace("P", "Q"))
    fit, said = judged("count ~ cover + (1 | pond) + (1 | twin)", data, family="poisson")
    assert fit.verdict.state == "flat"
    assert "sd(Intercept|pond)" in said[0]
    assert "sd(Intercept|twin)" in said[0]


def test_gaussian_variances_that_trade_off_are_warned_of() -> None:
    data = single_row(1).assign(twin=lambda d: d["g"] + 100)
    fit, said = judged("y ~ x + (1 | g) + (1 | twin)", data)
    assert fit.verdict.state == "flat"
    assert "sd(Intercept|twin)" in said[0]


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_terms_of_one_factor_that_overlap_are_a_remark(family: str, unit: float) -> None:
    """`(f || g)` of a factor is (1 | g) + (0 + f | g), whose sum is determined: what lme4 fits without a word."""
    rng = np.random.default_rng(7)
    data = pd.DataFrame({"f": np.tile(list("abcabc"), 60), "g": np.repeat(np.arange(60), 6)})
    eta = rng.normal(size=60)[data["g"]] + rng.normal(scale=0.7, size=(60, 3))[data["g"], np.tile([0, 1, 2] * 2, 60)]
    data["y"] = rng.poisson(np.exp(eta)) if family == "poisson" else unit * (eta + rng.normal(size=360))
    fit, _ = judged("y ~ f + (f || g)", data, family=family)
    alone, _ = judged("y ~ f + (0 + f | g)", data, family=family)
    assert fit.converged
    assert fit.loglik == pytest.approx(alone.loglik, abs=1e-5)
    remarks = [f for f in fit.diagnose().findings if f.kind in ("redundant", "singular")]
    assert remarks
    assert any("sd(Intercept|g)" in f.parameters for f in remarks)


def test_numbers_that_a_singular_covariance_leaves_open_are_not_undetermined() -> None:
    """A rotation of the covariance's root was taken for a flat direction: coefficients had no standard errors."""
    kind = next(kind for kind in KINDS if kind.name == "Poisson us of 5 and 6")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = ranef.fit(**kind.problem(1).call)
    assert fit.converged
    assert np.isfinite(fit.tidy()["std_error"]).all()


def test_a_limit_family_is_converged_without_a_warning() -> None:
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"x": rng.normal(size=300), "g": np.repeat(np.arange(20), 15)})
    data["y"] = rng.binomial(20, 1 / (1 + np.exp(-0.3 * data["x"])))
    fit, said = judged("y ~ x + (1 | g)", data, family="nbinom2")
    assert fit.converged
    assert not said
    assert fit.verdict.state == "limit"
    assert any(f.kind == "separation" and not f.problem for f in fit.diagnose().findings)


def test_a_separated_coefficient_has_no_maximum() -> None:
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"f": list("abcd") * 30, "g": np.repeat(np.arange(12), 10)})
    data["y"] = np.where(data["f"] == "c", 1, rng.integers(0, 2, 120))
    fit, said = judged("y ~ f + (1 | g)", data, family="binomial")
    assert fit.verdict.state == "separated"
    assert "f[T.c]" in said[0]


def test_iterations_that_run_out_are_told_with_their_remedy() -> None:
    data = ranef.demo_data()
    control = ranef.Control(max_iterations=1)
    fit, said = judged("count ~ cover + (1 | pond)", data, family="nbinom2", control=control)
    assert fit.verdict.state == "iterations ran out"
    assert "max_iterations" in said[0]


@pytest.mark.parametrize("family", ["gaussian", "poisson", "binomial", "nbinom2"])
@pytest.mark.parametrize("seed", range(4))
def test_small_data_of_every_kind_have_one_verdict(family: str, seed: int) -> None:
    rng = np.random.default_rng([seed, 99])
    data = pd.DataFrame({"x": rng.normal(size=24), "f": rng.choice(list("abc"), 24), "g": rng.integers(0, 5, 24)})
    eta = rng.normal(size=5)[data["g"]]
    draws = {
        "gaussian": eta + rng.normal(size=24),
        "binomial": rng.binomial(1, 1 / (1 + np.exp(-eta))),
        "poisson": rng.poisson(np.exp(eta)),
        "nbinom2": rng.poisson(np.exp(eta)),
    }
    data["y"] = draws[family]
    for term in ("(1 | g)", "(x | g)", "(0 + f | g)", "cs(0 + f | g)", "(1 | g) + (1 | f)"):
        try:
            judged(f"y ~ x + {term}", data, family=family)
        except ranef.RanefError:
            continue


def exact_problem(case: str) -> tuple[str, pd.DataFrame, dict[str, object]]:
    """Models that fit some or all rows exactly."""
    rng = np.random.default_rng(1)
    x, g = rng.normal(size=40), np.repeat(np.arange(10), 4)
    data = pd.DataFrame({"x": x, "g": g, "y": 1 + 2 * x, "few": np.where(np.arange(40) < 3, "s", "a")})
    noise = np.where(data["few"] == "s", 2.0, np.exp(rng.normal(size=40)))
    if case == "by groups":
        return "y ~ x + (1 | g)", data.assign(y=data["y"] + rng.normal(size=10)[g]), {}
    if case == "log link":
        return "y ~ x + (1 | g)", data.assign(y=np.exp(data["x"])), {"family": ranef.families.gaussian(link="log")}
    if case == "gamma":
        return "y ~ x", data.assign(y=np.exp(data["x"])), {"family": ranef.families.gamma(link="log")}
    if case == "gamma level":
        return "y ~ few + (1 | g)", data.assign(y=noise), {"family": "gamma", "dispformula": "~ few"}
    return "y ~ x + (1 | g)", data, {}


@pytest.mark.parametrize("case", ["line", "by groups", "log link", "gamma", "gamma level"])
def test_an_exact_fit_has_no_maximum(case: str) -> None:
    """A straight line was called converged; others told to raise `max_iterations`, or a pole."""
    formula, data, more = exact_problem(case)
    fit, said = judged(formula, data, **more)
    assert fit.verdict.state == "unbounded"
    assert "no maximum" in said[0]
    assert "exactly" in said[0]
    assert "max_iterations" not in said[0]


def test_as_many_effects_as_rows_have_no_maximum_by_maximum_likelihood() -> None:
    """With y - X b among the levels' effects the density grows as sigma goes to zero; REML takes X out first."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.normal(size=(60, 45)), columns=[f"x{i}" for i in range(45)])
    data["y"], data["g"] = rng.normal(size=60), np.repeat(np.arange(20), 3)
    formula = f"y ~ {' + '.join(f'x{i}' for i in range(45))} + (1 | g)"
    fit, said = judged(formula, data)
    assert fit.verdict.state == "unbounded"
    assert "46 fixed and 20 random effects of (1 | g) fit 60 rows exactly" in said[0]
    assert "reml=True" in said[0]
    assert judged(formula, data, reml=True)[0].converged
    fewer = f"y ~ {' + '.join(f'x{i}' for i in range(39))} + (1 | g)"
    assert judged(fewer, data)[0].converged


def test_effects_of_every_row_leave_a_residual_of_zero_as_a_limit() -> None:
    """A flat residual beside random effects of every row was warned of as undetermined."""
    kind = next(kind for kind in KINDS if kind.name == "Gaussian ar1, truths at the ends")
    fit, said = judged(**kind.problem(11).call)
    assert not said
    assert fit.verdict.state == "limit"
    assert any(f.parameters == ("log_sigma",) for f in fit.diagnose().findings)


def test_a_level_of_zeros_beside_effects_of_its_rows_is_separated() -> None:
    """The coefficient of a level without a count had a standard error though it runs to minus infinity."""
    kind = next(kind for kind in KINDS if kind.name == "diag of many, one row a cell")
    fit, said = judged(**kind.problem(28).call)
    assert any("s[T.s4] runs to infinity" in one for one in said)
    assert not np.isfinite(fit.tidy().set_index("term").loc["s[T.s4]", "std_error"])


def test_reml_without_random_effects_is_the_laplace_value_over_the_coefficients() -> None:
    """In closed form, l(b) + p/2 log(2 pi) - 1/2 log|X'WX|; it used to be refused. glmmTMB: -38.9135350."""
    rng = np.random.default_rng(13)
    rng.normal(size=100)
    rng.choice(list("ab"), 100)
    rng.normal(size=110)
    rng.poisson(3, 60)
    x = rng.normal(size=60)
    data = pd.DataFrame({"z": (np.arange(60) % 3 == 0).astype(int), "x": x})
    fit, said = judged("z ~ x", data, family="binomial", reml=True)
    ml, _ = judged("z ~ x", data, family="binomial")
    p, columns = ml.fitted().to_numpy(), np.column_stack([np.ones(60), x])
    information = columns.T @ (columns * (p * (1 - p))[:, None])
    assert not said
    assert fit.loglik == pytest.approx(-38.9135350, abs=1e-6)
    assert fit.loglik == pytest.approx(
        ml.loglik + np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(information)[1], abs=1e-6
    )


def test_one_series_has_the_dense_likelihood() -> None:
    """One level with 60 times used to be refused. -33.3344655: by optimising the dense likelihood, and glmmTMB."""
    rng = np.random.default_rng(9)
    for _ in range(30):
        length = rng.integers(2, 11)
        rng.normal(size=10)
        rng.choice(10, length, replace=False)
        rng.normal(size=length)
    data = pd.DataFrame({"y": np.cumsum(rng.normal(size=60)) * 0.5, "t": range(60), "g": "all"})
    fit, said = judged("y ~ 1 + ar1(0 + factor(t) | g)", data)
    assert not said
    assert fit.loglik == pytest.approx(-33.3344655, abs=1e-6)
