"""Durbin and Watson's ratio and Moran's I against their definitions and against permutations."""

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef.checks.autocorrelation import durbin_watson, moran


def weights(x, y):
    """Inverse distances, rows summing to 1."""
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    return (1 / distance) / (1 / distance).sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def places():
    rng = np.random.default_rng(1)
    return rng.random(60), rng.random(60), rng.random(60)


def test_moran_s_i_is_its_definition(places):
    r, x, y = places
    centred = r - r.mean()
    expected = centred @ weights(x, y) @ centred / (centred @ centred)
    found = moran(r, x, y, "two-sided")
    assert found.statistic == pytest.approx(expected, rel=1e-12)
    assert found.details["expected"] == pytest.approx(-1 / 59)


def test_moran_s_moments_are_those_of_permutations(places):
    r, x, y = places
    w, rng = weights(x, y), np.random.default_rng(2)
    centred = r - r.mean()
    drawn = np.array([rng.permutation(centred) for _ in range(20000)])
    permuted = np.einsum("pi,ij,pj->p", drawn, w, drawn, optimize=True) / (centred @ centred)
    found = moran(r, x, y, "two-sided")
    assert permuted.mean() == pytest.approx(found.details["expected"], abs=4 * permuted.std() / np.sqrt(20000))
    assert permuted.std() == pytest.approx(found.details["sd"], rel=0.03)


def test_blocks_of_the_distances_give_the_same(places, monkeypatch):
    r, x, y = places
    whole = moran(r, x, y, "greater")
    monkeypatch.setattr("ranef.checks.autocorrelation._BLOCK", 7 * 60)
    parts = moran(r, x, y, "greater")
    assert parts.statistic == pytest.approx(whole.statistic, rel=1e-12)
    assert parts.p_value == pytest.approx(whole.p_value, rel=1e-9)


def test_a_surface_is_found():
    rng = np.random.default_rng(4)
    x, y = rng.random(150), rng.random(150)
    found = moran(np.clip(0.5 * x + 0.3 * rng.random(150), 0, 1), x, y, "greater")
    assert found.p_value < 1e-6
    assert "alike" in found.meaning


def test_durbin_watson_is_its_definition_in_the_order_of_time():
    rng = np.random.default_rng(5)
    r, time = rng.random(40), rng.permutation(40)
    ordered = r[np.argsort(time)] - r.mean()
    found = durbin_watson(r, time.astype(float), "two-sided")
    assert found.statistic == pytest.approx(np.sum(np.diff(ordered) ** 2) / np.sum(ordered**2))


def test_durbin_watson_s_null_distribution_holds():
    """Uniform residuals: the normal approximation's tails of 5 % are 5 %."""
    rng = np.random.default_rng(6)
    time = np.arange(60.0)
    p_values = np.array([durbin_watson(rng.random(60), time, "greater").p_value for _ in range(3000)])
    assert np.mean(p_values < 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 3000))
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.03)


def test_an_autoregression_is_found_and_dates_are_times():
    rng = np.random.default_rng(7)
    noise = rng.standard_normal(120)
    for t in range(1, 120):
        noise[t] += 0.7 * noise[t - 1]
    data = pd.DataFrame(
        {"y": noise, "day": pd.date_range("2024-01-01", periods=120).astype(str), "g": np.arange(120) % 8}
    )
    residuals = ranef.fit("y ~ 1 + (1 | g)", data).simulate_residuals(seed=1)
    for reference, most in (("simulated", 1 / 251), ("asymptotic", 1e-6)):
        found = residuals.test_temporal_autocorrelation("day", "greater", reference=reference)
        assert found.p_value <= most
        assert "ar1" in found.advice


def test_repeated_times_and_places_ask_for_aggregation():
    r = np.linspace(0.1, 0.9, 6)
    with pytest.raises(ranef.DataError, match=r"several rows have the time 2: use recalculate\(group\)"):
        durbin_watson(r, np.array([1.0, 2, 2, 3, 4, 5]), "two-sided")
    with pytest.raises(ranef.DataError, match=r"several rows lie at x = 1, y = 0 .*use recalculate\(group\)"):
        moran(r, np.array([0.0, 1, 1, 2, 3, 4]), np.zeros(6), "two-sided")


def test_too_few_or_equal_residuals_are_refused():
    with pytest.raises(ranef.DataError, match="at least 4 residuals, got 3"):
        durbin_watson(np.array([0.1, 0.2, 0.3]), np.arange(3.0), "two-sided")
    with pytest.raises(ranef.DataError, match="all residuals are equal"):
        moran(np.full(5, 0.5), np.arange(5.0), np.zeros(5), "two-sided")
    with pytest.raises(ranef.DataError, match="alternative must be one of"):
        durbin_watson(np.array([0.1, 0.2, 0.3, 0.9]), np.arange(4.0), "positive")
