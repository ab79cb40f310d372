"""`FitState`: what a fitted model is, its facts, and what inference needs, computed when first asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ranef import _core, convergence, information, refitting, summary
from ranef.assemble import component_index
from ranef.design.checks import has_twin_terms
from ranef.design.design import Design
from ranef.errors import ConvergenceError, DataError
from ranef.estimate import Estimate
from ranef.families import Family
from ranef.fullvcov import full_vcov
from ranef.parameters import Parameter, coefficient_parameters
from ranef.uncertainty import Uncertainty, uncertainty_from_core
from ranef.varcorr import CovarianceBlock, covariance_blocks
from ranef.verdict import Verdict, judge

if TYPE_CHECKING:
    from ranef.inference.small_sample import SmallSample
    from ranef.storage.stored import Stored
    from ranef.unfitted import Model

Floats = NDArray[np.float64]

# What is computed from the choice of information, and kept.
_RESTING_ON_INFORMATION = ("parameter_vcov", "fixed_vcov", "small_samples")
# Eigenvalues of a search's Hessian, by one-sided differences, below which only central ones tell flat from curved.
_DOUBTFUL = 1e-2


class FitState:
    """The facts of a fit; `Fit` adds the reports.

    Parameters
    ----------
    model : the model that was fitted
    estimate : what was found
    core_result : the core's own record, None after unpickling
    timings : seconds by stage
    stored : what a loaded fit knows in place of its data
    """

    def __init__(
        self,
        model: Model,
        estimate: Estimate,
        core_result: _core.FitResult | None = None,
        timings: dict[str, float] | None = None,
        stored: Stored | None = None,
    ) -> None:
        self.model = model
        self.estimate = estimate
        self.timings = dict(timings or {})
        self.timings.setdefault("inference", 0.0)
        self._core_result = core_result
        self.stored = stored
        self._information: information.Information | None = None
        if core_result is not None:
            convergence.warn_about(self)

    @property
    def design(self) -> Design:
        """Matrices, names, and the memory needed for new data."""
        return self.model.design

    @property
    def family(self) -> Family:
        """Family and link."""
        return self.model.family

    @property
    def formula(self) -> str:
        """Formula of the conditional model."""
        return self.model.specification.formula

    @property
    def data(self) -> Any:
        """The table given to `ranef.fit`, as it was then; None after `ranef.load`."""
        return self.model.specification.data

    @property
    def reml(self) -> bool:
        """Whether the criterion is REML's."""
        return self.model.specification.reml

    @property
    def method(self) -> str:
        """``"laplace"``, or ``"pql"`` where the coefficients of the mean belong to the random effects' mode."""
        return self.model.specification.method

    @property
    def loglik(self) -> float:
        """Log-likelihood with all constants; the REML criterion where `reml`."""
        return self.estimate.loglik

    @property
    def deviance(self) -> float:
        """-2 times the log-likelihood."""
        return -2.0 * self.loglik

    @property
    def nobs(self) -> int | float:
        """Number of observations: rows used, or the sum of frequency weights."""
        count = self.stored.nobs if self.stored is not None else self.model.nobs
        return int(count) if float(count).is_integer() else count

    @property
    def row_counts(self) -> tuple[int, int]:
        """Rows of the data, and those that entered the fit."""
        if self.stored is not None:
            return self.stored.row_counts
        return self.design.kept.size, self.design.n_rows

    @property
    def df(self) -> int:
        """Parameters estimated: fixed effects, covariance parameters, dispersion; held ones do not count."""
        return int(np.sum(~self.held))

    @property
    def df_resid(self) -> int | float:
        """Observations less parameters."""
        return self.nobs - self.df

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 loglik + 2 df."""
        return self.deviance + 2.0 * self.df

    @property
    def bic(self) -> float:
        """Schwarz's criterion, -2 loglik + log(nobs) df."""
        return self.deviance + float(np.log(self.nobs)) * self.df

    @property
    def aicc(self) -> float:
        """AIC corrected for small samples; infinite where df is too large for the correction."""
        room = self.nobs - self.df - 1
        return self.aic + 2.0 * self.df * (self.df + 1) / room if room > 0 else float("inf")

    @property
    def sigma(self) -> float:
        """Residual standard deviation or dispersion, as R's ``sigma``: NaN where it varies, 1 where there is none."""
        return summary.constant_sigma(self)

    @cached_property
    def converged(self) -> bool:
        """Whether the fit is at a maximum, or at a limit that the likelihood approaches: the verdict of `diagnose`."""
        return self.stored.converged if self.stored is not None else self.verdict.sound

    @cached_property
    def verdict(self) -> Verdict:
        """What may be said of the fit's end; the source of `converged`, the warning and the diagnosis."""
        return judge(self)

    @cached_property
    def certificate(self) -> Uncertainty | None:
        """The curvature by which the verdict judges: the search's own where that leaves no doubt, else the exact one.

        None where a search without one leaves no doubt.
        """
        if self.stored is not None:
            return self.stored.uncertainty
        result = self.core_result
        if self.estimate.tiny_residual:  # differences of the likelihood have no digits
            return None
        if result.certificate is not None:
            made = uncertainty_from_core(result.certificate)
            return self.uncertainty if (made.eigenvalues < _DOUBTFUL).any() else made
        doubtful = result.doubtful or not self.estimate.converged or has_twin_terms(self.design)
        return self.uncertainty if doubtful else None

    @property
    def singular(self) -> bool:
        """Whether some variance is zero or a covariance matrix has not full rank (a valid result)."""
        return self.estimate.singular or bool(self.deficient_terms)

    @property
    def deficient_terms(self) -> tuple[int, ...]:
        """Places of the random terms whose covariance has not full rank."""
        return tuple(
            place
            for place, block in enumerate(self.covariance_blocks)
            if (place in self.estimate.deficient if block.structure == "us" else block.is_singular)
        )

    @cached_property
    def outside_count(self) -> int:
        """How many fixed effects are no parameters of the criterion: REML's, and those of a joint mode."""
        inside = any(p.kind == "beta" and p.owner == 0 for p in self.model.parameter_info)
        return 0 if inside else len(self.design.predictors[0].fixed.names)

    @cached_property
    def ml_model(self) -> Model:
        """The model whose parameters are all of `parameter_info`: the fit's own, or without REML."""
        return refitting.model_without_reml(self.model) if self.outside_count else self.model

    @cached_property
    def parameter_info(self) -> tuple[Parameter, ...]:
        """What each parameter is: the fixed effects outside the criterion's parameters, then those."""
        outside = coefficient_parameters(0, self.design, self.family) if self.outside_count else ()
        return outside + self.model.parameter_info

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of all parameters."""
        return tuple(p.name for p in self.parameter_info)

    @cached_property
    def parameter_values(self) -> Floats:
        """Estimates of all parameters."""
        outside = self.estimate.beta[0] if self.outside_count else np.zeros(0)
        return np.concatenate([outside, self.estimate.values])

    @property
    def information(self) -> information.Information:
        """What the standard errors rest on: ``"expected"`` or ``"observed"`` information."""
        return self._information or information.checked_information(self.model.specification.vcov, self.model)

    def with_information(self, choice: object) -> Self:
        """The same fit with standard errors from other information; itself where `choice` is None or its own.

        Raises
        ------
        DataError
            For another word than ``"expected"`` and ``"observed"``, or what the model does not have.
        """
        chosen = self.information if choice is None else information.checked_information(choice, self.model)
        if chosen == self.information:
            return self
        made = object.__new__(type(self))
        made.__dict__.update({key: value for key, value in self.__dict__.items() if key not in _RESTING_ON_INFORMATION})
        made._information = chosen
        return made

    @cached_property
    def observed_vcov(self) -> Floats:
        """Covariance of all parameters by the observed information; NaN for held and undetermined ones."""
        return self.stored.parameter_vcov if self.stored is not None else full_vcov(self)

    @cached_property
    def parameter_vcov(self) -> Floats:
        """Covariance of all parameters, by the fit's information; NaN for held and undetermined ones."""
        return information.expected_vcov(self) if self.coefficients_are_orthogonal else self.observed_vcov

    @property
    def coefficients_are_orthogonal(self) -> bool:
        """Whether the mean's coefficients are taken as independent of the variances: by expected information, and of a
        joint mode, whose standard errors are given the variances (lme4's).
        """
        return self.information == "expected" or self.model.has_joint_mode

    @property
    def zero_names(self) -> tuple[str, ...]:
        """Standard deviations estimated as zero."""
        return tuple(p.name for p in self._zero_parameters() if not self._left_out(p))

    @property
    def left_out_names(self) -> tuple[str, ...]:
        """Standard deviations that could not be estimated: the fit is that of the model without them."""
        return tuple(p.name for p in self._zero_parameters() if self._left_out(p))

    def _zero_parameters(self) -> list[Parameter]:
        at_zero = (self.parameter_info[self.outside_count + place] for place in self.estimate.at_zero)
        return [parameter for parameter in at_zero if parameter.kind == "sd"]

    def _left_out(self, parameter: Parameter) -> bool:
        return self.estimate.reason == "pole" and parameter.component != "cond"

    @cached_property
    def held(self) -> NDArray[np.bool_]:
        """Which parameters were held at a given value."""
        fixed = self.model.specification.fixed or {}
        return np.array([name in fixed for name in self.parameter_names], dtype=np.bool_)

    @cached_property
    def beta_places(self) -> NDArray[np.intp]:
        """Places of the fixed effects of all components in the parameter vector."""
        return np.flatnonzero([p.kind == "beta" for p in self.parameter_info])

    @property
    def core_result(self) -> _core.FitResult:
        """The core's own record of the fit; evaluated again at the estimates after unpickling."""
        if self._core_result is None:
            self._core_result = refitting.evaluate_at(self, np.array(self.estimate.values))
        return self._core_result

    @cached_property
    def uncertainty(self) -> Uncertainty:
        """Curvature at the estimates."""
        if self.stored is not None:
            return self.stored.uncertainty
        began = time.perf_counter()
        result = self.core_result
        with self.model.computing():
            made = uncertainty_from_core(self.model.core.curvature(result))
        self.timings["inference"] += time.perf_counter() - began
        return made

    @cached_property
    def fixed_vcov(self) -> Floats:
        """Joint covariance of the fixed effects of all components."""
        places = slice(0, self.estimate.beta_vcov.shape[0])
        return self.coefficient_vcov(places)

    def coefficient_vcov(self, places: slice) -> Floats:
        """Covariance of some of the fixed effects, all components one after the other.

        A joint mode's is given the variance parameters, as lme4's.
        """
        if self.information == "expected":
            count = len(self.design.predictors[0].fixed.names)
            if places.stop <= count:
                return information.expected_block(self)[places, places]
            return self.parameter_vcov[np.ix_(self.beta_places, self.beta_places)][places, places]
        own = self.estimate.beta_vcov
        rests_on_all = self.reml or information.is_linear(self.model)
        if np.isfinite(own[places, places]).all() and not rests_on_all:
            return own[places, places]
        everything = self.parameter_vcov[np.ix_(self.beta_places, self.beta_places)]
        if rests_on_all:
            held = self.held[self.beta_places]
            return np.where(held[:, None] | held, 0.0, everything)[places, places]
        return np.where(np.isfinite(own), own, everything)[places, places]

    @cached_property
    def conditional_covariance(self) -> tuple[Floats, ...]:
        """Per random term (levels, q, q): covariance of its effects given the parameters."""
        if self.stored is not None:
            return self.stored.conditional_covariance
        with self.at_estimates("the random effects have no conditional covariance"):
            return tuple(np.asarray(c) for c in self.model.core.conditional_covariance(self.core_result))

    @contextmanager
    def at_estimates(self, what: str) -> Iterator[None]:
        """Compute with the core at the estimates; `what` says what there is not where that fails.

        Raises
        ------
        ConvergenceError
            If the likelihood has no value there.
        """
        try:
            with self.model.computing():
                yield
        except ValueError as error:
            raise ConvergenceError(f"{what}: {error}; diagnose() says what to do") from error

    @cached_property
    def covariance_blocks(self) -> tuple[CovarianceBlock, ...]:
        """Covariance of the effects of each random term."""
        return covariance_blocks(self.design.terms, self.parameter_info, self.parameter_values)

    @cached_property
    def small_samples(self) -> dict[str, SmallSample]:
        """Small-sample tests of the conditional fixed effects, by method, as they were asked for."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("small_samples", None)
        state["_core_result"] = None
        return state

    def predictor_place(self, component: str) -> int:
        """Place of a component among the linear predictors."""
        return component_index(self.design.predictors, component)

    def require_data(self, what: str) -> None:
        """Refuse what cannot be had from a loaded fit.

        Raises
        ------
        DataError
            If the fit holds no data.
        """
        if self.design.n_rows == 0:
            raise DataError(f"{what} needs the data, which a saved file does not hold; fit again, or pickle the fit")
