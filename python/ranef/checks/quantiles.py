"""Whether the quartiles of the residuals are level in a predictor: curves, and a test of each.

Under a right model residuals are uniform whatever the predictor, so the indicators a_i = tau - 1(r_i < tau) have mean
zero and variance tau (1 - tau). With B the values of a natural cubic spline of the predictor

    a'B (B'B)^-1 B'a / (tau (1 - tau))  ~  chi-square with as many degrees of freedom as B has columns,

the rank score test of quantile regression (Gutenbrunner, Jureckova, Koenker and Portnoy 1993, Journal of Nonparametric
Statistics 2, 307-331) for a known value under the hypothesis: no density need be estimated. Rows that share random
numbers or groups are taken as independent here; `probes.Quartiles` takes the scores' covariance from simulations. The
curves minimise the check loss of Koenker and Bassett (1978, Econometrica 46, 33-50) over the same spline, by the
majorising iteration of Hunter and Lange (2000, Journal of Computational and Graphical Statistics 9, 60-77).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.checks.result import SIGNIFICANT, CheckResult
from ranef.errors import DataError

Floats = NDArray[np.float64]

QUANTILES = (0.25, 0.5, 0.75)
_MOST_COLUMNS = 5
_ROWS_PER_COLUMN = 8
_ITERATIONS = 200
# Smoothing of the check loss at its kink, and the change of the curve at which the iteration stops.
_SMOOTHING = 1e-4
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class QuantileCurves:
    """Quantiles of the residuals along a predictor.

    Attributes
    ----------
    grid : (m,) values of the predictor; curves : (3, m) quantiles 0.25, 0.5, 0.75 there
    basis, on_grid : (n, k) and (m, k) the spline's functions at the rows and on the grid
    """

    grid: Floats
    curves: Floats
    basis: Floats
    on_grid: Floats


def quantile_test(values: Floats, predictor: Floats, name: str) -> CheckResult:
    """The tests at the three quartiles, of independent residuals; overall Benjamini and Hochberg's least p-value."""
    from scipy.special import chdtrc

    basis = spline_basis(predictor)
    statistics = np.array([_score_statistic(values, basis, tau) for tau in QUANTILES])
    p_values = np.asarray(chdtrc(float(basis.shape[1]), statistics))
    return quantile_result(name, statistics, p_values, basis.shape[1], None)


def quantile_result(
    name: str, statistics: Floats, p_values: Floats, df: int, overall: float | None, resolution: float = 0.0
) -> CheckResult:
    """What the tests at the three quartiles say; overall, if not given, Benjamini and Hochberg's least p-value."""
    adjusted = benjamini_hochberg(p_values)
    table = pd.DataFrame(
        {"quantile": QUANTILES, "chisq": statistics, "df": df, "p_value": p_values, "p_adjusted": adjusted}
    )
    p_value = float(adjusted.min()) if overall is None else overall
    wrong = [f"{tau:g}" for tau, p in zip(QUANTILES, adjusted, strict=True) if p < SIGNIFICANT]
    found = p_value < SIGNIFICANT
    return CheckResult(
        f"Quantiles of the residuals along {name}",
        "largest chi-square",
        float(statistics.max()),
        p_value,
        "two-sided",
        (f"Quantile {', '.join(wrong)} of the residuals: " if wrong else "The quartiles of the residuals are ")
        + f"not level along {name}."
        if found
        else f"No evidence against level quartiles of the residuals along {name}.",
        f"A bend says that {name} acts otherwise than the formula has it (try poly or bs); a spread that changes, that "
        "the dispersion does (dispformula)."
        if found
        else "",
        table=table,
        resolution=resolution,
    )


def spline_basis(predictor: Floats, most: int = _MOST_COLUMNS) -> Floats:
    """(n, k) 1, the predictor and its bends, at most `most` columns in all."""
    return _Spline.of(predictor, predictor.size, most).columns(predictor)


def quantile_curves(values: Floats, predictor: Floats, points: int = 100) -> QuantileCurves:
    """The curves, for a plot."""
    spline = _Spline.of(predictor, values.size)
    basis = spline.columns(predictor)
    grid = np.linspace(predictor.min(), predictor.max(), points)
    on_grid = spline.columns(grid)
    fits = [on_grid @ quantile_regression(values, basis, tau) for tau in QUANTILES]
    return QuantileCurves(grid, np.clip(np.array(fits), 0.0, 1.0), basis, on_grid)


def curve_envelope(curves: QuantileCurves, scores: list[Floats], level: float) -> Floats:
    """(3, 2, m) central range of the curves of the simulated data sets, pointwise.

    To first order the curve of quantile tau is tau + b(x)' (B'B)^-1 s, s the scores (k, M) of quantile regression.
    """
    inverse = np.linalg.pinv(curves.basis.T @ curves.basis)
    tail = 0.5 - 0.5 * level
    made = [
        tau + np.quantile(curves.on_grid @ (inverse @ score), [tail, 1.0 - tail], axis=1)
        for tau, score in zip(QUANTILES, scores, strict=True)
    ]
    return np.clip(np.array(made), 0.0, 1.0)


def quantile_regression(values: Floats, basis: Floats, tau: float) -> Floats:
    """Coefficients that minimise the check loss of quantile `tau`."""
    coefficients = np.linalg.lstsq(basis, values, rcond=None)[0]
    for _ in range(_ITERATIONS):
        residual = values - basis @ coefficients
        weights = 1.0 / (_SMOOTHING + np.abs(residual))
        weighted = basis * weights[:, None]
        target = weighted.T @ values + (2.0 * tau - 1.0) * basis.sum(axis=0)
        moved = np.linalg.lstsq(weighted.T @ basis, target, rcond=None)[0]
        change = float(np.abs(basis @ (moved - coefficients)).max())
        coefficients = moved
        if change < _TOLERANCE:
            break
    return np.asarray(coefficients)


def benjamini_hochberg(p_values: Floats) -> Floats:
    """P-values adjusted by Benjamini and Hochberg (1995, JRSS B 57, 289-300).

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(3)
    array([0.03, 0.04, 0.04])
    """
    order = np.argsort(p_values)[::-1]
    factors = p_values.size / np.arange(p_values.size, 0, -1)
    made = np.empty_like(p_values)
    made[order] = np.minimum(np.minimum.accumulate(p_values[order] * factors), 1.0)
    return made


def _score_statistic(values: Floats, basis: Floats, tau: float) -> float:
    score = basis.T @ (tau - (values < tau))
    return float(score @ np.linalg.lstsq(basis.T @ basis, score, rcond=None)[0]) / (tau * (1.0 - tau))


@dataclass(frozen=True, slots=True, eq=False)
class _Spline:
    """A natural cubic spline: linear outside its knots. Knots on [0, 1], to which the predictor is scaled."""

    start: float
    width: float
    knots: Floats

    @classmethod
    def of(cls, predictor: Floats, rows: int, most: int = _MOST_COLUMNS) -> _Spline:
        """Knots at quantiles of the predictor, fewer for few rows or few different values.

        Raises
        ------
        DataError
            If the predictor does not vary.
        """
        start, width = float(predictor.min()), float(np.ptp(predictor))
        if width == 0.0:
            raise DataError("the predictor has one value only; its residuals cannot depend on it")
        if not np.isfinite(width):
            raise DataError("the predictor has values that are not finite: no curve can be drawn along it")
        scaled = (predictor - start) / width
        columns = int(np.clip(rows // _ROWS_PER_COLUMN, 2, most))
        knots = np.unique(np.quantile(scaled, np.linspace(0.0, 1.0, columns)))
        return cls(start, width, knots)

    def columns(self, predictor: Floats) -> Floats:
        """1, x, and the natural cubic functions of Hastie, Tibshirani and Friedman (2009), equation 5.4."""
        x = (predictor - self.start) / self.width
        last, before = self.knots[-1], self.knots[-2]

        def cube(knot: float) -> Floats:
            return np.asarray(
                (np.maximum(x - knot, 0.0) ** 3 - np.maximum(x - last, 0.0) ** 3) / (last - knot), dtype=np.float64
            )

        bends = [cube(float(knot)) - cube(float(before)) for knot in self.knots[:-2]]
        return np.column_stack([np.ones_like(x), x, *bends])
