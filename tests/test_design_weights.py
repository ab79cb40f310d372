"""Weights and offsets: what they mean, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ranef import families, weights
from ranef.design.build import build_design
from ranef.design.design import Design
from ranef.design.predictor import NO_RESIDUAL_LOG_SD
from ranef.errors import DataError, FormulaError

N = 30
RNG = np.random.default_rng(6)
DATA = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "count": RNG.poisson(2.0, N),
        "yes": np.arange(N) % 2,
        "x": RNG.normal(size=N),
        "w": RNG.uniform(0.5, 2.0, N),
        "k": np.arange(N) % 4,
        "e": RNG.uniform(1.0, 9.0, N),
    },
    index=range(100, 100 + N),
)


def design(formula: str = "y ~ x", family: str = "gaussian", data: Any = DATA, **more: Any) -> Design:
    return build_design(formula, data, family=families.make(family), **more)


def kind(**arguments: Any) -> str:
    made = design(**arguments).weights
    assert made is not None
    return made.kind


@pytest.mark.parametrize(
    ("formula", "family", "given", "meaning"),
    [
        ("y ~ x", "gaussian", "w", "precision"),
        ("y ~ x", "gaussian", DATA["w"].to_numpy(), "precision"),
        ("count ~ x", "poisson", "w", "likelihood"),
        ("count ~ x", "nbinom2", DATA["w"], "likelihood"),
        ("e ~ x", "gamma", "w", "likelihood"),
        ("yes ~ x", "binomial", "k", "trials"),
        ("yes ~ x", "binomial", "w", "likelihood"),
        ("I(yes == 1) ~ x", "binomial", "k", "likelihood"),
        ("cbind(count, k) ~ x", "binomial", "w", "likelihood"),
        ("y ~ x", "gaussian", weights.frequency("k"), "frequency"),
        ("y ~ x", "gaussian", weights.likelihood("w"), "likelihood"),
        ("y ~ x", "gaussian", weights.precision(DATA["w"].tolist()), "precision"),
        ("yes ~ x", "binomial", weights.frequency("k"), "frequency"),
    ],
)
def test_plain_weights_mean_what_r_means_and_stated_ones_what_they_say(
    formula: str, family: str, given: Any, meaning: str
) -> None:
    assert kind(formula=formula, family=family, weights=given) == meaning


def test_weights_carry_their_column_and_values() -> None:
    made = design(weights="w").weights
    assert made is not None
    assert made.name == "w"
    np.testing.assert_array_equal(made.values, DATA["w"])


def test_rows_of_zero_precision_are_left_out() -> None:
    made = design(data=DATA.assign(w=DATA["w"].where(DATA["x"] > 0, 0.0)), weights="w")
    np.testing.assert_array_equal(made.kept, DATA["x"] > 0)
    assert made.weights is not None
    assert (made.weights.values > 0).all()
    assert made.n_rows == made.predictors[0].fixed.matrix.shape[0]


def test_rows_of_zero_multiplier_stay() -> None:
    assert design("count ~ x", "poisson", weights="k").n_rows == N


def test_weights_follow_the_rows_that_are_kept() -> None:
    data = DATA.assign(x=DATA["x"].where(DATA["k"] != 2))
    made = design(data=data, weights=DATA["w"].to_numpy()).weights
    assert made is not None
    np.testing.assert_array_equal(made.values, DATA["w"][DATA["k"] != 2])


def test_a_bad_weight_in_a_row_that_is_dropped_does_not_matter() -> None:
    data = DATA.assign(x=DATA["x"].where(DATA["k"] != 2), w=DATA["w"].where(DATA["k"] != 2))
    assert design(data=data, weights="w").n_rows == int((DATA["k"] != 2).sum())


def changed(value: float) -> np.ndarray[Any, Any]:
    values = DATA["w"].to_numpy().copy()
    values[[2, 5]] = value
    return values


@pytest.mark.parametrize("role", ["weights", "offset"])
@pytest.mark.parametrize("by_name", [True, False])
def test_a_row_without_weight_or_offset_is_dropped_and_counted(role: str, by_name: bool) -> None:
    made = design(data=DATA.assign(bad=changed(np.nan)), **{role: "bad" if by_name else changed(np.nan)})
    assert made.dropped_by == {"bad" if by_name else role: 2}
    assert np.flatnonzero(~made.kept).tolist() == [2, 5]
    with pytest.raises(DataError, match=r"missing values in .*rows 102 and 105"):
        design(
            data=DATA.assign(bad=changed(np.nan)), na_action="raise", **{role: "bad" if by_name else changed(np.nan)}
        )


def test_an_array_of_weights_beside_a_column_of_that_name_drops_the_rows_of_both() -> None:
    data = DATA.assign(weights=np.where(np.arange(N) == 7, np.nan, 1.0 + np.arange(N)))
    made = build_design("y ~ weights", data, family=families.make("gaussian"), weights=changed(np.nan))
    assert np.flatnonzero(~made.kept).tolist() == [2, 5, 7]


@pytest.mark.parametrize("role", ["weights", "offset"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("by_name", [True, False])
def test_a_number_that_is_not_finite_is_named_with_its_rows(role: str, value: float, by_name: bool) -> None:
    data = DATA.assign(bad=changed(value))
    given = "bad" if by_name else changed(value)
    rows = "rows 102 and 105"
    with pytest.raises(DataError, match=rf"{role}.* is {value} in {rows}"):
        design(data=data, **{role: given})


def test_negative_weights_are_named_with_their_rows() -> None:
    with pytest.raises(DataError, match=r"weights is negative \(-1\) in rows 102 and 105"):
        design(weights=changed(-1.0))


def test_weights_that_are_all_zero_are_an_error() -> None:
    with pytest.raises(DataError, match="zero in every row"):
        design(weights=np.zeros(N))


@pytest.mark.parametrize("role", ["weights", "offset"])
def test_a_wrong_length_says_both(role: str) -> None:
    with pytest.raises(DataError, match=rf"{role} has length 29 but the data have 30 rows.*column name"):
        design(**{role: DATA["w"].to_numpy()[:-1]})


@pytest.mark.parametrize("role", ["weights", "offset"])
def test_a_series_in_another_order_is_an_error(role: str) -> None:
    with pytest.raises(DataError, match=rf"index of {role} is not that of the data.*to_numpy"):
        design(**{role: DATA["w"].sort_values()})


@pytest.mark.parametrize("role", ["weights", "offset"])
def test_a_single_number_is_no_column(role: str) -> None:
    with pytest.raises(DataError, match=rf"{role} must be a column name or an array"):
        design(**{role: 3.0})


def test_an_unknown_column_of_weights_offers_the_nearest() -> None:
    with pytest.raises(DataError, match=r"no column 'W', which \"weights='W'\" uses; did you mean 'w'"):
        design(weights="W")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": weights.trials("k")}, "trials only for binomial and betabinomial, not for gaussian"),
        (
            {"formula": "count ~ x", "family": "poisson", "weights": weights.precision("w")},
            "only for gaussian, not for poisson",
        ),
        (
            {"formula": "cbind(count, k) ~ x", "family": "binomial", "weights": weights.trials("k")},
            "already says the number of trials",
        ),
    ],
)
def test_a_meaning_that_the_family_does_not_have_is_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        design(**arguments)


def offset(**more: Any) -> Any:
    return design("count ~ x" + more.pop("added", ""), "poisson", **more).predictors[0].offset


def test_offsets_of_formula_and_argument_add_up() -> None:
    made = offset(added=" + offset(log(e)) + offset(w)", offset="x")
    np.testing.assert_allclose(made, np.log(DATA["e"]) + DATA["w"] + DATA["x"], rtol=1e-15)


@pytest.mark.parametrize("given", ["log(e)", np.log(DATA["e"]).to_numpy(), np.log(DATA["e"]), "`log e`"])
def test_an_offset_is_an_expression_a_column_or_an_array(given: Any) -> None:
    data = DATA.assign(**{"log e": np.log(DATA["e"])})
    made = design("count ~ x", "poisson", data, offset=given)
    np.testing.assert_allclose(made.predictors[0].offset, np.log(DATA["e"]), rtol=1e-15)


def test_an_offset_by_the_name_of_an_odd_column() -> None:
    data = DATA.assign(**{"log e": np.log(DATA["e"])})
    np.testing.assert_array_equal(offset(data=data, offset="log e"), data["log e"])


def test_a_missing_value_in_an_offset_of_the_formula_drops_the_row() -> None:
    made = design("count ~ x + offset(bad)", "poisson", DATA.assign(bad=changed(np.nan)), offset="bad")
    assert made.dropped_by == {"bad": 2}


def test_without_an_offset_there_is_none() -> None:
    assert offset() is None


def test_an_offset_that_is_not_finite_is_named_with_its_rows() -> None:
    with pytest.raises(DataError, match=r"offset 'log\(k\)' is -inf in rows 100, 104, 108, 112, 116 and 3 more"):
        offset(added=" + offset(log(k))")


def test_dispersion_and_zero_inflation_have_offsets_of_their_own() -> None:
    made = design("count ~ x", "nbinom2", dispformula="~ offset(w)", ziformula="~ x + offset(e)")
    cond, disp, zi = made.predictors
    assert cond.offset is None
    np.testing.assert_array_equal(disp.offset, DATA["w"])
    np.testing.assert_array_equal(zi.offset, DATA["e"])


def test_no_residual_variance_is_glmmtmbs_tiny_one() -> None:
    disp = design("y ~ x + (1 | k)", dispformula="~ 0").predictors[1]
    assert disp.fixed.names == ()
    assert np.exp(NO_RESIDUAL_LOG_SD) == pytest.approx(np.finfo(float).eps ** 0.25, rel=1e-14)
    np.testing.assert_array_equal(disp.offset, np.full(N, NO_RESIDUAL_LOG_SD))


def test_a_family_without_dispersion_has_no_dispformula() -> None:
    assert [p.component for p in design("count ~ x", "poisson", dispformula="~ 1").predictors] == ["cond"]
    for formula in ("~ x", "~ 0", "~ 1 + (1 | k)"):
        with pytest.raises(FormulaError, match="poisson has no dispersion parameter"):
            design("count ~ x", "poisson", dispformula=formula)


def test_only_a_gaussian_can_do_without_dispersion() -> None:
    with pytest.raises(FormulaError, match="nbinom2 needs its dispersion"):
        design("count ~ x", "nbinom2", dispformula="~ 0")


@pytest.mark.parametrize("formula", [None, "~ 0", "~ -1"])
def test_no_zero_inflation_has_no_predictor(formula: str | None) -> None:
    assert [p.component for p in design("count ~ x", "poisson", ziformula=formula).predictors] == ["cond"]
