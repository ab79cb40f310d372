"""Contrasts applied to marginal means: within groups, simple, of contrasts, and several tables as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.means.contrasts import ContrastSet, Method, contrast_set
from ranef.means.emmeans import MarginalMeans
from ranef.means.scales import IDENTITY, ratio_scale
from ranef.means.specs import Names, read_names
from ranef.means.table import groups, level_text, row_names
from ranef.means.view import Facts, allowed_adjustment

Floats = NDArray[np.float64]
Interaction = str | Sequence[str] | Mapping[str, str]

# Label of a factor that a row of a combined table does not have.
_ABSENT = "."


@dataclass(frozen=True, slots=True)
class Request:
    """What a call of `MarginalMeans.contrast` asked for; see there."""

    method: Method = "pairwise"
    by: Names | None = None
    adjust: str | None = None
    interaction: Interaction | None = None
    simple: Names | None = None
    ref: str | int | None = None
    reverse: bool = False


def contrast(means: MarginalMeans, request: Request) -> MarginalMeans:
    """See `MarginalMeans.contrast`."""
    factors = tuple(means.labels.columns)
    if request.simple is not None:
        return _simple(means, request, factors)
    by = means.by if request.by is None else read_names(request.by, "by")
    _check_names(by, factors, "by")
    split = replace(means, by=by)
    if request.interaction is not None:
        return _interaction(split, request)
    return _within(split, request)


def _within(means: MarginalMeans, request: Request) -> MarginalMeans:
    """One set of contrasts in every combination of `by`."""
    sets, matrices, labels = [], [], []
    for key, rows in groups(means):
        names = level_names(means, rows)
        one = contrast_set(request.method, names, ref=request.ref, reverse=request.reverse)
        sets.append(one)
        matrix = np.zeros((len(one.labels), len(means)))
        matrix[:, rows] = one.weights
        matrices.append(matrix)
        labels += [(label, *key) for label in one.labels]
    made = sets[0]
    if not labels:
        raise DataError("there is nothing to compare: there is one mean only" + _within_words(means.by))
    frame = _label_frame(["contrast", *means.by], labels)
    facts = Facts("contrasts", "estimate", sets[0].weights.shape[1] if made.pairwise else None, means.facts.notes)
    return _contrasted(means, np.concatenate(matrices), frame, facts, request.adjust, made)


def _interaction(means: MarginalMeans, request: Request) -> MarginalMeans:
    """Contrasts of contrasts: the product of one set a factor, in every combination of `by`."""
    factors = [name for name in means.labels.columns if name not in means.by]
    methods = _methods(request.interaction, factors)
    levels = [list(dict.fromkeys(means.labels[name])) for name in factors]
    sets = [
        contrast_set(methods[name], [_enhanced(name, v) for v in values], ref=request.ref, reverse=request.reverse)
        for name, values in zip(factors, levels, strict=True)
    ]
    if not factors or any(not s.labels for s in sets):
        raise DataError("interaction contrasts need factors of at least two levels" + _within_words(means.by))
    product: Floats = np.ones((1, 1))
    for one in reversed(sets):
        product = np.asarray(np.kron(product, one.weights))
    combined_labels = _product([s.labels for s in sets])
    positions = _product(levels)
    matrices, labels = [], []
    for key, rows in groups(means):
        found = {tuple(means.labels.loc[r, name] for name in factors): r for r in rows}
        if set(found) != set(positions) or len(rows) != len(positions):
            raise DataError("interaction contrasts need every combination of the factors' levels once")
        matrix = np.zeros((len(product), len(means)))
        matrix[:, [found[p] for p in positions]] = product
        matrices.append(matrix)
        labels += [(*label, *key) for label in combined_labels]
    columns = [f"{name}_{methods[name].replace('.', '_')}" for name in factors]
    frame = _label_frame([*columns, *means.by], labels)
    usual = ContrastSet("interaction", (), np.concatenate(matrices), "none")
    facts = Facts("contrasts", "estimate", None, means.facts.notes)
    return _contrasted(means, usual.weights, frame, facts, request.adjust, usual)


def _contrasted(
    means: MarginalMeans,
    matrix: Floats,
    labels: pd.DataFrame,
    facts: Facts,
    adjust: str | None,
    usual: ContrastSet,
) -> MarginalMeans:
    """The linear functions `matrix` of the means, with the scale that is left to them."""
    notes = facts.notes
    scale = means.scale
    zero_sums = ContrastSet(usual.method, (), matrix, "none").sums_to_zero
    if scale.ratio and zero_sums:
        scale = ratio_scale(scale) if means.facts.kind != "contrasts" else scale
    elif scale.name:
        notes = (*notes, f"Contrasts are of means on the {scale.name} scale")
        scale = IDENTITY
    chosen = allowed_adjustment(facts, usual.adjust if adjust is None else adjust)
    view = replace(means.view, intervals=False, tests=True, adjust=chosen, null=0.0, sigma=0.0)
    return MarginalMeans(
        labels,
        matrix @ means.functions,
        matrix @ means.offset,
        matrix @ means.defects,
        means.basis,
        scale,
        means.by,
        view,
        replace(facts, notes=notes),
    )


def _simple(means: MarginalMeans, request: Request, factors: tuple[str, ...]) -> MarginalMeans:
    """Comparisons within all combinations of the other factors."""
    if request.by is not None or request.interaction is not None:
        raise DataError("simple= already says what the comparisons are within: leave out by= and interaction=")
    each = request.simple == "each"
    wanted = factors if each else read_names(request.simple, "simple")
    _check_names(wanted, factors, "simple")
    if not each:
        others = [name for name in factors if name not in wanted]
        return contrast(means, replace(request, simple=None, by=others))
    tables = [
        contrast(means, replace(request, simple=None, by=[f for f in factors if f != name], adjust="none"))
        for name in factors
    ]
    return combined(tables, "bonferroni" if request.adjust is None else request.adjust)


def combined(tables: Sequence[MarginalMeans], adjust: str) -> MarginalMeans:
    """Several tables as one family.

    Raises
    ------
    DataError
        If they are of different fits, components or scales.
    """
    first = tables[0]
    for other in tables[1:]:
        same = (
            other.basis.estimate.shape == first.basis.estimate.shape
            and np.array_equal(other.basis.estimate, first.basis.estimate)
            and np.array_equal(other.basis.covariance, first.basis.covariance)
        )
        if not same or other.facts.kind != first.facts.kind or other.scale.name != first.scale.name:
            raise DataError("rbind joins tables of one kind from the same means: these are of different ones")
    columns = list(dict.fromkeys(name for t in tables for name in (*t.by, *t.labels.columns)))
    ordered = [c for c in columns if c != "contrast"] + [c for c in columns if c == "contrast"]
    rows = [
        tuple(t.labels[c].iloc[r] if c in t.labels else _ABSENT for c in ordered) for t in tables for r in range(len(t))
    ]
    facts = replace(first.facts, means=None)
    chosen = allowed_adjustment(facts, adjust)
    return replace(
        first,
        labels=_label_frame(ordered, rows),
        functions=np.concatenate([t.functions for t in tables]),
        offset=np.concatenate([t.offset for t in tables]),
        defects=np.concatenate([t.defects for t in tables]),
        by=(),
        view=replace(first.view, adjust=chosen),
        facts=facts,
    )


def level_names(means: MarginalMeans, rows: NDArray[np.intp]) -> list[str]:
    """Names of means within a group: their levels that are not of `by`, numbers with the variable's name before."""
    factors = [name for name in means.labels.columns if name not in means.by]
    if not factors:
        return row_names(means)[: len(rows)] if len(rows) == 1 else [f"mean {k + 1}" for k in range(len(rows))]
    cells = [[_enhanced(name, means.labels[name].iloc[r]) for name in factors] for r in rows]
    return [" ".join(row) for row in cells]


def _enhanced(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return " - ".join(value)
    if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_)):
        return f"{name}{level_text(value)}"
    return level_text(value)


def _methods(interaction: Interaction | None, factors: Sequence[str]) -> dict[str, str]:
    """The method of every factor."""
    if isinstance(interaction, str):
        return dict.fromkeys(factors, interaction)
    if isinstance(interaction, Mapping):
        _check_names(tuple(interaction), tuple(factors), "interaction")
        return {name: interaction.get(name, "pairwise") for name in factors}
    given = list(interaction or ())
    if len(given) != len(factors):
        raise DataError(f"interaction has {len(given)} methods, but there are {len(factors)} factors: {factors}")
    return dict(zip(factors, given, strict=True))


def _product(lists: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """All combinations, the first varying fastest."""
    made: list[tuple[Any, ...]] = [()]
    for values in lists:
        made = [(*before, v) for v in values for before in made]
    return made


def _label_frame(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    made = {}
    for k, name in enumerate(columns):
        values = np.empty(len(rows), dtype=object)
        values[:] = [row[k] for row in rows]
        made[name] = values
    return pd.DataFrame(made, index=pd.RangeIndex(len(rows)))


def _check_names(names: Sequence[str], factors: Sequence[str], role: str) -> None:
    for name in names:
        if name not in factors:
            raise DataError(f"{role} names {name!r}, which these means do not have; they have: {', '.join(factors)}")


def _within_words(by: Sequence[str]) -> str:
    return f" within each level of {', '.join(by)}" if by else ""
