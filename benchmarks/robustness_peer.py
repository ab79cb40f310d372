"""glmmTMB on the problems of a kind, in one R process."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from engines import ONE_THREAD
from kinds.kind import Call, Kind, Problem

HERE = Path(__file__).resolve().parent


def in_words_of_r(number: int, call: Call) -> dict[str, Any]:
    """One call as the R worker reads it."""
    family, _, link = call["family"].rstrip(")").partition("(")
    words = {key: call.get(key) for key in ("formula", "ziformula", "dispformula")}
    return {"number": number, "family": family, "link": link or None, "reml": call.get("reml", False)} | words


def is_known(problem: Problem) -> bool:
    """Whether glmmTMB has the model: random effects of a dispersion and the cauchit link it lacks."""
    return (
        problem.peer and "|" not in (problem.call.get("dispformula") or "") and "cauchit" not in problem.call["family"]
    )


def glmmtmb(kind: Kind, numbers: list[int]) -> dict[int, dict[str, Any]]:
    """glmmTMB's log-likelihood and complaints, by the number of the problem."""
    with tempfile.TemporaryDirectory() as folder:
        calls = []
        for number in numbers:
            problem = kind.problem(number)
            if not is_known(problem):
                continue
            path = Path(folder) / f"{number}.csv"
            problem.call["data"].to_csv(path, index=False, float_format="%.17g", na_rep="NA")
            calls.append(in_words_of_r(number, problem.call))
        if not calls:
            return {}
        job = Path(folder) / "job.json"
        job.write_text(json.dumps({"folder": folder, "calls": calls}))
        command = ["Rscript", str(HERE / "workers" / "robustness.R"), str(job)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
    answers = json.loads(next(line[2:] for line in done.stdout.splitlines() if line.startswith("@@")))
    return {call["number"]: answer for call, answer in zip(calls, answers, strict=True)}
