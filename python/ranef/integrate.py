"""Averages over the distribution of random effects, by Gauss-Hermite quadrature.

The random effects of a row enter each linear predictor as one normal number: eta_k + s_k z, with
s_k^2 = z_i' Sigma z_i summed over the integrated terms. The average of f is then an integral of as many dimensions as
there are predictors with such terms (one or two), whatever the number of random effects.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import component_index
from ranef.design.design import NewTerm
from ranef.design.random import NEW_LEVEL
from ranef.parameters import difference_step
from ranef.varcorr import CovarianceBlock, covariance_blocks

if TYPE_CHECKING:
    from ranef.result import Fit
    from ranef.rows import Rows

Floats = NDArray[np.float64]
Target = Callable[[list[Floats]], tuple[Floats, Floats]]

# Nodes of the rule in one dimension: exact for polynomials of degree 61.
_NODES = 31
# Step of the differences of the spread in the variance parameters, relative to max(1, |value|).
_STEP = 1e-5


@dataclass(frozen=True, slots=True)
class Averaged:
    """A prediction averaged over random effects.

    Attributes
    ----------
    value : (m,)
    gradient : (m, K), in the linear predictors
    spread : (m, K), standard deviation that was integrated over
    spread_gradient : (m, K), of the value in the spread
    is_average : whether anything was integrated
    """

    value: Floats
    gradient: Floats
    spread: Floats
    spread_gradient: Floats
    is_average: bool

    def spread_variance(self, fit: Fit, rows: Rows, integrated: Sequence[bool]) -> Floats:
        """Part of the variance (m,) due to the estimated spread, its covariance with the coefficients included."""
        vcov = np.nan_to_num(fit.parameter_vcov, nan=0.0)
        jacobian = _spread_jacobian(fit, rows, integrated)
        theta = np.einsum("ik,ikt->it", self.spread_gradient, jacobian)
        beta = _coefficient_gradient(fit, rows, self.gradient)
        return np.asarray(
            np.einsum("is,st,it->i", theta, vcov, theta) + 2.0 * np.einsum("is,st,it->i", beta, vcov, theta)
        )


def average(target: Target, eta: list[Floats], spread: Floats) -> Averaged:
    """E f(eta + s z), z standard normal in each predictor, with derivatives in eta and s."""
    active = [k for k in range(len(eta)) if spread[:, k].any()]
    if not active:
        value, gradient = target(eta)
        return Averaged(value, gradient, spread, np.zeros_like(gradient), False)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    value, gradient = np.zeros(eta[0].size), np.zeros((eta[0].size, len(eta)))
    spread_gradient = np.zeros_like(gradient)
    for places in itertools.product(range(_NODES), repeat=len(active)):
        shifted = list(eta)
        for k, place in zip(active, places, strict=True):
            shifted[k] = eta[k] + spread[:, k] * nodes[place]
        weight = float(np.prod(weights[list(places)]))
        at_node, slope = target(shifted)
        value += weight * at_node
        gradient += weight * slope
        for k, place in zip(active, places, strict=True):
            spread_gradient[:, k] += weight * nodes[place] * slope[:, k]
    return Averaged(value, gradient, spread, spread_gradient, True)


def spreads(fit: Fit, rows: Rows, integrated: Sequence[bool]) -> Floats:
    """(m, K): standard deviation of the integrated random effects in every linear predictor."""
    return _spreads(fit, rows, integrated, fit.covariance_blocks)


def _spreads(fit: Fit, rows: Rows, integrated: Sequence[bool], blocks: Sequence[CovarianceBlock]) -> Floats:
    return np.sqrt(np.maximum(term_variances(fit, rows, integrated, blocks), 0.0))


def term_variances(
    fit: Fit, rows: Rows, chosen: Sequence[bool], blocks: Sequence[CovarianceBlock], only_new: bool = False
) -> Floats:
    """(m, K): variance of the chosen terms' effects in every linear predictor, if asked for of new levels alone."""
    variance = np.zeros((rows.count, len(rows.matrices)))
    for term, design, block, flag in zip(rows.terms, fit.design.terms, blocks, chosen, strict=True):
        if term is None or not flag:
            continue
        place = component_index(fit.design.predictors, design.component)
        own = _variance_in_rows(term, block.covariance)
        variance[:, place] += np.where(term.levels == NEW_LEVEL, own, 0.0) if only_new else own
    return variance


def _variance_in_rows(term: NewTerm, covariance: Floats) -> Floats:
    if term.basis is not None:
        return np.asarray(np.einsum("ij,jk,ik->i", term.basis, covariance, term.basis))
    if term.column is not None:
        return np.asarray(np.diag(covariance)[term.column])
    return np.full(term.levels.size, covariance[0, 0])


def _spread_jacobian(fit: Fit, rows: Rows, integrated: Sequence[bool]) -> Floats:
    return variance_derivative(fit, rows, integrated, lambda blocks: _spreads(fit, rows, integrated, blocks))


def variance_derivative(
    fit: Fit, rows: Rows, chosen_terms: Sequence[bool], of: Callable[[Sequence[CovarianceBlock]], Floats]
) -> Floats:
    """(m, K, parameters): derivative of what `of` makes of the chosen terms' covariances in the variance parameters, by
    central differences."""
    values = np.asarray(fit.parameter_values)
    made = np.zeros((rows.count, len(rows.matrices), values.size))
    chosen = {i for i, flag in enumerate(chosen_terms) if flag}
    for place, parameter in enumerate(fit.parameter_info):
        if parameter.kind == "beta" or parameter.owner not in chosen:
            continue
        step = difference_step(parameter, values[place], _STEP)
        ends = []
        for sign in (-1.0, 1.0):
            moved = values.copy()
            moved[place] += sign * step
            blocks = covariance_blocks(fit.design.terms, fit.parameter_info, moved)
            ends.append(of(blocks))
        made[:, :, place] = (ends[1] - ends[0]) / (2.0 * step)
    return made


def _coefficient_gradient(fit: Fit, rows: Rows, gradient: Floats) -> Floats:
    """(m, parameters): derivative of the value in the coefficients, gradient_k times the row of X_k."""
    made = np.zeros((rows.count, len(fit.parameter_info)))
    for place, parameter in enumerate(fit.parameter_info):
        if parameter.kind == "beta":
            made[:, place] = gradient[:, parameter.owner] * rows.matrices[parameter.owner][:, parameter.row]
    return made
