"""Whether the parts of a saved fit belong together: each may have its form, and still be of another model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ranef import _core
from ranef.admissible import check_admissible
from ranef.design.design import Design, FixedDesign, RandomDesign
from ranef.design.fixed import FixedSpec, MatrixSpec
from ranef.design.general import GeneralSpec
from ranef.design.random import ColumnSpec, TermSpec
from ranef.errors import DataError
from ranef.estimate import Estimate
from ranef.families import Family
from ranef.formula.algebra import Terms
from ranef.joint import JointPrecision
from ranef.parameters import Parameter
from ranef.storage.stored import SavedSpecification, Stored

# Estimates beyond have squares that overflow.
_LARGEST = 1e150


def check_design(design: Design, family: Family) -> None:
    """The components are the family's, and every column of a matrix has its memory.

    Raises
    ------
    DataError
        Naming the part that does not fit.
    """
    components = tuple(p.component for p in design.predictors)
    possible = [("cond", *(("disp",) if family.dispersion else ()), *zi) for zi in ((), ("zi",))]
    if components not in possible:
        raise DataError(f"the linear predictors are {', '.join(components)}, which are not those of {family}")
    for predictor in design.predictors:
        _check_fixed(predictor.fixed, f"the fixed effects of {predictor.component}")
    for term in design.terms:
        if term.component not in components:
            raise DataError(f"a random term belongs to {term.component!r}, which is no linear predictor")
        _check_term(term)


def check_result(design: Design, saved: SavedSpecification, estimate: Estimate, stored: Stored) -> None:
    """The parameters are the model's, and what was found are possible values of them.

    Raises
    ------
    DataError
        Naming the part that does not fit.
    """
    _check_parameters(design, stored.parameters)
    values = estimate.values
    undetermined = [p.kind == "cor" for p in stored.parameters]
    if not ((np.abs(values) < _LARGEST) | (np.isnan(values) & undetermined)).all():
        raise DataError(f"the estimates {values} are not finite, or have no squares")
    check_admissible(stored.parameters, np.where(np.isnan(values), 0.0, values), design)
    if not stored.nobs > 0:
        raise DataError(f"the fit has {stored.nobs} observations")
    if strange := set(saved.fixed or {}) - {p.name for p in stored.parameters}:
        raise DataError(f"{min(strange)!r:.60} is held but is no parameter")
    if (stored.joint is None) != (not design.terms):
        raise DataError("the joint precision and the random terms do not belong together")
    if stored.joint is not None:
        _check_joint(stored.joint)


def _check_fixed(fixed: FixedDesign, what: str) -> None:
    spec: FixedSpec = fixed.spec
    count = len(spec.matrix.names)
    if list(spec.kept) != sorted({k for k in spec.kept if k < count}):
        raise DataError(f"{what} keep columns that are not there")
    if fixed.names != tuple(spec.matrix.names[k] for k in spec.kept) or fixed.matrix.shape[1] != len(fixed.names):
        raise DataError(f"{what} have other names than their columns")
    _check_matrix(spec.matrix, what)


def _check_matrix(spec: MatrixSpec, what: str) -> None:
    memory = spec.plain if spec.general is None else spec.general
    if memory is None or (spec.plain is not None and spec.general is not None):
        raise DataError(f"{what} have no specification, or two")
    if spec.general is not None:
        _check_general(spec.general, spec.terms, what)
    if sum(memory.counts) != len(spec.names):
        raise DataError(f"{what} have {len(spec.names)} columns, their terms {sum(memory.counts)}")
    if memory.names != spec.names:
        raise DataError(f"{what} have other columns than their terms")
    variables = set(spec.terms.variables)
    read = {f.variable for term in spec.plain.terms for f in term} if spec.plain is not None else set()
    if strange := (read | spec.levels.keys()) - variables:
        raise DataError(f"{what} read the column {min(strange)!r:.60}, which their terms do not")
    if any(len(levels) == 0 for levels in spec.levels.values()):
        raise DataError(f"{what} have a factor without levels")


def _check_general(spec: GeneralSpec, terms: Terms, what: str) -> None:
    """Each factor of the terms has its coding, and products are of these."""
    count = len(terms.factors)
    if not len(spec.labels) == len(spec.codings) == count:
        raise DataError(f"{what} have {len(spec.codings)} codings for {count} factors")
    parts = itertools.chain.from_iterable(itertools.chain.from_iterable(spec.products))
    if any(place >= count for place, _ in parts):
        raise DataError(f"{what} have products of factors that are not there")
    if any((coding.levels is None) != (coding.matrices is None) for coding in spec.codings):
        raise DataError(f"{what} have a factor without contrasts")


def _check_term(term: RandomDesign) -> None:
    spec: TermSpec = term.spec
    what = f"the random term {spec.term.source!r:.60}"
    group = spec.group
    if not group.columns or len(group.columns) != len(group.levels) or spec.term.groups != group.columns:
        raise DataError(f"{what} has {len(group.levels)} lists of levels for {len(group.columns)} grouping columns")
    if (group.cells is None) != (len(group.columns) == 1):
        raise DataError(f"{what} has no cells, or too many")
    expected = len(group.levels[0]) if group.cells is None else len(group.cells)
    if not 0 < len(term.labels) == expected:
        raise DataError(f"{what} has {len(term.labels)} labels for {expected} levels")
    if group.cells is not None:
        end = math.prod(len(levels) for levels in group.levels)
        if group.cells[0] < 0 or int(group.cells[-1]) >= end or not (np.diff(group.cells) > 0).all():
            raise DataError(f"{what} has cells that its levels do not make")
    if term.structure != spec.term.structure:
        raise DataError(f"{what} has two covariance structures, {term.structure} and {spec.term.structure}")
    effects = spec.effects
    if isinstance(effects, MatrixSpec):
        _check_matrix(effects, f"the effects of {what}")
    count = 1 if effects is None else len(effects.levels if isinstance(effects, ColumnSpec) else effects.names)
    if count != len(term.term_names):
        raise DataError(f"{what} has {len(term.term_names)} effects, its columns are {count}")


def _check_parameters(design: Design, parameters: Sequence[Parameter]) -> None:
    """Each parameter is where the core has it."""
    names = [p.name for p in parameters]
    if len(set(names)) < len(names):
        raise DataError("two parameters have one name")
    found: dict[tuple[str, int], list[tuple[str, int, int]]] = {}
    for parameter in parameters:
        owner = "predictor" if parameter.kind == "beta" else "term"
        found.setdefault((owner, parameter.owner), []).append((parameter.kind, parameter.row, parameter.col))
    for place, predictor in enumerate(design.predictors):
        places = [("beta", row, -1) for row in range(len(predictor.fixed.names))]
        own = found.pop(("predictor", place), [])
        if own != places and (own or place > 0):
            raise DataError(f"the parameters of the linear predictor {predictor.component} are not its coefficients")
    for place, term in enumerate(design.terms):
        own = found.pop(("term", place), [])
        if own not in [_core.covariance_parameters(structure, len(term.term_names)) for structure in _structures(term)]:
            raise DataError(f"the parameters of {term.spec.term.source!r:.60} are not those of its structure")
    if found:
        raise DataError("there are parameters of a predictor or random term that the model does not have")


def _structures(term: RandomDesign) -> tuple[str, ...]:
    """A pair of effects of which one parameter is held has the parameters of the other form of the same."""
    pair = term.structure == "us" and len(term.term_names) == 2
    return (term.structure, "cs") if pair else (term.structure,)


def _check_joint(joint: JointPrecision) -> None:
    """Compressed columns with their diagonal."""
    size = len(joint.indptr) - 1
    steps = np.diff(joint.indptr)
    if joint.indptr[0] != 0 or joint.indptr[-1] != len(joint.data) or (steps < 0).any():
        raise DataError("the joint precision has columns that do not follow each other")
    if ((joint.indices < 0) | (joint.indices >= size)).any():
        raise DataError("the joint precision has entries outside its rows")
