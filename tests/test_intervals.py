"""Wald intervals by parameter name."""

import numpy as np
import pytest
from scipy.stats import norm
from support.reference_cases import load_case

import ranef


@pytest.fixture(scope="module")
def fit():
    return ranef.fit(**load_case("sleepstudy-ml").arguments())


def test_every_parameter_has_its_scale(fit):
    table, parameters = fit.confint(), fit.parameters()
    z = norm.ppf(0.975)
    for name, row in table.iterrows():
        estimate, error = parameters.loc[name, ["estimate", "std_error"]].astype(float)
        if name.startswith("sd("):
            expected = (estimate * np.exp(-z * error / estimate), estimate * np.exp(z * error / estimate))
        elif name.startswith("cor("):
            margin = z * error / (1 - estimate**2)
            expected = (np.tanh(np.arctanh(estimate) - margin), np.tanh(np.arctanh(estimate) + margin))
        else:
            expected = (estimate - z * error, estimate + z * error)
        assert (row["conf_low"], row["conf_high"]) == pytest.approx(expected, rel=1e-3), name


def test_parm_and_level_choose(fit):
    table = fit.confint(parm="Days", level=0.5)
    assert list(table.index) == ["Days"]
    wide = fit.confint(parm=["Days", "sd(Days|Subject)"])
    assert list(wide.index) == ["Days", "sd(Days|Subject)"]
    assert wide.loc["Days", "conf_low"] < table.loc["Days", "conf_low"]


def test_a_zero_standard_deviation_has_no_wald_interval():
    fit = ranef.fit(**load_case("dyestuff2-singular-ml").arguments())
    row = fit.confint().loc["sd(Intercept|Batch)"]
    assert row["estimate"] == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(row["conf_low"])
    assert np.isnan(row["conf_high"])
    assert np.isfinite(fit.confint(parm="Intercept").to_numpy()).all()


def test_mistakes_are_named(fit):
    with pytest.raises(ranef.DataError, match="no parameter 'Dayss'; did you mean 'Days'"):
        fit.confint(parm="Dayss")
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 95"):
        fit.confint(level=95)
    with pytest.raises(ValueError, match="method must be 'wald', 'profile' or 'boot'"):
        fit.confint("magic")
