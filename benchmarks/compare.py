"""Fit every case with ranef and its peers, interleaved, and set time, memory and log-likelihood side by side.

    python benchmarks/compare.py [NAME ...] [--repeats 5] [--limit 60] [--engines ranef glmm ...] [--asked]
                                 [--json FILE] [--write]

CPU seconds of the fit call on one thread, medians of the warm rounds. ``ranef`` is timed with the design built and
the standard errors of the fixed effects computed; ``ranef+formula`` is the whole call; peers are timed by their own fit
call. The exit status is 1 if a log-likelihood of ranef is worse than the best by more than 1e-4 or a speed asked for
is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cases import CASES, Case, case
from compare_table import tables
from engines import OURS, PYTHON_PEERS, R_PEERS, Engine, EngineError, is_installed
from published import publish
from tables import csv_of

LOGLIK_TOLERANCE = 1e-4
Record = dict[str, Any]

__all__ = ["tables"]  # what published.py asks of the script


def run_case(one: Case, engines: list[str], repeats: int, limit: float) -> list[Record]:
    """All engines on one case: a cold round, then `repeats` rounds, each engine once a round in turn."""
    records: dict[str, Record] = {}
    fits: dict[str, list[Record]] = {}
    with ExitStack() as stack:
        running: dict[str, Engine] = {}
        for name in engines:
            records[name] = {"case": one.name, "engine": name}
            try:
                running[name] = stack.enter_context(Engine(name, one, csv_of(one), limit))
            except EngineError as error:
                records[name]["failure"] = str(error)
        for _ in range(repeats + 1):
            for name in list(running):
                try:
                    fits.setdefault(name, []).append(running[name].fit())
                except EngineError as error:
                    records[name].setdefault("failure", str(error))
                    del running[name]
    for name, made in fits.items():
        if made:
            records[name] |= summarise(made)
    return list(records.values())


def summarise(fits: list[Record]) -> Record:
    """Medians of the warm times; memory of the cold fit, when nothing is allocated yet."""
    warm = fits[1:] or fits
    cpu = statistics.median(fit["cpu"] for fit in warm)
    evaluations = fits[-1]["evaluations"]
    if isinstance(evaluations, list):
        evaluations = evaluations[0] if evaluations else None
    return {
        "cpu": cpu,
        "cpu_min": min(fit["cpu"] for fit in warm),
        "cpu_cold": fits[0]["cpu"],
        "wall": statistics.median(fit["wall"] for fit in warm),
        "repeats": len(warm),
        "evaluations": evaluations,
        "cpu_evaluation": cpu / evaluations if evaluations else None,
        "peak_mib": fits[0]["peak_mib"],
        "loglik": fits[-1]["loglik"],
        "converged": fits[-1]["converged"],
    }


def verdicts(one: Case, records: list[Record]) -> list[str]:
    """What is missed, in words; empty if all is as asked."""
    done = {record["engine"]: record for record in records if "cpu" in record}
    if "ranef" not in done:
        return [f"{one.name}: ranef did not fit: {failure_of(records)}"] if "ranef" in names(records) else []
    missed = []
    best = max(record["loglik"] for record in done.values() if record["loglik"] is not None)
    ours = done["ranef"]
    if ours["loglik"] < best - LOGLIK_TOLERANCE:
        missed.append(f"{one.name}: log-likelihood {ours['loglik']:.6f}, {best - ours['loglik']:.2g} short of the best")
    peers = {name: record["cpu"] for name, record in done.items() if name not in OURS}
    for against, factor in one.at_least.items():
        rival = min(peers.values(), default=None) if against == "fastest" else peers.get(against)
        if rival is not None and rival / ours["cpu"] < factor:
            missed.append(f"{one.name}: {rival / ours['cpu']:.2f}x {against}, asked for {factor:g}x")
    return missed


def peers_of(one: Case, asked: bool) -> tuple[str, ...]:
    """The peers that take part in a line."""
    return tuple(name for name in one.peers if not asked or name not in R_PEERS or name in one.at_least)


def names(records: list[Record]) -> set[str]:
    """Engines of the records."""
    return {record["engine"] for record in records}


def failure_of(records: list[Record]) -> str:
    """Why ranef failed."""
    return next(str(record.get("failure")) for record in records if record["engine"] == "ranef")


def markdown(records: list[Record]) -> str:
    """One table: a line for each case and engine."""
    lines = [
        "| case | engine | CPU s | x ranef | evaluations | ms an evaluation | peak MiB | logLik | short of best |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(record["case"] for record in records):
        group = [record for record in records if record["case"] == name]
        done = [record for record in group if "cpu" in record]
        ours = next((record["cpu"] for record in done if record["engine"] == "ranef"), None)
        best = max((record["loglik"] for record in done if record["loglik"] is not None), default=None)
        lines += [line_of(record, ours, best) for record in group]
    return "\n".join(lines)


def line_of(record: Record, ours: float | None, best: float | None) -> str:
    """One line of the table."""
    if "cpu" not in record:
        reason = record.get("failure", "not run").splitlines()[-1][:60]
        return f"| {record['case']} | {record['engine']} | {reason} | | | | | | |"
    ratio = "" if ours is None else f"{record['cpu'] / ours:.1f}"
    per = "" if record["cpu_evaluation"] is None else f"{1e3 * record['cpu_evaluation']:.3g}"
    counts = "" if record["evaluations"] is None else f"{record['evaluations']:g}"
    loglik, short = record["loglik"], ""
    if loglik is not None and best is not None:
        short = f"{best - loglik:.1e}" if best - loglik > LOGLIK_TOLERANCE else "0"
    shown = "" if loglik is None else f"{loglik:.4f}"
    return (
        f"| {record['case']} | {record['engine']} | {record['cpu']:.4g} | {ratio} | {counts} | {per} "
        f"| {record['peak_mib']:.0f} | {shown} | {short} |"
    )


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="cases (all by default)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds after which a peer's fit is given up")
    parser.add_argument("--engines", nargs="*", help="only these (ranef, ranef+formula and peers)")
    parser.add_argument("--json", type=Path, help="write the records here too")
    parser.add_argument("--asked", action="store_true", help="R peers only where a multiple of theirs is asked for")
    parser.add_argument("--write", action="store_true", help="write results/speed.json and the table of README.md")
    options = parser.parse_args()
    chosen = [case(name) for name in options.names] or list(CASES)
    wanted = options.engines or [*OURS, *dict.fromkeys(peer for one in chosen for peer in one.peers)]
    if options.write and (options.names or options.engines):
        parser.error("--write is for all models and engines")
    installed = [name for name in wanted if is_installed(name)]
    absent = sorted(set(wanted) - set(installed))
    sys.stdout.write(f"{platform.machine()}, Python {platform.python_version()}; not installed: {absent or 'none'}\n")
    records: list[Record] = []
    missed: list[str] = []
    for one in chosen:
        engines = [name for name in installed if name in OURS or name in peers_of(one, options.asked)]
        made = run_case(one, engines, options.repeats, options.limit)
        records += made
        missed += verdicts(one, made)
        sys.stdout.write("\n".join(markdown(made).splitlines()[0 if one is chosen[0] else 2 :]) + "\n")
        sys.stdout.flush()
        if options.json is not None:
            options.json.write_text(json.dumps(records, indent=1))
    if options.write:
        present = tuple(name for name in PYTHON_PEERS if name in installed)
        publish("speed", records, peers=present, r_packages=tuple(n for n in R_PEERS if n in installed))
    sys.stdout.write("\n".join(["", *missed]) + "\n" if missed else "\nall as asked for\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
