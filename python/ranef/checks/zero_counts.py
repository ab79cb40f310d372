"""Zeros that a fitted count model expects: the sum of P(Y = 0) over its rows, zero inflation included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ranef.assemble import has_component

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ZeroCounts:
    """Zeros of the data and of the model.

    Attributes
    ----------
    observed : zeros among the rows that entered the fit
    expected : their expected number, given the random effects
    p_value : two-sided, by the normal approximation of a sum of independent indicators at the estimates
    """

    observed: int
    expected: float
    p_value: float

    @property
    def ratio(self) -> float:
        """Observed over expected."""
        return self.observed / self.expected if self.expected > 0 else float("inf" if self.observed else "nan")


def zero_counts(fit: Fit) -> ZeroCounts:
    """Zeros of a fit whose response may be zero."""
    likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
    y = np.asarray(fit.design.response.values)
    eta = [np.asarray(e) for e in fit.estimate.eta]
    p = np.exp(np.asarray(likelihood.loglik(np.zeros_like(y), eta, fit.design.response.trials)))
    observed, expected = int(np.count_nonzero(y == 0)), float(p.sum())
    variance = float(np.sum(p * (1.0 - p)))
    z = (observed - expected) / np.sqrt(variance) if variance > 0 else 0.0
    return ZeroCounts(observed, expected, float(2.0 * ndtr(-abs(z))))
