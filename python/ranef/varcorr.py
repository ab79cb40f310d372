"""Standard deviations and correlations of the random effects: blocks, the table, the print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.assemble import COMPONENT_TITLES, COMPONENTS
from ranef.design.design import RandomDesign
from ranef.parameters import Parameter, shared_name
from ranef.textgrid import significant, text_grid

Floats = NDArray[np.float64]

# Structures with no correlation to print, and those described by one correlation.
_UNCORRELATED = ("diag", "homdiag")
_PARAMETRIC = ("ar1", "cs")

# Smallest eigenvalue of a correlation matrix that still counts as full rank.
_SINGULAR = 1e-6


@dataclass(frozen=True, slots=True)
class CovarianceBlock:
    """Covariance of one random term's effects.

    Attributes
    ----------
    component, group, structure : which term
    names : the q effects
    sd : array (q,), on the linear predictor's scale
    corr : array (q, q)
    """

    component: str
    group: str
    structure: str
    names: tuple[str, ...]
    sd: Floats
    corr: Floats

    @property
    def is_singular(self) -> bool:
        """Whether a variance is zero or a correlation perfect."""
        if (self.sd <= 0).any():
            return True
        return len(self.sd) > 1 and bool(np.linalg.eigvalsh(self.corr)[0] < _SINGULAR)

    @property
    def covariance(self) -> Floats:
        """Covariance matrix (q, q); zero beside a variance of zero, where the correlation is undetermined (NaN)."""
        scale = np.outer(self.sd, self.sd)
        return np.asarray(np.where(scale > 0, self.corr, 0.0) * scale, dtype=np.float64)


def covariance_blocks(
    terms: Sequence[RandomDesign], parameters: Sequence[Parameter], values: Floats
) -> tuple[CovarianceBlock, ...]:
    """The covariance block of every random term at a parameter vector."""
    return tuple(_block(term, place, parameters, values) for place, term in enumerate(terms))


def _block(term: RandomDesign, place: int, parameters: Sequence[Parameter], values: Floats) -> CovarianceBlock:
    q = len(term.term_names)
    sd = np.zeros(q)
    corr = np.eye(q)
    for parameter, value in zip(parameters, values, strict=True):
        if parameter.owner != place or parameter.kind == "beta":
            continue
        if parameter.kind == "sd":
            sd[parameter.row if parameter.row >= 0 else slice(None)] = value
        elif parameter.row >= 0:
            corr[parameter.row, parameter.col] = corr[parameter.col, parameter.row] = value
        else:
            corr = _shared_correlation(term.structure, value, q)
    return CovarianceBlock(term.component, term.group, term.structure, term.term_names, sd, corr)


def _shared_correlation(structure: str, rho: float, q: int) -> Floats:
    """rho^|i - j| for a first-order autoregression, else one rho for every pair."""
    if structure == "ar1":
        lag = np.abs(np.subtract.outer(np.arange(q), np.arange(q)))
        return np.asarray(np.power(rho, lag), dtype=np.float64)
    return np.full((q, q), rho) + (1.0 - rho) * np.eye(q)


class VarCorr:
    """Variances and correlations of a fit; prints like R's VarCorr.

    Attributes
    ----------
    blocks : covariance of every random term
    residual : residual standard deviation, None where the family has none or it varies
    """

    def __init__(self, blocks: Sequence[CovarianceBlock], residual: float | None) -> None:
        self.blocks = tuple(blocks)
        self.residual = residual

    def to_frame(self) -> pd.DataFrame:
        """One row a variance or covariance.

        Returns
        -------
        DataFrame with columns ``component``, ``group``, ``var1``, ``var2`` (None for a variance), ``vcov`` (variance or
        covariance) and ``sdcor`` (standard deviation or correlation); the residual as group ``Residual``.
        """
        rows: list[tuple[str, str, str | None, str | None, float, float]] = []
        for block in self.blocks:
            rows += _frame_rows(block)
        if self.residual is not None:
            rows.append(("cond", "Residual", None, None, self.residual**2, self.residual))
        return pd.DataFrame(rows, columns=["component", "group", "var1", "var2", "vcov", "sdcor"])

    def __str__(self) -> str:
        return "\n\n".join(
            f"{COMPONENT_TITLES[c]} model:\n{random_effects_text(self, c, variances=False)}"
            for c in COMPONENTS
            if self.has_component(c)
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def has_component(self, component: str) -> bool:
        """Whether a random term, or the residual, belongs to `component`."""
        return any(b.component == component for b in self.blocks) or (component == "cond" and self.residual is not None)


def _frame_rows(block: CovarianceBlock) -> list[tuple[str, str, str | None, str | None, float, float]]:
    sd, names = block.sd, block.names
    head = (block.component, block.group)
    rows: list[tuple[str, str, str | None, str | None, float, float]] = [
        (*head, names[i], None, float(sd[i] ** 2), float(sd[i])) for i in range(len(names))
    ]
    if block.structure in _UNCORRELATED:
        return rows
    covariance = block.covariance
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    return rows + [(*head, names[i], names[j], float(covariance[i, j]), float(block.corr[i, j])) for i, j in pairs]


def random_effects_text(varcorr: VarCorr, component: str, variances: bool = True) -> str:
    """R's table of the random effects of one component."""
    blocks = [b for b in varcorr.blocks if b.component == component]
    residual = varcorr.residual if component == "cond" else None
    labels, sds, corrs = _grid_parts(blocks)
    if residual is not None:
        labels.append(("Residual", ""))
        sds.append(residual)
        corrs.append([])
    columns = [["Groups"] + [g for g, _ in labels], ["Name"] + [n for _, n in labels]]
    if variances:
        columns.append(["Variance", *significant([s**2 for s in sds])])
    columns.append(["Std.Dev.", *significant(sds)])
    width = max((len(c) for c in corrs), default=0)
    columns += [["Corr" if k == 0 else "", *(c[k] if k < len(c) else "" for c in corrs)] for k in range(width)]
    left = (0, 1, *range(len(columns) - width, len(columns)))
    return text_grid(columns, left=left, indent=" ")


def _grid_parts(blocks: Sequence[CovarianceBlock]) -> tuple[list[tuple[str, str]], list[float], list[list[str]]]:
    labels: list[tuple[str, str]] = []
    sds: list[float] = []
    corrs: list[list[str]] = []
    for block in blocks:
        if _is_one_line(block):
            labels.append((block.group, shared_name(block.names)))
            sds.append(float(block.sd[0]))
            corrs.append([_parametric_note(block)])
            continue
        for i, name in enumerate(block.names):
            labels.append((block.group if i == 0 else "", name))
            sds.append(float(block.sd[i]))
            corrs.append(_correlations(block, i))
    return labels, sds, corrs


def _is_one_line(block: CovarianceBlock) -> bool:
    """One standard deviation for every effect of the block."""
    return block.structure in ("ar1", "homdiag")


def _parametric_note(block: CovarianceBlock) -> str:
    if block.structure in _UNCORRELATED:
        return f"({block.structure})"
    return f"{block.corr[1, 0]:.2f} ({block.structure})" if len(block.names) > 1 else f"({block.structure})"


def _correlations(block: CovarianceBlock, row: int) -> list[str]:
    if block.structure in _PARAMETRIC:
        return [_parametric_note(block)] if row == 0 else []
    if block.structure in _UNCORRELATED:
        return [f"{0:.2f}" for _ in range(row)]
    return ["NaN" if np.isnan(c) else f"{c:.2f}" for c in block.corr[row, :row]]
