"""Own linear hypotheses: KRmodcomp's numbers, the ways to write them, and what is not understood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.inference_cases import P_VALUE_ATOL, load_inference_case

import ranef


@pytest.fixture(scope="module")
def oats() -> ranef.Fit:
    return load_inference_case("oats-krmodcomp").fit()


@pytest.mark.parametrize(("term", "table"), [("Variety", "KR_Variety"), ("N", "KR_N")])
def test_a_term_against_the_model_without_it_is_krmodcomp(oats: ranef.Fit, term: str, table: str) -> None:
    case = load_inference_case("oats-krmodcomp")
    expected = case.table(table)
    made = oats.test(term, ddf="kenward-roger")
    scaled, plain = expected.loc["Ftest"], expected.loc["FtestU"]
    case.assert_close(table, made.statistic, scaled["stat"])
    case.assert_close(table, made.statistic / made.scale, plain["stat"])
    case.assert_close(table, made.scale, scaled["F.scaling"])
    case.assert_close(table, made.df_den, scaled["ddf"])
    assert made.df == scaled["ndf"]
    assert made.p_value == pytest.approx(scaled["p.value"], abs=P_VALUE_ATOL)


def test_satterthwaites_comparison_of_nested_models(oats: ranef.Fit) -> None:
    case = load_inference_case("oats-krmodcomp")
    expected = case.table("SAT_Variety").iloc[0]
    made = oats.test("Variety", ddf="satterthwaite")
    case.assert_close("SAT_Variety", made.statistic, expected["statistic"])
    case.assert_close("SAT_Variety", made.df_den, expected["ddf"])
    assert made.p_value == pytest.approx(expected["p.value"], abs=P_VALUE_ATOL)


def test_likelihood_ratio_of_the_same_models(oats: ranef.Fit) -> None:
    case = load_inference_case("oats-krmodcomp")
    table = ranef.anova(oats, oats.update(". ~ . - Variety")).to_frame()
    case.assert_close("PB_LRT_stat", table["chisq"].iloc[1], case.expect["PB_LRT_stat"])
    assert table["chi_df"].iloc[1] == case.expect["PB_LRT_df"]


WAYS: list[tuple[str, Any, Any]] = [
    ("names", ["N[T.N4]", "N[T.N6]"], None),
    ("equations", ["N[T.N4] = 0", "0 = N[T.N6]"], None),
    ("a chain", "N[T.N4] = N[T.N6] = 0", None),
    ("combinations", ["N[T.N4] - N[T.N6]", "2 * N[T.N4] + N[T.N6] = 0"], None),
    ("backticks", ["`N[T.N4]` == 0", "-`N[T.N6]`"], None),
    ("matrix", np.eye(6)[4:], None),
    ("list", np.eye(6)[4:].tolist(), 0.0),
    ("frame", pd.DataFrame({"N[T.N4]": [1.0, 0.0], "N[T.N6]": [0.0, 1.0]}, index=["p", "q"]), None),
]


@pytest.mark.parametrize(("hypothesis", "value"), [w[1:] for w in WAYS], ids=[w[0] for w in WAYS])
def test_every_way_to_write_a_hypothesis_gives_one_test(oats: ranef.Fit, hypothesis: Any, value: Any) -> None:
    beta, vcov = oats.fixef().to_numpy()[4:], oats.vcov().to_numpy()[4:, 4:]
    made = oats.test(hypothesis, value)
    assert made.statistic == pytest.approx(float(beta @ np.linalg.solve(vcov, beta)))
    assert made.df == 2
    assert np.isinf(made.df_den)


def test_constants_move_to_the_right_side(oats: ranef.Fit) -> None:
    made = oats.test("2 * N[T.N4] - 10 = N[T.N6] + 5.5")
    beta = oats.fixef()
    assert made.estimates["estimate"].iloc[0] == pytest.approx(2 * beta["N[T.N4]"] - beta["N[T.N6]"] - 15.5)
    assert list(made.estimates.index) == ["2 * N[T.N4] - N[T.N6] = 15.5"]


def test_names_with_signs_and_interactions_are_read_whole() -> None:
    fit = load_inference_case("salamanders-emmeans").fit()
    made = fit.test("spp[T.EC-A] - spp[T.EC-L] = spp[T.EC-A]:mined[T.no]")
    beta = fit.fixef()
    expected = beta["spp[T.EC-A]"] - beta["spp[T.EC-L]"] - beta["spp[T.EC-A]:mined[T.no]"]
    assert made.estimates["estimate"].iloc[0] == pytest.approx(expected)


def test_other_components_are_tested_by_chi_square() -> None:
    fit = load_inference_case("owls-zinb-emmeans").fit()
    made = fit.test("FoodTreatment", component="zi")
    assert made.statistic == pytest.approx(fit.anova(component="zi").to_frame()["statistic"].iloc[0])


def test_one_hypothesis_is_the_squared_t(oats: ranef.Fit) -> None:
    row = oats.summary(ddf="kenward-roger").coefficients["cond"].loc["N[T.N2]"]
    made = oats.test("N[T.N2]", ddf="kenward-roger")
    assert made.statistic == pytest.approx(row["statistic"] ** 2)
    assert made.p_value == pytest.approx(row["p_value"])
    assert made.to_frame()["df_den"].iloc[0] == pytest.approx(row["df"])
    assert "p = " in str(made) or "p < " in str(made)


@pytest.mark.parametrize(
    ("hypothesis", "value", "message"),
    [
        ("N[T.N3] = 0", None, r"did you mean 'N\[T.N"),
        ("Varietyy", None, "did you mean 'Variety'"),
        ("N[T.N2] =", None, "not complete"),
        ("N[T.N2] N[T.N4]", None, "not understood at"),
        ("2 3", None, "not understood at '3'"),
        ("", None, "not complete"),
        ("N[T.N2] = N[T.N2]", None, "says nothing"),
        ("3 = 4", None, "says nothing"),
        ([[1.0, 2.0]], None, r"shape \(1, 2\)"),
        (np.zeros((1, 6)), None, "row 1 of the hypothesis is zero"),
        (np.full((1, 6), np.nan), None, "not finite"),
        (np.eye(6), [1.0, 2.0], "a value for each row"),
        (pd.DataFrame({"M": [1.0]}), None, "no coefficient 'M'"),
        ("N[T.N2]", 1.0, "write an equation"),
    ],
)
def test_what_is_no_hypothesis_is_refused(oats: ranef.Fit, hypothesis: Any, value: Any, message: str) -> None:
    with pytest.raises(ranef.DataError, match=message):
        oats.test(hypothesis, value)


def test_equations_that_contradict_each_other_are_refused(oats: ranef.Fit) -> None:
    with pytest.raises(ranef.DataError, match="contradict each other"):
        oats.test(["N[T.N4] = 1", "N[T.N4] = 2"])
    assert oats.test(["N[T.N4] = 1", "2 * N[T.N4] = 2"]).df == 1
