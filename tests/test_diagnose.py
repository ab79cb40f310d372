"""Diagnoses: a sound fit is called sound, planted failures are named with their parameter and remedy."""

import warnings

import numpy as np
import pandas as pd
import pytest
from support.reference_cases import load_case

import ranef
from ranef.separation import infinite_coefficients


@pytest.fixture(scope="module")
def sound():
    return ranef.fit(**load_case("sleepstudy-ml").arguments())


def test_a_sound_fit_is_called_sound(sound):
    diagnosis = sound.diagnose()
    assert diagnosis.ok
    assert str(diagnosis).startswith("The fit is sound.")
    assert diagnosis.to_frame().empty
    assert diagnosis.certificate["expected_gain"] < 1e-6
    assert diagnosis.certificate["smallest_eigenvalue"] > 0


def test_an_optimiser_stopped_early_is_reported_with_its_remedy():
    arguments = load_case("salamanders-zinb2").arguments()
    with pytest.warns(ranef.ConvergenceWarning, match=r"did not converge.*raise Control\(max_iterations=3\)"):
        fit = ranef.fit(**arguments, control=ranef.Control(max_iterations=3))
    assert not fit.converged
    diagnosis = fit.diagnose()
    assert not diagnosis.ok
    assert diagnosis.findings[0].kind == "convergence"
    assert "stopped after 3 iterations" in diagnosis.findings[0].message
    assert diagnosis.findings[0].parameters
    assert "NOT CONVERGED" in str(fit.summary())


def test_a_warning_points_at_the_line_of_the_user():
    arguments = load_case("salamanders-zinb2").arguments()
    with pytest.warns(ranef.ConvergenceWarning) as caught:
        ranef.fit(**arguments, control=ranef.Control(max_iterations=2))
    assert caught[0].filename == __file__


def test_a_zero_variance_is_a_remark_and_no_problem():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = ranef.fit(**load_case("dyestuff2-singular-ml").arguments())
    diagnosis = fit.diagnose()
    assert fit.singular
    assert diagnosis.ok
    assert diagnosis.findings[0].parameters == ("sd(Intercept|Batch)",)
    assert "estimated as zero" in str(diagnosis)
    assert "singular fit: estimated as zero: sd(Intercept|Batch)" in str(fit.summary())


def separated_data():
    rng = np.random.default_rng(3)
    level = np.repeat(["a", "b", "c"], 40)
    y = np.where(level == "c", 1, rng.integers(0, 2, 120))
    return pd.DataFrame({"y": y, "level": level, "g": np.tile(np.arange(12), 10)})


def test_a_separated_level_is_named_in_a_warning_and_in_the_diagnosis():
    with pytest.warns(ranef.ConvergenceWarning, match=r"level\[T.c\] runs to infinity.*merge or leave out"):
        fit = ranef.fit("y ~ level + (1 | g)", separated_data(), family="binomial")
    assert np.isfinite(fit.loglik)
    assert np.isfinite(fit.fixef()).all()
    guilty = [f for f in fit.diagnose().findings if f.kind == "separation"]
    assert guilty[0].parameters == ("level[T.c]",)


def test_an_unidentified_parameter_is_named():
    """Two grouping factors with the same groups: only the sum of their variances is determined."""
    frogs = ranef.demo_data()
    data = frogs.assign(twin=frogs["pond"].str.replace("P", "Q"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ranef.RanefWarning)
        fit = ranef.fit("count ~ cover + (1 | pond) + (1 | twin)", data, family="poisson")
    diagnosis = fit.diagnose()
    assert not diagnosis.ok
    assert diagnosis.findings[0].kind == "flat"
    assert set(diagnosis.findings[0].parameters) == {"sd(Intercept|pond)", "sd(Intercept|twin)"}


def perfect_correlation():
    rng = np.random.default_rng(1)
    g, x, b = np.repeat(np.arange(20), 10), rng.normal(size=200), rng.normal(size=20)
    y = 1 + b[g] * (1 + 0.5 * x) + 0.3 * rng.normal(size=200)
    return ranef.fit("y ~ x + (x | g)", {"y": y, "x": x, "g": g})


def test_a_perfect_correlation_is_a_singular_fit_and_named():
    fit = perfect_correlation()
    assert fit.converged
    assert fit.singular
    assert fit.diagnose().ok
    finding = fit.diagnose().findings[0]
    assert (finding.kind, finding.parameters) == ("singular", ("cor(x,Intercept|g)",))
    assert "has not full rank" in str(fit.summary())


def test_a_start_without_a_likelihood_is_left_for_one_that_has_it():
    frogs = ranef.demo_data()
    usual = ranef.fit("count ~ cover + (1 | pond)", frogs, family="poisson")
    fit = ranef.fit("count ~ cover + (1 | pond)", frogs, family="poisson", start={"Intercept": 1e5})
    assert fit.converged
    assert fit.loglik == pytest.approx(usual.loglik, abs=1e-6)


def test_a_loaded_fit_gives_the_same_diagnosis(tmp_path):
    fit = perfect_correlation()
    fit.save(tmp_path / "fit.ranef")
    assert str(ranef.load(tmp_path / "fit.ranef").diagnose()) == str(fit.diagnose())


def test_a_large_coefficient_of_a_small_unit_is_no_separation():
    """x'beta is what counts: a covariate in thousandths has a large coefficient and a large error."""
    x = np.column_stack([np.ones(50), np.linspace(0, 1e-3, 50)])
    assert infinite_coefficients(x, np.array([0.1, 900.0]), np.diag([0.1, 400.0**2])) == []


def test_an_intercept_far_from_the_data_is_no_separation():
    year = np.linspace(1990, 2020, 40)
    x = np.column_stack([np.ones(40), year])
    slope, error = 0.2, 0.05
    centred = np.array([[0.01, 0.0], [0.0, error**2]])
    shift = np.array([[1.0, -2005.0], [0.0, 1.0]])
    assert infinite_coefficients(x, np.array([-401.0, slope]), shift @ centred @ shift.T) == []


def test_a_separated_indicator_is_found():
    x = np.column_stack([np.ones(50), np.arange(50) % 2])
    assert infinite_coefficients(x, np.array([0.2, 19.0]), np.diag([0.1, 3000.0**2])) == [1]


def test_a_large_count_is_no_separation():
    matrix, beta = np.ones((3, 1)), np.array([20.0])
    unknown = np.full((1, 1), np.nan)
    assert infinite_coefficients(matrix, beta, unknown) == [0]
    assert infinite_coefficients(matrix, beta, unknown, downwards=True) == []
    assert infinite_coefficients(matrix, -beta, unknown, downwards=True) == [0]


def test_the_summary_says_why_a_standard_error_is_infinite():
    data = ranef.demo_data()
    data = data.assign(count=data["count"] + 1)
    fit = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson", ziformula="~ 1")
    assert fit.tidy().set_index("component").loc["zi", "std_error"] == np.inf
    assert "- no finite standard error: zi:Intercept; diagnose() says why" in str(fit.summary())
    assert "zi:Intercept runs to infinity" in str(fit.diagnose())
