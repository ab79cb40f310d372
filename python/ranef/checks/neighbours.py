"""Probes of residuals that resemble their neighbours, in an order or in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ranef.checks.autocorrelation import (
    MOST_SIMULATED_PLACES,
    check_places,
    lagged,
    spatial_result,
    temporal_result,
    time_order,
)
from ranef.checks.data_sets import DataSets
from ranef.checks.matched import left_over
from ranef.checks.pooled import PooledBlock, Successions, Tally, pooled_p_value, resolution
from ranef.checks.probes import Finding, Probe
from ranef.checks.result import CheckResult

Floats = NDArray[np.float64]

# Positive autocorrelation makes Durbin and Watson's ratio small.
_OPPOSITE = {"greater": "less", "less": "greater", "two-sided": "two-sided"}


class Positions:
    """The positions themselves (n, M): for statistics of pairs of rows, of which there are more than of these."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._values: Floats | None = None

    @property
    def values(self) -> Floats:
        """(n, M)."""
        assert self._values is not None
        return self._values

    def add(self, block: PooledBlock) -> None:
        """The rows of a block."""
        if self._values is None:
            self._values = np.empty((self._rows, block.position.shape[1]))
        self._values[block.rows] = block.position


class Successive(Probe):
    """Durbin and Watson's ratio of rows that come in the order of time."""

    def __init__(self, alternative: str) -> None:
        self._alternative = alternative
        self._successions = Successions()

    @property
    def tallies(self) -> Sequence[Tally]:
        """Differences and squares."""
        return [self._successions]

    def finding(self, matched: Floats) -> Finding:
        """The observed ratio."""
        found, count = self._successions, self._successions.count
        ratio = found.differences / (found.squares - found.total**2 / count)
        left = left_over(ratio[None], matched)[0]
        p_value = pooled_p_value(left, _OPPOSITE.get(self._alternative, self._alternative))
        details = {"expected": float(ratio.mean())}
        return Finding(float(ratio[0]), p_value, resolution(left.size, self._alternative), details)


class Near(Probe):
    """Moran's I with weights 1 / distance, each row of weights summing to 1."""

    def __init__(self, x: Floats, y: Floats, alternative: str) -> None:
        self._x, self._y = x, y
        self._alternative = alternative
        self._positions = Positions(x.size)

    @property
    def tallies(self) -> Sequence[Tally]:
        """All positions."""
        return [self._positions]

    def finding(self, matched: Floats) -> Finding:
        """The observed I."""
        values = self._positions.values
        centred = values - values.mean(axis=0)
        statistic = np.sum(centred * lagged(centred, self._x, self._y), axis=0) / np.sum(centred**2, axis=0)
        left = left_over(statistic[None], matched)[0]
        details = {"expected": float(statistic.mean()), "sd": float(statistic.std())}
        p_value = pooled_p_value(left, self._alternative)
        return Finding(float(statistic[0]), p_value, resolution(left.size, self._alternative), details)


def in_time(sets: DataSets, time: Floats, alternative: str) -> CheckResult:
    """Durbin and Watson's ratio among those of the simulated data sets."""
    ordered = replace(sets, simulator=sets.simulator.in_order(time_order(time)))
    found = ordered.find(Successive(alternative))[0]
    expected = found.details["expected"]
    return temporal_result(found.statistic, found.p_value, expected, alternative, found.details, found.resolution)


def in_space(sets: DataSets, x: Floats, y: Floats, alternative: str) -> CheckResult:
    """Moran's I among those of the simulated data sets."""
    check_places(x.size, MOST_SIMULATED_PLACES)
    found = sets.find(Near(x, y, alternative))[0]
    return spatial_result(found.statistic, found.p_value, alternative, found.details, found.resolution)
