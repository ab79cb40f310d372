"""Hundreds of simulated fits of each model kind: crashes, false warnings, missed optima, false zeros.

    python benchmarks/robustness.py [--sets 200] [--kinds WORD ...] [--no-peer] [--json FILE] [--faults FILE]

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

from engines import is_installed
from kinds.kind import Kind
from robustness_kinds import KINDS
from robustness_outcome import BETTER, FAR_BETTER, Outcome, assess
from robustness_peer import glmmtmb
from robustness_planted import PLANTED

COLUMNS = (
    "model", "data sets", "crashes", "refused", "not finite", "warned", "of a true pole", "false warnings",
    "missed by > 1e-3 (by > 0.5; worst)", "below a special case", "zero sds", "false zeros", "verdicts differ",
    "not its own value", "glmmTMB: warned or failed", "glmmTMB: missed by > 1e-3",
)  # fmt: skip


def head() -> str:
    """The first two lines of the table."""
    return f"| {' | '.join(COLUMNS)} |\n|---|{'---:|' * (len(COLUMNS) - 1)}"


def row(kind: Kind, outcomes: list[Outcome]) -> str:
    """One kind's line of the table."""
    missed = [o.short for o in outcomes if o.short > BETTER]
    worst = f" ({sum(short > FAR_BETTER for short in missed)}; {max(missed):.2g})" if missed else ""
    found = {fault: sum(o.faults[fault] for o in outcomes) for fault in outcomes[0].faults}
    cells = (
        kind.name,
        len(outcomes),
        found["crash"],
        sum(bool(o.refused) for o in outcomes),
        found["not finite"],
        sum(bool(o.warned) for o in outcomes),
        sum(o.true_pole for o in outcomes),
        found["false warning"],
        f"{len(missed)}{worst}",
        found["below a special case"],
        sum(o.zeros for o in outcomes),
        sum(o.false_zeros for o in outcomes),
        found["verdicts differ"],
        found["not its own value"],
        *peer_cells(outcomes),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def peer_cells(outcomes: list[Outcome]) -> tuple[str, str]:
    """What glmmTMB did with the problems that it has, of how many."""
    tried = [o for o in outcomes if o.peer_loglik is not None or o.peer_trouble]
    if not tried:
        return "-", "-"
    missed = sum(o.peer_loglik is not None and o.best - o.peer_loglik > BETTER for o in tried)
    of = f" of {len(tried)}" if len(tried) < len(outcomes) else ""
    return f"{sum(bool(o.peer_trouble) for o in tried)}{of}", f"{missed}{of}"


def fault_lines(outcome: Outcome) -> list[str]:
    """Each fault of a problem on a line: kind, number, what."""
    details = {
        "crash": outcome.crash,
        "false warning": outcome.warned,
        "missed": f"by {outcome.short:.3g}; start {outcome.start}; case {outcome.case}; twin {outcome.twin:.6f}",
        "below a special case": f"{outcome.case} by {outcome.special_case - outcome.loglik:.3g}",
        "verdicts differ": outcome.verdicts,
        "not its own value": f"by {outcome.drift:.3g}",
    }
    found = [fault for fault, happened in outcome.faults.items() if happened]
    return [f"({outcome.kind!r}, {outcome.number}) {fault}: {details.get(fault, '')[:400]}" for fault in found]


def run(kind: Kind, sets: int, peer: bool) -> list[Outcome]:
    """All problems of one kind, with glmmTMB beside them."""
    outcomes = [assess(kind, number) for number in range(sets)]
    answers = glmmtmb(kind, list(range(sets))) if peer else {}
    for outcome in outcomes:
        answer = answers.get(outcome.number, {})
        outcome.peer_loglik = answer.get("loglik")
        outcome.peer_trouble = answer.get("trouble") or ""
    return outcomes


def main() -> int:
    """Run all kinds, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--kinds", nargs="*", default=[""], help="only kinds whose name contains one of these")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--faults", type=Path, help="append a line for each fault")
    options = parser.parse_args()
    peer = not options.no_peer and is_installed("glmmTMB")
    everything: list[Outcome] = []
    sys.stdout.write(head() + "\n")
    for kind in KINDS:
        if not any(word in kind.name for word in options.kinds):
            continue
        outcomes = run(kind, options.sets, peer)
        everything += outcomes
        sys.stdout.write(row(kind, outcomes) + "\n")
        sys.stdout.flush()
        if options.faults is not None:
            with options.faults.open("a") as file:
                file.writelines(line + "\n" for outcome in outcomes for line in fault_lines(outcome))
        if options.json is not None:
            options.json.write_text(json.dumps([asdict(outcome) for outcome in everything], indent=1))
    silent = [(planted.name, planted.missing()) for planted in PLANTED]
    sys.stdout.write("\n| planted failure | reported |\n|---|---|\n")
    sys.stdout.writelines(f"| {name} | {f'NOT NAMED: {words}' if words else 'yes'} |\n" for name, words in silent)
    return 1 if any(any(o.faults.values()) for o in everything) or any(words for _, words in silent) else 0


if __name__ == "__main__":
    sys.exit(main())
