"""Random effects outside the mean: several maxima, and poles of the Laplace approximation.

A model is never worse than a special case of it; where the approximation has no maximum the fit says so and gives the
special case's.
"""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ranef

DATA = Path(__file__).parent / "reference" / "data"
POLE, TWO_MAXIMA, NO_START, NO_ZERO_INFLATION = 11, 57, 44, 51


def zero_inflated(seed):
    """60 nbinom2 counts in six groups; a group's probability of a structural zero varies."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(6), 10)
    x = rng.standard_normal(60)
    eta = 1.0 + 0.3 * x + 0.5 * rng.standard_normal(6)[g]
    counts = rng.poisson(np.exp(eta) * rng.gamma(2.0, 0.5, 60))
    structural = rng.random(60) < 1 / (1 + np.exp(1.0 - 0.8 * rng.standard_normal(6)[g]))
    return pd.DataFrame({"y": np.where(structural, 0, counts), "x": x, "g": g})


def fitted(seed, ziformula="~ 1 + (1 | g)", **more):
    return ranef.fit("y ~ x + (1 | g)", zero_inflated(seed), family="nbinom2", ziformula=ziformula, **more)


@pytest.mark.filterwarnings("ignore::ranef.ConvergenceWarning")
@pytest.mark.parametrize("seed", [POLE, TWO_MAXIMA, NO_START, 3, *range(20, 30)])
def test_a_random_effect_in_the_zero_part_does_not_lower_the_likelihood(seed):
    assert fitted(seed).loglik >= fitted(seed, ziformula="~ 1").loglik - 1e-6


def test_of_two_maxima_the_higher_one_is_found():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fitted(TWO_MAXIMA)
        from_the_lower = fitted(TWO_MAXIMA, start={"zi:Intercept": -29.5, "zi:sd(Intercept|g)": 6.5})
    assert from_the_lower.loglik == pytest.approx(fit.loglik, abs=1e-6)


@pytest.fixture(scope="module")
def at_pole():
    with pytest.warns(
        ranef.ConvergenceWarning, match=r"zi:sd\(Intercept\|g\) could not be estimated.*a pole"
    ) as caught:
        fit = fitted(POLE)
    assert len(caught) == 1
    return fit


def test_a_pole_of_the_approximation_is_named(at_pole):
    assert not at_pole.converged
    (finding,) = [f for f in at_pole.diagnose().findings if f.problem]
    assert (finding.kind, finding.parameters) == ("pole", ("zi:sd(Intercept|g)",))
    assert "leave the random effects out of ziformula" in finding.remedy
    assert "left out of the model, as it could not be estimated: zi:sd(Intercept|g)" in str(at_pole.summary())


def test_at_a_pole_the_special_case_is_given_with_its_standard_errors(at_pole):
    special = fitted(POLE, ziformula="~ 1")
    assert at_pole.loglik == pytest.approx(special.loglik, abs=1e-8)
    ours, theirs = (fit.tidy()[["estimate", "std_error"]] for fit in (at_pole, special))
    np.testing.assert_allclose(ours, theirs, rtol=2e-3)


def test_the_approximation_does_rise_away_from_a_special_case_left_at_a_pole(at_pole):
    """So the zero is no estimate: a one-sided test would refuse it."""
    estimates = at_pole.parameters()["estimate"]
    moved = estimates.where(estimates.index != "zi:sd(Intercept|g)", 0.1)
    assert at_pole.model.loglik(moved) > at_pole.loglik + 1e-4


def test_a_pole_survives_saving(at_pole, tmp_path):
    at_pole.save(tmp_path / "fit")
    loaded = ranef.load(tmp_path / "fit")
    assert not loaded.converged
    assert str(loaded.diagnose()) == str(at_pole.diagnose())


def test_zero_inflation_that_runs_to_nothing_has_an_infinite_standard_error_and_the_rest_finite_ones():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fitted(NO_ZERO_INFLATION)
    plain = fitted(NO_ZERO_INFLATION, ziformula=None)
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-5)
    table = fit.tidy(conf_int=True).set_index(["component", "term"])
    row = table.loc[("zi", "Intercept")]
    assert row["std_error"] == np.inf
    assert row["p_value"] == 1.0
    assert (row["conf_low"], row["conf_high"]) == (-np.inf, np.inf)
    np.testing.assert_allclose(table.loc["cond", "std_error"], plain.tidy()["std_error"], rtol=5e-3)
    assert "zi:Intercept runs to infinity" in str(fit.diagnose())


def test_a_limit_beyond_the_poles_is_found_and_sound():
    """Unmined sites need no structural zeros; those of mined sites vary. Poles lie between the start and that limit."""
    data = pd.read_csv(DATA / "Salamanders.csv")
    arguments = {"formula": "count ~ spp + mined + (1 | site)", "data": data, "family": "nbinom2"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = ranef.fit(**arguments, ziformula="~ mined + (1 | site)")
    assert fit.loglik > ranef.fit(**arguments, ziformula="~ mined").loglik + 2.0
    assert fit.converged
    assert fit.diagnose().ok
    errors = fit.tidy().set_index(["component", "term"])["std_error"]
    assert list(errors.index[np.isinf(errors)]) == [("zi", "Intercept"), ("zi", "mined[T.yes]")]
    assert errors.notna().all()
