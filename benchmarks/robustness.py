"""Hundreds of simulated fits of each model kind: crashes, false warnings, missed optima, false zeros.

    python benchmarks/robustness.py [--sets N] [--kinds WORD ...] [--no-peer] [--json FILE] [--faults FILE] [--write]

Every problem is fitted once as a user would, then from dispersed starts, as each special case of its model and, where
it has one, as its twin in other units (robustness_rivals.py); glmmTMB fits the same data where it is installed. Prints
a table in Markdown; the exit status is 1 if a column that must be zero is not.

Only optima count as better: starts that converged, fits of glmmTMB without a complaint, and fits of special cases of
the model, which it must not be worse than. A search that ends at a pole of the Laplace approximation has found none:
there the Hessian of the random effects becomes singular and -1/2 log|H| runs to infinity, while the integral that it
stands for does not. A fit that reports a pole warns; the warning is true if brute-force integration confirms it
(robustness_poles.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinds.kind import Kind
from published import publish
from robustness_kinds import KINDS
from robustness_outcome import Outcome, assess
from robustness_peer import Peer
from robustness_planted import PLANTED
from robustness_table import head, record, row


def run(kind: Kind, sets: int, peer: Peer | None) -> list[Outcome]:
    """All problems of one kind, with glmmTMB beside them."""
    outcomes = [assess(kind, number) for number in range(sets)]
    answers = peer.answers(kind, sets) if peer is not None else {}
    for outcome in outcomes:
        if answer := answers.get(outcome.number):
            outcome.peer_loglik, outcome.peer_trouble = answer
    return outcomes


def planted() -> list[list[str]]:
    """Each planted failure and whether its report names it."""
    missing = [(one.name, one.missing()) for one in PLANTED]
    return [[name, f"NOT NAMED: {words}" if words else "yes"] for name, words in missing]


def poles(kinds: list[dict[str, Any]]) -> str:
    """The problems that warn of a true pole, by kind and number."""
    named = {one["cells"]["model"]: one["true poles"] for one in kinds if one["true poles"]}
    listed = [f"{kind} {', '.join(map(str, numbers))}" for kind, numbers in named.items()]
    return f"True poles: {'; '.join(listed) or 'none'}."


def peer_in_words(origin: dict[str, Any]) -> str:
    """Which glmmTMB it was; none where R was absent."""
    named = [f"{name} {origin['versions'][name]}" for name in ("R", "glmmTMB", "TMB") if origin]
    return f"Peer: {', '.join(named)}, {origin['date']}." if origin else "Peer: not run."


def tables(records: dict[str, Any]) -> dict[str, str]:
    """What README.md shows."""
    rows = "\n".join(f"| {name} | {reported} |" for name, reported in records["planted"])
    return {
        "robustness": "\n".join(
            [head(), *map(row, records["kinds"]), "", poles(records["kinds"]), peer_in_words(records["peer"])]
        ),
        "planted": f"| planted failure | reported |\n|---|---|\n{rows}",
    }


def main() -> int:
    """Run all kinds, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, help="of each kind; else as many as the kind says")
    parser.add_argument("--kinds", nargs="*", default=[""], help="only kinds whose name contains one of these")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", type=Path, help="write all outcomes")
    parser.add_argument("--faults", type=Path, help="append a line for each fault")
    parser.add_argument(
        "--write", action="store_true", help="write results/robustness.json and the tables of README.md"
    )
    options = parser.parse_args()
    peer = None if options.no_peer else Peer()
    chosen = [kind for kind in KINDS if any(word in kind.name for word in options.kinds)]
    if options.write and (peer is None or len(chosen) < len(KINDS)):
        parser.error("--write is for all kinds with glmmTMB beside them")
    everything: list[Outcome] = []
    made: list[dict[str, Any]] = []
    sys.stdout.write(head() + "\n")
    for kind in chosen:
        outcomes = run(kind, options.sets or kind.sets, peer)
        if options.write and peer is not None:
            peer.remember()
        everything += outcomes
        made.append(record(kind.name, outcomes))
        sys.stdout.write(row(made[-1]) + "\n")
        sys.stdout.flush()
        if options.faults is not None:
            with options.faults.open("a") as file:
                file.writelines(line + "\n" for line in made[-1]["faults"])
        if options.json is not None:
            options.json.write_text(json.dumps([asdict(outcome) for outcome in everything], indent=1))
    records = {"kinds": made, "planted": planted(), "peer": {}}
    sys.stdout.write(f"\n{tables(records)['planted']}\n")
    if options.write and peer is not None:
        publish("robustness", records | {"peer": peer.origin})
    return 1 if any(one["faults"] for one in made) or any(said != "yes" for _, said in records["planted"]) else 0


if __name__ == "__main__":
    sys.exit(main())
