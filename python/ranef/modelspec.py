"""formulaic's memory of a model matrix as plain values, and back.

The memory of stateful transforms (knots, centres, polynomial coefficients) is plain already; factors are known by
their levels. The structure is rebuilt on a small table that holds every level of every factor and, for each
number, one value from the middle of the data, with the transforms' memory in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ranef.design.fixed import MatrixSpec
from ranef.design.frame import open_table
from ranef.design.random import TermSpec
from ranef.formula.fixed import restored_spec

if TYPE_CHECKING:
    from ranef.result import Fit


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a formulaic ModelSpec is made of.

    Attributes
    ----------
    text : the terms
    transform_state : memory of the stateful transforms
    levels : levels of each factor among the columns
    middles : a value of each other column
    booleans : columns of truth values
    """

    text: str
    transform_state: dict[str, Any]
    levels: dict[str, pd.Index]
    middles: dict[str, float]
    booleans: list[str]


def recipe_of(fit: Fit, spec: Any) -> Recipe:
    """The recipe of one of the fit's formulaic specifications."""
    place, owner = next((k, m) for k, m in enumerate(_matrix_specs(fit)) if m.formulaic is spec)
    if fit.stored is not None:
        return fit.stored.recipes[place]
    table = open_table(fit.data).columns(owner.terms.variables, fit.formula)
    numbers = [name for name in owner.terms.variables if not table[name].is_factor]
    middles = {name: _middle(table[name].values, table[name].missing) for name in numbers}
    booleans = [name for name in numbers if table[name].values.dtype == np.bool_]
    return Recipe(str(spec.formula), dict(spec.transform_state), dict(owner.levels), middles, booleans)


def _matrix_specs(fit: Fit) -> list[MatrixSpec]:
    """Those that hold formulaic's memory, in the order in which a design is written."""
    specs: list[Any] = [p.fixed.spec.matrix for p in fit.design.predictors]
    for term in fit.design.terms:
        term_spec: TermSpec = term.spec
        specs.append(term_spec.effects)
    return [s for s in specs if isinstance(s, MatrixSpec) and s.formulaic is not None]


def _middle(values: Any, missing: Any) -> float:
    known = values if missing is None else values[~missing]
    return float(np.sort(known)[known.size // 2])


def spec_of(recipe: Recipe) -> Any:
    """A formulaic ModelSpec from its recipe."""
    count = max([2, *(len(levels) for levels in recipe.levels.values())])
    cycle = np.arange(count)
    frame: dict[str, Any] = {name: np.full(count, value) for name, value in recipe.middles.items()}
    for name in recipe.booleans:
        frame[name] = cycle % 2 == 0
    for name, levels in recipe.levels.items():
        values = levels[cycle % len(levels)]
        numeric = pd.api.types.is_integer_dtype(levels.dtype)
        frame[name] = np.asarray(values) if numeric else pd.Categorical(values, categories=levels)
    return restored_spec(recipe.text, pd.DataFrame(frame), recipe.transform_state)
