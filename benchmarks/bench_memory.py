"""Is memory linear in the rows? Peak memory of a fit beyond the caller's table, in bytes a row.

    python benchmarks/bench_memory.py

Formula, design and fit together, each in a process of its own.
"""

from __future__ import annotations

import sys

from cases import MEMORY_CASES
from engines import Engine
from measure import report
from tables import csv_of

ROWS = 10**6
BYTES_A_ROW = 1024.0
SECONDS = 600.0


def main() -> int:
    """Measure and judge."""
    holds = []
    for one in MEMORY_CASES:
        with Engine("ranef+formula", one, csv_of(one), SECONDS) as engine:
            answer = engine.fit()
        sys.stdout.write(f"{one.name}: {answer['cpu']:.2f} CPU s, {answer['peak_mib']:.0f} MiB\n")
        holds.append(report(one.name, answer["peak_mib"] * 2**20 / ROWS, BYTES_A_ROW, "bytes a row"))
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
