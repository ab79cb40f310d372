"""What follows a fit, whatever the data were: an answer, NaN, or an error of ranef's that says what is wrong."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kinds.fuzz import FUZZ
from scipy import stats

import ranef

METHODS: dict[str, Callable[[ranef.Fit, Path], object]] = {
    "summary": lambda fit, _: str(fit.summary()),
    "glance": lambda fit, _: fit.glance(),
    "tidy": lambda fit, _: [fit.tidy(e, conf_int=True) for e in ("fixed", "ran_pars", "ran_vals")],
    "predict": lambda fit, _: fit.predict(fit.data, interval="prediction", allow_new_levels=True),
    "ranef": lambda fit, _: fit.ranef(condvar=True),
    "residuals": lambda fit, _: [fit.residuals(kind) for kind in ("response", "pearson", "deviance", "quantile")],
    "simulate": lambda fit, _: fit.simulate(2, seed=1),
    "diagnose": lambda fit, _: str(fit.diagnose()),
    "simulated residuals": lambda fit, _: fit.simulate_residuals(n=20, seed=1).test_uniformity(),
    "means": lambda fit, _: fit.emmeans("~ f", type="response").cld(),
    "joint tests": lambda fit, _: fit.joint_tests(),
    "anova": lambda fit, _: [fit.anova(type=kind) for kind in (1, 2, 3)],
    "satterthwaite": lambda fit, _: fit.summary(ddf="satterthwaite"),
    "kenward-roger": lambda fit, _: fit.summary(ddf="kenward-roger"),
    "covariance": lambda fit, _: fit.vcov(full=True),
    "CR1": lambda fit, _: fit.vcov(type="CR1"),
    "CR2": lambda fit, _: fit.vcov(type="CR2"),
    "r2": lambda fit, _: (fit.r2(), fit.variance_partition()),
    "icc": lambda fit, _: fit.icc(),
    "cooks_distance": lambda fit, _: fit.cooks_distance(),
    "hatvalues": lambda fit, _: fit.hatvalues(),
    "influence of rows": lambda fit, _: str(fit.influence()),
    "influence of groups": lambda fit, _: fit.influence("g").to_frame(),
    "save": lambda fit, folder: _saved(fit, folder).predict(fit.data, interval="confidence", allow_new_levels=True),
    "bootstrap": lambda fit, _: fit.bootstrap(2, seed=1, progress=False),
    "check": lambda fit, _: str(fit.check(n=20)),
    "laplace_error": lambda fit, _: str(fit.laplace_error(draws=20)),
    "confint": lambda fit, _: fit.confint(),
}


def _saved(fit: ranef.Fit, folder: Path) -> ranef.Fit:
    fit.save(folder / "fit.ranef")
    return ranef.load(folder / "fit.ranef")


def _raw_exceptions(number: int, folder: Path) -> dict[str, str]:
    """What the methods raise beside errors of ranef's; nothing where the model was refused."""
    made = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = ranef.fit(**FUZZ[0].problem(number).call)
        except ranef.RanefError:
            return {}
        for name, method in METHODS.items():
            try:
                method(fit, folder)
            except ranef.RanefError as error:
                if not str(error):
                    made[name] = "an error without words"
            except Exception as error:
                made[name] = repr(error)
    return made


# Of each of these some method raised an error of numpy's, scipy's or Python's own.
@pytest.mark.parametrize("number", [0, 10, 26, 44, 49, 73, 98, 107, 142, 145, 245, 268, 269])
def test_no_method_raises_a_raw_exception(number: int, tmp_path: Path) -> None:
    """Hat values, influence, robust covariances, checks, files and predictions met matrices without an inverse."""
    assert _raw_exceptions(number, tmp_path) == {}


@pytest.mark.slow
def test_no_method_raises_a_raw_exception_after_any_of_a_hundred_fits(tmp_path: Path) -> None:
    found = {number: _raw_exceptions(number, tmp_path) for number in range(300, 400)}
    assert {number: raised for number, raised in found.items() if raised} == {}


def test_hat_values_that_do_not_exist_name_the_cause() -> None:
    """A singular curvature used to surface as "array must not contain infs or NaNs"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = ranef.fit(**FUZZ[0].problem(49).call)
    with pytest.raises(ranef.ConvergenceError, match=r"(coefficient '|row ).*at the estimates.*diagnose"):
        fit.hatvalues()


def test_hat_values_are_the_diagonal_of_the_smoother_of_a_linear_mixed_model() -> None:
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"g": rng.integers(0, 6, 40), "x": rng.normal(size=40)})
    data["y"] = data["x"] + rng.normal(size=6)[data["g"]] + rng.normal(size=40)
    fit = ranef.fit("y ~ x + (1 | g)", data, reml=True)
    ratio = float(fit.parameters()["estimate"]["sd(Intercept|g)"] / fit.sigma) ** 2
    z = pd.get_dummies(data["g"]).to_numpy(float)
    x = np.column_stack([np.ones(40), data["x"]])
    precision = np.linalg.inv(np.eye(40) + ratio * z @ z.T)
    fixed = x @ np.linalg.inv(x.T @ precision @ x) @ x.T @ precision
    smoother = fixed + ratio * z @ z.T @ precision @ (np.eye(40) - fixed)
    np.testing.assert_allclose(fit.hatvalues(), np.diag(smoother), rtol=1e-8)


def test_quantile_residuals_of_zeros_and_ones_lie_on_their_side_of_the_probability() -> None:
    """They used to be had for numbers of trials alone."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.normal(size=60)})
    data["y"] = rng.binomial(1, 1.0 / (1.0 + np.exp(-data["x"])))
    fit = ranef.fit("y ~ x", data, family="binomial")
    zero = 1.0 - fit.fitted()
    u = stats.norm.cdf(fit.residuals("quantile", seed=3))
    assert (np.where(data["y"] == 0, u < zero, u > zero)).all()
    share = np.random.default_rng(3).random(60)
    expected = np.where(data["y"] == 0, share * zero, zero + share * (1.0 - zero))
    np.testing.assert_allclose(u, expected, rtol=1e-9)
