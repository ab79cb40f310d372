"""How long is what comes after the fit? Kenward-Roger tests beside pbkrtest in R, or the dense formulas without R.

python benchmarks/bench_inference.py [--write]
"""

from __future__ import annotations

import sys

from inference_peers import kenward_roger
from measure import Figure
from published import publish


def is_fast(figure: Figure) -> bool:
    """Whether the peer takes as many times as long as is asked for."""
    return bool(figure["peer_seconds"] / figure["seconds"] >= figure["asked"])


def tables(figures: list[Figure]) -> dict[str, str]:
    """What docs/tests.md shows; bold where missed."""
    lines = ["| design | ranef | peer | times as long | asked |", "|---|---:|---|---:|---:|"]
    for one in figures:
        ratio = f"{one['peer_seconds'] / one['seconds']:.0f}"
        shown = ratio if is_fast(one) else f"**{ratio}**"
        peer = f"{one['peer']} {1e3 * one['peer_seconds']:.3g} ms"
        lines.append(f"| {one['name']} | {1e3 * one['seconds']:.3g} ms | {peer} | {shown} | {one['asked']:g} |")
    return {"kenward_roger": "\n".join(lines)}


def main() -> int:
    """Measure, print, judge."""
    figures = kenward_roger()
    sys.stdout.write(tables(figures)["kenward_roger"] + "\n")
    if "--write" in sys.argv[1:]:
        publish("kenward_roger", figures, r_packages=("pbkrtest",) if figures[0]["peer"] == "pbkrtest" else ())
    return 0 if all(map(is_fast, figures)) else 1


if __name__ == "__main__":
    sys.exit(main())
