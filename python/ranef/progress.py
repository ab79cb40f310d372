"""Progress on standard error: of a long fit, one line an iteration; of many fits, a bar."""

from __future__ import annotations

import sys
import time

# Seconds before a bar appears, and its length.
_PATIENCE = 0.5
_WIDTH = 30


def print_progress(iteration: int, objective: float, gradient_norm: float, seconds: float) -> None:
    """Report one outer iteration: negative log-likelihood, gradient norm, seconds since the start."""
    line = f"iteration {iteration:4d}  objective {objective:.6f}  gradient {gradient_norm:.3e}  {seconds:.2f} s\n"
    sys.stderr.write(line)
    sys.stderr.flush()


class ProgressBar:
    """A bar on standard error for work of `total` steps, drawn where somebody can see it and it takes a while.

    Parameters
    ----------
    what : the name of the work
    total : steps
    enabled : False: silent
    """

    def __init__(self, what: str, total: int, *, enabled: bool = True) -> None:
        self._what = what
        self._total = total
        self._enabled = enabled and _watched()
        self._began = time.perf_counter()
        self._drawn = False

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            sys.stderr.write("\n")
            sys.stderr.flush()

    def update(self, done: int) -> None:
        """Show that `done` steps are done."""
        seconds = time.perf_counter() - self._began
        if not self._enabled or (seconds < _PATIENCE and not self._drawn):
            return
        self._drawn = True
        sys.stderr.write("\r" + bar_line(self._what, done, self._total, seconds))
        sys.stderr.flush()


def bar_line(what: str, done: int, total: int, seconds: float) -> str:
    """One line: bar, counts, and the seconds that are left at this rate.

    Examples
    --------
    >>> bar_line("bootstrap", 50, 100, 10.0)
    'bootstrap [###############               ] 50/100, 10 s left'
    """
    filled = round(_WIDTH * done / total)
    left = f", {seconds * (total - done) / done:.0f} s left" if done else ""
    return f"{what} [{'#' * filled}{' ' * (_WIDTH - filled)}] {done}/{total}{left}"


def _watched() -> bool:
    """Whether standard error is a terminal or a notebook."""
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")
