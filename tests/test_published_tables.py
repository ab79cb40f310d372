"""Measured numbers on the pages are the results in benchmarks/results, and those are of this code."""

from __future__ import annotations

import re
from pathlib import Path

import code_digest
import published
import pytest
from published import PUBLISHED, Published

NUMBER = re.compile(r"\*{0,2}[-+]?\d[\d.,]*(e[-+]?\d+)?( %| s| ms| microseconds a row)?\*{0,2}")
EACH = pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: one.name)


@EACH
def test_pages_show_the_results(one: Published) -> None:
    tables = one.tables()
    assert set(tables) <= set(published.names_on_pages())
    for page in published.pages():
        text = page.read_text(encoding="utf-8")
        assert published.filled(text, tables) == text, f"{page.name}: python benchmarks/published.py"


@pytest.mark.release
@EACH
def test_results_are_of_this_code(one: Published) -> None:
    assert not one.is_old(), f"measure again: {one.result()['provenance']['command']}"


@EACH
def test_results_say_where_they_come_from(one: Published) -> None:
    origin = one.result()["provenance"]
    assert re.fullmatch("[0-9a-f]{40}", origin["commit"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", origin["date"])
    assert {"cpu", "cores", "system"} == set(origin["machine"])
    assert {"Python", "compiler", "numpy", "scipy", "pandas"} <= set(origin["versions"])
    assert f"benchmarks/{one.script}.py" in origin["command"]
    assert "--write" in origin["command"]


@EACH
def test_measured_code_exists(one: Published) -> None:
    assert all(code_digest.files((glob,)) for glob in one.measures)


def test_every_table_asked_for_is_published_once() -> None:
    asked = published.names_on_pages()
    assert sorted(asked) == sorted(name for one in PUBLISHED for name in one.tables())


def test_no_table_of_measured_numbers_stands_outside_the_markers() -> None:
    for page in published.pages():
        text = page.read_text(encoding="utf-8")
        outside = re.sub(r"<!-- table: .*?<!-- end of table -->", "", text, flags=re.DOTALL)
        outside = re.sub(r"^```.*?^```$", "", outside, flags=re.DOTALL | re.MULTILINE)
        rows = [line for line in outside.splitlines() if line.startswith("|")]
        numbers = [line for line in rows if any(NUMBER.fullmatch(cell.strip()) for cell in line.split("|"))]
        assert numbers == [], page.name


def test_a_page_is_filled_between_its_markers() -> None:
    page = "a\n<!-- table: one -->\nold\n<!-- end of table -->\nb\n<!-- table: two -->\n<!-- end of table -->\n"
    filled = published.filled(page, {"one": "| x |"})
    assert filled == page.replace("old\n", "\n| x |\n\n", 1)
    assert published.filled(filled, {"one": "| x |"}) == filled


def test_words_about_code_leave_its_digest_alone() -> None:
    assert code_digest.bare(".cpp", "int a;  // one\n/* two\n */ int b;") == code_digest.bare(".cpp", "int a; int b;")
    python = 'def f():\n    """One."""\n    return 1\n'
    assert code_digest.bare(".py", "# two\n\n" + python) == code_digest.bare(".py", python.replace("One", "Two"))


def test_a_change_of_code_changes_its_digest() -> None:
    assert code_digest.bare(".cpp", 'a = "// 1";') != code_digest.bare(".cpp", 'a = "// 2";')
    assert code_digest.bare(".cpp", "a = 1;") != code_digest.bare(".cpp", "a = 2;")
    assert code_digest.bare(".py", "x = '# 1'\n") != code_digest.bare(".py", "x = '# 2'\n")
    assert code_digest.bare(".py", "if a:\n    b\nc\n") != code_digest.bare(".py", "if a:\n    b\n    c\n")


def test_results_become_old_when_a_measured_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    (tmp_path / "core.cpp").write_text("int a = 1;  // one")
    before = code_digest.digest(("*.cpp",))
    (tmp_path / "core.cpp").write_text("int a = 1;  // another")
    assert code_digest.digest(("*.cpp",)) == before
    (tmp_path / "core.cpp").write_text("int a = 2;")
    assert code_digest.digest(("*.cpp",)) != before


def test_code_that_has_moved_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        code_digest.digest(("cpp/nowhere/*.hpp",))
