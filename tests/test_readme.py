"""README.md is true: its examples print what it shows, its tables agree with the registry, its limits are refused."""

from __future__ import annotations

import contextlib
import io
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.same_text import assert_same_text

import ranef
from ranef import _core, families
from ranef.formula.random_terms import OFFERED_STRUCTURES, PLANNED_SMOOTHS, PLANNED_STRUCTURES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading, up to the next heading of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", README, re.MULTILINE)
    assert found, f"README.md has no heading {title!r}"
    rest = README[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def blocks(text: str) -> list[tuple[str, str]]:
    """Fenced blocks: language and content."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def table(title: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its head."""
    rows = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[2:]]


def code(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def evaluate(expression: str, **names: float) -> float:
    """A formula of a table, ``^`` being the power."""
    return float(eval(expression.replace("^", "**"), {"__builtins__": {}}, names))


def test_tour_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = blocks(section("Five minutes"))
    assert len(found) >= 18
    assert {language for language, _ in found} == {"python", "text"}
    names: dict[str, object] = {}
    for (language, source), (next_language, shown) in zip(found, [*found[1:], ("", "")], strict=True):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, "README.md", "exec"), names)
        assert_same_text(printed.getvalue(), shown if next_language == "text" else "")


def test_commands_are_the_first_shell_block() -> None:
    language, content = next(block for block in blocks(README) if block[0] == "sh")
    lines = content.splitlines()
    assert language == "sh"
    assert len(lines) == 2
    assert lines[0].endswith("ranef demo")
    assert lines[1].endswith("pytest")


def test_family_table_is_the_registry() -> None:
    listed = {code(row[0])[0]: (code(row[1]), code(row[2])) for row in table("Families")}
    registry = families.list()
    assert list(listed) == list(registry["name"])
    for row in registry.itertuples():
        links, dispersion = listed[row.name]
        assert links == row.links.split(", "), row.name
        assert dispersion == ([row.dispersion.removeprefix("log_"), row.dispersion] if row.dispersion else []), row.name


@pytest.mark.parametrize("row", table("Families"), ids=lambda row: code(row[0])[0])
def test_family_table_variance_is_the_core_s(row: list[str]) -> None:
    family = families.make(code(row[0])[0])
    dispersion, mu, n = 1.7, 0.4, 7.0
    eta = [family.link_function(np.array([mu]))]
    if family.dispersion:
        eta.append(np.array([math.log(dispersion)]))
    trials = np.array([n]) if family.has_trials else None
    names = {"mu": mu, "n": n, family.dispersion_name() or "none": dispersion}
    if family.truncated:
        whole = families.make(family.name.removeprefix("truncated_"))
        mean, variance = whole.likelihood().moments(eta)
        at_zero = whole.likelihood().loglik(np.zeros(1), eta)
        names |= {"m": mean[0], "v": variance[0], "q": -math.expm1(at_zero[0])}
    _, variance = family.likelihood().moments(eta, trials)
    assert evaluate(code(row[3])[0], **names) == pytest.approx(variance[0], rel=1e-12)


def small_data() -> pd.DataFrame:
    """Two observations of a three-level factor in each of 12 groups."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(12), 6)
    f = np.tile(np.array(["a", "b", "c"]), 24)
    return pd.DataFrame({"y": rng.standard_normal(72), "x": rng.standard_normal(72), "f": f, "g": g})


def test_structure_table_is_what_is_offered() -> None:
    rows = {code(row[0])[0]: row for row in table("Covariance structures")}
    assert sorted(rows) == sorted(OFFERED_STRUCTURES)
    for structure, row in rows.items():
        names = ranef.model(f"y ~ x + {structure}(0 + f | g)", small_data()).parameters.index
        count = sum(name.startswith(("sd(", "cor(", "rho(")) for name in names)
        assert evaluate(code(row[2])[0], k=3) == count, (structure, list(names))


@pytest.mark.parametrize("name", [*PLANNED_STRUCTURES, *PLANNED_SMOOTHS])
def test_what_is_planned_is_named_and_refused(name: str) -> None:
    assert name in code(section("Limits")), f"README.md, Limits, does not name {name!r}"
    term = f"{name}(x)" if name in PLANNED_SMOOTHS else f"{name}(0 + f | g)"
    with pytest.raises(ranef.NotAvailableError):
        ranef.fit(f"y ~ x + {term}", small_data())


@pytest.mark.parametrize("argument", [{"method": "agq"}, {"n_agq": 5}, {"priors": {"x": 1.0}}])
def test_planned_arguments_are_named_and_refused(argument: dict[str, object]) -> None:
    ((name, value),) = argument.items()
    shown = f'{name}="{value}"' if isinstance(value, str) else name
    assert any(shown in text for text in code(section("Limits"))), f"README.md, Limits, does not name {shown}"
    with pytest.raises(ranef.NotAvailableError):
        ranef.fit("y ~ x + (1 | g)", small_data(), **argument)


def test_contributor_section_quotes_the_sources() -> None:
    quoted = [content for language, content in blocks(section("Adding a family")) if language == "cpp"]
    header = (ROOT / "cpp/include/ranef/family/poisson.hpp").read_text(encoding="utf-8")
    registry = (ROOT / "cpp/include/ranef/family/registry.hpp").read_text(encoding="utf-8")
    assert len(quoted) == 2
    assert quoted[0] in header
    assert quoted[1] in registry


def test_files_that_it_names_exist() -> None:
    for name in code(README):
        if re.fullmatch(r"(?:cpp|python|tests|benchmarks)/[\w/.]+", name):
            assert (ROOT / name).exists(), f"README.md names {name!r}, which does not exist"


def test_core_and_package_agree_on_the_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{_core.__version__}]" in changes
