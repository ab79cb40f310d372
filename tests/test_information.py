"""Standard errors rest on one information everywhere: expected for linear mixed models, observed for the rest."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.reference_cases import data_path

import ranef

INFORMATION = ("expected", "observed")


def grouped(seed: int = 3, groups: int = 12, rows: int = 5) -> pd.DataFrame:
    """Unbalanced data of groups with a factor and a covariate."""
    rng = np.random.default_rng(seed)
    count = groups * rows
    g = np.repeat(np.arange(groups), rows)
    keep = rng.random(count) > 0.25
    x = rng.normal(size=count) + 0.3 * g
    y = 1 + 0.4 * x + rng.normal(size=groups)[g] + 0.5 * rng.normal(size=groups)[g] * x + rng.normal(size=count)
    return pd.DataFrame({"y": y, "x": x, "g": g.astype(str), "f": np.where(g % 3 == 0, "a", "b")})[keep]


@pytest.fixture(params=[False, True], ids=["ml", "reml"])
def linear(request: pytest.FixtureRequest) -> ranef.Fit:
    return ranef.fit("y ~ x + f + (x | g)", grouped(), reml=request.param)


@pytest.mark.parametrize("choice", [None, *INFORMATION])
def test_every_table_of_a_linear_mixed_model_has_the_same_standard_errors(linear: ranef.Fit, choice: str | None):
    """derive(), predict() and vcov(full=True) used to take the observed information, the other tables the expected."""
    tidy = linear.tidy(vcov=choice).set_index("term")["std_error"]
    names = list(tidy.index)
    vcov = linear.vcov(type=choice)
    np.testing.assert_allclose(np.sqrt(np.diag(vcov)), tidy, rtol=1e-9)
    full = linear.vcov(full=True, type=choice).loc[names, names]
    np.testing.assert_allclose(full, vcov, rtol=1e-9, atol=1e-14)
    derived = linear.derive({"d": "x"}, vcov=choice)
    assert float(derived["std_error"].iloc[0]) == pytest.approx(tidy["x"], rel=1e-6)
    interval = linear.confint(parm="x", vcov=choice)
    width = float((interval["conf_high"] - interval["conf_low"]).iloc[0])
    assert width == pytest.approx(2 * 1.959963984540054 * tidy["x"], rel=1e-9)
    tested = linear.test("x", vcov=choice).to_frame()
    assert float(tested["statistic"].iloc[0]) == pytest.approx((linear.fixef()["x"] / tidy["x"]) ** 2, rel=1e-9)
    new = pd.DataFrame({"x": [0.7], "f": ["b"]})
    row = np.array([{"Intercept": 1.0, "x": 0.7}.get(name, 1.0) for name in names])
    predicted = linear.predict(new, re_form="~0", se=True, vcov=choice)
    assert float(predicted["std_error"].iloc[0]) == pytest.approx(np.sqrt(row @ vcov.to_numpy() @ row), rel=1e-9)
    trend = linear.emtrends("f", "x", ddf="asymptotic", vcov=choice).to_frame()
    np.testing.assert_allclose(trend["std_error"], tidy["x"], rtol=1e-9)


def test_the_expected_information_is_generalised_least_squares(linear: ranef.Fit):
    data = grouped()
    z = np.column_stack([np.ones(len(data)), data["x"]])
    block = linear.covariance_blocks[0].covariance
    same = data["g"].to_numpy()[:, None] == data["g"].to_numpy()
    v = np.where(same, z @ block @ z.T, 0.0) + np.eye(len(data)) * linear.sigma**2
    x = linear.design.predictors[0].fixed.matrix
    expected = np.linalg.inv(x.T @ np.linalg.solve(v, x))
    np.testing.assert_allclose(linear.vcov(type="expected"), expected, rtol=1e-6)


def test_the_observed_information_is_the_inverse_of_the_differenced_hessian():
    fit = ranef.fit("y ~ x + f + (1 | g)", grouped())
    values = fit.parameter_values
    hessian = np.empty((values.size, values.size))
    for k in range(values.size):
        step = np.zeros(values.size)
        step[k] = 1e-4
        ends = [fit.model.gradient(values + sign * step).to_numpy() for sign in (-1, 1)]
        hessian[k] = (ends[0] - ends[1]) / 2e-4
    np.testing.assert_allclose(fit.vcov(full=True, type="observed"), np.linalg.inv(hessian), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("choice", INFORMATION)
def test_fit_takes_the_choice_for_all_of_its_tables(choice: str):
    chosen = ranef.fit("y ~ x + f + (x | g)", grouped(), vcov=choice)
    usual = ranef.fit("y ~ x + f + (x | g)", grouped())
    pd.testing.assert_frame_equal(chosen.tidy(), usual.tidy(vcov=choice))
    assert choice in str(chosen.summary())


@pytest.mark.parametrize("reml", [False, True], ids=["ml", "reml"])
def test_the_modes_of_a_prediction_move_with_the_variances_given_the_coefficients(reml: bool):
    """J H^-1 J' + D V D' by brute force: modes solved again at neighbouring variances, the coefficients held."""
    fit, data = ranef.fit("y ~ x + f + (1 | g)", grouped(), reml=reml), grouped()
    x, y = fit.design.predictors[0].fixed.matrix, data["y"].to_numpy()
    z = (data["g"].to_numpy()[:, None] == np.unique(data["g"])).astype(float)
    sd, sigma, beta = float(np.sqrt(fit.covariance_blocks[0].covariance[0, 0])), fit.sigma, fit.fixef().to_numpy()

    def modes(at: np.ndarray) -> np.ndarray:
        precision = z.T @ z / np.exp(2 * at[-2]) + np.eye(z.shape[1]) / at[-1] ** 2
        return np.linalg.solve(precision, z.T @ (y - x @ at[:-2]) / np.exp(2 * at[-2]))

    estimate = np.array([*beta, np.log(sigma), sd])
    steps = 1e-5 * np.eye(estimate.size)
    moved = np.column_stack([(modes(estimate + s) - modes(estimate - s)) / 2e-5 for s in steps])
    d = np.column_stack([x, np.zeros((len(y), 2))]) + z @ moved
    names = [*fit.fixef().index, "log_sigma", "sd(Intercept|g)"]
    v = fit.vcov(full=True, type="expected").loc[names, names].to_numpy()
    precision = z.T @ z / sigma**2 + np.eye(z.shape[1]) / sd**2
    expected = np.sqrt(np.diag(z @ np.linalg.solve(precision, z.T) + d @ v @ d.T))
    np.testing.assert_allclose(fit.predict(se=True)["std_error"], expected, rtol=1e-5)


def test_expected_information_is_refused_where_it_has_no_closed_form():
    data = ranef.demo_data()
    with pytest.raises(ranef.DataError, match="identity link"):
        ranef.fit("count ~ cover + (1 | pond)", data, family="poisson", vcov="expected")
    fit = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson")
    for call in (fit.tidy, fit.confint, fit.predict, fit.summary):
        with pytest.raises(ranef.DataError, match="identity link"):
            call(vcov="expected")
    with pytest.raises(ranef.DataError, match="'expected' or 'observed'"):
        fit.confint(vcov="CR0")


def test_small_sample_tests_are_refused_with_observed_information():
    fit = ranef.fit("y ~ x + (1 | g)", grouped(), reml=True)
    with pytest.raises(ranef.DataError, match="expected information"):
        fit.test("x", ddf="satterthwaite", vcov="observed")


def test_a_loaded_fit_knows_both(linear: ranef.Fit, tmp_path: Path):
    linear.save(tmp_path / "fit.ranef")
    loaded = ranef.load(tmp_path / "fit.ranef")
    for choice in INFORMATION:
        pd.testing.assert_frame_equal(loaded.tidy(vcov=choice), linear.tidy(vcov=choice))


def test_both_standard_errors_of_unbalanced_growth():
    """The sd of 400 simulated estimates is 1.51, Kenward and Roger's standard error 1.56."""
    data = pd.read_csv(data_path("insect_diet.csv"))
    fit = ranef.fit("weight ~ diet * sex + day + (day | subject)", data, reml=True)

    def error(**choice: str) -> float:
        return float(fit.tidy(**choice).set_index("term").loc["diet[T.ds]", "std_error"])

    assert error() == pytest.approx(1.54, abs=0.006)
    assert error(vcov="observed") == pytest.approx(2.09, abs=0.006)
    assert error(ddf="kenward-roger") == pytest.approx(1.56, abs=0.006)


def test_both_standard_errors_of_blossoms():
    """The likelihood's profile gives 0.0293."""
    fit = ranef.fit("UBW ~ LBW + (1 | pop/patch)", pd.read_csv(data_path("blossoms.csv")))
    errors = [float(fit.tidy(vcov=c).set_index("term").loc["LBW", "std_error"]) for c in INFORMATION]
    assert errors == pytest.approx([0.0270, 0.0292], abs=6e-5)
