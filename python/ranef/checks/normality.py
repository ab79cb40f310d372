"""Whether random effects look normal: Shapiro and Francia's statistic of every effect's deviations by group.

The deviations are sums by group of the standardised residuals along the effect's column, each in units of its standard
deviation over the simulated data sets. W is their squared correlation with normal scores (Shapiro and Francia 1972,
JASA 67, 215-216), compared with that of the simulated data sets: few rows a group, or few successes, make deviations
that are not normal though the effects are. Normal deviations do not prove normal effects; a small p-value says that
outlying levels, or groups of levels, deserve a look.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ranef.checks.matched import TermSums
from ranef.checks.pooled import Tally, pooled_p_value, resolution
from ranef.checks.probes import Finding, Probe

Floats = NDArray[np.float64]

# Levels below which nothing can be said.
FEWEST = 4


class GroupNormality(Probe):
    """W of one effect of a random term."""

    def __init__(self, term: TermSums, effect: int) -> None:
        self._term = term
        self._effect = effect

    @property
    def tallies(self) -> Sequence[Tally]:
        """None but what is tallied as matched by the fit."""
        return []

    def finding(self, matched: Floats) -> Finding:
        """The observed W, small where the deviations are far from normal."""
        found = francia(self._term.by_level[:, self._effect])
        return Finding(float(found[0]), pooled_p_value(found, "less"), resolution(found.size))


def francia(deviations: Floats) -> Floats:
    """(M,) W of the deviations (levels, M), each standardised over the M data sets."""
    spread = deviations.std(axis=1, keepdims=True)
    used = spread[:, 0] > 0
    ordered = np.sort((deviations[used] - deviations[used].mean(axis=1, keepdims=True)) / spread[used], axis=0)
    centred = ordered - ordered.mean(axis=0)
    levels = centred.shape[0]
    scores = ndtri((np.arange(levels) + 0.625) / (levels + 0.25))
    length = np.sum(centred**2, axis=0) * np.sum(scores**2)
    return np.asarray((scores @ centred) ** 2 / np.where(length > 0, length, np.inf))
