"""What is printed in tests/printed: every text by name, and a command that writes them anew.

After a change that is meant, run ``python -m support.printed_cases`` in the folder tests, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import ranef
from support.reference_cases import load_case

PRINTED = Path(__file__).resolve().parents[1] / "printed"


def _fit(name: str) -> ranef.Fit:
    return ranef.fit(**load_case(name).arguments())


def _weights_and_missing() -> ranef.Fit:
    """Every note at once: weights, rows and columns left out, a held parameter."""
    frogs = ranef.demo_data()
    frogs.loc[[3, 50], "cover"] = np.nan
    frogs["twice"] = 2 * frogs["cover"]
    frogs["w"] = 1.0 + frogs.index % 2
    return ranef.fit(
        "count ~ shore + cover + twice + (1 | pond)",
        frogs,
        family="poisson",
        weights=ranef.weights.frequency("w"),
        fixed={"sd(Intercept|pond)": 0.5},
    )


def _comparison() -> ranef.Comparison:
    large = _fit("sleepstudy-ml")
    return ranef.anova(large, large.update(". ~ . - Days"), ranef.fit("Reaction ~ Days + (1 | Subject)", large.data))


TEXTS: dict[str, Callable[[], object]] = {
    "summary-sleepstudy-reml": lambda: _fit("sleepstudy-reml").summary(),
    "summary-cbpp": lambda: _fit("cbpp-laplace").summary(),
    "summary-salamanders-zinb2": lambda: _fit("salamanders-zinb2").summary(),
    "summary-dispersion": lambda: _fit("gaussian-dispformula").summary(),
    "summary-nested": lambda: _fit("pastes-nested-reml").summary(),
    "summary-singular": lambda: _fit("dyestuff2-singular-ml").summary(),
    "summary-structures": lambda: _fit("cov-ar1").summary(),
    "summary-notes": lambda: _weights_and_missing().summary(),
    "summary-glm": lambda: ranef.fit("count ~ shore", ranef.demo_data(), family="poisson").summary(),
    "varcorr-sleepstudy": lambda: _fit("sleepstudy-ml").varcorr(),
    "varcorr-cs": lambda: _fit("cov-cs").varcorr(),
    "anova-sleepstudy": _comparison,
}


def printed_path(name: str) -> Path:
    """File of a text."""
    return PRINTED / f"{name}.txt"


if __name__ == "__main__":
    for name, make in TEXTS.items():
        printed_path(name).write_text(f"{make()}\n", encoding="utf-8")
