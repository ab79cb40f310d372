"""glmmTMB on the problems of a kind: run in R once, and remembered, since its answers do not depend on our code.

`results/glmmtmb.json` holds them by kind and number, with their origin and a digest of what draws the problems and asks
R; where that has changed, all are asked anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from code_digest import digest
from engines import ONE_THREAD, is_installed
from kinds.kind import Call, Kind, Problem
from provenance import provenance
from published import RESULTS

HERE = Path(__file__).resolve().parent
STORE = RESULTS / "glmmtmb.json"
ASKED = ("benchmarks/kinds/*.py", "benchmarks/robustness_peer.py", "benchmarks/workers/robustness.R")

Answer = list[Any]  # log-likelihood or None, and what the user is told
Answers = dict[int, Answer | None]  # None where glmmTMB lacks the model


class Peer:
    """glmmTMB's answers, those that are remembered first."""

    def __init__(self) -> None:
        self._asked = digest(ASKED)
        self._known: dict[str, dict[str, Answer | None]] = {}
        self._origin: dict[str, Any] = {}
        if STORE.exists() and (stored := json.loads(STORE.read_text(encoding="utf-8")))["digest"] == self._asked:
            self._known, self._origin = stored["answers"], stored["provenance"]

    def answers(self, kind: Kind, sets: int) -> Answers:
        """Of the first problems of a kind; empty where some are not known and R is not there."""
        known = self._known.setdefault(kind.name, {})
        unknown = [number for number in range(sets) if str(number) not in known]
        if unknown and not is_installed("glmmTMB"):
            return {}
        known.update({str(number): answer for number, answer in ask(kind, unknown).items()})
        return {number: known[str(number)] for number in range(sets)}

    def remember(self) -> None:
        """Write the answers down; their origin is that of the last that were asked for."""
        origin = self._origin if not is_installed("glmmTMB") else provenance(r_packages=("glmmTMB", "TMB"))
        RESULTS.mkdir(exist_ok=True)
        kinds = ",\n".join(f"{json.dumps(name)}: {json.dumps(known)}" for name, known in self._known.items())
        head = f'"provenance": {json.dumps(origin)},\n"digest": "{self._asked}"'
        STORE.write_text(f'{{{head},\n"answers": {{\n{kinds}\n}}}}\n', encoding="utf-8")
        self._origin = origin

    @property
    def origin(self) -> dict[str, Any]:
        """Where the remembered answers come from."""
        return self._origin


def ask(kind: Kind, numbers: list[int]) -> Answers:
    """Fit problems in one R process."""
    problems = {number: kind.problem(number) for number in numbers}
    has = [number for number, problem in problems.items() if is_known(problem)]
    answers: Answers = dict.fromkeys(numbers)
    if has:
        with tempfile.TemporaryDirectory() as folder:
            calls = [in_words_of_r(number, problems[number].call, Path(folder)) for number in has]
            answers |= dict(zip(has, run(Path(folder), calls), strict=True))
    return answers


def is_known(problem: Problem) -> bool:
    """Whether glmmTMB has the model: random effects of a dispersion and the cauchit link it lacks."""
    call = problem.call
    return problem.peer and "|" not in (call.get("dispformula") or "") and "cauchit" not in call["family"]


def in_words_of_r(number: int, call: Call, folder: Path) -> dict[str, Any]:
    """One call as the R worker reads it, its data in a file."""
    call["data"].to_csv(folder / f"{number}.csv", index=False, float_format="%.17g", na_rep="NA")
    family, _, link = call["family"].rstrip(")").partition("(")
    words = {key: call.get(key) for key in ("formula", "ziformula", "dispformula")}
    return {"number": number, "family": family, "link": link or None, "reml": call.get("reml", False)} | words


def run(folder: Path, calls: list[dict[str, Any]]) -> list[Answer]:
    """The R worker's answers."""
    job = folder / "job.json"
    job.write_text(json.dumps({"folder": str(folder), "calls": calls}))
    command = ["Rscript", str(HERE / "workers" / "robustness.R"), str(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
    answers = json.loads(next(line[2:] for line in done.stdout.splitlines() if line.startswith("@@")))
    return [[answer.get("loglik"), (answer.get("trouble") or "")[:60]] for answer in answers]
