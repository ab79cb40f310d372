"""Faults that are known, and true poles: what the slow test of robustness expects besides zeros.

    python benchmarks/robustness_exceptions.py           # new faults and mended ones; 1 if any
    python benchmarks/robustness_exceptions.py --prune   # takes mended faults off the list, adds none

`known_faults.json` lists faults by kind and number, each with its reason; the test insists that a fault that has been
mended leaves it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kinds.kind import Kind
from robustness_kinds import KINDS
from robustness_outcome import Outcome, assess

TENTH = 10
LIST = Path(__file__).resolve().parent / "known_faults.json"

# Fits that say that the Laplace approximation only rises to a pole, which integration confirms.
TRUE_POLES: dict[str, tuple[int, ...]] = {"zero-inflated nbinom2": (5,)}

Faults = set[tuple[int, str]]  # number and name


@dataclass(frozen=True, slots=True)
class KnownFault:
    """Faults of one name in some problems of a kind, and why they are there."""

    kind: str
    fault: str
    numbers: tuple[int, ...]
    reason: str


def read() -> tuple[KnownFault, ...]:
    """The list."""
    entries = json.loads(LIST.read_text(encoding="utf-8"))
    return tuple(KnownFault(**entry | {"numbers": tuple(entry["numbers"])}) for entry in entries)


def write(known: list[KnownFault]) -> None:
    """The list again, a line each."""
    lines = ",\n".join(json.dumps(asdict(one)) for one in known)
    LIST.write_text(f"[\n{lines}\n]\n" if lines else "[]\n", encoding="utf-8")


def known_faults(kind: str) -> Faults:
    """The faults of a kind that are known."""
    return {(number, one.fault) for one in read() if one.kind == kind for number in one.numbers}


def tenth(kind: Kind) -> list[Outcome]:
    """What becomes of the first tenth of a kind."""
    return [assess(kind, number) for number in range(kind.sets // TENTH)]


def faults(outcomes: list[Outcome]) -> Faults:
    """All faults of some outcomes."""
    return {(o.number, fault) for o in outcomes for fault, happened in o.faults.items() if happened}


def without(known: tuple[KnownFault, ...], mended: dict[str, Faults]) -> list[KnownFault]:
    """The list without what has been mended."""
    left = []
    for one in known:
        numbers = tuple(n for n in one.numbers if (n, one.fault) not in mended.get(one.kind, set()))
        if numbers:
            left.append(replace(one, numbers=numbers))
    return left


def main() -> int:
    """Compare the tenth with the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prune", action="store_true", help="take mended faults off the list")
    prune = parser.parse_args().prune
    mended, new = {}, False
    for kind in KINDS:
        found, known = faults(tenth(kind)), known_faults(kind.name)
        mended[kind.name] = known - found
        new = new or bool(found - known)
        sys.stdout.writelines(f"new: ({kind.name!r}, {n}) {fault}\n" for n, fault in sorted(found - known))
        sys.stdout.writelines(f"mended: ({kind.name!r}, {n}) {fault}\n" for n, fault in sorted(known - found))
    if prune:
        write(without(read(), mended))
    return 1 if new or (any(mended.values()) and not prune) else 0


if __name__ == "__main__":
    sys.exit(main())
