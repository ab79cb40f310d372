"""Estimates of several fits as a table object: what it holds, how it prints, what it writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ranef import tablerender
from ranef.errors import DataError
from ranef.textgrid import stars as significance

Format = Literal["text", "markdown", "html", "latex"]
FORMATS: tuple[Format, ...] = ("text", "markdown", "html", "latex")
_FORMAT_OF_SUFFIX: dict[str, Format] = {".txt": "text", ".md": "markdown", ".html": "html", ".tex": "latex"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of one fit.

    Attributes
    ----------
    value : the number or text
    std_error, conf_low, conf_high : its uncertainty; NaN where it has none
    p_value : of a coefficient
    """

    value: float | int | str
    std_error: float = np.nan
    conf_low: float = np.nan
    conf_high: float = np.nan
    p_value: float = np.nan


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: `cells` by the fit's place; a fit without it has no entry."""

    section: str
    label: str
    cells: dict[int, Cell]


@dataclass(frozen=True, slots=True)
class EstimateTable:
    """Fits side by side; made by `ranef.etable`. Prints in its format, shows as HTML in a notebook.

    Attributes
    ----------
    names : headings of the columns
    rows : the table's content, unrounded
    notes : what stands below
    format : of ``str()``
    stars, level, digits : significance codes; probability of intervals in place of standard errors; decimals
    """

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    format: Format = "text"
    stars: bool = False
    level: float | None = None
    digits: int = 3

    def __str__(self) -> str:
        return self.render(self.format)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.render("html")

    def render(self, format: str) -> str:  # noqa: A002 - as in etable
        """The table as ``"text"``, ``"markdown"``, ``"html"`` or ``"latex"`` (which needs the package booktabs)."""
        chosen = check_format(format)
        lines = [line for row in self.rows for line in self._lines(row)]
        return tablerender.RENDERERS[chosen](tablerender.Grid(self.names, lines, self.notes))

    def _lines(self, row: Row) -> Iterable[tablerender.Line]:
        """The line of estimates, and below it their uncertainty."""
        count = range(len(self.names))
        texts = [self._estimate(row.cells[k]) if k in row.cells else "" for k in count]
        yield tablerender.Line(row.section, row.label, texts, is_uncertainty=False)
        below = [self._uncertainty(row.cells[k]) if k in row.cells else "" for k in count]
        if any(below):
            yield tablerender.Line(row.section, "", below, is_uncertainty=True)

    def _estimate(self, cell: Cell) -> str:
        text = number_text(cell.value, self.digits)
        return text + significance(cell.p_value).replace(".", "") if self.stars and cell.p_value < 0.05 else text

    def _uncertainty(self, cell: Cell) -> str:
        if self.level is not None and np.isfinite(cell.conf_low):
            return f"[{number_text(cell.conf_low, self.digits)}, {number_text(cell.conf_high, self.digits)}]"
        if self.level is None and np.isfinite(cell.std_error):
            return f"({number_text(cell.std_error, self.digits)})"
        return ""

    def to_frame(self) -> pd.DataFrame:
        """The unrounded numbers.

        Returns
        -------
        DataFrame with columns ``section``, ``term``, ``what`` (``value``, ``std_error``, ``conf_low``, ``conf_high``,
        ``p_value``) and one a fit; NaN where a fit lacks the term.
        """
        made: list[list[Any]] = []
        for row in self.rows:
            for what in ("value", "std_error", "conf_low", "conf_high", "p_value"):
                values = [getattr(row.cells[k], what) if k in row.cells else np.nan for k in range(len(self.names))]
                if what == "value" or not all(pd.isna(v) for v in values):
                    made.append([row.section, row.label, what, *values])
        return pd.DataFrame(made, columns=["section", "term", "what", *self.names], dtype=object)

    def save(self, path: str | Path) -> None:
        """Write the table; the ending says how: ``.txt``, ``.md``, ``.html`` or ``.tex``.

        Raises
        ------
        DataError
            For another ending.
        """
        target = Path(path)
        if target.suffix.lower() not in _FORMAT_OF_SUFFIX:
            raise DataError(f"{str(path)!r}: give a file that ends in {', '.join(_FORMAT_OF_SUFFIX)}")
        target.write_text(self.render(_FORMAT_OF_SUFFIX[target.suffix.lower()]) + "\n", encoding="utf-8")


def check_format(format: str) -> Format:  # noqa: A002 - as in etable
    """The format if it is one.

    Raises
    ------
    DataError
        Listing the formats.
    """
    for known in FORMATS:
        if format == known:
            return known
    raise DataError(f"format must be one of {', '.join(map(repr, FORMATS))}, got {format!r}")


def number_text(value: float | int | str, digits: int) -> str:
    """A number with `digits` decimals, more where it is small, in powers of ten where it is tiny.

    Examples
    --------
    >>> [number_text(v, 3) for v in (251.40512, 0.0123, 0.00012, 0.0, 3e-9, 180)]
    ['251.405', '0.012', '0.00012', '0', '3.0e-09', '180']
    """
    if isinstance(value, str):
        return value
    if not np.isfinite(value):
        return "none" if np.isnan(value) else str(value)
    if isinstance(value, int | np.integer) or value == 0:
        return f"{value:g}" if value == 0 else str(value)
    magnitude = int(np.floor(np.log10(abs(value))))
    if magnitude < -6:
        return f"{value:.1e}"
    return f"{value:.{max(digits, 1 - magnitude)}f}"
