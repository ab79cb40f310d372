"""Columns along which residuals are probed: the bends of a covariate that the formula lacks, and its spread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import has_component
from ranef.checks.dispersion import is_one_trial
from ranef.checks.matched import slopes
from ranef.checks.probes import Along, SpreadAlong
from ranef.checks.quantiles import spline_basis
from ranef.checks.simulators import Simulator, centre_of, likelihood_of
from ranef.design.frame import open_table

if TYPE_CHECKING:
    from ranef.design.columns import Column
    from ranef.result import Fit

Floats = NDArray[np.float64]

# A covariate's functions: 1, itself and two bends; levels of a factor at most.
_COLUMNS = 4
_MOST_LEVELS = 20
# Length of a column that others leave, of its own, below which it is theirs.
_LEFT = 1e-4


def covariate_probes(fit: Fit, simulator: Simulator) -> Iterator[tuple[str, Along]]:
    """One for each variable of the formula of the mean, but those about which the fit leaves nothing to find."""
    fixed = fit.design.predictors[fit.predictor_place("cond")].fixed
    names = list(dict.fromkeys(fixed.spec.matrix.terms.variables))
    if not names:
        return
    table = open_table(fit.data).columns(names, fit.formula).take(fit.design.kept)
    weights = _information(fit, simulator)
    for name in names:
        columns = _functions(table[name])
        if columns is None:
            continue
        level = _left_of(columns, np.asarray(fixed.matrix), weights)
        spread = columns[:, :0] if is_one_trial(fit) else _left_of(columns, _spread_design(fit), np.ones(len(columns)))
        if level.shape[1] + spread.shape[1]:
            yield name, Along(level, spread)


def spread_probe(fit: Fit, simulator: Simulator) -> SpreadAlong | None:
    """Along the ranks of the fitted values; None where these do not vary, or the dispersion's formula follows them."""
    from scipy.stats import rankdata

    centre = centre_of(fit, simulator)
    trials = fit.design.response.trials
    ranks = rankdata(np.round(centre if trials is None else centre / trials, 12))[:, None] / centre.size
    left = _left_of(ranks, _spread_design(fit), np.ones(centre.size))
    return SpreadAlong(left[:, 0]) if left.shape[1] and not is_one_trial(fit) else None


def _functions(column: Column) -> Floats | None:
    """Indicators of a factor's levels; a covariate, and its bends where it has enough values."""
    if column.is_factor:
        codes, labels = column.factor()
        if len(labels) > _MOST_LEVELS:
            return None
        return np.asarray(codes[:, None] == np.arange(len(labels)), dtype=np.float64)
    values = column.numbers()
    distinct = np.unique(values).size
    if distinct < 2 or not np.isfinite(values).all():
        return None
    return spline_basis(values, min(_COLUMNS, distinct))


def _information(fit: Fit, simulator: Simulator) -> Floats:
    """(n,) by how much a row's position moves with its linear predictor: the mean's slope over its deviation."""
    likelihood, trials = likelihood_of(fit), fit.design.response.trials
    eta = [np.asarray(e) for e in fit.estimate.eta]
    _, variance = likelihood.moments(eta, trials)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.abs(slopes(fit, simulator)) / np.sqrt(variance)
    return np.where(np.isfinite(weights), weights, 0.0)


def _spread_design(fit: Fit) -> Floats:
    """The columns that the dispersion follows; an intercept where it has none."""
    if not has_component(fit.design, "disp"):
        return np.ones((fit.design.n_rows, 1))
    return np.asarray(fit.design.predictors[fit.predictor_place("disp")].fixed.matrix)


def _left_of(columns: Floats, design: Floats, weights: Floats) -> Floats:
    """What remains of the columns beside the design's, by weighted regression; without those of which nothing does."""
    root = np.sqrt(weights)[:, None]
    scale = np.linalg.norm(columns, axis=0)
    norms = np.linalg.norm(design, axis=0)
    scaled = design / np.where(norms > 0, norms, 1.0)
    coefficients = np.linalg.lstsq(root * scaled, root * columns, rcond=1e-10)[0]
    left = columns - scaled @ coefficients
    kept = np.linalg.norm(left, axis=0) > _LEFT * scale
    vectors, values, _ = np.linalg.svd(left[:, kept] / scale[kept], full_matrices=False)
    return np.asarray(vectors[:, values > _LEFT * max(1.0, float(values.max(initial=0.0)))])
