"""The variances of a fitted model on the scale of the conditional linear predictor.

Fixed effects: the sample variance of X beta over the rows (Nakagawa and Schielzeth 2013, Methods in Ecology and
Evolution 4, 133-142). A random term: the mean over the rows of z' Sigma z, which for a random intercept is its variance
(Johnson 2014, Methods in Ecology and Evolution 5, 944-946). A random term with a level for every row of a model without
a residual variance is additive overdispersion, not a group. Observations: see `ranef.observation_variance`, at the mean
of the null model (Nakagawa, Johnson and Schielzeth 2017), the expectation of g^-1(b0 + N(0, tau^2)) over its random
effects: exp(b0 + tau^2/2) for the log link.

Zero inflation, and truncation at zero, are no part of this: the variances are those of the conditional model's
distribution without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import has_component, predictor_offset
from ranef.errors import DataError
from ranef.families import Family
from ranef.null_model import null_fit
from ranef.observation_variance import (
    VarianceMethod,
    depends_on_mean,
    is_residual,
    observation_variance,
    overdispersion_variance,
    parent,
)
from ranef.varcorr import CovarianceBlock

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Reference: TypeAlias = 'Literal["null", "null-intercept", "response"] | float'

# Nodes of the rule that averages the inverse link over the random effects.
_NODES = 63


@dataclass(frozen=True, slots=True)
class TermVariance:
    """Variance that one random term gives to a row, on average: `group` and `effects` name the term."""

    group: str
    effects: tuple[str, ...]
    variance: float


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variances on the scale of the conditional linear predictor.

    Attributes
    ----------
    fixed : of the fixed effects
    terms : of each random term that is a group
    overdispersion : of observation-level random effects, and of a betabinomial's probabilities
    distribution : of one observation
    mean : mean of the response at which `distribution` is taken; None where it needs none
    """

    fixed: float
    terms: tuple[TermVariance, ...]
    overdispersion: float
    distribution: float
    mean: float | None

    @property
    def random(self) -> float:
        """Sum over the random terms."""
        return float(sum(t.variance for t in self.terms))

    @property
    def residual(self) -> float:
        """What neither fixed effects nor groups explain."""
        return self.overdispersion + self.distribution

    @property
    def total(self) -> float:
        """All of them."""
        return self.fixed + self.random + self.residual

    def by_group(self) -> dict[str, float]:
        """Variances summed by grouping factor."""
        sums: dict[str, float] = {}
        for term in self.terms:
            sums[term.group] = sums.get(term.group, 0.0) + term.variance
        return sums


def variance_components(fit: Fit, method: VarianceMethod, mean: float | None) -> VarianceComponents:
    """The components of `fit`, its observation-level variance taken at `mean`."""
    weights = row_weights(fit)
    grouped, overdispersion = _random_variances(fit, weights)
    dispersion = dispersion_predictor(fit)
    at = 1.0 if mean is None else mean
    distribution = observation_variance(fit.family, method, at, dispersion)
    shared = overdispersion_variance(fit.family, method, at, dispersion)
    return VarianceComponents(
        fixed=fixed_variance(fit, weights),
        terms=grouped,
        overdispersion=overdispersion + float(np.average(shared, weights=weights)),
        distribution=float(np.average(distribution, weights=weights)),
        mean=mean,
    )


def row_weights(fit: Fit) -> Floats:
    """How many observations each row stands for: frequency weights, else one."""
    weights = fit.design.weights
    return weights.values if weights is not None and weights.kind == "frequency" else np.ones(fit.design.n_rows)


def dispersion_predictor(fit: Fit) -> Floats:
    """Linear predictor (n,) of the dispersion; zeros for a family without one."""
    if not has_component(fit.design, "disp"):
        return np.zeros(fit.design.n_rows)
    return np.asarray(fit.estimate.eta[fit.predictor_place("disp")])


def fixed_variance(fit: Fit, weights: Floats) -> float:
    """Sample variance (n - 1) of X beta of the conditional model, the offset left out."""
    place = fit.predictor_place("cond")
    matrix = fit.design.predictors[place].fixed.matrix
    # Columns are centred one by one, so that an intercept's variance is zero and not rounding.
    centred = (matrix - np.average(matrix, axis=0, weights=weights)) @ fit.estimate.beta[place]
    return float(weights @ centred**2 / (weights.sum() - 1.0))


def _random_variances(fit: Fit, weights: Floats) -> tuple[tuple[TermVariance, ...], float]:
    """The terms of the conditional model that are groups, and the variance of those that are not."""
    grouped: list[TermVariance] = []
    overdispersion = 0.0
    for term, block in zip(fit.design.terms, fit.covariance_blocks, strict=True):
        if term.component != "cond":
            continue
        variance = float(np.average(row_variances(block, term.basis, term.column, weights.size), weights=weights))
        if len(term.labels) == fit.design.n_rows and not is_residual(fit.family):
            overdispersion += variance
        else:
            grouped.append(TermVariance(term.group, term.term_names, variance))
    return tuple(grouped), overdispersion


def row_variances(block: CovarianceBlock, basis: Floats | None, column: NDArray[Any] | None, rows: int) -> Floats:
    """z' Sigma z of every row of a term."""
    covariance = block.covariance
    if basis is not None:
        return np.asarray(np.einsum("ij,jk,ik->i", basis, covariance, basis, optimize=True))
    if column is not None:
        return np.asarray(np.diag(covariance)[column])
    return np.full(rows, covariance[0, 0])


def needs_mean(fit: Fit, method: VarianceMethod) -> bool:
    """Whether the observation-level variance of this fit is taken at a mean."""
    return depends_on_mean(fit.family, method, dispersion_predictor(fit)[:1])


class ReferenceMean:
    """The mean at which the observation-level variance is taken, for a fit and for refits to other responses.

    Parameters
    ----------
    fit : whose family and design it is
    reference : ``"null"``, ``"null-intercept"``, ``"response"`` or a number

    Raises
    ------
    DataError
        For any other reference, or a number that no mean of the family can be.
    """

    def __init__(self, fit: Fit, reference: Reference) -> None:
        self._fit = fit
        self.reference = reference
        self._null: Fit | None = None
        if isinstance(reference, str):
            if reference not in ("null", "null-intercept", "response"):
                raise DataError(f"reference must be 'null', 'null-intercept', 'response' or a mean, got {reference!r}")
            if reference == "response":
                refuse_mean_of_zeros(fit)
            else:
                self._null = null_fit(fit)
        else:
            check_mean(fit.family, reference)
        self._own = self._of(fit.design.response.values)

    def of(self, fit: Fit) -> float:
        """For `fit`: another response than the first fit's has another mean."""
        response = fit.design.response.values
        return self._own if response is self._fit.design.response.values else self._of(response)

    def _of(self, response: Floats) -> float:
        if not isinstance(self.reference, str):
            return float(self.reference)
        if self._null is None:
            trials = self._fit.design.response.trials
            weights = row_weights(self._fit)
            return float(weights @ response / (weights @ (np.ones(response.size) if trials is None else trials)))
        own = response is self._fit.design.response.values
        return null_mean(self._null if own else self._null.refit(response), self.reference == "null")

    def describe(self, mean: float) -> str:
        """In words, for headings."""
        value = f"{mean:.4g}"
        if not isinstance(self.reference, str):
            return f"mean = {value}, as given"
        return {
            "null": f"mean = {value}, of the null model averaged over its random effects",
            "null-intercept": f"mean = {value}, of the null model where its random effects are zero",
            "response": f"mean = {value}, of the response",
        }[self.reference]


def refuse_mean_of_zeros(fit: Fit) -> None:
    """The response's mean is not the conditional model's where zeros are added or taken away.

    Raises
    ------
    DataError
        For zero-inflated and truncated models.
    """
    if fit.family.truncated or has_component(fit.design, "zi"):
        raise DataError(
            "the response of a zero-inflated or truncated model has another mean than its conditional model: use "
            "reference='null', or give the conditional mean as a number"
        )


def check_mean(family: Family, mean: object) -> None:
    """Refuse a number that no mean of the family can be.

    Raises
    ------
    DataError
        With the range.
    """
    low, high = {"real": (-np.inf, np.inf), "positive": (0.0, np.inf), "unit": (0.0, 1.0)}[family.mean_range]
    if not isinstance(mean, int | float | np.floating | np.integer) or not low < float(mean) < high:
        raise DataError(f"reference must be a mean of {family.name} between {low:g} and {high:g}, got {mean!r}")


def null_mean(null: Fit, averaged: bool) -> float:
    """Mean of the response in the null model: over its random effects, or where they are zero."""
    place = null.predictor_place("cond")
    offset = predictor_offset(null.design, place)
    weights = row_weights(null)
    eta = float(null.estimate.beta[place][0]) + (0.0 if offset is None else float(np.average(offset, weights=weights)))
    terms, overdispersion = _random_variances(null, weights)
    spread = float(np.sqrt(sum(t.variance for t in terms) + overdispersion)) if averaged else 0.0
    return averaged_mean(parent(null.family), eta, spread)


def averaged_mean(family: Family, eta: float, spread: float) -> float:
    """E g^-1(eta + spread z), z standard normal; g^-1(eta) for the inverse link, whose average does not exist."""
    if family.link == "log":
        return float(np.exp(eta + spread**2 / 2.0))
    if family.link == "sqrt":
        return eta**2 + spread**2
    if spread == 0.0 or family.link in ("identity", "inverse"):
        return float(family.inverse_link(np.array([eta]))[0])
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return float(weights @ family.inverse_link(eta + spread * nodes) / weights.sum())


def slope_variances(fit: Fit, bases: Sequence[tuple[Floats | None, NDArray[Any] | None]], rows: int) -> Floats:
    """Variance (rows,) of the grouping terms of the conditional model at new rows, one basis or column a term."""
    total = np.zeros(rows)
    terms = [(t, b) for t, b in zip(fit.design.terms, fit.covariance_blocks, strict=True) if t.component == "cond"]
    for (term, block), (basis, column) in zip(terms, bases, strict=True):
        if len(term.labels) < fit.design.n_rows or is_residual(fit.family):
            total += row_variances(block, basis, column, rows)
    return total
