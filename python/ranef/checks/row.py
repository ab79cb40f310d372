"""One line of `Fit.check`: a quantity, its verdict, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ranef.checks.result import SIGNIFICANT
from ranef.textgrid import p_value_texts

Verdict = Literal["ok", "attention", "problem", "unknown"]

# Adjusted p-values below it, together with an effect that matters, are a problem.
STRONG = 0.004


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check.

    Attributes
    ----------
    check : what is checked; quantity : what was computed
    value : the quantity; p_value : of its test, None where there is none
    verdict : ``"ok"``, ``"attention"``, ``"problem"``, or ``"unknown"`` where it could not be computed
    meaning : in words; advice : what to do, empty where nothing need be done
    resolution : smallest p-value that could have been found; 0 where there is no such limit
    p_adjusted : Holm's, over the tests of the table; None where there is no test
    """

    check: str
    quantity: str
    value: float | str
    p_value: float | None
    verdict: Verdict
    meaning: str
    advice: str = ""
    resolution: float = 0.0
    p_adjusted: float | None = None

    @property
    def value_text(self) -> str:
        """The value to four digits."""
        return f"{self.value:.4g}" if isinstance(self.value, float) else self.value

    @property
    def p_text(self) -> str:
        """The p-value, empty where there is no test."""
        if self.p_value is None:
            return ""
        if self.p_value <= self.resolution:
            return f"<= {self.resolution:.2g}"
        return p_value_texts([self.p_value])[0].strip()


def verdict_of(p_adjusted: float, large: bool, at_end: bool) -> Verdict:
    """By the adjusted p-value, and whether the effect is large: what is significant and small deserves attention only.

    Parameters
    ----------
    at_end : whether the p-value is the smallest that could be found, and might be any smaller one
    """
    if not p_adjusted < SIGNIFICANT:
        return "ok"
    return "problem" if large and (at_end or p_adjusted < STRONG) else "attention"
