"""`Fit.check`: everything that can be checked, in one table."""

from __future__ import annotations

import textwrap
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from ranef.checks.collinearity import variance_inflation
from ranef.checks.data_rows import test_rows
from ranef.checks.fit_rows import collinearity_row, convergence_row, laplace_row, singularity_row
from ranef.checks.influence_rows import influence_rows
from ranef.checks.making import simulate_residuals
from ranef.checks.row import CheckRow
from ranef.checks.simulated import SimulatedResiduals
from ranef.textgrid import text_grid

if TYPE_CHECKING:
    from ranef.result import Fit

_WIDTH = 110
_COLUMNS = ["check", "quantity", "value", "p_value", "p_adjusted", "verdict", "meaning", "advice"]


class Checks:
    """The checks of a fit; prints as a table, then what each notable one means and what to do.

    Attributes
    ----------
    rows : the checks, one a line
    residuals : the simulated residuals behind them
    collinearity : variance inflation by term: ``component``, ``term``, ``df``, ``gvif``, ``vif``
    """

    def __init__(self, rows: tuple[CheckRow, ...], residuals: SimulatedResiduals, collinearity: pd.DataFrame) -> None:
        self.rows = rows
        self.residuals = residuals
        self.collinearity = collinearity

    @property
    def ok(self) -> bool:
        """Whether no check is a problem."""
        return all(row.verdict != "problem" for row in self.rows)

    def to_frame(self) -> pd.DataFrame:
        """One row a check: ``check``, ``quantity``, ``value``, ``p_value`` (NaN: no test), ``p_adjusted`` (Holm's, over
        the tests), ``verdict``, ``meaning``, ``advice``."""
        made = []
        for row in self.rows:
            p_values = [float("nan") if p is None else p for p in (row.p_value, row.p_adjusted)]
            made.append((row.check, row.quantity, row.value, *p_values, row.verdict, row.meaning, row.advice))
        return pd.DataFrame(made, columns=_COLUMNS)

    def __str__(self) -> str:
        columns = [
            ["check", *(r.check for r in self.rows)],
            ["quantity", *(r.quantity for r in self.rows)],
            ["value", *(r.value_text for r in self.rows)],
            ["p", *(r.p_text for r in self.rows)],
            ["verdict", *(r.verdict for r in self.rows)],
        ]
        lines = [text_grid(columns, left=(0, 1, 4))]
        notable = sorted((r for r in self.rows if r.verdict != "ok"), key=lambda r: r.verdict != "problem")
        if not notable:
            return "\n".join([*lines, "", "Nothing calls for attention."])
        for row in notable:
            text = f"{row.verdict}, {row.check}: {row.meaning.rstrip('.')}." + (
                f" What to do: {row.advice}." if row.advice else ""
            )
            lines += ["", *textwrap.wrap(text, _WIDTH, subsequent_indent="  ")]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in _COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) + "</tr>" for row in self.rows
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: CheckRow) -> list[str]:
    return [row.check, row.quantity, row.value_text, row.p_text, row.verdict, row.meaning, row.advice]


def check(fit: Fit, n: int, seed: int, refit: bool) -> Checks:
    """See `Fit.check`."""
    fit.require_data("check()")
    residuals = simulate_residuals(fit, n, seed, "unconditional", None)
    rows = [
        convergence_row(fit),
        singularity_row(fit),
        *test_rows(fit, n, seed, refit=refit),
        collinearity_row(fit),
        *influence_rows(fit),
        laplace_row(fit, seed),
    ]
    return Checks(tuple(row for row in rows if row is not None), residuals, variance_inflation(fit))
