"""Seconds of a call: the median of repeats, in CPU time of this process."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from published import publish

Figure = dict[str, Any]  # name, value, limit, unit


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


def holds(figure: Figure) -> bool:
    """Print a figure beside what is asked for; whether it holds."""
    verdict = "ok" if figure["value"] < figure["limit"] else "MISSED"
    sys.stdout.write(
        f"{figure['name']}: {figure['value']:.4g} {figure['unit']} (asked for: under {figure['limit']:g}) {verdict}\n"
    )
    return verdict == "ok"


def report(name: str, value: float, limit: float, unit: str) -> bool:
    """Print a figure beside what is asked for; whether it holds."""
    return holds({"name": name, "value": value, "limit": limit, "unit": unit})


def figures_table(figures: list[Figure]) -> str:
    """Figures beside what is asked for, in Markdown; bold where missed."""
    rows = []
    for figure in figures:
        value = f"{figure['value']:.3g} {figure['unit']}"
        shown = value if figure["value"] < figure["limit"] else f"**{value}**"
        rows.append(f"| {figure['name']} | {shown} | {figure['limit']:g} {figure['unit']} |")
    return "\n".join(["| what | measured | asked: under |", "|---|---:|---:|", *rows])


def conclude(name: str, figures: list[Figure]) -> int:
    """Print all figures and judge them; written as results and into the pages where the command says ``--write``."""
    held = [holds(figure) for figure in figures]
    if "--write" in sys.argv[1:]:
        publish(name, figures)
    return 0 if all(held) else 1
