"""One thing to know about a fit: what was found, who is guilty, what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a fit.

    Attributes
    ----------
    kind : ``"convergence"``, ``"unbounded"``, ``"flat"``, ``"not a maximum"``, ``"pole"``, ``"breakdown"``,
        ``"separation"``, ``"rounding"``, ``"redundant"``, ``"singular"`` or ``"bound"``
    problem : whether the result should not be used as it is
    parameters : the guilty parameters
    message, remedy : what was found; what to do
    """

    kind: str
    problem: bool
    parameters: tuple[str, ...]
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message
