"""The designs of all reference fits: coefficients, levels, effects and parameters as many as R has, named alike."""

from __future__ import annotations

from typing import Any

import pytest
from support.reference_cases import CASE_IDS, ReferenceCase, load_case, r_name

from ranef.design.build import build_design
from ranef.design.design import Design, RandomDesign


def case_design(case: ReferenceCase, arguments: dict[str, Any] | None = None) -> Design:
    given = dict(case.arguments() if arguments is None else arguments)
    for criterion in ("reml", "method"):
        given.pop(criterion, None)
    return build_design(given.pop("formula"), given.pop("data"), **given)


def parameters(term: RandomDesign) -> int:
    q = len(term.term_names)
    return {"us": q * (q + 1) // 2, "diag": q, "homdiag": 1, "cs": q + 1, "ar1": 2}[term.structure]


def factors(name: str) -> list[str]:
    """The factors of a coefficient; R orders those of an interaction by first appearance in the whole formula."""
    return sorted(name.split(":"))


@pytest.mark.parametrize("name", CASE_IDS)
def test_the_design_of_a_reference_fit_has_rs_columns(name: str) -> None:
    case = load_case(name)
    design = case_design(case)
    assert design.n_rows == case.expect["nobs"]
    for predictor in design.predictors:
        table = case.expect["fixef"].get(predictor.component)
        if table is not None:
            kept = [n for n, estimate in zip(table["names"], table["estimate"], strict=True) if estimate is not None]
            assert sorted(map(factors, map(r_name, predictor.fixed.names))) == sorted(map(factors, kept))
    fixed = sum(len(p.fixed.names) for p in design.predictors)
    assert fixed + sum(parameters(term) for term in design.terms) == case.expect["df"]


@pytest.mark.parametrize("name", [n for n in CASE_IDS if load_case(n).expect["ranef"]])
def test_the_levels_of_a_reference_fit_are_rs(name: str) -> None:
    case = load_case(name)
    design = case_design(case)
    for group, table in case.expect["ranef"].items():
        terms = [term for term in design.terms if term.group == group and term.component == "cond"]
        assert terms, f"no term of group {group}"
        for term in terms:
            assert [str(label) for label in term.labels[:5]] == table["levels"]
            assert len(term.labels) == table["n_levels"]
