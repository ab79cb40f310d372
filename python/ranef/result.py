"""`Fit`: a fitted model. Its methods check arguments and hand over to the module of their subject."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ranef import (
    diagnose,
    intervals,
    maketables,
    persist,
    predict,
    refitting,
    residuals,
    simulate,
    summary,
    tables,
    variance_explained,
    variance_partition,
)
from ranef.checks import laplace_error, making
from ranef.checks import table as checks_table
from ranef.checks.simulated import SimulatedResiduals
from ranef.checks.table import Checks
from ranef.fitstate import FitState
from ranef.inference import bootstrap as bootstraps
from ranef.inference import (
    deletions,
    derived,
    drop1,
    influence,
    leverage,
    linear_test,
    ranova,
    sandwich,
    small_sample,
    wald_tests,
)
from ranef.inference import profile as profiles
from ranef.inference.chosen_vcov import VcovChoice, chosen_information
from ranef.inference.derived import Method
from ranef.inference.derived_values import Statistic
from ranef.inference.sandwich import RobustType
from ranef.information import INFORMATION, Information
from ranef.means.averaging import Weighting
from ranef.means.build import Component, emmeans
from ranef.means.build import Request as MeansRequest
from ranef.means.emmeans import MarginalMeans, Regrid
from ranef.means.grid import Reducer
from ranef.means.joint_tests import joint_tests
from ranef.means.specs import Names
from ranef.means.trends import TrendRequest, emtrends
from ranef.observation_variance import VarianceMethod
from ranef.parameters import Values
from ranef.plots import caterpillar, correlations, effects, lines, shrinkage
from ranef.predict import PredictionType
from ranef.report import report
from ranef.varcorr import VarCorr
from ranef.variance_components import Reference


class Fit(FitState):
    """A fitted mixed model; made by `ranef.fit`, `Model.fit` or `ranef.load`. Immutable.

    Attributes
    ----------
    model : the model that was fitted
    timings : seconds spent by stage: ``parse``, ``design``, ``fit``, ``inference``

    Examples
    --------
    >>> import ranef
    >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
    >>> fit.converged
    True
    >>> fit.df
    3
    """

    def parameters(self) -> pd.DataFrame:
        """Every parameter: ``component``, ``kind``, ``group``, ``estimate``, ``std_error``, ``fixed``, by name."""
        return tables.parameter_table(self)

    def summary(self, ddf: small_sample.Ddf = "asymptotic", *, vcov: VcovChoice = None) -> summary.Summary:
        """The report that R users know; prints as text, shows as HTML in a notebook.

        Parameters
        ----------
        ddf : ``"asymptotic"`` z tests; ``"satterthwaite"`` or ``"kenward-roger"`` t tests (linear mixed models)
        vcov : covariance behind the standard errors of z tests, as in `tidy`
        """
        fit, choice = chosen_information(self, vcov)
        return summary.Summary(fit, ddf, choice)

    def __repr__(self) -> str:
        return f"<ranef.Fit {self.formula!r}, {self.family}, loglik {self.loglik:.4f}, df {self.df}, nobs {self.nobs}>"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def glance(self) -> pd.DataFrame:
        """One row: nobs, sigma, loglik, aic, aicc, bic, deviance, df, df_resid, family, link, converged, singular."""
        return tables.glance(self)

    def tidy(
        self,
        effects: tables.Effects = "fixed",
        *,
        conf_int: bool = False,
        conf_level: float = 0.95,
        exponentiate: bool = False,
        ddf: small_sample.Ddf = "asymptotic",
        vcov: VcovChoice = None,
    ) -> pd.DataFrame:
        """Estimates as a table, one row each.

        Parameters
        ----------
        effects : ``"fixed"`` (coefficients), ``"ran_pars"`` (standard deviations, correlations, constant dispersion)
            or ``"ran_vals"`` (conditional modes)
        conf_int : bool
            Adds Wald intervals, of variance parameters on the log or Fisher scale and mapped back.
        conf_level : float
            Probability of the intervals.
        exponentiate : bool
            exp of coefficients and intervals (odds ratios, rate ratios), standard errors by the delta method.
        ddf : ``"satterthwaite"`` or ``"kenward-roger"``
            t tests and intervals of a linear mixed model's coefficients, with a column ``df``.
        vcov : None, ``"expected"``, ``"observed"``, ``"CR0"``, ``"CR1"``, ``"CR2"`` or matrix
            Covariance behind the standard errors: the model's; robust, by the outermost grouping factor (see `vcov`);
            or a matrix of the conditional coefficients.

        Returns
        -------
        DataFrame with columns ``component`` (``cond``, ``zi``, ``disp``), ``group`` and ``level`` where they apply,
        ``term``, ``estimate``, ``std_error``, ``df`` (by `ddf`), ``statistic``, ``p_value``, ``conf_low``,
        ``conf_high``.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> list(fit.tidy()["term"])
        ['Intercept', 'cover']
        """
        fit, choice = chosen_information(self, vcov)
        return tables.tidy(fit, effects, conf_int, conf_level, exponentiate, ddf, choice)

    def fixef(self, component: str = "cond") -> pd.Series:
        """Coefficients of ``"cond"``, ``"zi"`` or ``"disp"``, by name."""
        return tables.fixef(self, component)

    def vcov(
        self,
        component: str = "cond",
        *,
        full: bool = False,
        type: Information | RobustType | None = None,  # noqa: A002 - the name in R's sandwich packages
        cluster: Any = None,
    ) -> pd.DataFrame:
        """Covariance of a component's coefficients, or (`full`) of all parameters, by name.

        Parameters
        ----------
        component : ``"cond"``, ``"zi"`` or ``"disp"``
        full : all parameters of the model instead
        type : None: the fit's (see `ranef.fit`); ``"expected"``, ``"observed"``: by that information; ``"CR0"``,
            ``"CR1"``, ``"CR2"``: cluster-robust (sandwich), right where the model's covariance is not: of Liang and
            Zeger, the same times G / (G - 1), and bias-reduced of Bell and McCaffrey
        cluster : grouping factor, column of the data, or array with one value a row, within which all random terms are
            nested; None: the outermost grouping factor, without random effects every row by itself

        Raises
        ------
        DataError
            Where the clusters are not independent (crossed factors), or the type does not cover the model.

        Notes
        -----
        A robust covariance takes the variance parameters as given. CR2 is for models with coefficients in the mean.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("cover ~ shore + (1 | pond)", ranef.demo_data(), reml=True)
        >>> list(fit.vcov(type="CR2").columns)
        ['Intercept', 'shore[T.mown]']
        """
        if type in INFORMATION:
            return sandwich.vcov(self.with_information(type), component, full, None, cluster)
        return sandwich.vcov(self, component, full, type, cluster)

    def coef(self) -> dict[str, pd.DataFrame]:
        """Fixed plus random effects of the conditional model: per grouping factor, levels by coefficients."""
        return tables.coefficients_by_level(self)

    def ranef(self, component: str = "cond", *, condvar: bool = False) -> dict[str, pd.DataFrame]:
        """Conditional modes: per grouping factor, levels by effects; `condvar` adds columns ``<effect>_sd``."""
        return tables.random_effects(self, component, condvar)

    def varcorr(self) -> VarCorr:
        """Standard deviations and correlations of the random effects."""
        has_residual = self.family.dispersion_name() == "sigma" and np.isfinite(self.sigma)
        return VarCorr(self.covariance_blocks, self.sigma if has_residual else None)

    def icc(
        self,
        by_group: bool = False,
        at: Mapping[str, Any] | None = None,
        *,
        method: VarianceMethod | None = None,
        reference: Reference = "null",
        interval: Method | None = None,
        level: float = 0.95,
        n: int = 1000,
        seed: int | None = None,
    ) -> variance_explained.Icc:
        """Intraclass correlation: the share of the grouping factors in the variance of the conditional model.

        Parameters
        ----------
        by_group : one row a grouping factor instead of all together
        at : values of covariates with random slopes, such as ``{"Days": [0, 5, 9]}``: the correlation of two
            observations of a group that both have these values, one row a combination
        method : variance of one observation on the link scale: ``"theoretical"``, ``"delta"``, ``"lognormal"`` or
            ``"trigamma"``; None: theoretical for trials with logit, probit or cloglog link, lognormal for log links,
            else delta. A gaussian response with identity link has its residual variance.
        reference : mean at which that variance is taken, where it needs one: ``"null"`` (of the null model, averaged
            over its random effects), ``"null-intercept"`` (the same without averaging), ``"response"`` or a number
        interval : None, ``"wald"``, ``"profile"`` or ``"boot"``; the first two on the logit scale,
            mapped back
        level : probability of the interval
        n, seed : samples of the bootstrap and the seed of its random numbers

        Returns
        -------
        Icc, which prints with its definition; ``adjusted`` r / (r + e), ``unadjusted`` r / (f + r + e), `to_frame`

        Raises
        ------
        FamilyError
            For a method that the family and link do not have.
        DataError
            Without a random term in the conditional model; for a name in `at` that has no random slope.

        Notes
        -----
        f, r, e are the variances of fixed effects, random effects and one observation (Nakagawa, Johnson and Schielzeth
        2017); r is the mean of z' Sigma z over the rows (Johnson 2014).

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("cover ~ shore + (1 | pond)", ranef.demo_data())
        >>> icc = fit.icc()
        >>> bool(0 <= icc.unadjusted <= icc.adjusted < 1)
        True
        """
        asked = variance_explained.Interval(interval, level, n, seed)
        return variance_explained.icc(self, by_group, at, method, reference, asked)

    def r2(
        self,
        *,
        method: VarianceMethod | None = None,
        reference: Reference = "null",
        interval: Method | None = None,
        level: float = 0.95,
        n: int = 1000,
        seed: int | None = None,
    ) -> variance_explained.RSquared:
        """Marginal and conditional R2: the share of the fixed effects, and of fixed and random effects; see `icc`.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> r2 = fit.r2()
        >>> bool(0 < r2.marginal < r2.conditional < 1)
        True
        """
        return variance_explained.r2(self, method, reference, variance_explained.Interval(interval, level, n, seed))

    def variance_partition(
        self,
        *,
        method: VarianceMethod | None = None,
        reference: Reference = "null",
        interval: Method | None = None,
        level: float = 0.95,
        n: int = 1000,
        seed: int | None = None,
    ) -> variance_partition.VariancePartition:
        """Variances of fixed effects, random terms and one observation, with shares and CV^2; arguments as for `icc`.

        An interval, where asked for, is that of the shares.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore + (1 | pond)", ranef.demo_data(), family="nbinom2")
        >>> list(fit.variance_partition().to_frame()["component"])
        ['fixed', 'random', 'observation', 'total']
        """
        asked = variance_explained.Interval(interval, level, n, seed)
        return variance_partition.variance_partition(self, method, reference, asked)

    def confint(
        self,
        method: intervals.Method = "wald",
        parm: str | Sequence[str] | None = None,
        level: float = 0.95,
        *,
        n: int = 1000,
        seed: int | None = None,
        threads: int = 1,
        vcov: Information | None = None,
    ) -> pd.DataFrame:
        """Confidence intervals of parameters, by name.

        Parameters
        ----------
        method : ``"wald"``; ``"profile"``, where the likelihood ratio test of a value is not significant; ``"boot"``,
            percentiles of the parametric bootstrap
        parm : parameter name(s) as in `parameters()`; None: all that were estimated
        level : probability of the intervals
        n, seed, threads : replicates, seed and threads of the bootstrap
        vcov : ``"expected"`` or ``"observed"`` information behind standard errors; None: the fit's (see `ranef.fit`)

        Returns
        -------
        DataFrame with columns ``estimate``, ``conf_low``, ``conf_high``. Wald: standard deviations get theirs on the
        log scale, correlations on Fisher's; a standard deviation of zero has none (NaN). Profile: an end may be the
        end of the parameter's range (0 for a standard deviation) or infinite; a REML fit is refitted without REML for
        it, with a warning.

        Raises
        ------
        DataError
            For an unknown method or parameter, or one without a profile because it was held.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> table = fit.confint("profile", parm="sd(Intercept|pond)")
        >>> bool(table["conf_low"].iloc[0] > 0)
        True
        """
        return intervals.confint(self.with_information(vcov), method, parm, level, n, seed, threads)

    def profile(self, parm: str | Sequence[str] | None = None, level: float = 0.99) -> profiles.Profile:
        """Likelihood profiles of parameters, as lme4's ``profile``.

        Parameters
        ----------
        parm : parameter name(s) as in `parameters()`; None: all that were estimated
        level : the profiles reach the ends of intervals of this probability

        Returns
        -------
        Profile, with `to_frame`, `confint` and `plot` (the zeta plot, or densities).

        Warns
        -----
        RanefWarning
            For a REML fit, whose model is refitted without REML for it.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> sorted(fit.profile("cover").to_frame().columns[:4])
        ['loglik', 'parameter', 'value', 'zeta']
        """
        return profiles.profile(self, parm, level)

    def bootstrap(
        self,
        n: int = 1000,
        statistic: Statistic | None = None,
        *,
        seed: int | None = None,
        n_jobs: int = 1,
        threads: int = 1,
        use_re: bootstraps.UseRe = "simulate",
        progress: bool = True,
    ) -> bootstraps.Bootstrap:
        """Parametric bootstrap: `n` responses simulated from the fit, the model fitted to each.

        Parameters
        ----------
        n : replicates
        statistic : function of a fit that gives a number or a Series of numbers by name; None: all parameters
        seed : of the random numbers; the replicates are the same for any `threads` and `n_jobs`. None: different every
            time (`Bootstrap.seed` then tells which)
        n_jobs : processes, through joblib (extra ``parallel``), whose Dask and Ray backends serve a cluster; -1: one a
            processor
        threads : of the compiled core, in each process; they do not hold Python's lock
        use_re : ``"simulate"`` draws the random effects anew; ``"conditional"`` keeps them at their estimates
        progress : a bar on standard error, where it is a terminal or a notebook

        Returns
        -------
        Bootstrap, with `to_frame`, `summary` (bias, standard error) and `confint` (percentile, basic, normal).

        Raises
        ------
        DataError
            For a fit loaded from a file, which has no data; for fewer than one replicate; if the statistic raises,
            naming the replicate.
        ConvergenceError
            If no replicate has a fit.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> shrunken = fit.bootstrap(10, lambda f: f.ranef()["pond"]["Intercept"].abs().max(), seed=1)
        >>> len(shrunken.to_frame())
        10
        """
        return bootstraps.bootstrap(self, n, statistic, seed, n_jobs, threads, use_re, progress)

    def at(self, values: Values) -> Fit:
        """The same model at other parameter values, not refitted: what derived quantities are functions of.

        Parameters
        ----------
        values : dict or Series by parameter name (the others stay at their estimates), or array of all parameters in
            the order of `parameters()`; coefficients on the link scale, standard deviations and correlations as
            they are, a constant dispersion as its log

        Returns
        -------
        Fit, with the random effects' modes and the log-likelihood that belong to these values. The parameters count
        as known: standard errors of its predictions are those of the random effects alone. For a REML fit it is a fit
        of the model without REML, whose fixed effects are parameters as well.

        Raises
        ------
        DataError
            For an unknown name, or values that no model has.
        ConvergenceError
            If the log-likelihood has no value there.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.at({"sd(Intercept|pond)": 0.0}).loglik < fit.loglik
        True
        """
        return refitting.at(self, values)

    def derive(
        self,
        statistic: Statistic | str | dict[str, str],
        *,
        method: derived.Method = "wald",
        level: float = 0.95,
        n: int = 1000,
        seed: int | None = None,
        vcov: Information | None = None,
    ) -> pd.DataFrame:
        """Interval of any quantity computed from the fit: a contrast, a ratio of variances, a prediction.

        Parameters
        ----------
        statistic : function of a fit that gives a number or a Series of numbers by name; or arithmetic on parameter
            names such as ``"sd(Intercept|pond)^2 / sigma^2"``; or a dict of such expressions
        method : ``"wald"`` (delta method), ``"profile"`` (profile likelihood) or ``"boot"`` (parametric bootstrap)
        level : probability of the interval
        n, seed : replicates and seed of the bootstrap
        vcov : ``"expected"`` or ``"observed"`` information behind standard errors; None: the fit's (see `ranef.fit`)

        Returns
        -------
        DataFrame by name with columns ``estimate``, ``std_error`` (delta method; standard deviation of the replicates
        for ``"boot"``), ``conf_low``, ``conf_high``.

        Raises
        ------
        DataError
            If the statistic raises, is not finite, or is an expression with unknown names.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> table = fit.derive({"doubling": "log(2) / cover"})
        >>> list(table.columns)
        ['estimate', 'std_error', 'conf_low', 'conf_high']
        """
        return derived.derived_interval(self.with_information(vcov), statistic, method, level, n, seed)

    def anova(
        self,
        type: int | str = 2,  # noqa: A002 - R's name for it
        *,
        test: wald_tests.AnovaTest | None = None,
        ddf: small_sample.Ddf | None = None,
        component: str = "cond",
        coding: wald_tests.Coding = "sum",
        vcov: Information | None = None,
    ) -> wald_tests.WaldTests | deletions.DeletionTests:
        """Tests of the terms of the fixed part.

        Parameters
        ----------
        type : 1 each term after those before it; 2 after all that do not contain it; 3 after all others
        test : ``"chisq"`` Wald; ``"F"`` for linear mixed models; ``"LR"`` likelihood ratios by refits (types 1 and 2).
            None: F where `ddf` is given, else chi-square
        ddf : ``"satterthwaite"`` (the default of F) or ``"kenward-roger"`` (REML fits)
        component : ``"cond"``, ``"zi"`` or ``"disp"``
        coding : of type 3: ``"sum"`` tests averages over the other factors' levels, whatever the contrasts of the fit;
            ``"fitted"`` the coefficients as they are coded
        vcov : ``"expected"`` or ``"observed"`` information behind standard errors; None: the fit's (see `ranef.fit`)

        Returns
        -------
        WaldTests, or DeletionTests for ``"LR"``: prints, and has ``.to_frame()``

        Raises
        ------
        DataError
            For an F test of what is no linear mixed model, Kenward-Roger of a fit by ML, or an unknown type or test.

        Notes
        -----
        Type 2 by chi-square and Kenward-Roger uses the coefficients' covariance, as R's car; by Satterthwaite the cross
        products of the model matrix, as lmerTest. See ``docs/tests.md``.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> list(fit.anova().to_frame().index)
        ['cover']
        """
        if test is not None and str(test).lower() == "lr":
            return drop1.likelihood_ratio_tests(self, type, ddf, component)
        return wald_tests.anova(self.with_information(vcov), type, test, ddf, component, coding)

    def test(
        self,
        hypothesis: str | Sequence[str] | ArrayLike | pd.DataFrame,
        value: ArrayLike | None = None,
        *,
        test: wald_tests.Test | None = None,
        ddf: small_sample.Ddf | None = None,
        component: str = "cond",
        vcov: Information | None = None,
    ) -> linear_test.LinearTest:
        """Joint Wald test of linear hypotheses about the coefficients.

        Parameters
        ----------
        hypothesis : an equation (``"2 * a - b = 1"``), the name of a coefficient or term (set to zero), several of
            those, or a matrix (q, coefficients); a DataFrame's columns are coefficients by name
        value : with a matrix, what its rows equal; None: zero
        test, ddf, component : as in `anova`
        vcov : ``"expected"`` or ``"observed"`` information behind standard errors; None: the fit's (see `ranef.fit`)

        Returns
        -------
        LinearTest

        Raises
        ------
        DataError
            If the hypothesis is not understood, with the nearest coefficient; else as `anova`.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.test("cover = 0").df
        1
        """
        return linear_test.linear_test(self.with_information(vcov), hypothesis, value, test, ddf, component)

    def drop1(
        self,
        *,
        test: wald_tests.Test | None = None,
        ddf: small_sample.Ddf | None = None,
        component: str = "cond",
    ) -> deletions.DeletionTests | wald_tests.WaldTests:
        """The model without each of its fixed terms in turn; terms that others contain stay.

        Parameters
        ----------
        test : ``"chisq"`` likelihood ratio, by refits (REML fits by maximum likelihood, said in the notes); ``"F"``
            Wald tests of linear mixed models
        ddf, component : as in `anova`

        Returns
        -------
        DeletionTests, or WaldTests for ``"F"``

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.drop1().to_frame()["df"].tolist()
        [nan, 1.0]
        """
        return drop1.drop1(self, test, ddf, component)

    def ranova(self) -> deletions.DeletionTests:
        """The model without each of its random effects in turn, by likelihood ratio.

        Slopes leave a term one at a time, ``(Days | Subject)`` becoming ``(1 | Subject)``; a term of one effect (and
        one of structure ``ar1`` or ``cs``) leaves whole. A fit by REML is compared with fits by REML.

        Returns
        -------
        DeletionTests, with the plain p-value and that of the boundary mixture

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> list(fit.ranova().to_frame().index)
        ['<none>', '(1 | pond)']
        """
        return ranova.ranova(self)

    def hatvalues(self) -> pd.Series:
        """Hat values of the rows, by the data's index: how much of its own fit each row decides.

        Coefficients and random effects are estimated, the variance parameters given: for a gaussian model the diagonal
        of the matrix that maps y to the conditional fit (lme4's); their sum counts effective parameters.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> bool(2 < fit.hatvalues().sum() < 32)
        True
        """
        return leverage.hatvalues(self)

    def rstudent(self) -> pd.Series:
        """Pearson residuals divided by sqrt(1 - hat value), by the data's index: lme4's ``rstudent``.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> bool((fit.rstudent().abs() > fit.residuals("pearson").abs()).all())
        True
        """
        return leverage.rstudent(self)

    def cooks_distance(self) -> pd.Series:
        """Cook's distances of the rows, by the data's index, from residuals and hat values; see `influence`.

        (r / (1 - h))^2 h / p, r the Pearson residual, h the hat value, p coefficients of the mean: lme4's.
        """
        return leverage.cooks_distance(self)

    def influence(self, by: Any = None, *, refit: bool = False) -> influence.Influence:
        """What the coefficients are without each group or row.

        Parameters
        ----------
        by : grouping factor of the model, column of the data, or array with one value a row; None: every row
        refit : fit again without the rows, variance parameters and all; else one Newton step from the fit with the
            variance parameters as they are, exact for a gaussian model given these

        Returns
        -------
        Influence: `fixef` (deletions x coefficients), `dfbeta`, `dfbetas`, `cooks_distance`, `parameters` (with
        `refit`), `to_frame`; prints the ten with the largest Cook's distance.

        Raises
        ------
        DataError
            For a name that is neither a grouping factor nor a column.

        Warns
        -----
        DesignWarning
            Where a coefficient cannot be estimated without some rows: NaN there.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.influence("pond").dfbetas.shape
        (30, 2)
        """
        return influence.influence(self, by, refit)

    def diagnose(self) -> diagnose.Diagnosis:
        """What the fit's certificate says, in words: the guilty parameter and the remedy."""
        return diagnose.diagnose(self)

    def fitted(self) -> pd.Series:
        """Fitted means on the response scale, by the data's index; NaN where a row was dropped."""
        return residuals.fitted(self)

    def residuals(
        self,
        type: residuals.ResidualType = "response",  # noqa: A002 - R's name for it
        *,
        seed: int | None = None,
    ) -> pd.Series:
        """Residuals by the data's index; NaN where a row was dropped.

        Parameters
        ----------
        type : ``"response"`` y - mean; ``"pearson"`` divided by the response's standard deviation; ``"deviance"``;
            ``"working"`` divided by the derivative of the mean in the linear predictor; ``"quantile"`` standard normal
            for a right model of any family, from its distribution function given the random effects
        seed : of the randomisation that quantile residuals of counts need; None: different every time

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore + cover + (1 | pond)", ranef.demo_data(), family="nbinom2")
        >>> bool(fit.residuals("quantile", seed=1).abs().max() < 4)
        True
        """
        return residuals.residuals(self, type, seed)

    def simulate_residuals(
        self,
        n: int = 250,
        seed: int | None = None,
        re_form: str | None = "unconditional",
        group: str | ArrayLike | None = None,
    ) -> SimulatedResiduals:
        """Where every observation lies among responses simulated from the model: residuals for any family.

        Parameters
        ----------
        n : number of simulations
        seed : of the simulations and the randomisation; None: different every time (the result holds the one used)
        re_form : ``"unconditional"``: random effects drawn anew for each simulation; ``"conditional"``: given the
            random effects as estimated, for pictures (tests of these are refused); a formula such as
            ``"~ (1 | site)"`` keeps the terms it names. Effects of single observations are always drawn anew
        group : column of the data, or one label a row: residuals of the sums by group

        Returns
        -------
        SimulatedResiduals : ``values`` (uniform for a right model), tests and plots

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore + cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.simulate_residuals(seed=1).test_dispersion("greater").ok
        False
        """
        return making.simulate_residuals(self, n, seed, re_form, group)

    def plot_diagnostics(self, ax: Any = None, *, n: int = 250, seed: int | None = None) -> NDArray[Any]:
        """The page of simulated residuals: QQ plot with the tests' p-values, residuals against ranked fitted values.

        Parameters
        ----------
        ax : two matplotlib axes, or None for a new figure
        n, seed : see `simulate_residuals`

        Returns
        -------
        array (2,) of Axes
        """
        return self.simulate_residuals(n, seed).plot(ax)

    def check(self, *, n: int = 250, seed: int = 1, refit: bool = False) -> Checks:
        """Everything that can be checked, in one table: each with a verdict, what it means and what to do.

        Convergence; singular covariances; tests of simulated residuals (dispersion, uniformity, outliers, zeros, bends
        and spread along each covariate, spread along the fitted values, normality of the random effects); collinearity;
        influential groups; the Laplace error. Tests are left out where the fit has fixed their statistic: dispersion of
        a family with a free dispersion parameter, zeros of a zero-inflated model.

        Parameters
        ----------
        n : simulations, and refits
        seed : of the simulations; of the Laplace error too
        refit : p-values by a parametric bootstrap: the model is fitted to `n` simulated responses, each is tested as
            the data are. Exact where the others are slightly too large; takes some 20 ms a refit

        Returns
        -------
        Checks : prints as a table; ``to_frame()``, ``ok``, ``residuals``, ``collinearity``

        Notes
        -----
        The tests have one verdict together: a p-value that is below 0.05 after Holm's adjustment over all of them calls
        for attention; below 0.004, with an effect that matters (dispersion or zeros off by half, D above 0.1, W below
        0.9), it is a problem. P-values below 0.02 are refined by more simulations first. Variance inflation: 5 and 10.
        Cook's distance: attention above 1. Laplace error: an estimate off by 0.1 and 0.5 standard errors, beyond twice
        the Monte Carlo error.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore + cover + (1 | pond)", ranef.demo_data(), family="nbinom2")
        >>> fit.check().ok
        True
        """
        return checks_table.check(self, n, seed, refit)

    def laplace_error(self, draws: int | None = None, seed: int = 1) -> laplace_error.LaplaceError:
        """By how much the Laplace approximation is off: the log-likelihood, and the estimates to first order.

        Parameters
        ----------
        draws : importance draws for each independent set of random effects; None: as many as take about a second
        seed : of the draws

        Returns
        -------
        LaplaceError : ``loglik_error`` with its Monte Carlo error, ``shifts`` of the parameters

        Raises
        ------
        NotAvailableError
            If more than 3,000 random effects are tied together, or the fit is one by ``method="pql"``.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> abs(fit.laplace_error().loglik_error) < 0.1
        True
        """
        return laplace_error.laplace_error(self, draws, seed)

    def predict(
        self,
        newdata: Any = None,
        *,
        type: predict.PredictionType = "response",  # noqa: A002 - R's name for it
        re_form: str | None = None,
        se: bool = False,
        interval: predict.Interval | None = None,
        level: float = 0.95,
        allow_new_levels: bool = False,
        random: Mapping[str, predict.Treatment] | None = None,
        offset: ArrayLike | None = None,
        vcov: Information | None = None,
    ) -> pd.Series | pd.DataFrame:
        """Predictions for the fitted rows or for new data.

        Parameters
        ----------
        newdata : table with the model's columns, or None
        type : ``"response"`` mean of the response; ``"link"`` conditional linear predictor; ``"conditional"`` mean
            without zero inflation; ``"zprob"``, ``"zlink"`` probability of a structural zero and its linear
            predictor; ``"disp"``, ``"dlink"`` dispersion and its linear predictor
        re_form : None keeps all random terms, ``"~0"`` none, ``"~ (1 | site)"`` those it names
        se : adds standard errors, counting the uncertainty of the coefficients, variances and random effects
        interval : ``"confidence"`` for the mean, ``"prediction"`` for a new observation
        level : probability of the interval
        allow_new_levels : whether levels unknown to the fit may occur (their effect is 0, its variance the prior's;
            intervals of the mean then take Student's t with Satterthwaite's degrees of freedom of that variance, which
            are about the number of levels less one, elsewhere the normal distribution)
        random : per grouping factor or term, ``"include"``, ``"zero"`` or ``"integrate"`` (average over its
            distribution: population-averaged)
        offset : one number a row of `newdata`, where the fit's offset was an array
        vcov : ``"expected"`` or ``"observed"`` information behind standard errors; None: the fit's (see `ranef.fit`)

        Returns
        -------
        Series of estimates, or DataFrame with ``estimate``, ``std_error``, ``conf_low``, ``conf_high``, by the row
        labels of `newdata` (of the data; NaN where a row was dropped).

        Raises
        ------
        DataError
            If a column is missing or holds levels or values unknown to the fit.

        Examples
        --------
        >>> import ranef
        >>> data = ranef.demo_data()
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson")
        >>> population = fit.predict(data.head(2), re_form="~0")
        >>> len(population)
        2
        """
        request = predict.Request(type, re_form, se, interval, level, allow_new_levels, random or {}, offset)
        return predict.predict(self.with_information(vcov), newdata, request)

    def simulate(self, n: int = 1, seed: int | None = None, re_form: str | None = None) -> pd.DataFrame:
        """New responses drawn from the fitted model.

        Parameters
        ----------
        n : number of data sets
        seed : of the random numbers; None: different every time
        re_form : None or ``"~0"`` draws all random effects anew; a formula such as ``"~ (1 | site)"`` keeps the terms
            it names at their conditional modes

        Returns
        -------
        DataFrame (rows of the data, NaN where dropped) with columns ``sim_1`` ... ``sim_n``: counts of successes for
        a binomial with trials.
        """
        return simulate.simulate(self, n, seed, re_form)

    def refit(self, y: ArrayLike) -> Fit:
        """The same model fitted to another response: an array of as many rows as entered the fit, or as the data have.

        Much faster than a new fit: formulas, design and symbolic work are kept.
        """
        return refitting.refit(self, y)

    def update(self, formula: str | None = None, **changes: Any) -> Fit:
        """Fit again with changed arguments of `ranef.fit`; ``.`` in `formula` stands for the old side.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.update(". ~ . - cover").formula
        'count ~ 1 + (1 | pond)'
        """
        return refitting.update(self, formula, changes)

    def plot_ranef(
        self,
        group: str | None = None,
        *,
        ax: Any = None,
        component: str = "cond",
        level: float = 0.95,
        sort: bool = True,
    ) -> Any:
        """Caterpillar plot: the random effects' conditional modes with intervals, one panel an effect.

        Parameters
        ----------
        group : grouping factor; None: all
        ax : matplotlib axes, as many as there are effects; None: a new figure
        component : ``"cond"``, ``"zi"`` or ``"disp"``
        level : probability of the intervals, mode -+ z sd, sd given the parameters
        sort : levels by the mode of the group's first effect, else in their own order from the top

        Returns
        -------
        Axes, or an array of them where there are several panels.

        Raises
        ------
        DataError
            If there is no such grouping factor.
        MissingExtraError
            If matplotlib is not installed.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.plot_ranef().get_title()
        'Intercept | pond'
        """
        return caterpillar.plot_ranef(self, group, component, ax, level, sort)

    def plot_shrinkage(self, group: str | None = None, x: str | None = None, *, ax: Any = None) -> Any:
        """Each group's own estimate, an arrow to its partially pooled one, and the population's.

        The own estimate is that of the group's rows alone, without pooling: of the effects that vary by the group, the
        rest of the model held as fitted. With two random effects they span a plane; one has a row for every level.

        Parameters
        ----------
        group : grouping factor; None: the only one
        x : random effect on the vertical axis, beside the first; None: the second
        ax : matplotlib axes; None: a new figure

        Returns
        -------
        Axes, on the scale of the linear predictor.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.plot_shrinkage().get_xlabel()
        'Intercept'
        """
        return shrinkage.plot_shrinkage(self, group, x, ax)

    def plot_lines(
        self,
        x: str,
        group: str | None = None,
        *,
        ax: Any = None,
        type: lines.LineType = "response",  # noqa: A002 - as in predict
        at: Mapping[str, Any] | None = None,
    ) -> Any:
        """Fitted lines by group over the data, and the population's line.

        Parameters
        ----------
        x : numeric variable of the fixed effects
        group : grouping factor of the conditional model; None: the only one
        ax : matplotlib axes; None: a new figure
        type : ``"response"``, or ``"link"`` (points: linear predictor plus working residual)
        at : values at which other variables are held; else each group has its own mean or most frequent level, the
            population the mean of all and the average over levels

        Returns
        -------
        Axes

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (cover | pond)", ranef.demo_data(), family="poisson")
        >>> fit.plot_lines("cover").get_ylabel()
        'mean of count'
        """
        return lines.plot_lines(self, x, group, ax, type, at)

    def plot_effects(
        self,
        term: str,
        *,
        ax: Any = None,
        at: Mapping[str, Any] | None = None,
        type: PredictionType = "response",  # noqa: A002 - as in predict
        partial_residuals: bool = True,
        level: float = 0.95,
    ) -> Any:
        """The population's response along a variable, with its interval and the data's partial residuals.

        Other numeric variables stand at their means; other factors are averaged over with equal weights on the linear
        predictor's scale, as marginal means are. Random effects are zero.

        Parameters
        ----------
        term : variable of the fixed effects, or two as ``"x:by"``: a curve of `x` for every level of `by` (mean and one
            standard deviation to both sides where `by` is numeric)
        ax : matplotlib axes; None: a new figure
        at : values at which other variables are held
        type : as in `predict`
        partial_residuals : whether to show the observations, moved to where they would stand were all else typical;
            of the types ``"response"``, ``"conditional"`` and ``"link"``
        level : probability of the interval

        Returns
        -------
        Axes

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ shore * cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.plot_effects("cover:shore").get_xlabel()
        'cover'
        """
        return effects.plot_effects(self, term, ax, at, type, partial_residuals, level)

    def plot_correlations(self, group: str | None = None, *, ax: Any = None, component: str = "cond") -> Any:
        """Conditional modes of every pair of correlated effects, over ellipses of the estimated covariance.

        Parameters
        ----------
        group : grouping factor; None: all
        ax : matplotlib axes, as many as there are pairs; None: a new figure
        component : ``"cond"``, ``"zi"`` or ``"disp"``

        Returns
        -------
        Axes, or an array of them where there are several pairs. The ellipses hold half and 95 % of all levels; the
        modes, being shrunk, spread less.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + (cover | pond)", ranef.demo_data(), family="poisson")
        >>> fit.plot_correlations().get_ylabel()
        'cover'
        """
        return correlations.plot_correlations(self, group, component, ax)

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        """Coefficients for the package maketables."""
        return maketables.coefficient_table(self)

    @property
    def __maketables_depvar__(self) -> str:
        """The response's name for maketables."""
        return self.design.response.name

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        """What maketables shows below the coefficients unasked."""
        return maketables.default_statistics(self)

    def __maketables_stat__(self, key: str) -> maketables.Statistic:
        """A statistic for maketables."""
        return maketables.statistic(self, key)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        plots: bool = True,
        level: float = 0.95,
    ) -> Path:
        """Write the fit as one HTML page: equations, tables, explained variance, checks, pictures, versions.

        The file holds everything that it shows, pictures included, and fetches nothing.

        Parameters
        ----------
        path : file to write
        title : heading; None: the formula
        plots : whether to draw pictures (extra ``plot``)
        level : probability of the intervals

        Returns
        -------
        Path of the file.

        Examples
        --------
        >>> import tempfile, pathlib, ranef
        >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = fit.report(pathlib.Path(folder) / "frogs.html", title="Frogs", plots=False)
        ...     "<title>Frogs</title>" in page.read_text(encoding="utf-8")
        True
        """
        return report.write_report(self, path, title, plots, level)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a small file, without the data, from which `ranef.load` makes a fit that predicts."""
        persist.save(self, path)

    def emmeans(
        self,
        specs: Names,
        by: Names | None = None,
        *,
        at: Mapping[str, Any] | None = None,
        type: Literal["link", "response"] = "link",  # noqa: A002 - R's name for it
        component: Component = "cond",
        weights: Weighting = "equal",
        offset: float | None = None,
        bias_adjust: bool = False,
        sigma: float | None = None,
        regrid: Regrid | None = None,
        ddf: str | None = None,
        level: float = 0.95,
        cov_reduce: Reducer | Mapping[str, Reducer] | None = None,
        vcov: Information | None = None,
    ) -> MarginalMeans:
        """Estimated marginal means: predictions on a reference grid, averaged over the factors not asked for.

        Parameters
        ----------
        specs : ``"~ a"``, ``"~ a * b"``, ``"~ a | b"`` (by b), a name or a list of names; ``"~ 1"``: one mean
        by : factors to split the table and the families of comparisons by
        at : values of covariates (else their mean), or levels of factors (else all), by name
        type : ``"link"``, the scale that averages are taken on, or ``"response"``, back-transformed from there
        component : ``"cond"``, ``"zi"``, ``"disp"``; ``"response"``: means of the response with zero inflation,
            ``"cmean"``: without it (of a truncated family, given that it is not zero); these two are averaged on the
            response scale
        weights : how to average: ``"equal"``, ``"proportional"``, ``"outer"``, ``"cells"``, one number a combination
            of what is averaged over, or ``{factor: one number a level}``
        offset : in place of the model's offset, which is taken at the covariates' means
        bias_adjust : whether the back-transformation is adjusted for the random effects' variance (to second order)
        sigma : standard deviation to adjust for; None: of all random effects of the component
        regrid : ``"response"``: back-transform before averaging; ``"log"``: and take logarithms
        ddf : ``"asymptotic"``, ``"satterthwaite"``, ``"kenward-roger"``, ``"residual"``; None: Kenward-Roger for
            linear mixed models by REML, the residual's for gaussian models without random effects, else asymptotic
        level : probability of the intervals
        cov_reduce : what to reduce covariates by instead of the mean, a function of the values or one by name
        vcov : ``"expected"`` or ``"observed"`` information behind standard errors; None: the fit's (see `ranef.fit`)

        Returns
        -------
        Means that print as a table; `to_frame`, `contrast`, `pairs`, `cld`, `plot`, `test`, `confint`, `regrid`.

        Raises
        ------
        DataError
            If a factor, a level in `at`, a component or a weighting does not exist.

        Examples
        --------
        >>> import ranef
        >>> data = ranef.demo_data()
        >>> fit = ranef.fit("count ~ shore + cover + (1 | pond)", data, family="poisson")
        >>> fit.emmeans("~ shore", type="response").to_frame().columns.tolist()
        ['shore', 'response', 'std_error', 'df', 'conf_low', 'conf_high']
        """
        request = MeansRequest(
            specs, by, at, type, component, weights, offset, bias_adjust, sigma, regrid, ddf, level, cov_reduce
        )
        return emmeans(self.with_information(vcov), request)

    def emtrends(
        self,
        specs: Names,
        var: str,
        by: Names | None = None,
        *,
        at: Mapping[str, Any] | None = None,
        max_degree: int = 1,
        component: Component = "cond",
        weights: Weighting = "equal",
        regrid: Regrid | None = None,
        ddf: str | None = None,
        level: float = 0.95,
        cov_reduce: Reducer | Mapping[str, Reducer] | None = None,
        vcov: Information | None = None,
    ) -> MarginalMeans:
        """Marginal trends: slopes of a covariate, averaged like marginal means.

        Parameters
        ----------
        specs, by, at, component, weights, regrid, ddf, level, cov_reduce : as in `emmeans`
        var : the covariate, or an expression of one such as ``"log(x)"``
        max_degree : with 2 or more, trends of higher degree too: the k-th derivative over k!
        vcov : ``"expected"`` or ``"observed"`` information behind standard errors; None: the fit's (see `ranef.fit`)

        Returns
        -------
        Trends with the column ``<var>_trend``; contrasts as of means.

        Raises
        ------
        DataError
            If there is no such covariate, or it is a factor.

        Examples
        --------
        >>> import ranef
        >>> data = ranef.demo_data()
        >>> fit = ranef.fit("count ~ shore * cover + (1 | pond)", data, family="poisson")
        >>> fit.emtrends("~ shore", "cover").to_frame().columns.tolist()
        ['shore', 'cover_trend', 'std_error', 'df', 'conf_low', 'conf_high']
        """
        request = MeansRequest(
            specs,
            by,
            at,
            component=component,
            weights=weights,
            regrid=regrid,
            ddf=ddf,
            level=level,
            cov_reduce=cov_reduce,
        )
        return emtrends(self.with_information(vcov), TrendRequest(request, var, max_degree))

    def joint_tests(
        self, by: Names | None = None, *, component: Literal["cond", "zi", "disp"] = "cond", ddf: str | None = None
    ) -> pd.DataFrame:
        """F tests of the terms by contrasts of marginal means, which do not depend on the coding of the factors.

        Parameters
        ----------
        by : factors within whose levels to test
        component : ``"cond"``, ``"zi"``, ``"disp"``
        ddf : as in `emmeans`

        Returns
        -------
        DataFrame with columns ``term``, those of `by`, ``df_num``, ``df_den`` (infinite: a chi-square test divided by
        ``df_num``), ``statistic``, ``p_value``. Covariates stand at their means.

        Examples
        --------
        >>> import ranef
        >>> data = ranef.demo_data()
        >>> fit = ranef.fit("count ~ shore + cover + (1 | pond)", data, family="poisson")
        >>> fit.joint_tests()["term"].tolist()
        ['shore', 'cover']
        """
        return joint_tests(self, by, component, ddf)
