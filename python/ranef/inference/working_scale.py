"""The scales on which parameters are unbounded: coefficients as they are, log standard deviations, Fisher's z.

Correlations of a term of three or more effects are transformed one by one: steps on this scale that are small stay
inside the positive definite matrices, long ones may leave them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


class WorkingScale:
    """Maps between a fit's parameter values and the unbounded scale; zeros and +-1 stay what they are."""

    def __init__(self, fit: Fit) -> None:
        values = fit.parameter_values
        kinds = np.array([p.kind for p in fit.parameter_info])
        self._log = (kinds == "sd") & (values > 0)
        self._fisher = (kinds == "cor") & (np.abs(values) < 1)

    def to_working(self, values: Floats) -> Floats:
        """Values -> working scale."""
        out = np.array(values, dtype=np.float64)
        out[self._log] = np.log(out[self._log])
        out[self._fisher] = np.arctanh(out[self._fisher])
        return out

    def to_values(self, working: Floats) -> Floats:
        """Working scale -> values."""
        out = np.array(working, dtype=np.float64)
        out[self._log] = np.exp(out[self._log])
        out[self._fisher] = np.tanh(out[self._fisher])
        return out

    def slope(self, values: Floats) -> Floats:
        """d value / d working, parameter by parameter."""
        out = np.ones_like(values)
        out[self._log] = values[self._log]
        out[self._fisher] = 1.0 - values[self._fisher] ** 2
        return out
