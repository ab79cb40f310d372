"""What must not change a fit: order of rows and levels, units of covariates, the split of frequency weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.simulated import simulate

import ranef

MODELS: dict[str, dict[str, Any]] = {
    "gaussian": {"formula": "y ~ x + f + (x | g)", "family": "gaussian"},
    "poisson": {"formula": "y ~ x + f + (x | g)", "family": "poisson"},
    "nbinom2": {"formula": "y ~ x + (1 | g)", "family": "nbinom2", "dispformula": "~ x"},
    "zero_inflated": {"formula": "y ~ x + (1 | g)", "family": "poisson", "ziformula": "~ x"},
    "gamma": {"formula": "y ~ x + (1 | g) + (1 | h)", "family": "gamma(log)"},
}
SIMULATED = {
    name: simulate(name if name != "zero_inflated" else "poisson", link="log" if name == "gamma" else None, seed=8,
                   zero_inflated=name == "zero_inflated").arguments["data"]
    for name in MODELS
}  # fmt: skip
REFERENCE = {name: ranef.fit(data=SIMULATED[name], **call) for name, call in MODELS.items()}

# The same optimum from another start: within what the stopping rule (gain below 1e-8) leaves open.
LOGLIK = 1e-6
ESTIMATE = 2e-3
few_fits = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def fit(name: str, data: Any, **changes: Any) -> ranef.Fit:
    return ranef.fit(data=data, **(MODELS[name] | changes))


def assert_same(fit: ranef.Fit, other: ranef.Fit) -> None:
    assert fit.loglik == pytest.approx(other.loglik, rel=0, abs=LOGLIK)
    error = np.sqrt(np.diag(other.vcov()))
    np.testing.assert_allclose(fit.fixef() / error, other.fixef() / error, rtol=0, atol=ESTIMATE)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.vcov())), error, rtol=ESTIMATE)


@pytest.mark.parametrize("name", list(MODELS))
@given(seed=st.integers(0, 2**32 - 1))
@few_fits
def test_order_of_rows_changes_nothing(name: str, seed: int) -> None:
    data = SIMULATED[name].sample(frac=1.0, random_state=seed)
    made = fit(name, data)
    assert_same(made, REFERENCE[name])
    pd.testing.assert_series_equal(made.fitted().sort_index(), REFERENCE[name].fitted(), rtol=1e-3, check_names=False)


@pytest.mark.parametrize("name", list(MODELS))
@given(order=st.permutations(list(range(6))))
@few_fits
def test_names_and_order_of_groups_change_nothing(name: str, order: list[int]) -> None:
    data = SIMULATED[name].copy()
    labels = [f"group {k}" for k in order]
    data["g"] = pd.Categorical(np.array(labels)[data["g"].cat.codes], categories=sorted(labels))
    made = fit(name, data)
    assert_same(made, REFERENCE[name])
    ours, expected = made.ranef()["g"], REFERENCE[name].ranef()["g"]
    spread = float(expected.abs().to_numpy().max()) + 1e-3
    np.testing.assert_allclose(ours.loc[labels].to_numpy(), expected.to_numpy(), rtol=0, atol=5e-3 * spread)


@pytest.mark.parametrize("name", ["gaussian", "poisson"])
@given(order=st.permutations(["a", "b", "c"]))
@few_fits
def test_baseline_of_a_factor_changes_only_its_coefficients(name: str, order: list[str]) -> None:
    data = SIMULATED[name].copy()
    data["f"] = data["f"].cat.set_categories(order)
    made = fit(name, data)
    assert made.loglik == pytest.approx(REFERENCE[name].loglik, rel=0, abs=LOGLIK)
    assert made.fixef()["x"] == pytest.approx(REFERENCE[name].fixef()["x"], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", list(MODELS))
@given(exponent=st.floats(-5, 5))
@few_fits
def test_units_of_a_covariate_change_only_its_own_scale(name: str, exponent: float) -> None:
    factor = 10.0**exponent
    data = SIMULATED[name].assign(x=SIMULATED[name]["x"] * factor)
    made = fit(name, data)
    assert made.loglik == pytest.approx(REFERENCE[name].loglik, rel=0, abs=LOGLIK)
    error = np.sqrt(REFERENCE[name].vcov().loc["x", "x"])
    assert made.fixef()["x"] * factor == pytest.approx(REFERENCE[name].fixef()["x"], rel=0, abs=ESTIMATE * error)


@pytest.mark.parametrize("name", ["gaussian", "poisson"])
@given(shift=st.floats(-1000, 1000))
@few_fits
def test_origin_of_a_covariate_with_correlated_slopes_changes_nothing_else(name: str, shift: float) -> None:
    data = SIMULATED[name].assign(x=SIMULATED[name]["x"] + shift)
    made = fit(name, data)
    # Adding 1000 to x costs it three digits of sixteen.
    assert made.loglik == pytest.approx(REFERENCE[name].loglik, rel=0, abs=LOGLIK)
    error = np.sqrt(REFERENCE[name].vcov().loc["x", "x"])
    assert made.fixef()["x"] == pytest.approx(REFERENCE[name].fixef()["x"], rel=0, abs=ESTIMATE * error)


@pytest.mark.parametrize("name", list(MODELS))
@given(data=st.data())
@few_fits
def test_a_frequency_weight_is_that_many_rows(name: str, data: st.DataObject) -> None:
    table = SIMULATED[name]
    counts = np.array(data.draw(st.lists(st.integers(1, 3), min_size=len(table), max_size=len(table))))
    weighted = fit(name, table, weights=ranef.weights.frequency(counts.astype(float)))
    repeated = fit(name, table.loc[np.repeat(table.index, counts)].reset_index(drop=True))
    assert weighted.nobs == repeated.nobs == counts.sum()
    assert weighted.aic == pytest.approx(repeated.aic, rel=0, abs=2 * LOGLIK)
    assert weighted.bic == pytest.approx(repeated.bic, rel=0, abs=2 * LOGLIK)
    assert_same(weighted, repeated)


@pytest.mark.parametrize("name", list(MODELS))
def test_the_data_are_left_as_they_were(name: str) -> None:
    data = SIMULATED[name].copy()
    fit(name, data)
    pd.testing.assert_frame_equal(data, SIMULATED[name])
