"""Cluster-robust covariance of the coefficients.

With M the covariance of the coefficients given the variance parameters, s_g the score of cluster g (its share of the
derivative of the log-likelihood in the coefficients) and rows of different clusters independent,

    CR0 = M (sum_g s_g s_g') M                  (Liang and Zeger 1986, Biometrika 73, 13-22)
    CR1 = G / (G - 1) CR0,   G clusters
    CR2 : s_g = X_g' V_g^-1 A_g e_g,  A_g = D_g' B_g^+1/2 D_g,  V_g = D_g'D_g,  B_g = D_g (V_g - X_g M X_g') D_g'
          (Bell and McCaffrey 2002; Pustejovsky and Tipton 2018, Journal of Business & Economic Statistics 36, 672-683)

For a linear mixed model V_g = Z_g Sigma Z_g' + R_g, e_g = y_g - X_g beta and s_g = X_g' V_g^-1 e_g: the covariance is
right whatever the covariance of the responses within a cluster. For other families s_g is the exact derivative of
Laplace's approximation of the marginal likelihood, of whose clusters it is a sum, and V_g of CR2 that of the working
response at the mode, with W_g^-1 for R_g. REML and joint-mode fits have the scores of the penalised likelihood, which
their coefficients solve. The variance parameters, a constant dispersion among them, count as given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from ranef import tables
from ranef.errors import DataError
from ranef.inference.clusters import Clusters, independent_clusters
from ranef.inference.linearised import Linearised, linearised
from ranef.invertible import invertible

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
RobustType = Literal["CR0", "CR1", "CR2"]

TYPES = ("CR0", "CR1", "CR2")

# Eigenvalues of B_g below this share of the largest are zero: A_g has the pseudo-inverse.
_RANK = 1e-10
# Working weights below it have no reciprocal that could be added to.
_SMALLEST_WEIGHT = 1e-100


def vcov(fit: Fit, component: str, full: bool, kind: str | None, cluster: Any) -> pd.DataFrame:
    """The model's covariance, or a robust one; see `Fit.vcov`."""
    if kind is None:
        if cluster is not None:
            raise DataError("cluster= is for a robust covariance: say which, type='CR0', 'CR1' or 'CR2'")
        return tables.vcov(fit, component, full)
    if full:
        raise DataError("a robust covariance is of coefficients; full=True has the model's covariance alone")
    return robust_vcov(fit, component, kind, cluster)


def robust_vcov(fit: Fit, component: str, kind: str, cluster: Any) -> pd.DataFrame:
    """Robust covariance of one component's coefficients; see `Fit.vcov`.

    Raises
    ------
    DataError
        For an unknown type, clusters that are not independent, fewer than two of them, or what CR2 does not cover.
    """
    if kind not in TYPES:
        raise DataError(f"type must be 'CR0', 'CR1' or 'CR2', got {kind!r}")
    fit.require_data("a robust covariance")
    clusters = independent_clusters(fit, cluster)
    if clusters.count < 2:
        raise DataError(f"{clusters.name} has {clusters.count} cluster: a robust covariance needs at least two")
    names = list(tables.coefficient_names(fit, component))
    system = linearised(fit)
    if component not in system.coefficients:
        raise DataError(
            f"the {component!r} component has no coefficients but a constant; its own standard error stands"
        )
    bread, rows = _bread_and_scores(fit, system)
    if kind == "CR2":
        scores = _adjusted_scores(fit, system, clusters, bread, rows[:, fit.predictor_place("cond")])
    else:
        scores = cluster_scores(fit, system, clusters, rows)
    whole = bread @ (scores.T @ scores) @ bread
    if kind == "CR1":
        whole *= clusters.count / (clusters.count - 1.0)
    own = system.coefficients[component]
    return pd.DataFrame(whole[own, own], index=names, columns=names)


def _bread_and_scores(fit: Fit, system: Linearised) -> tuple[Floats, Floats]:
    """M (p, p), and derivatives (n, K) of the log-likelihood in the fixed parts of the rows' predictors."""
    only_mean = list(system.coefficients) == ["cond"]
    exact = fit.family.name == "gaussian" and fit.family.link == "identity" and only_mean
    if exact or ((fit.reml or fit.method == "pql") and only_mean):
        return system.coefficient_covariance, -system.gradient
    if fit.reml or fit.method == "pql":
        which = "a REML fit" if fit.reml else "a joint-mode fit"
        raise DataError(
            f"the robust covariance of {which} covers models with coefficients in the mean alone; "
            f"fit again by maximum likelihood (reml=False, method='laplace')"
        )
    with fit.at_estimates("the rows have no scores"):
        rows = np.asarray(fit.model.core.row_scores(fit.core_result))
    return _given_variances(fit, system), rows


def _given_variances(fit: Fit, system: Linearised) -> Floats:
    """Covariance of the coefficients given all other parameters: V_bb - V_bt V_tt^-1 V_tb."""
    vcov = fit.parameter_vcov
    inside = np.array([p.kind == "beta" and p.component in system.coefficients for p in fit.parameter_info])
    with np.errstate(invalid="ignore"):
        other = ~inside & (np.diag(vcov) > 0.0) & np.isfinite(np.diag(vcov))
    own, cross = vcov[np.ix_(inside, inside)], vcov[np.ix_(inside, other)]
    if not np.isfinite(own).all():
        raise DataError("the data leave some coefficients' standard errors open; see fit.diagnose()")
    sd = np.sqrt(np.diag(vcov)[other])
    with invertible("the covariance of the variance parameters"):
        inverse = np.linalg.pinv(vcov[np.ix_(other, other)] / np.outer(sd, sd), hermitian=True)
    return np.asarray(own - (cross / sd) @ inverse @ (cross / sd).T)


def cluster_scores(fit: Fit, system: Linearised, clusters: Clusters, rows: Floats) -> Floats:
    """(clusters, p): sums over each cluster of X_k' times the rows' derivatives."""
    total = sum(s.stop - s.start for s in system.coefficients.values())
    made = np.zeros((clusters.count, total))
    for place, predictor in enumerate(fit.design.predictors):
        own = system.coefficients.get(predictor.component)
        if own is not None:
            np.add.at(made[:, own], clusters.codes, predictor.fixed.matrix * rows[:, place][:, None])
    return made


def _adjusted_scores(fit: Fit, system: Linearised, clusters: Clusters, bread: Floats, rows: Floats) -> Floats:
    """(clusters, p): X_g' V_g^-1 A_g e_g, with V_g^-1 e_g the rows' derivatives."""
    place = fit.predictor_place("cond")
    if list(system.coefficients) != ["cond"] or any(t.component != "cond" for t in fit.design.terms):
        raise DataError("CR2 is defined for models with coefficients and random effects in the mean alone; use 'CR1'")
    weights = system.weights[:, place, place]
    if not (weights > _SMALLEST_WEIGHT).all():
        row = fit.design.index[np.flatnonzero(fit.design.kept)[int(np.argmin(weights))]]
        raise DataError(
            f"row {row} has a working weight of {weights.min():.3g}, so CR2 has no working covariance; use 'CR1'"
        )
    matrix = fit.design.predictors[place].fixed.matrix
    spherical = system.rows[place][:, : system.effects]
    made = np.empty((clusters.count, matrix.shape[1]))
    for g, own in enumerate(clusters.rows()):
        x, z = matrix[own], spherical[own]
        working = np.asarray((z @ z.T).todense()) + np.diag(1.0 / weights[own])
        with invertible(f"the working covariance of {clusters.name} {clusters.labels[g]}, which CR2 takes a root of,"):
            made[g] = x.T @ _adjusted(working, x @ bread @ x.T, rows[own])
    return made


def _adjusted(working: Floats, fitted: Floats, residual: Floats) -> Floats:
    """V^-1 A e from V, X M X' and V^-1 e."""
    upper = linalg.cholesky(working)
    values, vectors = np.linalg.eigh(upper @ (working - fitted) @ upper.T)
    good = values > _RANK * max(float(values[-1]), 0.0)
    root = (vectors[:, good] / np.sqrt(values[good])) @ vectors[:, good].T
    # V^-1 A e = V^-1 D' R D e, with V = D'D: D^-1 R D (V r) for e = V r.
    return np.asarray(linalg.solve_triangular(upper, root @ (upper @ (working @ residual))))
