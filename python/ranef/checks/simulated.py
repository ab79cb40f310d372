"""Simulated residuals: where every observation lies among responses simulated from the model.

Of a right model the residuals are uniform on (0, 1), whatever the family, and whatever they are plotted against: what
Pearson residuals of counts and proportions are not. The transform is that of pit.py; the idea of simulating it and the
set of tests are those of Hartig's R package DHARMa, after Dunn and Smyth (1996) and Gelman and Hill (2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ranef.checks.pit import randomised
from ranef.checks.residual_tests import Reference, ResidualTests
from ranef.checks.row_columns import row_column
from ranef.checks.simulated_statistics import Statistic
from ranef.checks.simulators import GivenSimulations, Ranks, Simulator, columns_of, matrix_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.result import Fit

Floats = NDArray[np.float64]


class SimulatedResiduals(ResidualTests):
    """Scaled residuals between 0 and 1 with their tests; made by `Fit.simulate_residuals`.

    Attributes
    ----------
    observed : array (n,), the response (successes where there are trials), rows with missing values left out
    draws : number of simulations
    seed : reproduces the simulations and the randomisation
    integer : whether response and simulations are whole numbers

    Examples
    --------
    >>> import ranef
    >>> fit = ranef.fit("count ~ shore + cover + (1 | pond)", ranef.demo_data(), family="nbinom2")
    >>> residuals = fit.simulate_residuals(seed=1)
    >>> bool(residuals.values.between(0, 1).all())
    True
    >>> residuals.test_dispersion().ok
    True
    """

    def __init__(
        self,
        observed: Floats,
        centre: Floats,
        simulator: Simulator,
        *,
        uniform: Floats,
        seed: int,
        integer: bool,
        index: pd.Index,
        kept: NDArray[np.bool_] | None = None,
        fit: Fit | None = None,
        reference: Reference = "simulated",
    ) -> None:
        self.observed = observed
        self.seed = seed
        self.integer = integer
        self._centre = centre
        self._simulator = simulator
        self._uniform = uniform
        self._index = index
        self._kept = np.ones(observed.size, dtype=np.bool_) if kept is None else kept
        self._fit = fit
        self._reference = reference
        self._ranks: Ranks = simulator.ranks(observed, centre)

    @cached_property
    def scaled(self) -> Floats:
        """The residuals as an array (n,), rows with missing values left out."""
        less, upto = self._ranks.less, self._ranks.less + self._ranks.equal
        return randomised(less / self.draws, upto / self.draws, self._uniform)

    @property
    def lower(self) -> Floats:
        """(n,) share of the simulations below the observation."""
        return self._ranks.less / self.draws

    @property
    def upper(self) -> Floats:
        """(n,) share of the simulations at or below the observation."""
        return (self._ranks.less + self._ranks.equal) / self.draws

    @property
    def values(self) -> pd.Series:
        """The residuals by the data's index; NaN where a row was dropped."""
        return self._series(self.scaled, "scaled_residual")

    @property
    def fitted(self) -> pd.Series:
        """What the simulations vary about, by the data's index: means given the random effects that were kept."""
        return self._series(self._centre, "fitted")

    @property
    def simulations(self) -> pd.DataFrame:
        """The simulated responses, a column each (drawn again, the same, at each request)."""
        full = np.full((self._kept.size, self.draws), np.nan)
        full[self._kept] = matrix_of(self._simulator)
        return pd.DataFrame(full, index=self._index, columns=[f"sim_{d + 1}" for d in range(self.draws)])

    def recalculate(self, group: str | ArrayLike) -> SimulatedResiduals:
        """Residuals of the sums by group: data, simulations and fitted values added up, then ranked again.

        Parameters
        ----------
        group : column of the data, or one level a row

        Returns
        -------
        SimulatedResiduals, one a group, by the groups' labels
        """
        column = row_column(group, "group", self._data, self._index, self._kept)
        codes, labels = column.factor()
        sums = np.zeros((len(labels), self.draws))
        for rows, block in self._simulator.blocks():
            np.add.at(sums, codes[rows], block)
        name = group if isinstance(group, str) else "group"
        return SimulatedResiduals(
            _sums(codes, self.observed, len(labels)),
            _sums(codes, self._centre, len(labels)),
            GivenSimulations(sums, self._simulator.conditional),
            uniform=self._rng(3).random(len(labels)),
            seed=self.seed,
            integer=self.integer,
            index=pd.Index(labels, name=name),
            reference=self._reference,
        )

    def plot(self, ax: Any = None) -> NDArray[Any]:
        """The page: the residuals' QQ plot with the tests' p-values, and residuals against ranked fitted values.

        Parameters
        ----------
        ax : two matplotlib axes, or None for a new figure

        Returns
        -------
        array (2,) of Axes
        """
        from ranef.checks import pictures

        return pictures.page(self, ax)

    def plot_qq(self, ax: Axes | None = None) -> Axes:
        """Quantiles of the residuals against those of the uniform distribution, with the tests' p-values."""
        from ranef.checks import pictures

        return pictures.qq(self, ax)

    def plot_residuals(self, predictor: str | ArrayLike | None = None, ax: Axes | None = None) -> Axes:
        """Residuals against a predictor (the ranked fitted values by default): quantile curves, or boxes by level.

        Parameters
        ----------
        predictor : column of the data, or one value a row; boxes where it is a factor
        ax : matplotlib axes, or None for a new figure
        """
        from ranef.checks import pictures

        return pictures.against(self, predictor, ax)

    def plot_statistic(self, statistic: str | Statistic, ax: Axes | None = None) -> Axes:
        """Histogram of a statistic over the simulated data sets, the observed one marked; see `test_generic`."""
        from ranef.checks import pictures

        return pictures.statistic(self, statistic, ax)

    def predictor_column(self, predictor: str | ArrayLike) -> tuple[str, Any]:
        """Name and column (numbers or factor) of a predictor."""
        name = predictor if isinstance(predictor, str) else "predictor"
        return name, row_column(predictor, "predictor", self._data, self._index, self._kept)

    def simulation_matrix(self) -> Floats:
        """(n, draws) simulated responses, rows with missing values left out."""
        return matrix_of(self._simulator)

    def simulated_columns(self) -> Iterator[Floats]:
        """Simulated data set after simulated data set."""
        return columns_of(self._simulator)

    def __len__(self) -> int:
        return int(self.observed.size)

    def __str__(self) -> str:
        lines = [f"Simulated residuals of {self.observed.size} rows, {self.draws} simulations, seed {self.seed}"]
        tests = list(map(str, self.tests().values())) or [
            "Given the estimated random effects: no tests, for they reject right models. "
            "Test simulate_residuals(re_form='unconditional')."
        ]
        return "\n\n".join([*lines, *tests])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def _series(self, values: Floats, name: str) -> pd.Series:
        full = np.full(self._kept.size, np.nan)
        full[self._kept] = values
        return pd.Series(full, index=self._index, name=name)


def _sums(codes: NDArray[np.int32], values: Floats, groups: int) -> Floats:
    return np.bincount(codes, values, groups).astype(np.float64)
