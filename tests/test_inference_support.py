"""The helper that reads R's results for what comes after the fit."""

import math

import numpy as np
import pytest
from support.inference_cases import REFERENCE, load_inference_case, plain

NAMES = sorted(path.stem.removeprefix("inf-") for path in (REFERENCE / "inference").glob("*.json"))


def test_infinities_and_missing_values_become_floats():
    first, second, third, fourth = plain(["Inf", "-Inf", None, 2.0])
    assert (first, second, fourth) == (math.inf, -math.inf, 2.0)
    assert math.isnan(third)


def test_a_table_is_labelled_by_its_rows():
    table = load_inference_case("sleep-lrt").table("coef_satterthwaite")
    assert list(table.index) == ["(Intercept)", "Days"]


def test_a_result_has_the_tolerance_of_its_own_prefix():
    case = load_inference_case("sleep-residuals")
    assert case.tolerances("influence_group_cooks")["rtol"] == case.raw["tolerance"]["influence_rtol"]
    assert case.tolerances("hat")["rtol"] == case.raw["tolerance"]["rtol"]


def test_a_difference_beyond_the_tolerance_fails():
    case = load_inference_case("sleep-residuals")
    with pytest.raises(AssertionError, match="hat"):
        case.assert_close("hat", np.array([1.0]), np.array([1.01]))


@pytest.mark.parametrize("name", [n for n in NAMES if "loglik" in load_inference_case(n).expect])
def test_the_cases_model_has_the_references_loglik(name):
    case = load_inference_case(name)
    expected = case.expect["loglik"]
    assert case.fit().loglik == pytest.approx(expected, abs=1e-5)
