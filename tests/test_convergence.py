"""Searches end, also where correlations and variances are at their bounds and where a term has many effects."""

import numpy as np
import pandas as pd
import pytest

import ranef

# Seed, groups, effects, rank of their covariance, and lme4 1.1-31's log-likelihood: the best of lmer(REML = FALSE) with
# bobyqa, Nelder_Mead and nloptwrap.
LMER = [
    (0, 5, 2, 0, -85.37532752),
    (1, 5, 2, 1, -77.25053722),
    (0, 15, 2, 0, -259.16636314),
    (1, 15, 2, 1, -268.03329761),
    (0, 5, 3, 0, -83.78728475),
    (1, 5, 3, 1, -93.72330432),
    (0, 15, 3, 0, -266.28422227),
    (1, 15, 3, 1, -265.02685246),
    (0, 5, 4, 0, -73.46738335),
    (1, 5, 4, 1, -91.07354079),
    (0, 15, 4, 0, -263.41192273),
    (1, 15, 4, 1, -258.51166151),
]


def effects_of(count):
    return " + ".join(f"x{i}" for i in range(1, count))


def gaussian(seed, groups, count, rank):
    """Twelve rows in each of a few groups; the covariance of the `count` effects has rank `rank`."""
    rng = np.random.default_rng([seed, groups, count, rank])
    g = np.repeat(np.arange(groups), 12)
    x = rng.normal(size=(g.size, count - 1))
    z = np.column_stack([np.ones(g.size), x])
    b = rng.normal(size=(groups, rank)) @ rng.normal(scale=0.5, size=(rank, count))
    y = z @ rng.normal(size=count) + (z * b[g]).sum(axis=1) + rng.normal(size=g.size)
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(1, count)]).assign(y=y, g=g)


def counts(seed, count, family):
    """Fifteen rows in each of twenty groups; the effects of a group are multiples of each other."""
    rng = np.random.default_rng([seed, count])
    g = np.repeat(np.arange(20), 15)
    x = rng.normal(size=(g.size, count - 1))
    b = rng.normal(size=(20, 1)) @ rng.normal(scale=0.4, size=(1, count))
    eta = 0.3 + 0.2 * x.sum(axis=1) + (np.column_stack([np.ones(g.size), x]) * b[g]).sum(axis=1)
    y = rng.poisson(np.exp(np.clip(eta, -5, 5))) if family == "poisson" else rng.random(g.size) < 1 / (1 + np.exp(-eta))
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(1, count)]).assign(y=y.astype(int), g=g)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("groups", [5, 15])
def test_correlated_slopes_at_their_bounds_converge(groups, count):
    """Gaussian searches with one grouping factor ran out of iterations where a variance or correlation was at its
    bound, those of six effects nearly always."""
    x = effects_of(count)
    for rank in (0, 1, 2):
        for seed in range(4):
            fit = ranef.fit(f"y ~ {x} + ({x} | g)", gaussian(seed, groups, count, rank), reml=seed % 2 == 1)
            assert fit.converged


@pytest.mark.parametrize("structure", ["cs", "diag"])
@pytest.mark.parametrize("count", [3, 4])
def test_structured_slopes_at_their_bounds_converge(count, structure):
    """Half of the compound-symmetry fits without variation ran out of iterations at the kink of a standard deviation
    at zero beside a correlation at its end."""
    x = effects_of(count)
    for groups in (5, 8, 15):
        for seed in range(8):
            fit = ranef.fit(f"y ~ {x} + {structure}({x} | g)", gaussian(seed, groups, count, 0))
            assert fit.converged


@pytest.mark.parametrize("family", ["poisson", "binomial"])
@pytest.mark.parametrize("count", [5, 6])
def test_many_correlated_effects_of_counts_converge(count, family):
    """Twelve remembered steps cannot learn the curvature of 15 or 21 variance parameters."""
    x = effects_of(count)
    for seed in range(3):
        fit = ranef.fit(f"y ~ {x} + ({x} | g)", counts(seed, count, family), family=family)
        assert fit.converged


@pytest.mark.parametrize(("seed", "groups", "count", "rank", "lmer"), LMER)
def test_singular_fits_have_lmers_log_likelihood(seed, groups, count, rank, lmer):
    x = effects_of(count)
    fit = ranef.fit(f"y ~ {x} + ({x} | g)", gaussian(seed, groups, count, rank))
    assert fit.loglik == pytest.approx(lmer, abs=1e-6)
