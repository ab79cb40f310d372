"""Options of the test run."""

import os
from collections.abc import Generator

import pytest
from support.reference_cases import DataAbsentError

os.environ.setdefault("MPLBACKEND", "Agg")  # pictures are drawn into memory


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")
    parser.addoption("--release", action="store_true", help="run the tests marked release as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for marker in ("slow", "release"):
        if config.getoption(f"--{marker}"):
            continue
        skip = pytest.mark.skip(reason=f"{marker}; run with --{marker}")
        for item in items:
            if marker in item.keywords:
                item.add_marker(skip)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from _skip_without_data())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from _skip_without_data())


def _skip_without_data() -> Generator[None, object, object]:
    """Data sets that are not the project's to copy may be absent: what needs them is skipped, and says so."""
    try:
        return (yield)
    except DataAbsentError as absent:
        pytest.skip(str(absent))
