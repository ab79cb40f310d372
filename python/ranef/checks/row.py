"""One line of `Fit.check`: a quantity, its verdict, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ranef.checks.result import SIGNIFICANT
from ranef.textgrid import p_value_texts

Verdict = Literal["ok", "attention", "problem", "unknown"]

# P-values below it, together with an effect that matters, are a problem.
STRONG = 0.001


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check.

    Attributes
    ----------
    check : what is checked; quantity : what was computed
    value : the quantity; p_value : of its test, None where there is none
    verdict : ``"ok"``, ``"attention"``, ``"problem"``, or ``"unknown"`` where it could not be computed
    meaning : in words; advice : what to do, empty where nothing need be done
    resolution : smallest p-value but zero that could have been found; 0 where there is no such limit
    """

    check: str
    quantity: str
    value: float | str
    p_value: float | None
    verdict: Verdict
    meaning: str
    advice: str = ""
    resolution: float = 0.0

    @property
    def value_text(self) -> str:
        """The value to four digits."""
        return f"{self.value:.4g}" if isinstance(self.value, float) else self.value

    @property
    def p_text(self) -> str:
        """The p-value, empty where there is no test."""
        if self.p_value is None:
            return ""
        if self.p_value < self.resolution:
            return f"< {self.resolution:.3g}"
        return p_value_texts([self.p_value])[0].strip()


def verdict_of(p_value: float, large: bool) -> Verdict:
    """By the p-value, and whether the effect is large: what is significant and small deserves attention only."""
    if not p_value < SIGNIFICANT:
        return "ok"
    return "problem" if large and p_value < STRONG else "attention"
