"""The data of a case as one CSV file that every engine reads."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

from cases import Case
from generate import generate

REFERENCE = Path(__file__).resolve().parents[1] / "tests" / "reference" / "data"
CACHE = Path(tempfile.gettempdir()) / "ranef-benchmarks"


def csv_of(case: Case) -> Path:
    """Path of the case's CSV, generated or unpacked on first use."""
    if case.data is not None and not case.data.endswith(".gz"):
        return REFERENCE / case.data
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / f"{case.name if case.data is None else Path(case.data).stem.removesuffix('.csv')}.csv"
    if path.exists():
        return path
    if case.data is None:
        generate(case.name).to_csv(path, index=False)
    else:
        path.write_bytes(gzip.decompress((REFERENCE / case.data).read_bytes()))
    return path
