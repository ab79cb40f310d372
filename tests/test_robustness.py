"""A tenth of the robustness benchmark: no crash, false warning, missed optimum or false zero that is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kinds.kind import Kind
from robustness_exceptions import TENTH, TRUE_POLES, KnownFault, faults, known_faults, read, tenth, without
from robustness_kinds import KINDS
from robustness_outcome import Outcome
from robustness_rivals import simpler_terms

SCALES = next(kind for kind in KINDS if kind.name == "scales of 1e-9 to 1e9")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_tenth_of_a_kind_has_no_fault_but_the_known_ones(kind: Kind) -> None:
    outcomes = tenth(kind)
    assert faults(outcomes) == known_faults(kind.name)
    assert tuple(o.number for o in outcomes if o.true_pole) == TRUE_POLES.get(kind.name, ())


def test_known_faults_name_a_kind_a_problem_of_its_tenth_and_a_fault() -> None:
    sets = {kind.name: kind.sets for kind in KINDS}
    for known in read():
        assert known.fault in Outcome("", 0).faults
        assert known.reason
        assert max(known.numbers) < sets[known.kind] // TENTH


def test_a_mended_fault_leaves_the_list_and_no_other() -> None:
    known = (KnownFault("a", "crash", (1, 2), "why"), KnownFault("b", "crash", (1,), "why"))
    assert without(known, {"a": {(1, "crash")}}) == [KnownFault("a", "crash", (2,), "why"), known[1]]
    assert without(known, {"b": {(1, "crash")}}) == [known[0]]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_problem_is_a_function_of_its_number(kind: Kind) -> None:
    first, again, other = (kind.problem(number).call for number in (3, 3, 4))
    pd.testing.assert_frame_equal(first["data"], again["data"])
    assert {key: value for key, value in first.items() if isinstance(value, str | bool)} == {
        key: value for key, value in again.items() if isinstance(value, str | bool)
    }
    assert not first["data"].equals(other["data"])


def least_squares_loglik(data: pd.DataFrame, weights: np.ndarray, restricted: bool) -> float:
    """Gaussian log-likelihood of y on x at its maximum, in closed form, with precision weights."""
    y, x = data["y"].to_numpy(), np.column_stack([np.ones(len(data)), data["x"]])
    coefficients = np.linalg.solve(x.T @ (weights[:, None] * x), x.T @ (weights * y))
    rss = float(np.sum(weights * (y - x @ coefficients) ** 2))
    n = len(y) - restricted * x.shape[1]
    value = -0.5 * n * (1.0 + np.log(2.0 * np.pi * rss / n)) + 0.5 * np.sum(np.log(weights))
    return value - restricted * 0.5 * np.linalg.slogdet(x.T @ (weights[:, None] * x))[1]


def test_twins_in_other_units_differ_by_the_stated_constant() -> None:
    tried = set()
    for number in range(30):
        problem = SCALES.problem(number)
        assert problem.twin is not None
        if problem.call["family"] != "gaussian":
            continue
        values = []
        for call in (problem.call, problem.twin.call):
            weights = call.get("weights", np.ones(len(call["data"])))
            values.append(least_squares_loglik(call["data"], weights, call["reml"]))
        assert values[0] == pytest.approx(values[1] + problem.twin.shift, rel=1e-9)
        tried.add((problem.call["reml"], "weights" in problem.call))
    assert len(tried) >= 3


def test_a_better_special_case_is_a_fault() -> None:
    outcome = Outcome("nbinom2", 0, loglik=-100.0, special_case=-99.0, case="limit poisson")
    assert {fault for fault, happened in outcome.faults.items() if happened} == {"missed", "below a special case"}


def test_a_warning_is_false_only_where_nobody_is_better() -> None:
    assert Outcome("nbinom2", 0, loglik=-100.0, warned="no").faults["false warning"]
    assert not Outcome("nbinom2", 0, loglik=-100.0, warned="no", best_start=-99.0).faults["false warning"]
    assert not Outcome("nbinom2", 0, loglik=-100.0, warned="no", excused=True).faults["false warning"]


def test_a_complaint_disqualifies_the_peer() -> None:
    assert Outcome("nbinom2", 0, loglik=-100.0, peer_loglik=-90.0).faults["missed"]
    assert not Outcome("nbinom2", 0, loglik=-100.0, peer_loglik=-90.0, peer_trouble="singular").faults["missed"]


def test_an_unstructured_term_contains_those_with_fewer_effects_and_without_correlations() -> None:
    found = [name for name, _ in simpler_terms("y ~ x1 + x2 + (x1 + x2 | g) + (1 | h)")]
    assert found == ["(x2 | g)", "(x1 | g)", "(0 + x1 + x2 | g)", "diag(x1 + x2 | g)"]
