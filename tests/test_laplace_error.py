"""The error of the Laplace approximation against quadrature, and where there is none."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_expit

import ranef

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(81)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
GROUPS, PER = 150, 4


@pytest.fixture(scope="module")
def clusters():
    """Bernoulli responses in clusters of four, where the approximation is at its worst."""
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(GROUPS), PER)
    x = rng.standard_normal(g.size)
    eta = 0.3 + 0.8 * x + rng.normal(0, 1.5, GROUPS)[g]
    return pd.DataFrame({"y": rng.binomial(1, 1 / (1 + np.exp(-eta))), "x": x, "g": g})


@pytest.fixture(scope="module")
def fit(clusters):
    return ranef.fit("y ~ x + (1 | g)", clusters, family="binomial")


def exact_loglik(clusters, values):
    """By quadrature over each cluster's effect."""
    intercept, slope, sd = values
    eta = (intercept + slope * clusters["x"].to_numpy())[:, None] + sd * NODES
    rows = log_expit(np.where(clusters["y"].to_numpy()[:, None] == 1, eta, -eta))
    by_group = rows.reshape(GROUPS, PER, -1).sum(axis=1)
    return float(np.log(np.exp(by_group) @ WEIGHTS).sum())


def test_the_loglik_error_is_that_of_quadrature(clusters, fit):
    expected = exact_loglik(clusters, fit.parameter_values) - fit.loglik
    found = fit.laplace_error(draws=4000)
    assert expected > 1
    assert abs(found.loglik_error - expected) < 4 * found.loglik_mc_error
    assert found.loglik_mc_error < 0.05 * expected
    assert (found.sets, found.largest) == (GROUPS, 1)


def test_shifts_are_newton_s_step_on_the_exact_likelihood(clusters, fit):
    values, step = fit.parameter_values, 1e-4
    gradient = [
        (exact_loglik(clusters, values + step * e) - exact_loglik(clusters, values - step * e)) / (2 * step)
        for e in np.eye(3)
    ]
    expected = fit.parameter_vcov @ gradient
    found = fit.laplace_error(draws=4000).to_frame()
    assert (np.abs(found["shift"] - expected) < 4 * found["mc_error"]).all()
    assert found.loc["sd(Intercept|g)", "shift"] > 0.3 * found.loc["sd(Intercept|g)", "std_error"]
    assert (found["mc_error"] < 0.1 * found["std_error"]).all()


def test_the_monte_carlo_error_is_the_spread_over_seeds(fit):
    found = [fit.laplace_error(draws=400, seed=seed) for seed in range(20)]
    spread = np.std([f.loglik_error for f in found], ddof=1)
    assert 0.5 * spread < np.mean([f.loglik_mc_error for f in found]) < 2.5 * spread


def test_the_seed_gives_the_same_error(fit):
    first, again = fit.laplace_error(200, seed=5), fit.laplace_error(200, seed=5)
    assert first.loglik_error == again.loglik_error
    assert first.loglik_error != fit.laplace_error(200, seed=6).loglik_error


def test_a_linear_model_has_none():
    data = ranef.demo_data()
    found = ranef.fit("cover ~ shore + (1 | pond)", data).laplace_error()
    assert found.exact
    assert found.loglik_error == 0
    assert "exact" in str(found)


def test_random_effects_in_two_predictors_and_slopes_are_integrated():
    """Counts so large that the posterior is normal: the error vanishes for every structure."""
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(30), 20)
    x = rng.standard_normal(g.size)
    eta = 5 + 0.3 * x + rng.normal(0, 0.5, 30)[g] + rng.normal(0, 0.3, 30)[g] * x
    h = np.arange(g.size) % 7
    data = pd.DataFrame({"y": rng.poisson(np.exp(eta + rng.normal(0, 0.4, 7)[h])), "x": x, "g": g, "h": h})
    for formula, largest in (("y ~ x + (x | g)", 2), ("y ~ x + (x || g) + (1 | h)", 67)):
        found = ranef.fit(formula, data, family="poisson").laplace_error(draws=200)
        assert found.largest == largest
        assert abs(found.loglik_error) < 0.05
        assert (found.shifts["shift"].abs() < 4 * found.shifts["mc_error"] + 0.05 * found.shifts["std_error"]).all()
        assert found.reliable


def test_crossed_effects_agree_with_brute_force_importance_sampling_of_the_prior():
    """Two crossed factors of two levels: 4 effects, integrated by draws from their prior too."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"a": np.repeat([0, 1], 20), "b": np.tile([0, 1], 20), "y": rng.binomial(1, 0.6, 40)})
    held = {"Intercept": 0.4, "sd(Intercept|a)": 1.2, "sd(Intercept|b)": 0.8}
    fit = ranef.fit("y ~ 1 + (1 | a) + (1 | b)", data, family="binomial", fixed=held)
    draws = rng.standard_normal((400_000, 4)) * [1.2, 1.2, 0.8, 0.8]
    eta = 0.4 + draws[:, data["a"]] + draws[:, 2 + data["b"]]
    sign = np.where(data["y"] == 1, 1.0, -1.0)
    weights = np.exp(log_expit(sign * eta).sum(axis=1))
    exact, error = np.log(weights.mean()), weights.std() / weights.mean() / np.sqrt(weights.size)
    found = fit.laplace_error(draws=4000)
    assert found.largest == 4
    assert abs(fit.loglik + found.loglik_error - exact) < 4 * np.hypot(found.loglik_mc_error, error)
    assert found.shifts.empty or (found.shifts["shift"] == 0).all()


def test_what_cannot_be_shifted_is_said(clusters):
    reml = ranef.fit("y ~ x + (1 | g)", clusters, family="binomial", reml=True).laplace_error(100)
    assert reml.shifts.empty
    assert "REML" in reml.note
    with pytest.raises(ranef.DataError, match="draws must be at least 20"):
        ranef.fit("y ~ x + (1 | g)", clusters, family="binomial").laplace_error(5)


def test_zero_inflation_and_weights_enter_the_integrand():
    """A frequency weight of two is the row twice."""
    data = ranef.demo_data().assign(w=np.tile([1.0, 2.0], 120))
    twice = data.loc[data.index.repeat(data["w"].astype(int))].reset_index(drop=True)
    call = {"formula": "count ~ cover + (1 | pond)", "family": "poisson", "ziformula": "~ 1"}
    weighted = ranef.fit(data=data, weights=ranef.weights.frequency("w"), **call).laplace_error(400)
    repeated = ranef.fit(data=twice, **call).laplace_error(400)
    spread = np.hypot(weighted.loglik_mc_error, repeated.loglik_mc_error)
    assert abs(weighted.loglik_error - repeated.loglik_error) < 4 * spread + 1e-6
    assert weighted.loglik_error != 0
