"""Whether random effects look normal: Shapiro and Wilk's test of the conditional modes of every effect.

The modes are shrunken and not independent, and normal modes do not prove normal effects (little data a level make any
modes look normal); a small p-value says that outlying levels, or groups of levels, deserve a look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ranef.result import Fit

# The range in which Royston's approximation of the p-value holds.
_FEWEST, _MOST = 3, 5000


@dataclass(frozen=True, slots=True)
class EffectNormality:
    """One effect of a random term: Shapiro and Wilk's W and its p-value; its name as in `parameters()`."""

    name: str
    component: str
    levels: int
    statistic: float
    p_value: float


def effect_normality(fit: Fit) -> tuple[EffectNormality, ...]:
    """Every effect that varies and has 3 to 5,000 levels."""
    from scipy.stats import shapiro

    made = []
    for term, modes in zip(fit.design.terms, fit.estimate.modes, strict=True):
        for name, effects in zip(term.term_names, np.asarray(modes).T, strict=True):
            if not _FEWEST <= effects.size <= _MOST or not np.ptp(effects) > 0:
                continue
            found = shapiro(effects)
            made.append(
                EffectNormality(
                    f"{name}|{term.group}", term.component, effects.size, float(found.statistic), float(found.pvalue)
                )
            )
    return tuple(made)
