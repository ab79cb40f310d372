"""Columns of truth values are factors of two levels: the numbers are those of the same column as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ranef

RANDOM = np.random.default_rng(11)
N = 120
TABLE = pd.DataFrame(
    {
        "x": RANDOM.normal(size=N),
        "f": RANDOM.choice(["u", "v", "w"], N),
        "g": np.arange(N) % 12,
        "b": RANDOM.random(N) < 0.4,
    }
)
TABLE["y"] = TABLE["x"] + 0.5 * TABLE["b"] + RANDOM.normal(size=12)[TABLE["g"]] + RANDOM.normal(size=N)
AS_TEXT = TABLE.assign(b=TABLE["b"].astype(str))
AS_NUMBER = TABLE.assign(b=TABLE["b"].astype(int))


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ b + (1 | g)", "y ~ 0 + b + (1 | g)", "y ~ x:b + (1 | g)", "y ~ b / x + (1 | g)", "y ~ f * b + (1 | g)",
        "y ~ x + (b | g)", "y ~ x + (0 + b | g)", "y ~ x + (b || g)", "y ~ x + (1 | g) + (1 | g:b)",
        "y ~ C(b, contr.sum)", "y ~ x + diag(0 + b | g)", "y ~ poly(x, 2):b + (1 | g)", "y ~ b + I(x^2) + (1 | g)",
    ],
)  # fmt: skip
def test_the_fit_is_that_of_the_column_as_text(formula: str) -> None:
    fit, text = ranef.fit(formula, TABLE), ranef.fit(formula, AS_TEXT)
    assert list(fit.parameters().index) == list(text.parameters().index)
    np.testing.assert_array_equal(fit.parameters()["estimate"], text.parameters()["estimate"])
    np.testing.assert_array_equal(fit.predict(TABLE.tail(7)), text.predict(AS_TEXT.tail(7)))


@pytest.mark.parametrize("nullable", [False, True])
def test_what_follows_a_fit_is_that_of_the_column_as_text(nullable: bool) -> None:
    data = TABLE.astype({"b": "boolean"}) if nullable else TABLE
    made = [ranef.fit("y ~ f * b + x:b + x + (1 | g)", d, reml=True) for d in (data, AS_TEXT)]

    def values(frame: pd.DataFrame) -> Any:
        return frame.select_dtypes("number").to_numpy()

    for answer in (
        lambda q: values(q.anova(type=3).to_frame()),
        lambda q: values(q.anova(type=2, ddf="satterthwaite").to_frame()),
        lambda q: values(q.joint_tests()),
        lambda q: values(q.emmeans("~ f").to_frame()),
        lambda q: values(q.emmeans("~ b | f").pairs().to_frame()),
        lambda q: values(q.emtrends("~ b", "x").to_frame()),
        lambda q: values(q.drop1().to_frame()),
    ):
        np.testing.assert_allclose(answer(made[0]), answer(made[1]), rtol=1e-9, equal_nan=True)
    assert list(made[0].emmeans("~ b").to_frame()["b"]) == [False, True]


def test_joint_tests_are_the_same_for_a_column_of_zeros_and_ones() -> None:
    tests = [ranef.fit("y ~ f * b + x + (1 | g)", d, reml=True).joint_tests() for d in (TABLE, AS_TEXT, AS_NUMBER)]
    for made in tests[1:]:
        assert list(made["term"]) == list(tests[0]["term"])
        np.testing.assert_allclose(made["statistic"], tests[0]["statistic"], rtol=1e-9)


def test_inside_functions_they_are_zero_and_one() -> None:
    fit = ranef.fit("y ~ b + I(b * x) + log(b + 1):x + (1 | g)", TABLE)
    number = ranef.fit("y ~ b + I(b * x) + log(b + 1):x + (1 | g)", AS_NUMBER)
    assert list(fit.fixef().index)[:3] == ["Intercept", "b[T.True]", "I(b * x)"]
    np.testing.assert_allclose(fit.fixef(), number.fixef(), rtol=1e-9)


def test_a_column_without_both_values_is_named() -> None:
    with pytest.raises(ranef.DataError, match=r"factor 'b' .*has one level, 'False'"):
        ranef.fit("y ~ b + (1 | g)", TABLE.assign(b=False))


def test_a_saved_fit_predicts_alike(tmp_path: Path) -> None:
    fit = ranef.fit("y ~ b * x + poly(x, 2):b + (0 + b | g)", TABLE)
    fit.save(tmp_path / "fit.ranef")
    np.testing.assert_allclose(ranef.load(tmp_path / "fit.ranef").predict(TABLE), fit.predict(TABLE), rtol=1e-12)
