"""Log-likelihoods that no model has: of means outside their domain, of large counts, of another mode than the fit's."""

import warnings

import mpmath
import numpy as np
import pandas as pd
import pytest

import ranef


def quietly(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ranef.RanefWarning)
        return ranef.fit(*args, **kwargs)


@pytest.mark.parametrize(
    ("family", "link"),
    [("nbinom1", "identity"), ("nbinom1", "inverse"), ("nbinom2", "identity"), ("nbinom2", "inverse")],
)
def test_small_counts_never_have_a_positive_log_likelihood(family, link):
    """Means below zero used to have densities: log-likelihoods up to 4.6e15, many of them called sound."""
    for seed in range(7000, 7020):
        random = np.random.default_rng(seed)
        data = pd.DataFrame({"y": random.poisson(0.3, 8), "x": random.normal(size=8)})
        if data["y"].eq(0).all():
            continue
        fit = quietly("y ~ x", data, family=getattr(ranef.families, family)(link=link))
        assert fit.loglik <= 1e-9


def test_the_only_count_of_six_has_the_log_likelihood_of_a_probability():
    """nbinom1(identity) used to end at 4.6e15, "sound"."""
    data = pd.DataFrame({"y": [0, 0, 0, 1, 0, 0], "x": np.arange(6.0)})
    fit = quietly("y ~ x", data, family=ranef.families.nbinom1(link="identity"))
    assert fit.loglik <= -np.log(6) * 0.99  # a saturated mean per row would leave more, a line less


def poisson_laplace(y, g, intercept, sd):
    """One grouping factor, in 40 digits."""
    with mpmath.workdps(40):
        total, b, s = mpmath.mpf(0), mpmath.mpf(intercept), mpmath.mpf(sd)
        for level in np.unique(g):
            counts = [mpmath.mpf(int(v)) for v in y[g == level]]
            n, sum_y = len(counts), sum(counts)
            u = mpmath.log(sum_y / n) - b
            for _ in range(60):
                mean = n * mpmath.exp(b + u)
                u += (sum_y - mean - u / s**2) / (mean + 1 / s**2)
            mean = n * mpmath.exp(b + u)
            total += sum_y * (b + u) - mean - sum(mpmath.loggamma(v + 1) for v in counts)
            total -= u * u / (2 * s * s) + mpmath.log(s) + mpmath.log(mean + 1 / s**2) / 2
        return float(total)


def large_counts(mean):
    random = np.random.default_rng(0)
    g = np.repeat(np.arange(20), 15)
    return pd.DataFrame({"y": np.round(mean * np.exp(0.5 * random.normal(size=20)[g])), "g": g})


@pytest.mark.parametrize("mean", [1e4, 1e6, 1e8, 1e10, 1e12])
def test_the_log_likelihood_of_large_counts_keeps_its_digits(mean):
    """It used to be -inf from means of 1e8 up."""
    data = large_counts(mean)
    intercept = float(np.log(mean))
    ours = ranef.model("y ~ 1 + (1 | g)", data, family="poisson").loglik(
        {"Intercept": intercept, "sd(Intercept|g)": 0.5}
    )
    exact = poisson_laplace(data["y"].to_numpy(), data["g"].to_numpy(), intercept, 0.5)
    # the predictor rounds at 4e-15, which moves every replicate row by that share of its mean
    assert ours == pytest.approx(exact, abs=max(1e-7, 1e-15 * mean))


@pytest.mark.parametrize("mean", [1e7, 1e8, 1e9, 1e10, 1e11, 1e12])
@pytest.mark.parametrize("family", ["poisson", "nbinom1", "nbinom2"])
def test_fits_of_large_counts_converge_to_the_rates(mean, family):
    """Iterations used to run out, or a pole to be reported, from means of 1e7 up."""
    random = np.random.default_rng(5)
    g = np.repeat(np.arange(20), 15)
    x = random.normal(size=300)
    effects = 0.5 * random.normal(size=20)
    rate = mean * np.exp(effects[g] + 0.3 * x)
    shape = {"poisson": np.inf, "nbinom1": rate / 1e3, "nbinom2": np.full(300, 4.0)}[family]
    y = random.poisson(rate if family == "poisson" else random.gamma(shape, rate / shape)).astype(float)
    model = ranef.model("y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": g}), family=family)
    fit = model.fit()
    estimates = fit.parameters()["estimate"]
    assert fit.converged
    assert estimates["x"] == pytest.approx(0.3, abs=0.1 if family == "nbinom2" else 1e-2)
    if family != "nbinom2":
        assert estimates["sd(Intercept|g)"] == pytest.approx(effects.std(), abs=1e-2)
    assert model.loglik(estimates) == pytest.approx(fit.loglik, abs=1e-6)


@pytest.mark.parametrize("mean", [1e6, 1e9, 1e11, 1e12])
def test_crossed_effects_of_large_counts_have_the_groups_standard_error(mean):
    """The slope is known 1e6 times better than the intercept, which was called flat."""
    random = np.random.default_rng(5)
    g, h, x = np.repeat(np.arange(20), 15), np.tile(np.arange(15), 20), random.normal(size=300)
    by_g, by_h = 0.5 * random.normal(size=20), 0.4 * random.normal(size=15)
    y = random.poisson(mean * np.exp(by_g[g] + by_h[h] + 0.3 * x)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ranef.RanefWarning)
        fit = ranef.fit("y ~ x + (1 | g) + (1 | h)", pd.DataFrame({"y": y, "x": x, "g": g, "h": h}), family="poisson")
    error = np.sqrt(by_g.var() / 20 + by_h.var() / 15)
    assert fit.tidy()["std_error"][0] == pytest.approx(error, rel=0.1)


def test_nbinom2_takes_counts_of_1e12():
    """It used to be refused."""
    fit = quietly("y ~ 1 + (1 | g)", large_counts(1e12), family="nbinom2")
    assert fit.loglik >= -4702.66


def zero_inflated(seed):
    random = np.random.default_rng(seed)
    n = 60
    g = random.integers(0, 6, n)
    x = random.normal(size=n)
    mean = np.exp(0.5 + 0.6 * x + random.normal(size=6)[g])
    y = np.where(random.random(n) < 0.4, 0, random.poisson(random.gamma(1.0, mean)))
    return pd.DataFrame({"y": y, "x": x, "g": g})


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("family", "link"), [("nbinom1", "identity"), ("nbinom1", "log"), ("nbinom2", "sqrt")])
def test_the_log_likelihood_at_the_estimates_is_the_fits(family, link, seed):
    """The mode of the random effects used to depend on the way the search came: 25 log-likelihood units between."""
    fit = quietly(
        "y ~ x + (1 | g)",
        zero_inflated(seed),
        family=getattr(ranef.families, family)(link=link),
        ziformula="~ 1 + (1 | g)",
    )
    estimates = fit.parameters()["estimate"].fillna(0.0)
    assert fit.model.loglik(estimates) == pytest.approx(fit.loglik, abs=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_series_at_the_cap_of_its_autocorrelation_has_the_fits_log_likelihood(sign):
    """The estimate of rho, rounded, used to lie beyond the cap: the log-likelihood at the estimates was -inf."""
    random = np.random.default_rng(3)
    t = np.tile(np.arange(6), 30)
    g = np.repeat(np.arange(30), 6)
    level = 0.8 * random.normal(size=30)[g] * sign**t
    data = pd.DataFrame({"y": random.poisson(np.exp(1.0 + level)), "t": t, "g": g})
    fit = quietly("y ~ 1 + ar1(0 + factor(t) | g)", data, family="poisson")
    assert abs(fit.parameters()["estimate"].iloc[-1]) > 0.99999
    # a precision of 1e8 beside one of 1: eight digits less
    assert fit.model.loglik(fit.parameters()["estimate"]) == pytest.approx(fit.loglik, abs=1e-5)
