"""The installed package: version, licences, types, and what an import costs."""

import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest

import ranef
from ranef import _core

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
DEPENDENCIES = "numpy, scipy.linalg, scipy.special, scipy.stats, scipy.sparse, pandas, formulaic, narwhals"


def run_python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip()


def test_version_of_module_and_metadata_is_that_of_pyproject():
    version = tomllib.loads(PYPROJECT.read_text())["project"]["version"]
    assert _core.__version__ == version
    assert metadata.version("ranef") == version


@pytest.mark.parametrize(
    ("name", "words"),
    [("LICENSE", "BSD 3-Clause License"), ("MPL-2.0.txt", "Mozilla Public License Version 2.0")],
)
def test_installation_carries_the_licence_text(name, words):
    texts = [path for path in metadata.files("ranef") or [] if path.name == name and ".dist-info" in str(path)]
    assert len(texts) == 1
    assert words in texts[0].read_text()


@pytest.mark.parametrize("name", ["py.typed", "_core.pyi"])
def test_installation_carries_its_types(name):
    assert files(ranef).joinpath(name).is_file()


def test_import_takes_under_half_a_second_beyond_the_dependencies():
    code = f"import {DEPENDENCIES}, time; t = time.process_time(); import ranef; print(time.process_time() - t)"
    assert float(run_python(code)) < 0.5


def test_import_needs_no_optional_dependency():
    """matplotlib, polars and pyarrow may be installed, yet are imported only by what uses them."""
    code = (
        "import sys; before = {'pandas'} and __import__('pandas') and set(sys.modules); import ranef;"
        "print(sorted({'matplotlib', 'polars', 'pyarrow'} & (set(sys.modules) - before)))"
    )
    assert run_python(code) == "[]"


def test_public_names_exist_and_are_sorted():
    assert list(ranef.__all__) == sorted(ranef.__all__)
    for name in ranef.__all__:
        assert hasattr(ranef, name), name
