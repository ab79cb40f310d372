"""The robustness benchmark's table: counts of outcomes by kind."""

from __future__ import annotations

from typing import Any

from robustness_outcome import BETTER, FAR_BETTER, Outcome

COLUMNS = (
    "model", "data sets", "crashes", "refused", "not finite", "warned", "of a true pole", "false warnings",
    "missed by > 1e-3 (by > 0.5; worst)", "below a special case", "zero sds", "false zeros", "verdicts differ",
    "not its own value", "glmmTMB: warned or failed", "glmmTMB: missed by > 1e-3",
)  # fmt: skip


def head() -> str:
    """The first two lines of the table."""
    return f"| {' | '.join(COLUMNS)} |\n|---|{'---:|' * (len(COLUMNS) - 1)}"


def record(kind: str, outcomes: list[Outcome]) -> dict[str, Any]:
    """One kind's cells by column, its true poles by number, and each fault in words."""
    missed = [o.short for o in outcomes if o.short > BETTER]
    worst = f" ({sum(short > FAR_BETTER for short in missed)}; {max(missed):.2g})" if missed else ""
    found = {fault: sum(o.faults[fault] for o in outcomes) for fault in outcomes[0].faults}
    cells = (
        kind,
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
    return {
        "cells": dict(zip(COLUMNS, map(str, cells), strict=True)),
        "true poles": [o.number for o in outcomes if o.true_pole],
        "faults": [line for outcome in outcomes for line in fault_lines(outcome)],
    }


def row(made: dict[str, Any]) -> str:
    """One kind's line."""
    return "| " + " | ".join(made["cells"].values()) + " |"


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
