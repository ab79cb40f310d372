"""Simulated responses."""

import numpy as np
import pytest

import ranef


@pytest.fixture(scope="module")
def frogs():
    return ranef.demo_data()


@pytest.fixture(scope="module")
def fit(frogs):
    return ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="nbinom2")


def test_the_same_seed_gives_the_same_data(fit):
    first = fit.simulate(3, seed=7)
    assert first.equals(fit.simulate(3, seed=7))
    assert not first.equals(fit.simulate(3, seed=8))
    assert list(first.columns) == ["sim_1", "sim_2", "sim_3"]


def test_means_and_variances_are_those_of_the_marginal_distribution(fit):
    """E y = exp(eta + s^2/2) =: m; Var y = m + m^2 (e^{s^2} (1 + 1/phi) - 1), the random effect drawn anew."""
    draws = fit.simulate(4000, seed=2).to_numpy()
    mean = fit.predict(random={"pond": "integrate"}).to_numpy()
    s2, phi = fit.covariance_blocks[0].covariance[0, 0], fit.sigma
    variance = mean + mean**2 * (np.exp(s2) * (1 + 1 / phi) - 1)
    error = np.sqrt(variance / 4000)
    assert (np.abs(draws.mean(axis=1) - mean) < 5 * error).all()
    assert draws.var(axis=1).mean() == pytest.approx(variance.mean(), rel=0.05)


def test_kept_terms_are_conditioned_on(fit):
    draws = fit.simulate(4000, seed=3, re_form="~ (1 | pond)").to_numpy()
    mean = fit.fitted().to_numpy()
    error = np.sqrt((mean + mean**2 / fit.sigma) / 4000)
    assert (np.abs(draws.mean(axis=1) - mean) < 5 * error).all()


def test_dropped_rows_stay_missing(frogs):
    data = frogs.copy()
    data.loc[4, "cover"] = np.nan
    draws = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson").simulate(2, seed=1)
    assert draws.index.equals(data.index)
    assert draws.isna().any(axis=1).sum() == 1
    assert draws.loc[4].isna().all()


def test_trials_are_kept():
    rng = np.random.default_rng(5)
    size = rng.integers(1, 9, 60)
    data = {"y": rng.binomial(size, 0.4), "size": size, "g": np.repeat(np.arange(10), 6)}
    fit = ranef.fit("cbind(y, size - y) ~ 1 + (1 | g)", data, family="binomial")
    draws = fit.simulate(50, seed=1).to_numpy()
    assert (draws <= size[:, None]).all()
    assert (draws >= 0).all()


def test_no_data_set_is_refused(fit):
    with pytest.raises(ValueError, match="n must be a whole number of at least 1, got 0"):
        fit.simulate(0)
