"""Measured numbers on the pages: every table there is a result of a script here, with its origin.

    python benchmarks/published.py           # copy all results into the pages
    python benchmarks/published.py --check   # say which pages differ and which results are old; 1 if any

A script measures and calls `publish`, which writes `results/<name>.json` (provenance, a digest of the code that was
measured, the records) and copies the tables that the script makes of the records between `<!-- table: NAME -->` and
`<!-- end of table -->` of the pages. `tests/test_published_tables.py` compares.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from code_digest import ROOT, digest
from provenance import in_words, provenance

RESULTS = ROOT / "benchmarks" / "results"
CORE = ("cpp/include/**/*.hpp", "cpp/src/**/*.cpp", "cpp/src/**/*.hpp", "cpp/bindings/*.cpp")
_FITTING = "fitting unfitted estimate convergence diagnose flatness separation families control"
_TESTING = (
    "along data_rows data_sets dispersion drawn_effects matched normality planned pooled probes row simulators "
    "within_groups"
)
DESIGN = ("python/ranef/design/*.py", "python/ranef/assemble.py")
FIT = (*CORE, *DESIGN, *(f"python/ranef/{name}.py" for name in _FITTING.split()))


@dataclass(frozen=True, slots=True)
class Published:
    """One set of results: who makes it and its tables, and the code that it measures."""

    name: str
    script: str  # a module here with `tables(records) -> {name of a table: lines of Markdown}`
    measures: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the results are."""
        return RESULTS / f"{self.name}.json"

    def result(self) -> dict[str, Any]:
        """What was measured, and where it comes from."""
        return dict(json.loads(self.path.read_text(encoding="utf-8")))

    def tables(self) -> dict[str, str]:
        """The tables made of the results, each with a sentence on its origin."""
        result = self.result()
        made = importlib.import_module(self.script).tables(result["records"])
        return {name: f"{text.strip()}\n\n{in_words(result['provenance'])}" for name, text in made.items()}

    def is_old(self) -> bool:
        """Whether the code that was measured has changed since."""
        return bool(self.result()["digest"] != digest(self.measures))


PUBLISHED = (
    Published(
        "robustness",
        "robustness",
        (*FIT, "python/ranef/fullvcov.py", "benchmarks/robustness.py", "benchmarks/robustness_[!e]*.py",
         "benchmarks/kinds/*.py", "benchmarks/workers/robustness.R"),
    ),
    Published(
        "speed",
        "compare",
        (*FIT, "benchmarks/compare*.py", "benchmarks/cases.py", "benchmarks/engines.py", "benchmarks/generate.py",
         "benchmarks/workers/worker.*"),
    ),
    Published("refit", "bench_refit", (*FIT, "python/ranef/refitting.py", "benchmarks/bench_refit.py")),
    Published("design", "bench_design", (*DESIGN, "python/ranef/formula/*.py", "benchmarks/bench_design.py")),
    Published(
        "residuals",
        "bench_residuals",
        ("cpp/src/simulate*.cpp", "cpp/include/ranef/simulate*.hpp", "python/ranef/checks/*.py",
         "benchmarks/bench_residuals.py"),
    ),
    Published(
        "calibration_checks",
        "calibration_checks",
        (*(f"python/ranef/checks/{name}.py" for name in _TESTING.split()), "benchmarks/calibration_checks.py"),
    ),
    Published(
        "kenward_roger",
        "bench_inference",
        ("python/ranef/inference/*.py", "benchmarks/inference_peers.py", "benchmarks/bench_inference.py"),
    ),
    Published(
        "coverage_intervals",
        "coverage_intervals",
        (*FIT, "cpp/src/profile/*.cpp", "python/ranef/intervals.py", "python/ranef/predict*.py",
         "python/ranef/inference/*.py", "benchmarks/coverage_intervals.py"),
    ),
    Published(
        "coverage_tests",
        "coverage_tests",
        (*FIT, "python/ranef/inference/*.py", "benchmarks/coverage_tests.py"),
    ),
)  # fmt: skip


def publish(name: str, records: Any, **packages: tuple[str, ...]) -> None:
    """Write the results of a script and copy its tables into the pages; `packages` as `provenance` takes them."""
    chosen = next(one for one in PUBLISHED if one.name == name)
    result = {"provenance": provenance(**packages), "digest": digest(chosen.measures), "records": records}
    RESULTS.mkdir(exist_ok=True)
    chosen.path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    copy_into_pages(chosen.tables())


def pages() -> list[Path]:
    """Where tables may stand."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def marked(name: str) -> re.Pattern[str]:
    """A table with its markers."""
    return re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end of table -->)", re.DOTALL)


def names_on_pages() -> list[str]:
    """The tables that the pages ask for."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    return re.findall(r"<!-- table: (\w+) -->", text)


def filled(page: str, tables: dict[str, str]) -> str:
    """A page's text with the tables between their markers."""
    for name, table in tables.items():
        page = marked(name).sub(lambda m, text=table: f"{m[1]}\n{text}\n\n{m[2]}", page)
    return page


def copy_into_pages(tables: dict[str, str]) -> None:
    """Put tables where the pages ask for them."""
    for path in pages():
        text = path.read_text(encoding="utf-8")
        if (new := filled(text, tables)) != text:
            path.write_text(new, encoding="utf-8")


def findings() -> list[str]:
    """What is not as it should be: pages that differ from the results, results older than what they measure."""
    found = []
    for one in PUBLISHED:
        tables = one.tables()
        for path in pages():
            text = path.read_text(encoding="utf-8")
            if filled(text, tables) != text:
                found.append(f"{path.relative_to(ROOT)} differs from {one.path.name}: python benchmarks/published.py")
        if one.is_old():
            found.append(f"{one.path.name} is older than what it measures: {one.result()['provenance']['command']}")
    return found


def main() -> int:
    """Copy, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        found = findings()
        sys.stdout.writelines(f"{line}\n" for line in found)
        return 1 if found else 0
    for one in PUBLISHED:
        copy_into_pages(one.tables())
    return 0


if __name__ == "__main__":
    sys.exit(main())
