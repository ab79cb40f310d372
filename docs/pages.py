"""Runs the pages of this folder: what their Python blocks print is what their text blocks show.

    python docs/pages.py                    # run every page, write back what it prints and the figures it saves
    python docs/pages.py docs/intervals.md  # one page

A page is Markdown. Its ```python blocks run in order, in one namespace and in an empty folder; a ```text block after
one shows what it prints. Pages of `workflows/` find their data as `data/*.csv` (made by `workflows/simulate.py`) and
save figures as `figures/*.png`. `tests/test_pages.py` runs them and compares.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
WORKFLOWS = DOCS / "workflows"

_BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$(?:\s*^```text\n(?P<shown>.*?)^```$)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of code, what the page shows that it prints ("" where it shows nothing), and where both stand."""

    code: str
    shown: str
    line: int
    span: tuple[int, int]


def pages() -> list[Path]:
    """Every page that runs code, by name."""
    return sorted(path for path in DOCS.rglob("*.md") if blocks(path.read_text(encoding="utf-8")))


def blocks(text: str) -> list[Block]:
    """The blocks of a page's text, in order."""
    return [
        Block(m["code"], m["shown"] or "", text.count("\n", 0, m.start("code")), m.span())
        for m in _BLOCK.finditer(text)
    ]


def run(page: Path, folder: Path) -> tuple[list[tuple[Block, str]], dict[str, object]]:
    """Run a page in a folder: each block with what it printed, and the names that the page leaves behind."""
    done = []
    names: dict[str, object] = {"__name__": "__main__"}
    (folder / "figures").mkdir(exist_ok=True)
    with contextlib.chdir(folder):
        for block in blocks(page.read_text(encoding="utf-8")):
            printed = io.StringIO()
            # Line numbers of an error are then those of the page.
            code = compile("\n" * block.line + block.code, str(page), "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, names)
            done.append((block, printed.getvalue()))
    return done, names


def rewritten(text: str, done: list[tuple[Block, str]]) -> str:
    """The page's text with what its blocks printed in place of what it showed."""
    parts, end = [], 0
    for block, printed in done:
        parts += [text[end : block.span[0]], f"```python\n{block.code}```"]
        if printed.strip():
            lines = "\n".join(line.rstrip() for line in printed.rstrip().splitlines())
            parts.append(f"\n\n```text\n{lines}\n```")
        end = block.span[1]
    return "".join([*parts, text[end:]])


def simulate_data(folder: Path) -> None:
    """The data of the workflow pages, written to `folder`."""
    import runpy

    runpy.run_path(str(WORKFLOWS / "simulate.py"))["write_all"](folder)


def _rewrite(page: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if page.is_relative_to(WORKFLOWS):
            simulate_data(folder / "data")
        done, _ = run(page, folder)
        page.write_text(rewritten(page.read_text(encoding="utf-8"), done), encoding="utf-8")
        for figure in sorted((folder / "figures").glob("*.png")):
            (page.parent / "figures").mkdir(exist_ok=True)
            shutil.copyfile(figure, page.parent / "figures" / figure.name)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    for chosen in [Path(name).resolve() for name in sys.argv[1:]] or pages():
        _rewrite(chosen)
        print(f"{chosen.relative_to(DOCS)}: written")  # noqa: T201
