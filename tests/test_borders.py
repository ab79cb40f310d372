"""Models at the border of what has parameters or levels: no free parameter, one level of a grouping factor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

import ranef

Floats = NDArray[np.float64]


def counts(rows: int = 60) -> pd.DataFrame:
    """Counts and binary outcomes without groups."""
    rng = np.random.default_rng(20)
    return pd.DataFrame({"x": rng.normal(size=rows), "c": rng.poisson(3.0, rows), "z": np.arange(rows) % 3 == 0})


def series(length: int = 40) -> pd.DataFrame:
    """One autocorrelated series with noise, and five blocks of repeated positions."""
    rng = np.random.default_rng(5)
    lag = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    y = np.linalg.cholesky(0.7**lag) @ rng.normal(size=length) + 0.3 * rng.normal(size=length)
    position = np.arange(length) % 5
    y += 0.4 * np.array([-2.0, -1.0, 0.0, 1.0, 2.0])[position]
    return pd.DataFrame({"y": y, "t": np.arange(length), "p": [f"p{k}" for k in position], "g": "only"})


def gaussian_loglik(y: Floats, x: Floats, covariance: Floats, reml: bool) -> float:
    """Dense gaussian log-likelihood, the coefficients at their best (ML) or integrated out (REML)."""
    if np.linalg.eigvalsh(covariance)[0] < 1e-12 * np.trace(covariance):
        return -np.inf  # the search has left the numbers that can be computed with
    lower = np.linalg.cholesky(covariance)
    white, design = np.linalg.solve(lower, y), np.linalg.solve(lower, x)
    beta = np.linalg.lstsq(design, white, rcond=None)[0]
    value = -0.5 * (len(y) * np.log(2 * np.pi) + np.sum((white - design @ beta) ** 2)) - np.log(np.diag(lower)).sum()
    if reml:
        value += 0.5 * (x.shape[1] * np.log(2 * np.pi) - np.linalg.slogdet(design.T @ design)[1])
    return float(value)


def best(negative: Callable[[Floats], float], starts: list[list[float]]) -> float:
    """The highest log-likelihood that Nelder and Mead find from several starts."""
    options = {"maxiter": 8000, "maxfev": 8000, "xatol": 1e-9, "fatol": 1e-11}
    return max(-optimize.minimize(negative, s, method="Nelder-Mead", options=options).fun for s in starts)


@pytest.mark.parametrize("formula", ["c ~ x", "c ~ 1", "z ~ x"])
def test_reml_without_random_effects_or_dispersion_is_laplaces_integral_over_the_coefficients(formula: str) -> None:
    """It used to be refused as a likelihood without a value at the start."""
    data = counts()
    family = "poisson" if formula.startswith("c") else "binomial"
    x = np.column_stack([np.ones(60), data["x"]])[:, : 1 if formula.endswith("1") else 2]
    y = data[formula[0]].to_numpy(dtype=float)
    beta = np.zeros(x.shape[1])
    for _ in range(30):  # Newton's iterations
        mean = np.exp(x @ beta) if family == "poisson" else 1.0 / (1.0 + np.exp(-x @ beta))
        information = x.T @ (x * (mean if family == "poisson" else mean * (1.0 - mean))[:, None])
        beta = beta + np.linalg.solve(information, x.T @ (y - mean))
    top = (stats.poisson if family == "poisson" else stats.bernoulli).logpmf(y, mean).sum()
    expected = top + 0.5 * x.shape[1] * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(information)[1]

    fit = ranef.fit(formula, data, family=family, reml=True)

    assert fit.loglik == pytest.approx(expected, abs=1e-7)
    assert fit.converged
    assert fit.diagnose().ok
    np.testing.assert_allclose(fit.fixef(), beta, atol=1e-6)
    np.testing.assert_allclose(fit.vcov(), np.linalg.inv(information), rtol=1e-5)
    assert np.isfinite(fit.confint().to_numpy(dtype=float)).all()


def test_a_model_with_every_parameter_held_is_its_likelihood_at_those_values() -> None:
    data = counts()
    fit = ranef.fit("c ~ x", data, family="poisson", fixed={"Intercept": 1.0, "x": 0.1})
    assert fit.loglik == pytest.approx(stats.poisson.logpmf(data["c"], np.exp(1.0 + 0.1 * data["x"])).sum(), abs=1e-9)
    assert fit.converged
    assert fit.df == 0


def test_a_model_without_any_parameter_is_its_likelihood() -> None:
    """It used to be refused as a likelihood without a value at the start."""
    data = counts()
    fit = ranef.fit("c ~ 0", data, family="poisson")
    assert fit.loglik == pytest.approx(stats.poisson.logpmf(data["c"], 1.0).sum(), abs=1e-9)
    assert fit.converged


def test_a_likelihood_without_a_value_at_the_start_is_still_an_error() -> None:
    data = counts()
    family = ranef.families.poisson(link="identity")
    with pytest.raises(ranef.ConvergenceError, match="no finite value where the fit starts"):
        ranef.fit("c ~ x", data, family=family, fixed={"Intercept": -50.0, "x": 0.0})


@pytest.mark.parametrize("reml", [False, True], ids=["ml", "reml"])
def test_one_series_is_fitted_by_its_dense_likelihood(reml: bool) -> None:
    """`ar1` in the only level of a factor used to be refused: "a variance between levels needs at least two"."""
    data = series()
    lag = np.abs(np.subtract.outer(data["t"].to_numpy(), data["t"].to_numpy()))
    y, x = data["y"].to_numpy(), np.ones((40, 1))

    def negative(p: Floats) -> float:
        return -gaussian_loglik(y, x, np.exp(2 * p[0]) * np.tanh(p[1]) ** lag + np.exp(2 * p[2]) * np.eye(40), reml)

    fit = ranef.fit("y ~ 1 + ar1(0 + factor(t) | g)", data, reml=reml)

    assert fit.loglik == pytest.approx(best(negative, [[0, 1, -1], [0, 2, -2], [-1, 0.5, -1]]), abs=1e-6)
    assert fit.converged


@pytest.mark.parametrize("structure", ["homdiag", "diag", "cs"])
def test_several_effects_of_one_level_are_fitted_by_their_dense_likelihood(structure: str) -> None:
    data = series()
    y, x = data["y"].to_numpy(), np.ones((40, 1))
    z = (data["p"].to_numpy()[:, None] == np.unique(data["p"])).astype(float)

    def negative(p: Floats) -> float:
        sd = np.abs(np.full(5, p[1]) if structure == "homdiag" else p[1:6])
        rho = -0.25 + 1.25 / (1 + np.exp(-p[6])) if structure == "cs" else 0.0
        block = np.outer(sd, sd) * ((1 - rho) * np.eye(5) + rho)
        return -gaussian_loglik(y, x, z @ block @ z.T + np.exp(2 * p[0]) * np.eye(40), False)

    fit = ranef.fit(f"y ~ 1 + {structure}(0 + p | g)", data)

    count = {"homdiag": 2, "diag": 6, "cs": 7}[structure]
    found = best(negative, [[0.0, *[s] * 5, r][:count] for s in (0.5, 2.0) for r in (-1.0, 1.0)])
    assert fit.loglik > found - 1e-5
    estimates = fit.parameters()["estimate"]
    sd = estimates.filter(like="sd(").to_numpy()
    rho = float(estimates.filter(like="cor(").iloc[0]) if structure == "cs" else 0.0
    block = np.outer(sd, sd) * ((1 - rho) * np.eye(5) + rho) if structure != "homdiag" else sd[0] ** 2 * np.eye(5)
    dense = gaussian_loglik(y, x, z @ block @ z.T + fit.sigma**2 * np.eye(40), False)
    assert fit.loglik == pytest.approx(dense, abs=1e-7)


def test_levels_of_one_series_are_levels_of_a_factor() -> None:
    """Independent effects of one level with one variance are another way to write a random intercept."""
    data = series()
    one = ranef.fit("y ~ 1 + homdiag(0 + p | g)", data, reml=True)
    other = ranef.fit("y ~ 1 + (1 | p)", data, reml=True)
    assert one.loglik == pytest.approx(other.loglik, abs=1e-8)
    np.testing.assert_allclose(one.ranef()["g"].to_numpy()[0], other.ranef()["p"]["Intercept"], atol=1e-5)


def test_the_single_effect_of_one_level_is_refused_with_the_reason() -> None:
    with pytest.raises(ranef.DataError, match=r"has one level, 'only', .*one draw, which says nothing of a variance"):
        ranef.fit("y ~ 1 + (1 | g)", series())


@pytest.mark.parametrize("formula", ["y ~ t + (t | g)", "y ~ p + homdiag(0 + p | g)"])
def test_effects_of_one_level_that_are_all_fixed_effects_too_are_refused(formula: str) -> None:
    with pytest.raises(ranef.DataError, match=r"one level, 'only', and its effects .* are fixed effects too"):
        ranef.fit(formula, series())
