"""Derivatives of covariances in their parameters, against differences; methods for structures not linear in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from support.dense_lmm import DenseModel, kenward_roger_vcov, satterthwaite_df

import ranef
from ranef.inference.small_sample import small_sample
from ranef.inference.variance_parameters import cholesky_of_semidefinite, term_derivatives

Floats = NDArray[np.float64]


def repeated(seed: int = 3, groups: int = 16) -> pd.DataFrame:
    """Four times by two replicates in every group, effects of the times autocorrelated, some rows missing."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame([(g, t) for g in range(groups) for t in range(4) for _ in range(2)], columns=["g", "t"])
    lag = np.abs(np.subtract.outer(range(4), range(4)))
    root = np.linalg.cholesky(4.0 * 0.6**lag)
    data["x"] = rng.normal(size=len(data))
    effects = np.repeat((rng.normal(size=(groups, 4)) @ root.T).ravel(), 2)
    data["y"] = data["x"] + effects + rng.normal(size=len(data))
    data["t"] = pd.Categorical(data["t"])
    data["g"] = data["g"].astype("str")
    return data.iloc[rng.permutation(len(data))[: len(data) - 15]]


def cs(theta: Floats) -> Floats:
    sd = np.sqrt(theta[:4])
    return np.asarray(np.outer(sd, sd) * (theta[4] + (1 - theta[4]) * np.eye(4)))


def ar1(theta: Floats) -> Floats:
    return np.asarray(theta[0] * theta[1] ** np.abs(np.subtract.outer(range(4), range(4))))


def us(theta: Floats) -> Floats:
    made = np.zeros((4, 4))
    made[np.tril_indices(4)] = theta
    return np.asarray(made + np.tril(made, -1).T)


def rooted(theta: Floats) -> Floats:
    """L in the order of its columns."""
    root = np.zeros((4, 4))
    root.T[np.triu_indices(4)] = theta
    return np.asarray(root @ root.T)


def fitted(structure: str) -> tuple[ranef.Fit, Callable[[Floats], Floats], Floats]:
    fit = ranef.fit(f"y ~ x + {structure}(0 + t | g)", repeated(), reml=True)
    block = fit.covariance_blocks[0]
    variances = np.diag(block.covariance)
    if structure == "cs":
        return fit, cs, np.append(variances, block.corr[1, 0])
    if structure == "ar1":
        return fit, ar1, np.array([variances[0], block.corr[1, 0]])
    return fit, us, block.covariance[np.tril_indices(4)]


def assert_derivatives(fit: ranef.Fit, function: Callable[[Floats], Floats], theta: Floats, coordinates: str) -> None:
    made = term_derivatives(fit, 0, coordinates)  # type: ignore[arg-type]
    np.testing.assert_allclose(function(theta), fit.covariance_blocks[0].covariance, rtol=1e-10, atol=1e-12)
    step = 1e-4 * np.maximum(np.abs(theta), 0.1)
    unit = np.eye(theta.size) * step
    for i in range(theta.size):
        first = (function(theta + unit[i]) - function(theta - unit[i])) / (2 * step[i])
        np.testing.assert_allclose(made.first[i], first, rtol=1e-6, atol=1e-6)
        for j in range(i, theta.size):
            corners = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
            total = sum(s * function(theta + a * unit[i] + b * unit[j]) for a, b, s in corners)
            second = made.second.get((i, j), np.zeros((4, 4)))
            # Second differences of steps of 1e-4: rounding 1e-8 of the covariance.
            np.testing.assert_allclose(second, total / (4 * step[i] * step[j]), rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize("structure", ["cs", "ar1", "us"])
def test_derivatives_are_those_of_the_covariance(structure: str) -> None:
    assert_derivatives(*fitted(structure), "entries")


def test_derivatives_in_roots_are_those_of_the_covariance() -> None:
    fit, _, _ = fitted("us")
    root = cholesky_of_semidefinite(fit.covariance_blocks[0].covariance)
    assert_derivatives(fit, rooted, root.T[np.triu_indices(4)], "roots")


def test_a_covariance_without_full_rank_has_a_root() -> None:
    factor = np.array([[1.0, 0.0], [2.0, 0.0], [0.5, 3.0]])
    root = cholesky_of_semidefinite(factor @ factor.T)
    np.testing.assert_allclose(root @ root.T, factor @ factor.T, atol=1e-12)
    assert not root[:, 1].any()
    zero_first = np.diag([0.0, 4.0])
    np.testing.assert_array_equal(cholesky_of_semidefinite(zero_first), np.diag([0.0, 2.0]))


def structured_model(structure: str) -> tuple[ranef.Fit, DenseModel]:
    """theta: the structure's variances and correlation, then sigma^2."""
    fit, function, theta = fitted(structure)
    term = fit.design.terms[0]
    z = np.eye(4)[term.column]
    same = (term.levels[:, None] == term.levels).astype(float)

    def covariance(t: Floats) -> Floats:
        return np.asarray(same * (z @ function(t[:-1]) @ z.T) + t[-1] * np.eye(len(z)))

    def derivatives(t: Floats) -> list[Floats]:
        step = 1e-4 * np.maximum(np.abs(t), 0.1)
        unit = np.eye(t.size) * step
        return [(covariance(t + u) - covariance(t - u)) / (2 * h) for u, h in zip(unit, step, strict=True)]

    whole = np.append(theta, fit.sigma**2)
    return fit, DenseModel(
        fit.design.predictors[0].fixed.matrix, fit.design.response.values, whole, covariance, derivatives
    )


@pytest.mark.parametrize("structure", ["cs", "ar1"])
def test_satterthwaite_of_structured_terms_is_the_dense_criterion_differentiated(structure: str) -> None:
    fit, dense = structured_model(structure)
    assert not fit.singular
    expected = satterthwaite_df(dense, np.eye(2), reml=True)
    # Second differences of a criterion of rounding 1e-13.
    np.testing.assert_allclose(small_sample(fit, "satterthwaite").df(np.eye(2)), expected, rtol=5e-4)


@pytest.mark.parametrize("structure", ["cs", "ar1"])
def test_kenward_roger_of_structured_terms_counts_the_second_derivatives(structure: str) -> None:
    """C_A without them, less C sum W_ij R_ij C / 2 with them."""
    fit, dense = structured_model(structure)
    linear, _, w = kenward_roger_vcov(dense)
    inverse, c = np.linalg.inv(dense.covariance(dense.theta)), dense.vcov(dense.theta)
    step = 1e-3 * np.maximum(np.abs(dense.theta), 0.1)
    unit = np.eye(dense.theta.size) * step
    curvature = np.zeros_like(c)
    for i in range(dense.theta.size):
        ends = [dense.derivatives(dense.theta + sign * unit[i]) for sign in (1.0, -1.0)]
        for j in range(dense.theta.size):
            second = (ends[0][j] - ends[1][j]) / (2 * step[i])
            curvature += w[i, j] * (dense.x.T @ inverse @ second @ inverse @ dense.x)
    expected = linear - 0.5 * c @ curvature @ c
    made = small_sample(fit, "kenward-roger").vcov
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-9)
    assert np.abs(made / linear - 1).max() > 1e-4
