"""The residual checks keep still on right models and speak on wrong ones: a tenth of the published measurement."""

from __future__ import annotations

import calibration_checks
import numpy as np
import pytest
from calibration_checks import LEAST_POWER, MOST, MOST_PROBLEMS, RIGHT, SETS, WRONG, Case, measure


def at_most(share: float, sets: int) -> float:
    """The largest share of so many sets that is no evidence against a share in truth."""
    return share + 3.0 * float(np.sqrt(share * (1.0 - share) / sets))


@pytest.mark.slow
@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_right_models_are_seldom_rejected(case: Case) -> None:
    found = measure(case, SETS // 10)
    assert found["sets"] > 0.9 * SETS // 10
    too_many = at_most(MOST, found["sets"])
    assert {name: share for name, share in found["rejected"].items() if share > too_many} == {}
    assert found["noted"] <= too_many
    assert found["problem"] <= at_most(MOST_PROBLEMS, found["sets"])


@pytest.mark.slow
@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_wrong_models_are_found(case: Case) -> None:
    assert measure(case, SETS // 50)["noted"] > LEAST_POWER


def test_what_is_missed_is_told() -> None:
    fine = {"name": "a", "rejected": {"outliers": 0.05}, "noted": 0.03, "problem": 0.0}
    found = {"name": "b", "rejected": {"outliers": 1.0}, "noted": 1.0, "problem": 1.0}
    assert calibration_checks.missed([fine], [found]) == []
    assert len(calibration_checks.missed([found], [fine])) == 5
