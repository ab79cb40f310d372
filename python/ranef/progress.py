"""Progress of a long fit, one line an iteration on standard error."""

from __future__ import annotations

import sys


def print_progress(iteration: int, objective: float, gradient_norm: float, seconds: float) -> None:
    """Report one outer iteration: negative log-likelihood, gradient norm, seconds since the start."""
    line = f"iteration {iteration:4d}  objective {objective:.6f}  gradient {gradient_norm:.3e}  {seconds:.2f} s\n"
    sys.stderr.write(line)
    sys.stderr.flush()
