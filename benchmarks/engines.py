"""Engines as subprocesses that fit one case on demand, so that their fits can be interleaved.

Each engine runs in a process of its own with one thread of linear algebra. Python peers may live in another
environment: name its interpreter in the environment variable RANEF_BENCH_PYTHON.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cases import GLMM, GLMMTMB, GPBOOST, LME4, MIXEDLM, Case

HERE = Path(__file__).resolve().parent
OURS = ("ranef", "ranef+formula")
PYTHON_PEERS = (GLMM, MIXEDLM, GPBOOST)
R_PEERS = (LME4, GLMMTMB)
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
START_SECONDS = 120.0


class EngineError(RuntimeError):
    """An engine that stopped or took too long; the message holds the end of what it printed."""


def peer_python() -> str:
    """The interpreter that has the Python peers."""
    return os.environ.get("RANEF_BENCH_PYTHON", sys.executable)


def is_installed(engine: str) -> bool:
    """Whether the engine can run here."""
    if engine in R_PEERS:
        rscript = shutil.which("Rscript")
        if rscript is None:
            return False
        test = f"quit(status = !all(c('{engine}', 'jsonlite') %in% rownames(installed.packages())))"
        return subprocess.run([rscript, "-e", test], capture_output=True, check=False).returncode == 0
    python = sys.executable if engine in OURS else peer_python()
    module = "ranef" if engine in OURS else engine
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


class Engine:
    """One engine with one case loaded; a context manager that ends the process."""

    def __init__(self, engine: str, case: Case, csv: Path, limit: float) -> None:
        self.name = engine
        self._limit = limit
        job = {
            "engine": engine,
            "formula": case.formula,
            "family": case.family,
            "ziformula": case.ziformula,
            "factors": list(case.factors),
            "csv": str(csv),
        }
        if engine in R_PEERS:
            command = ["Rscript", str(HERE / "workers" / "worker.R"), json.dumps(job)]
        else:
            python = sys.executable if engine in OURS else peer_python()
            command = [python, str(HERE / "workers" / "worker.py"), json.dumps(job)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | ONE_THREAD,
        )
        self._buffer = b""
        self._answer(START_SECONDS)

    def fit(self) -> dict[str, Any]:
        """One fit.

        Raises
        ------
        EngineError
            If it takes longer than the limit, or the engine stops.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(b"fit\n")
        self._process.stdin.flush()
        return self._answer(self._limit)

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                for line in self._buffer.splitlines(keepends=True):
                    if line.startswith(b"@@") and line.endswith(b"\n"):
                        self._buffer = b""
                        return dict(json.loads(line[2:]))
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise EngineError(f"{self.name}: more than {seconds:g} s")
                read = os.read(self._process.stdout.fileno(), 65536)
                if not read:
                    raise EngineError(f"{self.name} stopped: {self._buffer.decode(errors='replace')[-600:]}")
                self._buffer += read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
