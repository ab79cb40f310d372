"""What deleting a group or a row does to the coefficients.

One Newton step from the fit: the penalised likelihood of `ranef.inference.linearised` without the rows of the set I has
the Hessian H - J_I' W_I J_I and, at the fit's mode, the gradient -J_I' l'_I, so that given the variance parameters

    change of (u, beta) = (H - J_I' W_I J_I)^-1 J_I' l'_I = H^-1 E (I - B G)^-1 s

where E selects the columns that I touches, B = E'J_I'W_I J_I E, G = E'H^-1 E and s = E'J_I'l'_I. For a gaussian model
the step is exact given the variance parameters (Christensen, Pearson and Johnson 1992, Technometrics 34, 38-45;
Demidenko and Stukel 2005, Statistics in Medicine 24, 893-909); for others it is Pregibon's one-step approximation
(1981, Annals of Statistics 9, 705-724). With `refit` the model is fitted without the rows, variance parameters and all.

    DFBETAS  (beta_j - beta_j(-I)) / se(beta_j)          Cook's D  (beta - beta(-I))' V^-1 (beta - beta(-I)) / p

se and V are those of the whole fit.
"""

from __future__ import annotations

import warnings
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.callers import caller_level
from ranef.errors import ConvergenceError, DataError, DesignWarning
from ranef.inference.clusters import Clusters, clusters_of
from ranef.inference.leverage import row_covariances
from ranef.inference.linearised import Linearised, linearised
from ranef.inference.subset import subset_model
from ranef.invertible import invertible
from ranef.tables import held_coefficients
from ranef.textgrid import significant, text_grid

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_SHOWN = 10
# A Hessian that loses this much of a direction with the rows has nothing left in it but rounding.
_LOST = 1e10


class Influence:
    """Deletions and what they do; made by `Fit.influence`, prints the most influential ones.

    Attributes
    ----------
    by : what was deleted: a grouping factor, a column or ``"row"``
    refitted : whether the model was fitted again, or a Newton step was made
    fixef : coefficients of the conditional model without each set of rows (sets x coefficients that are not held)
    parameters : all parameters without each set of rows, where the model was fitted again; else None
    """

    def __init__(self, fit: Fit, by: str, fixef: pd.DataFrame, parameters: pd.DataFrame | None) -> None:
        self.by = by
        free = ~held_coefficients(fit, "cond")
        self.fixef = fixef.loc[:, free]
        self.parameters = parameters
        self.refitted = parameters is not None
        self._estimate = fit.fixef()[free]
        self._vcov = fit.vcov().loc[free, free]

    @property
    def dfbeta(self) -> pd.DataFrame:
        """Estimate less the estimate without the rows, in the coefficients' units."""
        return self._estimate - self.fixef

    @property
    def dfbetas(self) -> pd.DataFrame:
        """The same in standard errors of the whole fit."""
        return self.dfbeta / np.sqrt(np.diag(self._vcov))

    @property
    def cooks_distance(self) -> pd.Series:
        """Distance of all coefficients together, per coefficient, in the metric of their covariance.

        Raises
        ------
        ConvergenceError
            If the fit gives the coefficients no covariance, or a singular one.
        """
        change = self.dfbeta.to_numpy()
        inside = _whitened(self._vcov, change)
        distance = np.einsum("ij,ij->i", change, inside) / change.shape[1]
        return pd.Series(distance, index=self.fixef.index, name="cooks_distance")

    def to_frame(self) -> pd.DataFrame:
        """One row a deletion: ``cooks_distance``, then the coefficients' DFBETAS by name."""
        return self.dfbetas.assign(cooks_distance=self.cooks_distance)[["cooks_distance", *self.dfbetas.columns]]

    def __str__(self) -> str:
        table = self.to_frame().sort_values("cooks_distance", ascending=False)
        how = "refitted" if self.refitted else "one Newton step, variance parameters as in the fit"
        shown = table.head(_SHOWN)
        columns = [[self.by, *map(str, shown.index)], ["Cook's D", *significant(shown["cooks_distance"], 3)]]
        columns += [[str(name), *(f"{v:.3f}" for v in shown[name])] for name in self.dfbetas.columns]
        more = f"\n... and {len(table) - _SHOWN} more" if len(table) > _SHOWN else ""
        head = f"Influence of {len(table)} deletions by {self.by} ({how})\nCook's distance and DFBETAS"
        return f"{head}\n\n{text_grid(columns, left=(0,))}{more}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _whitened(vcov: pd.DataFrame, change: Floats) -> Floats:
    """V^-1 of every row of `change`."""
    sd = np.sqrt(np.diag(vcov))
    bad = np.flatnonzero(~np.isfinite(sd) | ~(sd > 0.0))
    if bad.size:
        raise ConvergenceError(
            f"the coefficient {vcov.index[bad[0]]!r} has no standard error, in which Cook's distance is measured; "
            "dfbeta has the changes, and fit.diagnose() says what to do"
        )
    with invertible("the covariance of the coefficients, the metric of Cook's distance,"):
        return np.asarray(np.linalg.solve(vcov.to_numpy() / np.outer(sd, sd), (change / sd).T).T / sd)


def influence(fit: Fit, by: Any, refit: bool) -> Influence:
    """Influence of groups or rows; see `Fit.influence`."""
    fit.require_data("influence()")
    clusters = clusters_of(fit, by)
    if clusters.count < 2:
        raise DataError(f"{clusters.name} has one value: without its rows there is no model")
    names = list(fit.design.predictors[fit.predictor_place("cond")].fixed.names)
    if held_coefficients(fit, "cond").all():
        raise DataError("the conditional model has no estimated coefficients to influence")
    sets = clusters.rows()
    parameters = _refitted(fit, sets) if refit else None
    if parameters is not None:
        values = _outside_first(fit, parameters)
    else:
        values = _one_step_rows(fit) if clusters.count == fit.design.n_rows else _one_step(fit, sets)
    table = pd.DataFrame(values, index=clusters.labels.rename(clusters.name), columns=names)
    _warn_about_lost(table, clusters)
    if parameters is not None:
        whole = pd.DataFrame(parameters, index=table.index, columns=list(fit.parameter_names))
        return Influence(fit, clusters.name, table, whole)
    return Influence(fit, clusters.name, table, None)


def _warn_about_lost(table: pd.DataFrame, clusters: Clusters) -> None:
    lost = table.index[table.isna().any(axis=1)]
    if len(lost):
        shown = ", ".join(map(str, lost[:5])) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        message = f"without {clusters.name} {shown} some coefficient cannot be estimated: NaN there"
        warnings.warn(message, DesignWarning, stacklevel=caller_level())


def _outside_first(fit: Fit, parameters: Floats) -> Floats:
    """The conditional coefficients of (sets, parameters)."""
    own = [p.kind == "beta" and p.component == "cond" for p in fit.parameter_info]
    return parameters[:, np.flatnonzero(own)]


def _refitted(fit: Fit, sets: list[Codes]) -> Floats:
    """All parameters (sets, parameters) of the fits without each set."""
    made = np.full((len(sets), len(fit.parameter_names)), np.nan)
    for k, rows in enumerate(sets):
        kept = np.ones(fit.design.n_rows, dtype=np.bool_)
        kept[rows] = False
        model = subset_model(fit, kept)
        if model is not None:
            made[k] = model.fit().parameter_values
    return made


def _one_step(fit: Fit, sets: list[Codes]) -> Floats:
    """Conditional coefficients (sets, p) after a Newton step without each set."""
    system = linearised(fit)
    estimate = fit.fixef().to_numpy()
    own = system.places("cond")
    made = np.full((len(sets), estimate.size), np.nan)
    for k, rows in enumerate(sets):
        step = _step(system, rows, own)
        if step is not None:
            made[k] = estimate + step
    return made


def _one_step_rows(fit: Fit) -> Floats:
    """The same for every row by itself: the step is H^-1 J_i' (I - W_i J_i H^-1 J_i')^-1 l'_i."""
    system = linearised(fit)
    within = row_covariances(fit, system)
    left = np.eye(within.shape[1]) - system.weights @ within
    lost = ~(np.linalg.cond(left) <= _LOST)
    left[lost] = np.eye(within.shape[1])
    pushed = np.linalg.solve(left, system.gradient[:, :, None])[:, :, 0]
    columns = system.inverse_columns(system.places("cond"))
    steps = sum((pushed[:, k][:, None] * (j @ columns) for k, j in enumerate(system.rows)), start=np.zeros(1))
    return np.where(lost[:, None], np.nan, fit.fixef().to_numpy() + steps)


def _step(system: Linearised, rows: Codes, own: Codes) -> Floats | None:
    """Change of the coefficients at places `own`; None where the Hessian without the rows is singular."""
    pieces = [j[rows] for j in system.rows]
    touched = np.unique(np.concatenate([own, *(piece.indices for piece in pieces)]))
    blocks = [np.asarray(piece[:, touched].todense()) for piece in pieces]
    count = len(blocks)
    weights, gradient = system.weights[rows], system.gradient[rows]
    removed = sum(
        (blocks[a].T @ (weights[:, a, b][:, None] * blocks[b]) for a in range(count) for b in range(count)),
        start=np.zeros((touched.size, touched.size)),
    )
    score = sum((blocks[a].T @ gradient[:, a] for a in range(count)), start=np.zeros(touched.size))
    inverse = system.inverse_block(touched)
    left = np.eye(touched.size) - removed @ inverse
    if not np.linalg.cond(left) <= _LOST:
        return None
    change = inverse @ np.linalg.solve(left, score)
    return np.asarray(change[np.searchsorted(touched, own)])
