"""The observed data set and its simulations, over which probes are run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.checks.matched import Matched
from ranef.checks.pooled import tally
from ranef.checks.probes import Finding, Probe
from ranef.checks.simulators import Simulator
from ranef.errors import DataError

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DataSets:
    """What a pass over the draws needs.

    Attributes
    ----------
    observed : (n,) the response
    simulator : of the others
    seed : of the ties
    fit : whose parameters were estimated from `observed`; None: whatever was simulated, it was not fitted here
    """

    observed: Floats
    simulator: Simulator
    seed: int
    fit: Fit | None

    def run(self, probes: Sequence[Probe], matched: Matched | None = None) -> Floats:
        """Fill the probes' tallies; what the fit matches, as their findings need it.

        Raises
        ------
        DataError
            If the simulations keep random effects that were estimated from the observed data.
        """
        self.refuse_conditional()
        own = Matched(self.fit, self.simulator) if matched is None else matched
        tallies = [one for probe in probes for one in probe.tallies]
        tally(self.observed, self.simulator, self.seed, [*tallies, *own.tallies])
        if later := [one for probe in probes for one in probe.later_tallies]:
            tally(self.observed, self.simulator, self.seed, later)
        return own.values()

    def find(self, *probes: Probe) -> list[Finding]:
        """What the probes find, of one pass."""
        matched = self.run(probes)
        return [probe.finding(matched) for probe in probes]

    def refuse_conditional(self) -> None:
        """Refuse simulations that keep random effects which were estimated from the observed data.

        Raises
        ------
        DataError
            Saying what to do.
        """
        if self.simulator.conditional:
            raise DataError(
                "these residuals are given random effects that were estimated from the response itself: they vary less "
                "than simulations do, and tests of them reject right models. Test "
                "simulate_residuals(re_form='unconditional'), or ask for reference='asymptotic' where random effects "
                "take up next to nothing"
            )
