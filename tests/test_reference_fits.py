"""The reference fits of R, each within its own tolerances (tests/reference/README.md)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import pytest
from support import reference_checks as checks
from support.reference_cases import CASE_IDS, load_case, reference_values

import ranef

# The same parameters in the same objective: what is left is rounding of the printed estimates.
AT_REFERENCE = 1e-5


@cache
def fitted(name: str) -> tuple[ranef.Fit, tuple[str, ...]]:
    """The fit of a case, made once, and the warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = ranef.fit(**load_case(name).arguments())
    return fit, tuple(str(warning.message) for warning in caught)


@pytest.mark.parametrize("name", CASE_IDS)
def test_objective_at_the_reference_estimates(name: str) -> None:
    case = load_case(name)
    model = ranef.model(**case.arguments())
    loglik = model.loglik(reference_values(case, model))
    assert loglik == pytest.approx(case.expect["loglik"], rel=0, abs=AT_REFERENCE)


@pytest.mark.parametrize("name", CASE_IDS)
def test_loglik_is_not_below_the_reference(name: str, record_property: Callable[[str, object], None]) -> None:
    case = load_case(name)
    gain = fitted(name)[0].loglik - case.expect["loglik"]
    assert gain >= -case.tolerance["loglik_abs"]
    if gain > case.tolerance["loglik_abs"]:
        record_property("better_than_the_reference_by", gain)


@pytest.mark.parametrize("name", CASE_IDS)
def test_converged_without_false_warning(name: str) -> None:
    load_case(name)
    fit, messages = fitted(name)
    assert fit.converged
    assert not messages


@pytest.mark.parametrize("name", CASE_IDS)
@pytest.mark.parametrize("check", list(checks.CHECKS))
def test_agrees(name: str, check: str) -> None:
    case = load_case(name)
    differences = checks.CHECKS[check](case, fitted(name)[0])
    assert not differences, "\n".join(map(str, differences))


@pytest.mark.parametrize("name", [name for name in CASE_IDS if load_case(name).raw["formula_alt"]])
def test_proportion_with_trials_is_the_same_fit(name: str) -> None:
    case = load_case(name)
    arguments = case.alternative_arguments()
    assert arguments is not None
    fit = ranef.fit(**arguments)
    # nobs is rows either way; proportions times trials may round in the last digit.
    assert fit.loglik == pytest.approx(fitted(name)[0].loglik, rel=1e-9)
    assert fit.fixef().to_numpy() == pytest.approx(fitted(name)[0].fixef().to_numpy(), rel=1e-5, abs=1e-8)
