"""Where the user's code called this package: warnings point there."""

from __future__ import annotations

import sys


def caller_level() -> int:
    """The `stacklevel` at which `warnings.warn`, called by our caller, names the first line outside the package."""
    frame = sys._getframe(1)
    level = 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "ranef":
        frame = frame.f_back
        level += 1
    return level
