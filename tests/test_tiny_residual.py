"""Residuals far smaller than the random effects: variances by closed forms in exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pandas as pd
import pytest

import ranef

RATIOS = [1e-5, 1e-6, 1e-7, 1e-8]
Exact = Fraction


def exact(values: object) -> np.ndarray:
    """The doubles themselves, as rational numbers."""
    return np.array([Fraction(float(v)) for v in np.ravel(values)], dtype=object).reshape(np.shape(values))


def root(value: Fraction) -> float:
    return math.sqrt(float(value))


def estimates(fit: ranef.Fit) -> pd.Series:
    """Those of a fit that has converged, raised no warning (they are errors) and is sound.

    A search ends when it would gain 1e-8: the residual sd is right to about 1e-5 of itself.
    """
    assert fit.converged
    assert fit.diagnose().ok
    return fit.parameters().estimate


def one_way(y: np.ndarray, reml: bool) -> tuple[float, float]:
    """Residual sd and sd of the groups, y (groups, rows), balanced: Searle, Casella and McCulloch (1992), 4.4, 4.7."""
    y = exact(y)
    groups, rows = y.shape
    means = y.sum(axis=1) / rows
    within = ((y - means[:, None]) ** 2).sum() / (groups * (rows - 1))
    between = rows * ((means - means.sum() / groups) ** 2).sum() / (groups - (1 if reml else 0))
    return root(within), root((between - within) / rows)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])
@pytest.mark.parametrize("ratio", RATIOS, ids="{:g}".format)
def test_one_grouping_factor_with_a_tiny_residual(ratio: float, reml: bool, seed: int) -> None:
    """At 1e-6 the residual sd used to be 9.0e-7 for 8.6e-7 and the groups' 0.795 for 1.020; at 1e-7 0.379."""
    rng = np.random.default_rng(seed)
    y = 3.0 + rng.normal(size=10)[:, None] + ratio * rng.normal(size=(10, 8))
    data = pd.DataFrame({"y": y.ravel(), "g": np.repeat(np.arange(10), 8)})
    values = estimates(ranef.fit("y ~ 1 + (1 | g)", data, reml=reml))
    sigma, sd = one_way(y, reml)
    assert np.exp(values["log_sigma"]) == pytest.approx(sigma, rel=2e-5)
    assert values["sd(Intercept|g)"] == pytest.approx(sd, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ratio", RATIOS[:3], ids="{:g}".format)
def test_slopes_with_a_tiny_residual(ratio: float, seed: int) -> None:
    """Every group has the same orthogonal design: the groups' own coefficients are independent draws."""
    rng = np.random.default_rng(100 + seed)
    x, b = np.arange(-3.0, 4.0), rng.normal(size=(12, 2)) @ np.array([[1.0, 0.4], [0.0, 0.8]])
    y = 2.0 + b[:, [0]] + (1.0 + b[:, [1]]) * x + ratio * rng.normal(size=(12, 7))
    data = pd.DataFrame({"y": y.ravel(), "x": np.tile(x, 12), "g": np.repeat(np.arange(12), 7)})
    values = estimates(ranef.fit("y ~ x + (x | g)", data, reml=True))
    z, u = exact(y), exact(x)
    own = np.stack([z.sum(axis=1) / 7, (z * u).sum(axis=1) / 28])
    left = z - own[0][:, None] - own[1][:, None] * u
    within = (left**2).sum() / (12 * 5)
    centred = own - own.sum(axis=1)[:, None] / 12
    covariance = centred @ centred.T / Fraction(11)
    sds = [root(covariance[0, 0] - within / 7), root(covariance[1, 1] - within / 28)]
    assert np.exp(values["log_sigma"]) == pytest.approx(root(within), rel=2e-5)
    assert values["sd(Intercept|g)"] == pytest.approx(sds[0], rel=1e-4)
    assert values["sd(x|g)"] == pytest.approx(sds[1], rel=1e-4)
    assert values["cor(x,Intercept|g)"] == pytest.approx(float(covariance[0, 1]) / (sds[0] * sds[1]), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ratio", RATIOS[:3], ids="{:g}".format)
def test_nested_factors_with_a_tiny_residual(ratio: float, seed: int) -> None:
    """Balanced: mean squares of rows, classes and schools (Searle, Casella and McCulloch 1992, 5.3)."""
    rng = np.random.default_rng(200 + seed)
    y = 2.0 * rng.normal(size=(8, 1, 1)) + rng.normal(size=(8, 5, 1)) + ratio * rng.normal(size=(8, 5, 4))
    a, b, _ = np.indices(y.shape)
    data = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()})
    values = estimates(ranef.fit("y ~ 1 + (1 | a/b)", data, reml=True))
    z = exact(y)
    of_b = z.sum(axis=2) / 4
    of_a = of_b.sum(axis=1) / 5
    rows = ((z - of_b[:, :, None]) ** 2).sum() / (8 * 5 * 3)
    classes = 4 * ((of_b - of_a[:, None]) ** 2).sum() / (8 * 4)
    schools = 20 * ((of_a - of_a.sum() / 8) ** 2).sum() / 7
    assert np.exp(values["log_sigma"]) == pytest.approx(root(rows), rel=2e-5)
    assert values["sd(Intercept|b:a)"] == pytest.approx(root((classes - rows) / 4), rel=1e-4)
    assert values["sd(Intercept|a)"] == pytest.approx(root((schools - classes) / 20), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ratio", RATIOS[:3], ids="{:g}".format)
def test_crossed_factors_with_a_tiny_residual(ratio: float, seed: int) -> None:
    """One row a cell: mean squares of rows, columns and what is left."""
    rng = np.random.default_rng(300 + seed)
    y = rng.normal(size=(12, 1)) + 0.5 * rng.normal(size=(1, 9)) + ratio * rng.normal(size=(12, 9))
    a, b = np.indices(y.shape)
    data = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()})
    values = estimates(ranef.fit("y ~ 1 + (1 | a) + (1 | b)", data, reml=True))
    z = exact(y)
    of_a, of_b, mean = z.sum(axis=1) / 9, z.sum(axis=0) / 12, z.sum() / 108
    left = ((z - of_a[:, None] - of_b[None] + mean) ** 2).sum() / (11 * 8)
    rows, columns = 9 * ((of_a - mean) ** 2).sum() / 11, 12 * ((of_b - mean) ** 2).sum() / 8
    assert np.exp(values["log_sigma"]) == pytest.approx(root(left), rel=2e-5)
    assert values["sd(Intercept|a)"] == pytest.approx(root((rows - left) / 9), rel=1e-4)
    assert values["sd(Intercept|b)"] == pytest.approx(root((columns - left) / 12), rel=1e-4)


def test_an_exact_fit_tells_that_no_digits_are_left() -> None:
    rng = np.random.default_rng(7)
    g, x = np.repeat(np.arange(10), 8), rng.normal(size=80)
    data = pd.DataFrame({"y": 2.0 + 3.0 * x + rng.normal(size=10)[g], "x": x, "g": g})
    with pytest.warns(ranef.ConvergenceWarning, match=r"rounding leaves it \d digit|no residual variation is left"):
        ranef.fit("y ~ x + (1 | g)", data)


def dense_loglik(y: np.ndarray, x: np.ndarray, covariance: mp.matrix, reml: bool) -> float:
    """Log-likelihood, or REML criterion, with the coefficients at their best."""
    inverse, design = mp.inverse(covariance), mp.matrix(x.tolist())
    response, n, p = mp.matrix(y.tolist()), len(y), x.shape[1]
    information = design.T * inverse * design
    residual = response - design * mp.lu_solve(information, design.T * inverse * response)
    logs = mp.log(mp.det(covariance)) + (mp.log(mp.det(information)) if reml else 0)
    return float(-((n - (p if reml else 0)) * mp.log(2 * mp.pi) + logs + (residual.T * inverse * residual)[0]) / 2)


@pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])
@pytest.mark.parametrize("ratio", RATIOS[:3], ids="{:g}".format)
@pytest.mark.parametrize("other", [None, "nested", "crossed"])
def test_loglik_of_unbalanced_data_is_that_of_sixty_digits(other: str | None, ratio: float, reml: bool) -> None:
    """With covariates within and between groups."""
    rng = np.random.default_rng(400)
    g = np.repeat(np.arange(6), [3, 6, 4, 7, 2, 8])
    n = g.size
    h = {None: g, "nested": 2 * g + np.arange(n) % 2, "crossed": rng.integers(0, 4, n)}[other]
    x, w = rng.normal(size=n), rng.normal(size=6)[g]
    y = 1.0 + x + w + rng.normal(size=6)[g] + ratio * rng.normal(size=n)
    if other:
        y += 0.6 * rng.normal(size=12)[h]
    data = pd.DataFrame({"y": y, "x": x, "w": w, "g": g, "h": h})
    formula = "y ~ x + w + (1 | g)" + (" + (1 | h)" if other else "")
    fit = ranef.fit(formula, data, reml=reml)
    values = fit.parameters().estimate
    assert fit.converged
    with mp.workdps(60):
        covariance = mp.eye(n) * mp.exp(2 * mp.mpf(values["log_sigma"]))
        for name, level in {"sd(Intercept|g)": g, "sd(Intercept|h)": h}.items():
            if name in values:
                same = mp.matrix((level[:, None] == level).astype(float).tolist())
                covariance += same * mp.mpf(values[name]) ** 2
        expected = dense_loglik(y, np.column_stack([np.ones(n), x, w]), covariance, reml)
    assert fit.loglik == pytest.approx(expected, abs=1e-6)
