"""Tests of simulated residuals.

The reference distribution of a statistic is that of the simulated data sets (pooled.py), less what the fit matches
(matched.py): residuals of one group are alike, and those of fitted data are nearer to uniform than those of other data.
The textbook distributions, which know of neither, are those of DHARMa.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ranef.checks import autocorrelation, groups, neighbours, outliers, quantiles, simulated_statistics, uniformity
from ranef.checks.data_sets import DataSets
from ranef.checks.dispersion import dispersion_is_fitted, pearson_dispersion
from ranef.checks.pooled import pooled_p_value, resolution
from ranef.checks.probes import Dispersion, Finding, Outliers, Probe, Quartiles, Uniformity, Zeros
from ranef.checks.result import CheckResult
from ranef.checks.row_columns import ordered_numbers, row_column
from ranef.checks.simulated_statistics import Alternative, Statistic
from ranef.checks.simulators import Ranks, Simulator, columns_of
from ranef.checks.within_groups import WithinGroups
from ranef.checks.zero_counts import zero_counts
from ranef.errors import DataError

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Reference = Literal["simulated", "asymptotic"]

_REFERENCES = ("simulated", "asymptotic")
# Fewer counts than this have their outliers compared with those of the simulated data.
_BOOTSTRAP_BELOW = 500


class ResidualTests:
    """What `SimulatedResiduals` has to test itself with."""

    observed: Floats
    seed: int
    integer: bool
    _centre: Floats
    _simulator: Simulator
    _ranks: Ranks
    _index: pd.Index
    _kept: NDArray[np.bool_]
    _fit: Fit | None
    _reference: Reference

    @property
    def scaled(self) -> Floats:
        """The residuals as an array (n,), rows with missing values left out."""
        raise NotImplementedError

    @property
    def draws(self) -> int:
        """Number of simulations of each row."""
        return self._simulator.draws

    @property
    def predictions(self) -> Floats:
        """(n,) what residuals are plotted against: the fitted means, of proportions where there are trials."""
        trials = None if self._fit is None else self._fit.design.response.trials
        return self._centre if trials is None else self._centre / trials

    def ranked_predictions(self) -> Floats:
        """(n,) ranks of the fitted values, scaled to (0, 1); ties share their mean rank."""
        from scipy.stats import rankdata

        return np.asarray(rankdata(self.predictions) / self.observed.size)

    @property
    def is_tested(self) -> bool:
        """Whether tests are to be had: not of residuals given the estimated random effects, but by textbook forms."""
        return self._reference == "asymptotic" or not self._simulator.conditional

    @property
    def sets(self) -> DataSets | None:
        """The simulated data sets with which tests compare; None where no test compares with them."""
        return None if self._simulator.conditional else self._sets

    def tests(self) -> dict[str, CheckResult]:
        """Uniformity, dispersion and outliers, by name; none of residuals given the estimated random effects."""
        if not self.is_tested:
            return {}
        made = {"uniformity": self.test_uniformity()}
        if self.observed.size > 1 and not self._dispersion_is_fitted:
            made["dispersion"] = self.test_dispersion()
        return made | {"outliers": self.test_outliers()}

    def test_uniformity(self, *, reference: Reference | None = None) -> CheckResult:
        """Whether the residuals are uniform: Kolmogorov and Smirnov's distance.

        Parameters
        ----------
        reference : what the statistic is compared with, here and in the other tests. ``"simulated"``: the same
            statistic of every simulated data set, less what the fit matches; ``"asymptotic"``: the textbook
            distribution, of independent residuals of known parameters. None: simulated for residuals of a fit,
            asymptotic for those of a given matrix

        Raises
        ------
        DataError
            For ``"simulated"`` where the residuals are given the estimated random effects: no test of these is valid.
        """
        if self._is_textbook(reference):
            return uniformity.uniformity(*uniformity.kolmogorov_smirnov(self.scaled))
        found = self._standard[0]
        return uniformity.uniformity(found.statistic, found.p_value, found.resolution)

    def test_dispersion(
        self,
        alternative: Alternative = "two-sided",
        *,
        type: Literal["simulated", "pearson"] = "simulated",  # noqa: A002
        reference: Reference | None = None,
    ) -> CheckResult:
        """Whether the data vary about the fitted values as the model says.

        Parameters
        ----------
        alternative : ``"greater"`` looks for overdispersion only, ``"less"`` for underdispersion
        type : ``"simulated"``: the sum of squared Pearson residuals within groups, random effects estimated from each
            data set for itself, against that of the simulated data sets; ``"pearson"``: the same of the fit against a
            chi-square with the residual degrees of freedom
        reference : as in `test_uniformity`; ``"asymptotic"``: var(y - fitted) over its mean in the simulated data sets

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
        if self._is_textbook(reference):
            variance = float(np.var(self.observed - self._centre, ddof=1))
            simulated = self._ranks.variances(self.observed.size)
            ratio, p_value = simulated_statistics.dispersion_ratio(variance, simulated, alternative)
            return simulated_statistics.dispersion(
                ratio, p_value, alternative, 1.0 / self.draws, "variance about the fitted values"
            )
        probe = (
            Dispersion(self.observed.size, alternative)
            if self._fit is None or self._simulator.conditional
            else WithinGroups(self._fit, self._simulator, alternative)
        )
        found = self._find(probe)
        return simulated_statistics.dispersion(
            found.statistic, found.p_value, alternative, found.resolution, "squared Pearson residuals"
        )

    def test_outliers(
        self,
        type: Literal["default", "binomial", "bootstrap", "expected"] = "default",  # noqa: A002
        *,
        reference: Reference | None = None,
    ) -> CheckResult:
        """Whether more rows lie outside their simulations than would of a right model.

        Parameters
        ----------
        type : ``"default"``: the simulated data sets' own outliers; among data sets with as many, the farthest decides.
            Textbook forms, two-sided: ``"binomial"``, exact for independent continuous responses; ``"bootstrap"``
            compares with the outliers of each simulated data set among the others, ``"expected"`` with their mean
            number
        reference : as in `test_uniformity`; ``"asymptotic"``: binomial for continuous responses, bootstrap for fewer
            than 500 counts, expected for more
        """
        if type == "default" and not self._is_textbook(reference):
            found = self._standard[1]
            return outliers.among_simulations(
                found.statistic, self.observed.size, found.p_value, found.details, found.resolution
            )
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
            return outliers.by_bootstrap(self.scaled, self._simulator, self._rng(2))
        raise DataError(f"type must be 'default', 'binomial', 'bootstrap' or 'expected', got {type!r}")

    def test_zero_inflation(
        self,
        alternative: Alternative = "two-sided",
        *,
        type: Literal["simulated", "expected"] = "simulated",  # noqa: A002
        reference: Reference | None = None,
    ) -> CheckResult:
        """Whether there are more (or fewer) zeros than the model gives.

        Parameters
        ----------
        alternative : ``"greater"`` looks for too many only, ``"less"`` for too few
        type : ``"simulated"``: against the zeros of the simulated data sets; ``"expected"``: against the sum of
            P(Y = 0) given the random effects, two-sided and by the normal distribution, as if nothing were estimated
        reference : as in `test_uniformity`

        Raises
        ------
        DataError
            For ``"expected"`` without a fit.
        """
        count = int(np.count_nonzero(self.observed == 0))
        if type == "expected":
            if self._fit is None:
                raise DataError("test_zero_inflation(type='expected') needs a fit; these residuals come from a matrix")
            zeros = zero_counts(self._fit)
            return simulated_statistics.zero_inflation(
                count, zeros.expected, zeros.ratio, zeros.p_value, "two-sided", 0.0, "expected"
            )
        if type != "simulated":
            raise DataError(f"type must be 'simulated' or 'expected', got {type!r}")
        if self._is_textbook(reference):
            ratio, p_value, mean = simulated_statistics.zero_ratio(count, self._ranks.zeros, alternative)
            return simulated_statistics.zero_inflation(
                count, mean, ratio, p_value, alternative, 1.0 / self.draws, "mean_simulated"
            )
        found = self._find(Zeros(self.observed.size, alternative))
        return simulated_statistics.zero_inflation(
            count, found.details["expected"], found.statistic, found.p_value, alternative, found.resolution, "expected"
        )

    def test_generic(
        self,
        statistic: str | Statistic,
        alternative: Alternative = "two-sided",
        *,
        reference: Reference | None = None,
    ) -> CheckResult:
        """Whether any statistic of the response is one that simulated data have.

        Parameters
        ----------
        statistic : function of an array (n,) that gives a number, or ``"mean"``, ``"sd"``, ``"var"``, ``"min"``,
            ``"max"``
        alternative : ``"two-sided"``, ``"greater"`` or ``"less"``
        reference : as in `test_uniformity`; with ``"simulated"`` the observed data set counts as one of them

        Notes
        -----
        What the fit matches, a mean say, is not removed from the statistic: it then varies less than the simulations
        do, and small p-values are rarer than they say.

        Examples
        --------
        >>> import numpy as np, ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> result = fit.simulate_residuals(seed=1).test_generic(lambda y: np.sum(y == 1), "greater")
        >>> 0 <= result.p_value <= 1
        True
        """
        value, simulated, name = simulated_statistics.values_of(statistic, self.observed, columns_of(self._simulator))
        if self._is_textbook(reference):
            p_value, smallest = simulated_statistics.simulation_p_value(value, simulated, alternative), 1.0 / self.draws
        else:
            self._sets.refuse_conditional()
            pooled = np.append(value, simulated)
            p_value, smallest = pooled_p_value(pooled, alternative), resolution(pooled.size, alternative)
        return simulated_statistics.generic(value, simulated, name, p_value, alternative, smallest)

    def test_quantiles(
        self, predictor: str | ArrayLike | None = None, *, reference: Reference | None = None
    ) -> CheckResult:
        """Whether the quartiles of the residuals are level along a predictor, by default the ranked fitted values.

        Parameters
        ----------
        predictor : column of the data, or one number a row
        reference : as in `test_uniformity`
        """
        if predictor is None:
            name, numbers = "the fitted values (ranks)", self.ranked_predictions()
        else:
            name, numbers = self._numbers(predictor, "predictor")
        if self._is_textbook(reference):
            return quantiles.quantile_test(self.scaled, numbers, name)
        probe = Quartiles(quantiles.spline_basis(numbers), quantiles.QUANTILES)
        matched = self._sets.run([probe])
        found, (statistics, p_values) = probe.finding(matched), probe.parts(matched)
        return quantiles.quantile_result(name, statistics, p_values, probe.columns, found.p_value, found.resolution)

    def test_categorical(self, factor: str | ArrayLike, *, reference: Reference | None = None) -> CheckResult:
        """Whether the residuals are uniform within each level of a factor, and equally spread.

        Parameters
        ----------
        factor : column of the data, or one level a row
        reference : as in `test_uniformity`; ``"asymptotic"``: Kolmogorov and Smirnov's test with Holm's correction,
            Levene's test about the medians
        """
        column = row_column(factor, "factor", self._data, self._index, self._kept)
        codes, labels = column.factor()
        name = factor if isinstance(factor, str) else "factor"
        if self._is_textbook(reference):
            return groups.by_category(self.scaled, codes.astype(np.intp), labels, name)
        return groups.among_simulations(self._sets, codes.astype(np.intp), labels, name)

    def test_temporal_autocorrelation(
        self, time: str | ArrayLike, alternative: Alternative = "two-sided", *, reference: Reference | None = None
    ) -> CheckResult:
        """Whether residuals resemble those before them in time: Durbin and Watson's ratio.

        Parameters
        ----------
        time : column of the data, or one value a row, all different; dates and factors count by their order
        alternative : ``"greater"``: positive autocorrelation
        reference : as in `test_uniformity`
        """
        column = row_column(time, "time", self._data, self._index, self._kept)
        numbers = ordered_numbers(column)
        if self._is_textbook(reference):
            return autocorrelation.durbin_watson(self.scaled, numbers, alternative)
        return neighbours.in_time(self._sets, numbers, alternative)

    def test_spatial_autocorrelation(
        self,
        x: str | ArrayLike,
        y: str | ArrayLike,
        alternative: Alternative = "two-sided",
        *,
        reference: Reference | None = None,
    ) -> CheckResult:
        """Whether near residuals are alike: Moran's I with weights 1 / distance.

        Parameters
        ----------
        x, y : columns of the data, or one number a row; all places different
        alternative : ``"greater"``: near ones alike
        reference : as in `test_uniformity`; at most 4,000 places for ``"simulated"``, 20,000 for ``"asymptotic"``
        """
        places = self._numbers(x, "x")[1], self._numbers(y, "y")[1]
        if self._is_textbook(reference):
            return autocorrelation.moran(self.scaled, *places, alternative)
        return neighbours.in_space(self._sets, *places, alternative)

    @cached_property
    def _sets(self) -> DataSets:
        return DataSets(self.observed, self._simulator, self.seed, self._fit)

    @cached_property
    def _standard(self) -> list[Finding]:
        """Uniformity and outliers, of one pass."""
        return self._sets.find(Uniformity(), Outliers())

    @property
    def _dispersion_is_fitted(self) -> bool:
        return self._fit is not None and dispersion_is_fitted(self._fit)

    def _find(self, probe: Probe) -> Finding:
        return self._sets.find(probe)[0]

    def _is_textbook(self, reference: Reference | None) -> bool:
        chosen = self._reference if reference is None else reference
        if chosen not in _REFERENCES:
            raise DataError(f"reference must be None, 'simulated' or 'asymptotic', got {reference!r}")
        return chosen == "asymptotic"

    @property
    def _data(self) -> Any:
        return None if self._fit is None else self._fit.data

    def _numbers(self, given: str | ArrayLike, what: str) -> tuple[str, Floats]:
        column = row_column(given, what, self._data, self._index, self._kept)
        return given if isinstance(given, str) else what, column.numbers()

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])

    def _need_rows(self, count: int) -> None:
        if self.observed.size < count:
            raise DataError(f"the test needs at least {count} residuals, got {self.observed.size}")
