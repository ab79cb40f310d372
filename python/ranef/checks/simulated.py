"""Simulated residuals: where every observation lies among responses simulated from the model.

Of a right model the residuals are uniform on (0, 1), whatever the family, and whatever they are plotted against: what
Pearson residuals of counts and proportions are not. The transform is that of pit.py; the idea of simulating it and the
set of tests are those of Hartig's R package DHARMa, after Dunn and Smyth (1996) and Gelman and Hill (2007).
"""

from __future__ import annotations

from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ranef.checks import autocorrelation, groups, outliers, quantiles, simulated_statistics, uniformity
from ranef.checks.dispersion import pearson_dispersion
from ranef.checks.pit import randomised
from ranef.checks.result import CheckResult
from ranef.checks.row_columns import ordered_numbers, row_column
from ranef.checks.simulated_statistics import Alternative, Statistic
from ranef.checks.simulators import GivenSimulations, Ranks, Simulator, centre_of, simulator_of
from ranef.errors import DataError
from ranef.simulate import check_draws

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.result import Fit

Floats = NDArray[np.float64]

# Fewer counts than this have their outliers compared with those of the simulated data.
_BOOTSTRAP_BELOW = 500


class SimulatedResiduals:
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
        self._ranks: Ranks = simulator.ranks(observed, centre)

    @property
    def draws(self) -> int:
        """Number of simulations of each row."""
        return self._simulator.draws

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
        full[self._kept] = self._simulator.matrix()
        return pd.DataFrame(full, index=self._index, columns=[f"sim_{d + 1}" for d in range(self.draws)])

    @property
    def predictions(self) -> Floats:
        """(n,) what residuals are plotted against: the fitted means, of proportions where there are trials."""
        trials = None if self._fit is None else self._fit.design.response.trials
        return self._centre if trials is None else self._centre / trials

    def test_uniformity(self) -> CheckResult:
        """Whether the residuals are uniform: Kolmogorov and Smirnov's test."""
        return uniformity.uniformity(self.scaled)

    def test_dispersion(
        self,
        alternative: Alternative = "two-sided",
        *,
        type: Literal["simulated", "pearson"] = "simulated",  # noqa: A002
    ) -> CheckResult:
        """Whether the data vary about the fitted values as much as the model says.

        Parameters
        ----------
        alternative : ``"greater"`` looks for overdispersion only, ``"less"`` for underdispersion
        type : ``"simulated"``: var(y - fitted) against that of the simulated data sets; ``"pearson"``: the sum of
            squared Pearson residuals against a chi-square with the residual degrees of freedom

        Raises
        ------
        DataError
            For ``"pearson"`` without a fit.
        """
        if type == "pearson":
            if self._fit is None:
                raise DataError("test_dispersion(type='pearson') needs a fit; these residuals come from a matrix")
            return pearson_dispersion(self._fit, alternative)
        if type != "simulated":
            raise DataError(f"type must be 'simulated' or 'pearson', got {type!r}")
        self._need_rows(2)
        variance = float(np.var(self.observed - self._centre, ddof=1))
        return simulated_statistics.dispersion(variance, self._ranks.variances(self.observed.size), alternative)

    def test_outliers(self, type: Literal["default", "binomial", "bootstrap", "expected"] = "default") -> CheckResult:  # noqa: A002
        """Whether more (or fewer) rows lie outside their simulations than would of a right model.

        Parameters
        ----------
        type : ``"binomial"``, exact for continuous responses; ``"bootstrap"`` compares with the outliers of each
            simulated data set among the others, ``"expected"`` with their mean number; ``"default"``: binomial for
            continuous responses, bootstrap for fewer than 500 counts, expected for more
        """
        if type == "default":
            for_counts: Literal["bootstrap", "expected"] = (
                "bootstrap" if self.observed.size < _BOOTSTRAP_BELOW else "expected"
            )
            return self.test_outliers(for_counts if self.integer else "binomial")
        if type == "expected":
            return outliers.by_expectation(self.scaled, self._simulator)
        if type == "binomial":
            return outliers.by_binomial(self.scaled, self.draws)
        if type == "bootstrap":
            return outliers.by_bootstrap(self.scaled, self._simulator.matrix(), self._rng(2))
        raise DataError(f"type must be 'default', 'binomial', 'bootstrap' or 'expected', got {type!r}")

    def test_zero_inflation(self, alternative: Alternative = "two-sided") -> CheckResult:
        """Whether there are more (or fewer) zeros than in the simulated data."""
        observed = int(np.count_nonzero(self.observed == 0))
        return simulated_statistics.zero_inflation(observed, self._ranks.zeros, alternative)

    def test_generic(self, statistic: str | Statistic, alternative: Alternative = "two-sided") -> CheckResult:
        """Whether any statistic of the response is one that simulated data have.

        Parameters
        ----------
        statistic : function of an array (n,) that gives a number, or ``"mean"``, ``"sd"``, ``"var"``, ``"min"``,
            ``"max"``
        alternative : ``"two-sided"``, ``"greater"`` or ``"less"``

        Examples
        --------
        >>> import numpy as np, ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> result = fit.simulate_residuals(seed=1).test_generic(lambda y: np.sum(y == 1), "greater")
        >>> 0 <= result.p_value <= 1
        True
        """
        return simulated_statistics.generic(self.observed, self._simulator.matrix(), statistic, alternative)

    def test_quantiles(self, predictor: str | ArrayLike | None = None) -> CheckResult:
        """Whether the quartiles of the residuals are level along a predictor, by default the ranked fitted values.

        Parameters
        ----------
        predictor : column of the data, or one number a row
        """
        if predictor is None:
            return quantiles.quantile_test(self.scaled, self.ranked_predictions(), "the fitted values (ranks)")
        name, numbers = self._numbers(predictor, "predictor")
        return quantiles.quantile_test(self.scaled, numbers, name)

    def test_categorical(self, factor: str | ArrayLike) -> CheckResult:
        """Whether the residuals are uniform within each level of a factor, and equally spread (Levene's test).

        Parameters
        ----------
        factor : column of the data, or one level a row
        """
        column = row_column(factor, "factor", self._data, self._index, self._kept)
        codes, labels = column.factor()
        name = factor if isinstance(factor, str) else "factor"
        return groups.by_category(self.scaled, codes.astype(np.intp), labels, name)

    def test_temporal_autocorrelation(
        self, time: str | ArrayLike, alternative: Alternative = "two-sided"
    ) -> CheckResult:
        """Whether residuals resemble those before them in time: Durbin and Watson's ratio.

        Parameters
        ----------
        time : column of the data, or one value a row, all different; dates and factors count by their order
        alternative : ``"greater"``: positive autocorrelation
        """
        column = row_column(time, "time", self._data, self._index, self._kept)
        return autocorrelation.durbin_watson(self.scaled, ordered_numbers(column), alternative)

    def test_spatial_autocorrelation(
        self, x: str | ArrayLike, y: str | ArrayLike, alternative: Alternative = "two-sided"
    ) -> CheckResult:
        """Whether near residuals are alike: Moran's I with weights 1 / distance.

        Parameters
        ----------
        x, y : columns of the data, or one number a row; all places different
        alternative : ``"greater"``: near ones alike
        """
        return autocorrelation.moran(self.scaled, self._numbers(x, "x")[1], self._numbers(y, "y")[1], alternative)

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
        rows = np.arange(codes.size)
        adding = sparse.csr_array((np.ones(codes.size), (codes, rows)), shape=(len(labels), codes.size))
        name = group if isinstance(group, str) else "group"
        return SimulatedResiduals(
            adding @ self.observed,
            adding @ self._centre,
            GivenSimulations(adding @ self._simulator.matrix()),
            uniform=self._rng(3).random(len(labels)),
            seed=self.seed,
            integer=self.integer,
            index=pd.Index(labels, name=name),
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

    def ranked_predictions(self) -> Floats:
        """(n,) ranks of the fitted values, scaled to (0, 1); ties share their mean rank."""
        from scipy.stats import rankdata

        return np.asarray(rankdata(self.predictions) / self.observed.size)

    def predictor_column(self, predictor: str | ArrayLike) -> tuple[str, Any]:
        """Name and column (numbers or factor) of a predictor."""
        name = predictor if isinstance(predictor, str) else "predictor"
        return name, row_column(predictor, "predictor", self._data, self._index, self._kept)

    def simulation_matrix(self) -> Floats:
        """(n, draws) simulated responses, rows with missing values left out."""
        return self._simulator.matrix()

    def __len__(self) -> int:
        return int(self.observed.size)

    def __str__(self) -> str:
        tests = [self.test_uniformity(), self.test_outliers()]
        tests[1:1] = [self.test_dispersion()] if self.observed.size > 1 else []
        lines = [f"Simulated residuals of {self.observed.size} rows, {self.draws} simulations, seed {self.seed}"]
        return "\n\n".join([*lines, *map(str, tests)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    @property
    def _data(self) -> Any:
        return None if self._fit is None else self._fit.data

    def _series(self, values: Floats, name: str) -> pd.Series:
        full = np.full(self._kept.size, np.nan)
        full[self._kept] = values
        return pd.Series(full, index=self._index, name=name)

    def _numbers(self, given: str | ArrayLike, what: str) -> tuple[str, Floats]:
        column = row_column(given, what, self._data, self._index, self._kept)
        return given if isinstance(given, str) else what, column.numbers()

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])

    def _need_rows(self, count: int) -> None:
        if self.observed.size < count:
            raise DataError(f"the test needs at least {count} residuals, got {self.observed.size}")


def simulate_residuals(
    fit: Fit, n: int, seed: int | None, re_form: str | None, group: str | ArrayLike | None
) -> SimulatedResiduals:
    """Simulated residuals of a fit; see `Fit.simulate_residuals`."""
    check_draws(n, seed)
    if n < 2:
        raise DataError(f"n must be at least 2 simulations, got {n}")
    fit.require_data("simulate_residuals()")
    own_seed = _seed(seed)
    simulator = simulator_of(fit, int(n), own_seed, re_form)
    response = fit.design.response
    made = SimulatedResiduals(
        np.asarray(response.values),
        centre_of(fit, simulator),
        simulator,
        uniform=np.random.default_rng([own_seed, 1]).random(response.values.size),
        seed=own_seed,
        integer=fit.family.is_count or fit.family.has_trials,
        index=fit.design.index,
        kept=fit.design.kept,
        fit=fit,
    )
    return made if group is None else made.recalculate(group)


def simulate_residuals_from(
    simulations: ArrayLike | pd.DataFrame,
    observed: ArrayLike | pd.Series,
    fitted: ArrayLike | None = None,
    *,
    integer: bool | None = None,
    seed: int | None = None,
    uniform: ArrayLike | None = None,
) -> SimulatedResiduals:
    """Residuals of any model from its simulations: a Bayesian one's posterior predictions, another package's.

    Parameters
    ----------
    simulations : (n, draws), new responses for every row
    observed : (n,), the response; a Series gives the residuals its index
    fitted : (n,) predicted means; None: the means of the simulations
    integer : whether the response is a whole number; None: whether it and the simulations are
    seed : of the randomisation of ties; None: different every time
    uniform : (n,) the randomisation's numbers themselves, between 0 and 1

    Returns
    -------
    SimulatedResiduals

    Raises
    ------
    DataError
        If shapes do not match or a value is missing.

    Examples
    --------
    >>> import numpy as np, ranef
    >>> rng = np.random.default_rng(1)
    >>> residuals = ranef.simulate_residuals_from(rng.poisson(3.0, (200, 250)), rng.poisson(3.0, 200), seed=1)
    >>> residuals.test_uniformity().ok
    True
    """
    matrix = np.asarray(simulations, dtype=np.float64)
    response = np.asarray(observed, dtype=np.float64)
    if response.ndim != 1 or matrix.ndim != 2 or matrix.shape[0] != response.size:
        raise DataError(
            "simulations must have a row for every observation and a column for every simulated data set: "
            f"observed has shape {response.shape}, simulations {matrix.shape}"
        )
    if matrix.shape[1] < 2:
        raise DataError(f"simulations must have at least 2 columns, got {matrix.shape[1]}")
    check_draws(matrix.shape[1], seed)
    centre = matrix.mean(axis=1) if fitted is None else _rows("fitted", fitted, response.size)
    for name, values in (("simulations", matrix), ("observed", response), ("fitted", centre)):
        if not np.isfinite(values).all():
            raise DataError(f"{name} has missing or infinite values; leave those rows out")
    own_seed = _seed(seed)
    drawn = np.random.default_rng([own_seed, 1]).random(response.size)
    numbers = drawn if uniform is None else _rows("uniform", uniform, response.size)
    if not ((numbers >= 0) & (numbers <= 1)).all():
        raise DataError("uniform must lie between 0 and 1")
    whole = bool((response == np.floor(response)).all() and (matrix == np.floor(matrix)).all())
    return SimulatedResiduals(
        response,
        centre,
        GivenSimulations(matrix),
        uniform=numbers,
        seed=own_seed,
        integer=whole if integer is None else integer,
        index=observed.index if isinstance(observed, pd.Series) else pd.RangeIndex(response.size),
    )


def _rows(name: str, values: ArrayLike, size: int) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (size,):
        raise DataError(f"{name} must have one number a row: shape ({size},), got {array.shape}")
    return array


def _seed(seed: int | None) -> int:
    """The caller's, or one from the system's entropy, so that every result can be had again."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1)) if seed is None else int(seed)
