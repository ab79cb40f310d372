"""Hat values, studentised residuals and one-step Cook's distances of the rows.

The hat value of a row is the derivative of its fitted linear predictor in its own working response, with coefficients
and random effects estimated and the variance parameters given: W_i J_i H^-1 J_i' (see `ranef.inference.linearised`),
the diagonal of the matrix that maps y to the conditional fit of a gaussian model (Demidenko and Stukel 2005, Statistics
in Medicine 24, 893-909; Hodges and Sargent 2001, Biometrika 88, 367-379: its trace counts effective parameters). For
other families W_i is the observed information of the row: without random effects and with canonical link these are the
hat values of the GLM.

    studentised     pearson / sqrt(1 - h)
    Cook's          (pearson / (1 - h))^2 h / p,  p coefficients of the mean
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef import _core
from ranef.assemble import core_term
from ranef.errors import DataError
from ranef.inference.linearised import Linearised, linearised
from ranef.residuals import on_data_index, residuals
from ranef.tables import held_coefficients

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


def hatvalues(fit: Fit) -> pd.Series:
    """Hat values by the data's index; see `Fit.hatvalues`."""
    fit.require_data("hatvalues()")
    return on_data_index(fit, leverages(fit), "hat")


def leverages(fit: Fit) -> Floats:
    """Hat values of the rows that entered the fit."""
    system = linearised(fit)
    place = fit.predictor_place("cond")
    return np.asarray(system.weights[:, place, place] * row_covariances(fit, system)[:, place, place])


def row_covariances(fit: Fit, system: Linearised) -> Floats:
    """J_i H^-1 J_i' (n, K, K): covariance of a row's linear predictors given the variance parameters."""
    covariance, coefficients = system.coefficient_covariance, list(system.coefficients.items())
    if not fit.design.terms:
        return _fixed_covariances(system, covariance)
    parameters = fit.model.parameter_info
    given = np.zeros((len(parameters), len(parameters)))
    places = {(p.component, p.row): k for k, p in enumerate(parameters) if p.kind == "beta"}
    known = [(places[c, k - own.start], k) for c, own in coefficients for k in range(own.start, own.stop)
             if (c, k - own.start) in places]  # fmt: skip
    if known:
        ours, theirs = (np.array(side) for side in zip(*known, strict=True))
        given[np.ix_(ours, ours)] = covariance[np.ix_(theirs, theirs)]
    predictors = [_core.Predictor(p.fixed.matrix, None) for p in fit.design.predictors]
    terms: list[_core.Term | None] = [core_term(fit.design.predictors, term) for term in fit.design.terms]
    with fit.at_estimates("the rows have no leverage"):
        made = fit.model.core.predictor_covariance(fit.core_result, given, predictors, terms)
    return np.asarray(made)


def _fixed_covariances(system: Linearised, covariance: Floats) -> Floats:
    """The same without random effects."""
    rows = [j.toarray() for j in system.rows]
    count = len(rows)
    made = np.empty((rows[0].shape[0], count, count))
    for a in range(count):
        for b in range(count):
            made[:, a, b] = np.einsum("ij,jk,ik->i", rows[a], covariance, rows[b], optimize=True)
    return made


def rstudent(fit: Fit) -> pd.Series:
    """Pearson residuals divided by sqrt(1 - h), by the data's index; see `Fit.rstudent`.

    Raises
    ------
    DataError
        If a row has a hat value of one: its residual has no variance.
    """
    fit.require_data("rstudent()")
    hat = leverages(fit)
    _check_below_one(fit, hat)
    pearson = residuals(fit, "pearson").to_numpy()[fit.design.kept]
    return on_data_index(fit, pearson / np.sqrt(1.0 - hat), "rstudent")


def cooks_distance(fit: Fit) -> pd.Series:
    """One-step Cook's distances of the rows by the data's index; see `Fit.cooks_distance`."""
    fit.require_data("cooks_distance()")
    hat = leverages(fit)
    _check_below_one(fit, hat)
    pearson = residuals(fit, "pearson").to_numpy()[fit.design.kept]
    count = int(np.sum(~held_coefficients(fit, "cond")))
    if not count:
        raise DataError("the conditional model has no estimated coefficients to influence; see rstudent()")
    return on_data_index(fit, (pearson / (1.0 - hat)) ** 2 * hat / count, "cooks_distance")


def _check_below_one(fit: Fit, hat: Floats) -> None:
    bad = np.flatnonzero(hat >= 1.0 - 1e-10)
    if bad.size:
        row = fit.design.index[np.flatnonzero(fit.design.kept)[bad[0]]]
        raise DataError(
            f"row {row} has a hat value of {hat[bad[0]]:.4g}: the fit passes through it, and its residual cannot be "
            f"studentised; influence(refit=True) shows what the row does"
        )
