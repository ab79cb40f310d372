"""Model matrices in files that kept formulaic's memory of them.

The memory of stateful transforms (knots, centres, polynomial coefficients) is plain; factors are known by their levels.
The specification is made anew on a small table that holds every level of every factor and, for each number, one value
from the middle of the data, with the transforms' memory in place.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ranef.design.fixed import CONTRASTS, MatrixSpec
from ranef.design.frame import Table, open_table
from ranef.design.general import GeneralSpec, plan_general
from ranef.design.interpreter import Memory
from ranef.design.plain import PlainSpec
from ranef.errors import DataError
from ranef.formula.algebra import Terms
from ranef.formula.expression import Expression
from ranef.formula.functions import SUMMARIES
from ranef.formula.transforms import contrasts_named, is_basis
from ranef.formula.tree import dotted_name, read_tree, written


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a formulaic ModelSpec was made of.

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


def read_matrix_spec(
    terms: Terms,
    names: tuple[str, ...],
    plain: PlainSpec | None,
    levels: Mapping[str, pd.Index],
    general: GeneralSpec | None = None,
    formulaic: Recipe | None = None,
) -> MatrixSpec:
    """A specification as a file holds it, with its own memory or with formulaic's."""
    if formulaic is not None:
        general = _from_recipe(terms, names, formulaic)
    return MatrixSpec(terms, names, plain, general, levels)


def _from_recipe(terms: Terms, names: tuple[str, ...], recipe: Recipe) -> GeneralSpec:
    memory: Memory = {}
    for factor in terms.factors:
        _remember(factor, recipe.transform_state, memory)
    general, _ = plan_general(terms, _small_table(recipe), recipe.levels, _contrasts(terms, recipe), memory)
    if general.names != names:
        raise DataError(
            f"the terms {terms.text!r:.200} were saved by an earlier version that did not keep all: fit again"
        )
    return general


def _remember(factor: Expression, old: Mapping[str, Any], memory: Memory) -> None:
    """Put what formulaic kept of the calls in `factor` where they are looked up now."""
    for node in ast.walk(read_tree(factor.code)):
        name = dotted_name(node.func) if isinstance(node, ast.Call) else None
        if name in SUMMARIES:
            raise DataError(
                f"{factor.source!r:.200} was saved by an earlier version that did not keep {name}: fit again"
            )
        if name is None or not is_basis(name):
            continue
        spellings = itertools.product(*(_spellings(variable) for variable in factor.variables))
        key = next((k for k in (written(node, s) for s in spellings) if k in old), None)
        if key is not None:
            memory[written(node, factor.shown_variables)] = {**old[key], "fitted": True}


def _spellings(name: str) -> tuple[str, str]:
    """How formulaic's memory may call a column."""
    plain = re.sub(r"\W", "_", name)
    return plain if not plain[:1].isdigit() else f"_{plain}", f"_column_{plain}"


def _contrasts(terms: Terms, recipe: Recipe) -> dict[str, Any]:
    """Contrasts that were given beside the formula: ``C(f, contr.sum)`` in the text where the terms have ``f``."""
    written_out = {factor.label for factor in terms.factors}
    return {
        factor.variables[0]: contrasts_named(f"contr.{kind}")
        for factor in terms.factors
        for kind in CONTRASTS
        if factor.is_name and (coded := f"C({factor.text}, contr.{kind})") in recipe.text and coded not in written_out
    }


def _small_table(recipe: Recipe) -> Table:
    count = max([2, *(len(levels) for levels in recipe.levels.values())])
    cycle = np.arange(count)
    frame: dict[str, Any] = {name: np.full(count, value) for name, value in recipe.middles.items()}
    for name in recipe.booleans:
        frame[name] = cycle % 2 == 0
    for name, levels in recipe.levels.items():
        values = levels[cycle % len(levels)]
        numeric = pd.api.types.is_integer_dtype(levels.dtype)
        frame[name] = np.asarray(values) if numeric else pd.Categorical(values, categories=levels)
    return open_table(frame).columns(frame, recipe.text)
