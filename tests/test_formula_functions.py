"""Functions that formulas may call, against R and their definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ranef import families
from ranef.design.build import build_design, new_design
from ranef.formula.functions import log, natural_spline, plogis, qlogis

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
