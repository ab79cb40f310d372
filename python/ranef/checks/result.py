"""What one test of a model says: the numbers, what they mean, what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType

import numpy as np
import pandas as pd

from ranef.textgrid import p_value_texts, significant, text_grid

# A p-value below it is called evidence. Of a test of a model's fit, not of a hypothesis of interest.
SIGNIFICANT = 0.05

_WIDTH = 100


@dataclass(frozen=True, slots=True, eq=False)
class CheckResult:
    """One test.

    Attributes
    ----------
    name : the test
    statistic_name, statistic : what was computed
    p_value : of the test; of all of them together where there are several
    alternative : ``"two-sided"``, ``"greater"`` or ``"less"``
    meaning : the result in words
    advice : what to do, empty where nothing need be done
    details : other numbers by name
    table : one row a part (a group, a quantile); None where there is one part
    resolution : smallest p-value (but zero, of textbook forms) that simulations could give; 0 where there is no limit
    """

    name: str
    statistic_name: str
    statistic: float
    p_value: float
    alternative: str
    meaning: str
    advice: str = ""
    details: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    table: pd.DataFrame | None = None
    resolution: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the test found nothing at the level 0.05."""
        return not self.p_value < SIGNIFICANT

    @property
    def p_text(self) -> str:
        """The p-value as ``"= 0.012"``; ``"<= 0.004"`` or ``"< 0.004"`` where simulations tell no more."""
        if self.p_value < self.resolution:
            return f"< {self.resolution:.3g}"
        if self.p_value == self.resolution:
            return f"<= {self.resolution:.2g}"
        text = p_value_texts([self.p_value])[0].strip()
        return text if text.startswith("<") else f"= {text}"

    def to_frame(self) -> pd.DataFrame:
        """The parts, where there are any; else one row: ``test``, ``statistic``, ``p_value``, ``alternative``, details.

        Returns
        -------
        DataFrame
        """
        if self.table is not None:
            return self.table.copy()
        row = {"test": self.name, "statistic": self.statistic, "p_value": self.p_value, "alternative": self.alternative}
        return pd.DataFrame([row | dict(self.details)])

    def __str__(self) -> str:
        numbers = [f"{self.statistic_name} = {_short(self.statistic)}", f"p-value {self.p_text}"]
        numbers += [f"{name.replace('_', ' ')} {_short(value)}" for name, value in self.details.items()]
        lines = [self.name, "  " + ", ".join(numbers), f"  alternative: {self.alternative}"]
        if self.table is not None:
            lines.append(_table_text(self.table))
        lines += textwrap.wrap(self.meaning, _WIDTH, initial_indent="  ", subsequent_indent="  ")
        if self.advice:
            lines += textwrap.wrap(f"What to do: {self.advice}", _WIDTH, initial_indent="  ", subsequent_indent="  ")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _short(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "undefined"


def _table_text(table: pd.DataFrame) -> str:
    columns = []
    for name, values in table.items():
        if str(name).startswith("p_"):
            texts = p_value_texts([float(v) for v in values])
        elif pd.api.types.is_float_dtype(values):
            texts = significant([float(v) for v in values])
        else:
            texts = [str(v) for v in values]
        columns.append([str(name), *texts])
    return text_grid(columns, left=(0,), indent="    ")
