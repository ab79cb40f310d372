"""Seconds of a call: the median of repeats, in CPU time of this process."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU seconds of one call: the first, the median and the least of the later ones."""

    cold: float
    median: float
    least: float


def timing(call: Callable[[], object], repeats: int = 20) -> Timing:
    """Time `call` once cold and `repeats` times warm."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.process_time()
        call()
        seconds.append(time.process_time() - began)
    return Timing(seconds[0], statistics.median(seconds[1:]), min(seconds[1:]))


def report(name: str, value: float, limit: float, unit: str) -> bool:
    """Print a figure beside what is asked for; whether it holds."""
    holds = value < limit
    sys.stdout.write(f"{name}: {value:.4g} {unit} (asked for: under {limit:g}) {'ok' if holds else 'MISSED'}\n")
    return holds
