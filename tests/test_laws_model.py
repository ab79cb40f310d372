"""Laws that every family, component and covariance structure obeys in a whole model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.simulated import interior_values, registry, simulate

import ranef

STRUCTURES = ("1 | g", "us(x | g)", "diag(x | g)", "homdiag(0 + f | g)", "cs(0 + f | g)", "ar1(0 + t | g)", "0 + f | g")
FAMILIES = tuple(ranef.families.names())
# A point mass at zero beside a count, or beside a positive response.
INFLATABLE = tuple(name for name in FAMILIES if ranef.families.make(name).is_count or name == "gamma")
DISPERSED = tuple(name for name in FAMILIES if ranef.families.make(name).dispersion)


def five_point_gradient(model: ranef.Model, values: pd.Series, step: float = 2e-3) -> pd.Series:
    """Differences of fourth order: truncation about step^4, rounding about 1e-11 / step."""

    def difference(name: str) -> float:
        def at(multiple: float) -> float:
            moved = values.copy()
            moved[name] += multiple * step
            return model.loglik(moved)

        return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)

    return pd.Series({name: difference(name) for name in values.index})


def assert_gradient_is_exact(model: ranef.Model) -> None:
    values = interior_values(model)
    exact = model.gradient(values)
    differences = five_point_gradient(model, values)
    scale = max(1.0, float(differences.abs().max()))
    assert list(exact.index) == list(values.index)
    # The mode is found to a gain of 1e-10: that moves the value by as much, the gradient by about its root times a
    # coefficient of third derivatives.
    np.testing.assert_allclose(exact, differences, rtol=0, atol=2e-6 * scale)
    assert differences.abs().max() > 1e-3, "a flat objective tests nothing"


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_with_random_effects_in_the_mean(family: str, structure: str) -> None:
    simulated = simulate(family)
    assert_gradient_is_exact(simulated.model(formula=f"{simulated.arguments['formula']} + {term(structure)}"))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("family", INFLATABLE)
def test_gradient_with_random_effects_in_the_zero_inflation(family: str, structure: str) -> None:
    simulated = simulate(family, zero_inflated=True)
    formula = f"{simulated.arguments['formula']} + (1 | h)"
    assert_gradient_is_exact(simulated.model(formula=formula, ziformula=f"~ x + {term(structure)}"))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("family", DISPERSED)
def test_gradient_with_random_effects_in_the_dispersion(family: str, structure: str) -> None:
    simulated = simulate(family)
    formula = f"{simulated.arguments['formula']} + (1 | h)"
    assert_gradient_is_exact(simulated.model(formula=formula, dispformula=f"~ x + {term(structure)}"))


@pytest.mark.parametrize(("family", "link"), registry())
def test_gradient_with_every_link(family: str, link: str) -> None:
    simulated = simulate(family, link)
    assert_gradient_is_exact(simulated.model(formula=f"{simulated.arguments['formula']} + (1 | g) + (1 | h)"))


@pytest.mark.parametrize("family", ["gaussian", "poisson", "nbinom2"])
def test_gradient_of_the_reml_criterion(family: str) -> None:
    simulated = simulate(family)
    model = simulated.model(formula=f"{simulated.arguments['formula']} + (x | g)", reml=True)
    assert_gradient_is_exact(model)


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_profiled_and_laplace_objectives_agree(structure: str, reml: bool) -> None:
    simulated = simulate("gaussian")
    formula = f"{simulated.arguments['formula']} + {term(structure)}"
    profiled = simulated.model(formula=formula, reml=reml)
    # A dispersion model takes the general path; with its slope at zero it is the same model.
    general = simulated.model(formula=formula, dispformula="~ x", reml=reml)
    values = interior_values(profiled)
    same = values.rename({"log_sigma": "disp:Intercept"})
    same["disp:x"] = 0.0
    assert profiled.loglik(values) == pytest.approx(general.loglik(same), rel=0, abs=1e-8)


@pytest.mark.parametrize("structure", ["1 | g", "us(x | g)"])
def test_profiled_optimum_is_the_optimum_of_the_general_objective(structure: str) -> None:
    simulated = simulate("gaussian", seed=4)
    formula = f"{simulated.arguments['formula']} + {term(structure)}"
    profiled = simulated.model(formula=formula).fit()
    general = simulated.model(formula=formula, dispformula="~ x", fixed={"disp:x": 0.0}).fit()
    assert profiled.loglik == pytest.approx(general.loglik, rel=0, abs=1e-6)
    # A gain below 1e-8 leaves an estimate within some 1e-4 standard errors.
    error = np.sqrt(np.diag(general.vcov()))
    np.testing.assert_allclose(profiled.fixef() / error, general.fixef() / error, rtol=0, atol=1e-3)


def test_loglik_of_a_fit_is_the_objective_at_its_estimates() -> None:
    for family, extra in (("gaussian", {}), ("poisson", {}), ("gamma", {"dispformula": "~ x"})):
        simulated = simulate(family, seed=8)
        model = simulated.model(formula="y ~ x + (x | g)", **dict[str, Any](extra))
        fit = model.fit()
        assert model.loglik(fit.parameters()["estimate"]) == pytest.approx(fit.loglik, rel=0, abs=1e-7)


def term(structure: str) -> str:
    """A random term from its structure and what stands in its brackets."""
    return structure if structure.endswith(")") else f"({structure})"
