"""One verdict: `converged`, the warning and the diagnosis say the same, and a likelihood without a maximum is named."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from robustness_kinds import KINDS

import ranef


def judged(formula: str, data: pd.DataFrame, **more: object) -> tuple[ranef.Fit, list[str]]:
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
