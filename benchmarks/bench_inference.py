"""How long is what comes after the fit?

python benchmarks/bench_inference.py                 # all of it
python benchmarks/bench_inference.py kenward-roger   # beside pbkrtest in R, or the dense formulas where R has none
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from inference_peers import kenward_roger

BENCHMARKS: dict[str, Callable[[], bool]] = {"kenward-roger": kenward_roger}


def main() -> int:
    """Run what is asked for; 0 if every figure holds."""
    chosen = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in chosen if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}\n")
        return 2
    holds = [BENCHMARKS[name]() for name in chosen]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
