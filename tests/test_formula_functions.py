"""Functions that formulas may call, against R and their definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef import families
from ranef.design.build import build_design, new_design
from ranef.formula.functions import log, plogis, qlogis
from ranef.formula.transforms import natural_spline

REFERENCE = Path(__file__).parent / "reference" / "designs"
ROWS = list(pd.read_csv(REFERENCE / "predictions.csv").itertuples())


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.formula} on {row.data}" for row in ROWS])
def test_least_squares_predictions_of_new_rows_are_those_of_r(row: Any) -> None:
    old = pd.read_csv(REFERENCE / "old.csv")
    design = build_design(f"y ~ {row.formula}", old, family=families.make("gaussian"))
    beta = np.linalg.lstsq(design.predictors[0].fixed.matrix, design.response.values)[0]
    new = new_design(design, pd.read_csv(REFERENCE / f"{row.data}.csv"))
    expected = [float(value) for value in row.prediction.split()]
    np.testing.assert_allclose(new.predictors[0].fixed.matrix @ beta, expected, rtol=1e-9)


def test_natural_spline_is_straight_beyond_its_boundary_knots() -> None:
    state: dict[str, object] = {}
    natural_spline(np.linspace(0.0, 1.0, 50), df=4, _state=state)
    far = natural_spline(np.array([1.0, 2.0, 3.0, 4.0]), df=4, _state=state)
    second_differences = [np.diff(column, 2) for column in far.values()]
    np.testing.assert_allclose(second_differences, 0.0, atol=1e-12)


def test_natural_spline_needs_a_degree_of_freedom() -> None:
    with pytest.raises(ValueError, match="df >= 1"):
        natural_spline(np.arange(9.0), df=0)


def test_log_takes_a_base_as_in_r() -> None:
    np.testing.assert_allclose(log(np.array([1.0, 8.0]), 2), [0.0, 3.0])


@pytest.mark.parametrize("p", [1e-300, 1e-12, 0.3, 1 - 1e-12])
def test_qlogis_and_plogis_undo_each_other(p: float) -> None:
    # The half-argument tanh loses relative accuracy in the far lower tail only by rounding of 1 - tanh.
    np.testing.assert_allclose(plogis(qlogis(np.array([p]))), [p], atol=1e-15)


RNG = np.random.default_rng(6)
DATA = pd.DataFrame({"y": RNG.normal(size=60), "x": RNG.uniform(0, 10, 60), "f": RNG.choice(list("abc"), 60),
                     "g": np.repeat(list("klmnop"), 10)})  # fmt: skip


def matrix(formula: str, data: pd.DataFrame = DATA, **more: Any) -> pd.DataFrame:
    made = build_design(f"y ~ {formula}", data, family=families.make("gaussian"), **more).predictors[0].fixed
    return pd.DataFrame(made.matrix, columns=made.names)


def test_cut_makes_the_intervals_of_r() -> None:
    names = list(matrix("cut(x, c(0, 2, 5, 10))"))
    assert names == ["Intercept", *(f"cut(x, c(0, 2, 5, 10))[T.{level}]" for level in ("(2,5]", "(5,10]"))]
    left = matrix("0 + cut(x, c(0, 2, 5, 10), right = FALSE, labels = c('low', 'mid', 'high'))").to_numpy()
    np.testing.assert_array_equal(left.argmax(axis=1), np.digitize(DATA["x"], [2, 5]))
    ends = pd.cut(DATA["x"], 3).cat.codes
    np.testing.assert_array_equal(matrix("0 + cut(x, 3)").to_numpy().argmax(axis=1), ends)
    numbers = matrix("cut(x, c(0, 2, 5, 10), labels = FALSE)").to_numpy()[:, 1]
    np.testing.assert_array_equal(numbers, np.digitize(DATA["x"], [2, 5], right=True) + 1)
    closed = matrix("cut(x, c(0, 5, 10), include.lowest = TRUE)", DATA.assign(x=np.arange(60.0) % 11))
    assert list(closed)[1].endswith("[T.(5,10]]")


def test_cut_remembers_its_breaks_and_refuses_what_lies_outside() -> None:
    fit = ranef.fit("y ~ cut(x, 4) + (1 | g)", DATA)
    np.testing.assert_allclose(fit.predict(DATA.head(5)), fit.predict()[:5])
    with pytest.raises(ranef.FormulaError, match="lies in no interval"):
        fit.predict(DATA.assign(x=99.0))
    with pytest.raises(ranef.FormulaError, match="lies in no interval"):
        ranef.fit("y ~ cut(x, c(0, 1))", DATA)


def test_relevel_puts_a_level_first() -> None:
    assert list(matrix('relevel(f, ref = "b")')) == ["Intercept", *(f"relevel(f, ref='b')[T.{v}]" for v in "ac")]
    plain = ranef.fit("y ~ f + (1 | g)", DATA)
    fit = ranef.fit("y ~ relevel(f, 'c') + (1 | g)", DATA)
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-9)
    kept = fit.anova(type=3).to_frame()["statistic"].iloc[-1]
    assert kept == pytest.approx(plain.anova(type=3).to_frame()["statistic"].iloc[-1])
    with pytest.raises(ranef.FormulaError, match="no level 'z'"):
        matrix("relevel(f, 'z')")


@pytest.mark.parametrize("text", ["(x > 5)", "((x > 5))", "(5 < x)", "(x - 5 > 0)", "(1 < x - 4)"])
def test_a_comparison_in_brackets_is_an_indicator(text: str) -> None:
    made = matrix(f"{text} * f")
    np.testing.assert_array_equal(made.filter(regex=r"^I\(.*\)$").iloc[:, 0], DATA["x"] > 5)
    assert made.shape == (60, 6)


def test_truth_values_add_up_as_numbers() -> None:
    made = matrix("I((x > 2) + (x > 5))").iloc[:, 1]
    np.testing.assert_array_equal(made, np.digitize(DATA["x"], [2, 5], right=True))


def test_a_mean_is_that_of_the_fitted_rows() -> None:
    fit = ranef.fit("y ~ I(x - mean(x)) + offset(scale(x)) + (1 | g)", DATA)
    np.testing.assert_allclose(fit.predict(DATA.head(3)), fit.predict()[:3], rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    ["np.add(x, 1, x)", "np.exp(x, out=x)", "exp(x, where=x > 1)", "np.add(x)", "c(x, x)", "c(1, 2)", "mean(x, 2)",
     "poly(x, 2.5)", "poly(x, 61)", "bs(x, df=1e6)", "poly(x, x)", "cut(x, 1)", "log('x')", "round(x, c(1, 2))"],
)  # fmt: skip
def test_what_does_not_give_a_number_a_row_is_refused(text: str) -> None:
    with pytest.raises(ranef.FormulaError, match="cannot evaluate"):
        matrix(f"I({text})")


def dose(x: Any) -> Any:
    return np.minimum(x, 4.0) ** 2


def test_a_function_of_the_user_is_called_wherever_a_formula_is_read(tmp_path: Path) -> None:
    functions = {"dose": dose}
    fit = ranef.fit("y ~ dose(x) + poly(dose(x), 2):f + (1 | g)", DATA, functions=functions)
    plain = ranef.fit("y ~ d + poly(d, 2):f + (1 | g)", DATA.assign(d=dose(DATA["x"])))
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-9)
    assert fit.fixef().index[1] == "dose(x)"
    np.testing.assert_allclose(fit.predict(DATA.head(4)), fit.predict()[:4])
    assert fit.update(". ~ . - dose(x)").df == plain.update(". ~ . - d").df
    assert list(fit.drop1().to_frame().index)[1:] == ["dose(x)", "poly(dose(x),2):f"]
    path = tmp_path / "fit"
    fit.save(path)
    with pytest.raises(ranef.DataError, match=r"call 'dose'.*ranef.load\(path, functions="):
        ranef.load(path)
    np.testing.assert_array_equal(ranef.load(path, functions=functions).predict(DATA), fit.predict(DATA))


def test_functions_of_the_user_come_by_fit_model_and_update() -> None:
    model = ranef.model("dose(x) ~ (dose(x) | g) + offset(dose(x))", DATA, functions={"dose": dose})
    np.testing.assert_array_equal(model.design.response.values, dose(DATA["x"]))
    fit = ranef.fit("y ~ x + (1 | g)", DATA).update(". ~ . + dose(x)", functions={"dose": dose})
    assert "dose(x)" in fit.fixef().index
    with pytest.raises(ranef.FormulaError, match="no function 'dose'"):
        ranef.fit("y ~ dose(x)", DATA)


def test_a_function_of_the_user_gets_copies_and_gives_a_number_a_row() -> None:
    before = DATA.copy(deep=True)

    def spoil(x: Any) -> Any:
        x[:] = 0.0
        return np.arange(60.0)

    ranef.model("y ~ spoil(x)", DATA, functions={"spoil": spoil})
    pd.testing.assert_frame_equal(DATA, before)
    for wrong in (lambda x: x[:5], lambda x: "a", lambda x: None, lambda x: x + 1j, lambda x: 1 / 0, lambda: 1.0):
        with pytest.raises(ranef.FormulaError, match="cannot evaluate"):
            ranef.model("y ~ wrong(x)", DATA, functions={"wrong": wrong})


@pytest.mark.parametrize(
    ("functions", "message"),
    [([dose], "a dict"), ({"log": dose}, "another name"), ({"us": dose}, "another name"), ({"a b": dose}, "no name"),
     ({"np.x": dose}, "no name"), ({"lambda": dose}, "another name"), ({"dose": 1}, "must be a function"),
     ({1: dose}, "no name")],
)  # fmt: skip
def test_functions_that_no_formula_could_call_are_refused(functions: Any, message: str) -> None:
    with pytest.raises(ranef.DataError, match=message):
        ranef.fit("y ~ x", DATA, functions=functions)
