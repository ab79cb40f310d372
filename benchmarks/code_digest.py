"""A digest of what code says: files by their content, without comments, docstrings and blank lines.

Results of a measurement hold the digest of the code that they measure. A change of that code makes them old; a change
of words about it does not.
"""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A comment, or a literal in which comment signs mean nothing.
_CPP_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def files(globs: tuple[str, ...]) -> list[Path]:
    """The files of the globs, relative to the root of the tree, in order.

    Raises
    ------
    FileNotFoundError
        If a glob finds nothing: the code has moved, and the table no longer says what it measures.
    """
    found: set[Path] = set()
    for glob in globs:
        matches = [path for path in ROOT.glob(glob) if path.is_file()]
        if not matches:
            raise FileNotFoundError(f"no file of the tree matches {glob!r}")
        found.update(path.relative_to(ROOT) for path in matches)
    return sorted(found)


def digest(globs: tuple[str, ...]) -> str:
    """SHA-256 of the names and the code of all files."""
    total = hashlib.sha256()
    for path in files(globs):
        code = bare(path.suffix, (ROOT / path).read_text(encoding="utf-8"))
        total.update(f"{path.as_posix()}\0{code}\0".encode())
    return total.hexdigest()


def bare(suffix: str, text: str) -> str:
    """The code of a file without words about it."""
    if suffix in (".cpp", ".hpp"):
        return " ".join(_CPP_TOKEN.sub(lambda m: " " if m[0].startswith("/") else m[0], text).split())
    lines = text.splitlines()
    if suffix == ".py":
        for first, last in docstrings(text):
            lines[first - 1 : last] = [""] * (last - first + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def docstrings(text: str) -> list[tuple[int, int]]:
    """First and last line of every docstring of a Python file, and of other statements that are only a string."""
    statements = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr)]
    strings = [s for s in statements if isinstance(s.value, ast.Constant) and isinstance(s.value.value, str)]
    return [(s.lineno, s.end_lineno or s.lineno) for s in strings]
