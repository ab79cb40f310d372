"""Where measured numbers come from: commit, date, machine, versions, command."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from code_digest import ROOT
from engines import peer_python

import ranef

PYTHON_PACKAGES = ("numpy", "scipy", "pandas")


def provenance(peers: tuple[str, ...] = (), r_packages: tuple[str, ...] = ()) -> dict[str, Any]:
    """All of it, with the packages of Python peers (of their own environment) and of R that took part."""
    return {
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": {"cpu": cpu(), "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"},
        "versions": versions() | peer_versions(peers) | r_versions(r_packages),
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(nameless, sys.argv[1:])]),
    }


def nameless(argument: str) -> str:
    """An argument of the command without the folders of this machine."""
    return Path(argument).name if os.sep in argument else argument


def git(*arguments: str) -> str:
    """What git says of this tree."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def commit() -> str:
    """The commit whose code was measured.

    Raises
    ------
    RuntimeError
        If the tree has changes that no commit holds.
    """
    if changes := git("status", "--porcelain", "--", "cpp", "python", "benchmarks/*.py", "benchmarks/*/*.py"):
        raise RuntimeError(f"commit first, so that the results can name what they measured:\n{changes}")
    return git("rev-parse", "HEAD")


def cpu() -> str:
    """The processor's model."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of Python, its packages and the compiler of the core."""
    installed = {name: importlib.metadata.version(name) for name in PYTHON_PACKAGES}
    return {"Python": platform.python_version(), "compiler": ranef._core.__compiler__} | installed


def peer_versions(peers: tuple[str, ...]) -> dict[str, str]:
    """Of Python peers, in the environment that has them."""
    if not peers:
        return {}
    program = (
        f"import json; from importlib.metadata import version; print(json.dumps({{p: version(p) for p in {peers}}}))"
    )
    said = subprocess.run([peer_python(), "-c", program], capture_output=True, text=True, check=True).stdout
    return dict(json.loads(said))


def r_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Of R and its packages, if any took part."""
    rscript = shutil.which("Rscript")
    if not packages or rscript is None:
        return {}
    say = "; ".join(f"cat('{name}', format(packageVersion('{name}')), '\\n')" for name in packages)
    program = f"cat('R', format(getRversion()), '\\n'); {say}"
    said = subprocess.run([rscript, "-e", program], capture_output=True, text=True, check=True).stdout
    return dict(line.split() for line in said.splitlines() if line)


def in_words(origin: dict[str, Any]) -> str:
    """One sentence for the foot of a table."""
    named = ", ".join(f"{name} {version}" for name, version in origin["versions"].items() if name != "compiler")
    machine = origin["machine"]
    return (
        f"Measured {origin['date']} at {origin['commit'][:7]} by `{origin['command']}`: {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['system']}; {named}, {origin['versions']['compiler']}."
    )
