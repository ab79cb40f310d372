"""Distribution functions of every family, their tails, and the exact quantile residuals made of them."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.reference_cases import load_case

import ranef
from ranef.checks.distributions import Predictive, log_tails
from ranef.checks.log_tails import log_beta_tails, log_complement, log_gamma_tails

FAMILIES = ranef.families.names()


def rows(name, zero_inflated, n=300):
    """Distributions at random predictors, and responses drawn from them."""
    rng = np.random.default_rng(1)
    family = ranef.families.make(name, "log" if name == "gamma" else None)
    eta = [rng.uniform(-1, 1.5, n)]
    eta += [np.full(n, 0.7)] if family.dispersion else []
    eta += [rng.uniform(-1, 1, n)] if zero_inflated else []
    trials = rng.integers(1, 12, n).astype(float) if family.has_trials else None
    y = family.likelihood(zero_inflated).simulate(eta, 3, trials)
    return Predictive(family, tuple(eta), zero_inflated, trials), np.asarray(y)


def logdensity(made, y):
    likelihood = made.family.likelihood(made.zero_inflated)
    return np.asarray(likelihood.loglik(y, list(made.eta), made.trials))


@pytest.mark.parametrize("zero_inflated", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_tails_add_up_and_jump_by_the_probability(name, zero_inflated):
    made, y = rows(name, zero_inflated)
    upto, above = log_tails(made, y)
    below, rest = log_tails(made, y, strict=True)
    np.testing.assert_allclose(np.exp(upto) + np.exp(above), 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.exp(below) + np.exp(rest), 1.0, rtol=1e-12)
    atom = np.ones(y.size, bool) if made.is_discrete else y == 0
    jump = np.exp(upto) - np.exp(below)
    np.testing.assert_allclose(jump[atom], np.exp(logdensity(made, y)[atom]), rtol=1e-9, atol=1e-13)
    if not zero_inflated:
        np.testing.assert_array_equal(jump[~atom], 0.0)


@pytest.mark.parametrize("zero_inflated", [False, True])
@pytest.mark.parametrize("name", ["gaussian", "gamma", "beta"])
def test_distribution_functions_of_densities_are_their_integrals(name, zero_inflated):
    made, y = rows(name, zero_inflated)
    inside = y != 0
    step = 1e-5 * np.maximum(np.abs(y), 0.05)
    step = np.minimum(step, 0.01 * np.where(inside, np.abs(1 - y), 1)) if name == "beta" else step
    slope = (np.exp(log_tails(made, y + step)[0]) - np.exp(log_tails(made, y - step)[0])) / (2 * step)
    np.testing.assert_allclose(slope[inside], np.exp(logdensity(made, y))[inside], rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("zero_inflated", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_transform_of_draws_is_uniform(name, zero_inflated):
    made, y = rows(name, zero_inflated, n=2000)
    below, upto = (np.exp(log_tails(made, y, strict=strict)[0]) for strict in (True, False))
    u = below + np.random.default_rng(2).random(y.size) * (upto - below)
    assert stats.kstest(u, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("shape", "x"), [(2.5, 2000.0), (3.0, 1e-200), (1e3, 5e4), (5.0, 1e4), (0.3, 900.0), (4.0, 3.0), (800.0, 90.0)]
)
def test_gamma_tails_hold_where_they_underflow(shape, x):
    lower, upper = log_gamma_tails(np.array([shape]), np.array([x]))
    with mpmath.workdps(60):
        expected = [mpmath.gammainc(shape, 0, x, regularized=True), mpmath.gammainc(shape, x, regularized=True)]
        logs = [float(mpmath.log(value)) for value in expected]
    np.testing.assert_allclose([lower[0], upper[0]], logs, rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize(
    ("a", "b", "x"), [(200.0, 3.0, 1e-4), (1e4, 5.0, 0.5), (3.0, 1e4, 0.25), (500.0, 800.0, 0.999), (2.0, 3.0, 0.3)]
)
def test_beta_tails_hold_where_they_underflow(a, b, x):
    """By 1 - I_x(a, b) = sum over k < a of binomial(n, k) x^k (1 - x)^(n - k), n = a + b - 1, for whole a and b."""
    lower, upper = log_beta_tails(*(np.array([v]) for v in (a, b, x, 1 - x)))
    n = int(a + b - 1)
    with mpmath.workdps(60):
        p, q = mpmath.mpf(x), mpmath.mpf(1 - x)
        p, q = p / (p + q), q / (p + q)  # 1 - x was rounded
        terms = [mpmath.binomial(n, k) * p**k * q ** (n - k) for k in range(n + 1)]
        expected = [mpmath.fsum(terms[int(a) :]), mpmath.fsum(terms[: int(a)])]
        logs = [float(mpmath.log(value)) for value in expected]
    np.testing.assert_allclose([lower[0], upper[0]], logs, rtol=1e-11, atol=1e-15)


def test_log_complement_keeps_its_digits():
    np.testing.assert_allclose(log_complement(np.array([-1e-20, -0.5, -50.0])), [np.log(1e-20), -0.93275213, -1.9e-22],
                               rtol=0.02)  # fmt: skip
    assert log_complement(np.array([-0.5]))[0] == pytest.approx(np.log(1 - np.exp(-0.5)), rel=1e-14)


def test_gaussian_quantile_residuals_are_pearson_s():
    fit = ranef.fit(**load_case("sleepstudy-ml").arguments())
    np.testing.assert_allclose(fit.residuals("quantile"), fit.residuals("pearson"), rtol=1e-9, atol=1e-12)


def test_precision_weights_scale_quantile_residuals():
    data = ranef.demo_data().assign(w=np.tile([1.0, 4.0], 120))
    fit = ranef.fit("cover ~ shore", data, weights="w")
    np.testing.assert_allclose(fit.residuals("quantile"), fit.residuals("pearson"), rtol=1e-9, atol=1e-12)


def test_poisson_quantile_residuals_lie_between_those_of_the_jump():
    fit = ranef.fit("count ~ shore + cover + (1 | pond)", ranef.demo_data(), family="poisson")
    y, mu = ranef.demo_data()["count"], fit.fitted()
    residuals = fit.residuals("quantile", seed=3)
    low, high = stats.norm.ppf(stats.poisson.cdf(y - 1, mu)), stats.norm.ppf(stats.poisson.cdf(y, mu))
    assert residuals.between(low - 1e-9, high + 1e-9).all()
    pd.testing.assert_series_equal(residuals, fit.residuals("quantile", seed=3))
    assert not residuals.equals(fit.residuals("quantile", seed=4))


def test_quantile_residuals_agree_with_simulated_ones():
    """Given the same uniform numbers both are the same transform, the second with simulated probabilities."""
    fit = ranef.fit("count ~ shore + cover + (1 | pond)", ranef.demo_data(), family="nbinom2")
    exact = stats.norm.cdf(fit.residuals("quantile", seed=1))
    u = np.random.default_rng(1).random(exact.size)
    simulated = fit.simulate_residuals(4000, seed=9, re_form="conditional")
    values = simulated.lower + u * (simulated.upper - simulated.lower)
    assert np.abs(values - exact).max() < 5 * 0.5 / np.sqrt(4000)


@pytest.mark.parametrize("family", ["binomial", "betabinomial"])
@pytest.mark.parametrize("zi", [None, "~ 1"])
@pytest.mark.parametrize("values", [(0, 1), (False, True), ("no", "yes")], ids=["0/1", "bool", "text"])
@pytest.mark.filterwarnings("ignore::ranef.ConvergenceWarning")
def test_responses_of_one_trial_lie_between_their_two_shares(family, zi, values):
    frogs = ranef.demo_data()
    seen = (frogs["count"] > 0).to_numpy()
    held = frogs.assign(seen=np.array(values)[seen.astype(int)])
    fit = ranef.fit("seen ~ cover + (1 | pond)", held, family=family, ziformula=zi)
    u = stats.norm.cdf(fit.residuals("quantile", seed=1))
    p = fit.fitted().to_numpy()
    assert ((u >= 1 - p - 1e-9) == seen).all()


def test_an_impossible_row_has_a_large_and_finite_residual():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"y": rng.poisson(2.0, 80), "g": np.arange(80) % 8})
    held = {"Intercept": np.log(2.0), "sd(Intercept|g)": 0.0}
    data.loc[5, "y"] = 4000
    far = ranef.fit("y ~ 1 + (1 | g)", data, family="poisson", fixed=held).residuals("quantile", seed=1)
    assert np.isfinite(far).all()
    # log P(Y >= 4000) is log of the first term but for a factor 1 + 2/4001.
    expected = -np.sqrt(-2 * stats.poisson.logpmf(4000, 2.0))
    assert far[5] == pytest.approx(-expected, rel=1e-3)


def test_nearly_certain_proportions_stay_finite():
    data = pd.DataFrame({"y": [1, 5, 5, 0] * 5, "n": [5] * 20, "x": [0, 1, 1, 0] * 5, "g": np.arange(20) % 4})
    held = {"Intercept": -30.0, "x": 60.0, "sd(Intercept|g)": 0.0}
    fit = ranef.fit("cbind(y, n - y) ~ x + (1 | g)", data, family="binomial", fixed=held)
    residuals = fit.residuals("quantile", seed=1)
    assert np.isfinite(residuals).all()
    assert (residuals[data["y"] == 1] > 5).all()
