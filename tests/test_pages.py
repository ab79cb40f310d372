"""The pages of docs/ are true: their code runs and prints what they show."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from support.same_text import assert_same_text

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES: dict[str, Any] = runpy.run_path(str(DOCS / "pages.py"))


def test_same_text_notices_words_and_digits() -> None:
    assert_same_text("a  1.2345\n", "a 1.2346")
    for other in ("a 1.2349", "b 1.2345", "a 1.2345 2", "a 1.2345\nb"):
        with pytest.raises(AssertionError):
            assert_same_text("a 1.2345", other)


def test_blocks_are_found_with_what_they_show() -> None:
    first, second = PAGES["blocks"]("a\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\nx = 2\n```\n")
    assert (first.code, first.shown, first.line) == ("print(1)\n", "1\n", 2)
    assert (second.code, second.shown) == ("x = 2\n", "")


def test_a_page_is_rewritten_with_what_it_prints(tmp_path: Path) -> None:
    text = "a\n\n```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n\nb\n"
    page = tmp_path / "page.md"
    page.write_text(text)
    done, _ = PAGES["run"](page, tmp_path)
    assert PAGES["rewritten"](text, done) == text.replace("3", "2")


@pytest.mark.parametrize("page", PAGES["pages"](), ids=lambda page: str(page.relative_to(DOCS)))
def test_page_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    if page.is_relative_to(PAGES["WORKFLOWS"]):
        PAGES["simulate_data"](tmp_path / "data")
    done, _ = PAGES["run"](page, tmp_path)
    for block, printed in done:
        assert_same_text(printed, block.shown)
