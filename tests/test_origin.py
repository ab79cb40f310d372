"""Verdicts do not depend on where a covariate has its zero, nor on its unit."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import ranef


def panel(slope_sd: float = 0.3) -> pd.DataFrame:
    """Twenty groups over ten years, counted from their middle."""
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(20), 10)
    year = np.tile(np.arange(10.0) - 4.5, 20)
    y = 2 + 0.1 * year + rng.normal(size=20)[g] + slope_sd * rng.normal(size=20)[g] * year + rng.normal(size=200)
    return pd.DataFrame({"y": y, "year": year, "g": g})


MOVES = {
    "years near 2000": lambda t: t + 2000.0,
    "years near 20000": lambda t: t + 20000.0,
    "dates in seconds": lambda t: (t + 50.0) * 3.156e7,
    "from below zero": lambda t: -1e4 - t,
    "nanometres": lambda t: t * 1e9,
}


@pytest.mark.parametrize("reml", [False, True], ids=["ml", "reml"])
@pytest.mark.parametrize("move", MOVES)
def test_a_covariance_of_full_rank_is_not_singular_wherever_the_covariate_begins(move: str, reml: bool) -> None:
    """`(year | g)` with years near 2000 used to be called singular, with the advice to write `(year || g)`."""
    data = panel()
    plain = ranef.fit("y ~ year + (year | g)", data, reml=reml)
    moved = ranef.fit("y ~ year + (year | g)", data.assign(year=MOVES[move](data["year"])), reml=reml)
    assert not plain.singular
    assert not moved.singular
    assert moved.diagnose().ok
    assert {f.kind for f in moved.diagnose().findings} == set()
    assert "singular" not in str(moved.summary())
    if not reml:
        assert moved.loglik == pytest.approx(plain.loglik, abs=1e-7)


@pytest.mark.parametrize("move", MOVES)
def test_a_covariance_without_full_rank_is_singular_wherever_the_covariate_begins(move: str) -> None:
    data = panel(slope_sd=0.0).assign(y=lambda d: d["y"].round(2))
    rng = np.random.default_rng(17)
    data["y"] = 2 + 0.1 * data["year"] + rng.normal(size=20)[data["g"]] * (1 + 0.3 * data["year"])
    data["y"] += 0.8 * rng.normal(size=200)
    plain = ranef.fit("y ~ year + (year | g)", data)
    moved = ranef.fit("y ~ year + (year | g)", data.assign(year=MOVES[move](data["year"])))
    assert moved.singular is plain.singular


@pytest.mark.parametrize("family", ["poisson", "nbinom2"])
def test_the_verdict_on_counts_does_not_depend_on_the_origin_either(family: str) -> None:
    data = panel()
    rng = np.random.default_rng(2)
    data["c"] = rng.poisson(np.exp(np.clip(0.3 * data["y"], -3, 3)))
    verdicts = [
        ranef.fit("c ~ year + (year | g)", data.assign(year=data["year"] + by), family=family) for by in (0.0, 2000.0)
    ]
    assert verdicts[0].singular is verdicts[1].singular
    assert verdicts[0].diagnose().ok is verdicts[1].diagnose().ok
    assert {f.kind for f in verdicts[0].diagnose().findings} == {f.kind for f in verdicts[1].diagnose().findings}


@pytest.mark.parametrize("shift", [1e9, 1e12, 1e15])
def test_a_covariate_that_is_lost_beside_the_intercept_is_warned_of(shift: float) -> None:
    """It used to be left out with a note in the summary alone."""
    data = panel()
    with pytest.warns(ranef.DesignWarning, match=r"'year' left out: .* move the origin or change the unit"):
        ranef.fit("y ~ year + (1 | g)", data.assign(year=data["year"] + shift))


@pytest.mark.parametrize("formula", ["y ~ year + twice", "y ~ year + constant", "y ~ I(year + 2000) + I(3 * year)"])
def test_columns_that_are_exactly_dependent_are_left_out_without_a_warning(formula: str) -> None:
    data = panel().assign(twice=lambda d: 2 * d["year"], constant=2.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = ranef.fit(formula + " + (1 | g)", data)
    assert len(fit.fixef()) == 2
