"""The table of speed in README.md: one line a model, made of compare.py's records."""

from __future__ import annotations

from typing import Any

from cases import CASES, Case
from engines import OURS

Record = dict[str, Any]
LOGLIK_TOLERANCE = 1e-4
HEAD = (
    "| model | ranef | fastest peer | ratio | asked | other peers | log-likelihood |\n|---|---:|---|---:|---:|---|---|"
)


def tables(records: list[Record]) -> dict[str, str]:
    """What README.md shows."""
    lines = []
    for one in CASES:
        group = {record["engine"]: record for record in records if record["case"] == one.name}
        if "ranef" in group:
            lines.append(line(one, group))
    return {"speed": "\n".join([HEAD, *lines])}


def line(one: Case, group: dict[str, Record]) -> str:
    """One model: times, the fastest peer over ranef, the others as multiples of ranef."""
    ours = group["ranef"]["cpu"]
    done = {name: record["cpu"] for name, record in group.items() if name not in OURS and "cpu" in record}
    order = sorted(done, key=lambda name: done[name])
    fastest = f"{order[0]} {seconds(done[order[0]])}" if order else "none"
    ratio = f"{done[order[0]] / ours:.3g}" if order else ""
    others = [f"{name} {done[name] / ours:.3g}" for name in order[1:]]
    others += [f"{name}: {why(record)}" for name, record in group.items() if name not in OURS and "cpu" not in record]
    cells = (one.name, seconds(ours), fastest, ratio, asked(one, done, ours), ", ".join(others), shortfalls(group))
    return "| " + " | ".join(cells) + " |"


def seconds(value: float) -> str:
    """Three digits, in seconds or milliseconds."""
    return f"{value:.3g} s" if value >= 1.0 else f"{1e3 * value:.3g} ms"


def why(record: Record) -> str:
    """Why a peer has no time."""
    return "over limit" if "more than" in record.get("failure", "") else "failed"


def asked(one: Case, done: dict[str, float], ours: float) -> str:
    """The multiples that are asked for; bold where missed."""
    words = []
    for against, factor in one.at_least.items():
        rival = min(done.values(), default=None) if against == "fastest" else done.get(against)
        text = f"{factor:g}" + ("" if against == "fastest" else f" ({against})")
        words.append(f"**{text}**" if rival is not None and rival / ours < factor else text)
    return ", ".join(words)


def shortfalls(group: dict[str, Record]) -> str:
    """Whose log-likelihood falls short of the best."""
    values = {name: record.get("loglik") for name, record in group.items() if name != "ranef+formula"}
    known = {name: value for name, value in values.items() if value is not None}
    best = max(known.values())
    short = [f"{name} {best - value:.2g}" for name, value in known.items() if best - value > LOGLIK_TOLERANCE]
    return f"short: {', '.join(short)}" if short else "all equal"
