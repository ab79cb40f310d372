"""Faults that are known, and true poles: what the slow test of robustness expects besides zeros.

A fault that is mended must leave this list, the test insists. Each has its reason.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownFault:
    """Faults of one name in some problems of a kind, and why they are there."""

    kind: str
    fault: str
    numbers: tuple[int, ...]
    reason: str


KNOWN: tuple[KnownFault, ...] = ()

# Fits that say that the Laplace approximation only rises to a pole, which integration confirms.
TRUE_POLES: dict[str, tuple[int, ...]] = {"zero-inflated nbinom2": (5,)}


def known_faults(kind: str) -> set[tuple[int, str]]:
    """The faults of a kind that are known, as number and name."""
    return {(number, one.fault) for one in KNOWN if one.kind == kind for number in one.numbers}
