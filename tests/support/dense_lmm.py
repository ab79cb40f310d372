"""Linear mixed models by the textbook's n x n formulas: what the sparse ways are checked against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import ranef

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DenseModel:
    """X, y and V as a function of variance parameters, at the estimates `theta`."""

    x: Floats
    y: Floats
    theta: Floats
    covariance: Callable[[Floats], Floats]
    derivatives: Callable[[Floats], list[Floats]]

    def criterion(self, theta: Floats, reml: bool) -> float:
        """-log-likelihood or -REML criterion, without constants."""
        v = self.covariance(theta)
        inverse = np.linalg.inv(v)
        information = self.x.T @ inverse @ self.x
        beta = np.linalg.solve(information, self.x.T @ inverse @ self.y)
        residual = self.y - self.x @ beta
        value = np.linalg.slogdet(v)[1] + residual @ inverse @ residual
        return float(0.5 * (value + (np.linalg.slogdet(information)[1] if reml else 0.0)))

    def vcov(self, theta: Floats) -> Floats:
        """(X'V^-1 X)^-1."""
        return np.linalg.inv(self.x.T @ np.linalg.solve(self.covariance(theta), self.x))


def dense_model(fit: ranef.Fit) -> DenseModel:
    """The dense counterpart of a fit with ``us``, ``diag`` or ``homdiag`` terms: theta are entries, then sigma^2."""
    design = fit.design
    n = design.n_rows
    pieces: list[Floats] = []
    theta: list[float] = []
    for term, block in zip(design.terms, fit.covariance_blocks, strict=True):
        q = len(term.term_names)
        basis = term.basis if term.basis is not None else np.ones((n, 1))
        if term.column is not None:
            basis = np.eye(q)[term.column]
        same = (term.levels[:, None] == term.levels).astype(float)
        places = (
            [(i, j) for i in range(q) for j in range(i + 1)] if term.structure == "us" else [(i, i) for i in range(q)]
        )
        made = []
        for i, j in places:
            outer = np.outer(basis[:, i], basis[:, j])
            made.append(same * (outer if i == j else outer + outer.T))
        if term.structure == "homdiag":
            made, places = [sum(made)], places[:1]
        pieces += made
        theta += [float(block.covariance[i, j]) for i, j in places]
    weights = design.weights.values if design.weights is not None else np.ones(n)
    pieces.append(np.diag(1.0 / weights))
    theta.append(fit.sigma**2)
    return DenseModel(
        design.predictors[0].fixed.matrix,
        design.response.values - (0.0 if design.predictors[0].offset is None else design.predictors[0].offset),
        np.array(theta),
        lambda t: sum((value * piece for value, piece in zip(t, pieces, strict=True)), start=np.zeros((n, n))),
        lambda _: pieces,
    )


def kenward_roger_vcov(model: DenseModel) -> tuple[Floats, list[Floats], Floats]:
    """Adjusted covariance, C P_i C, and W of Kenward and Roger (1997), V linear in its parameters."""
    x, inverse = model.x, np.linalg.inv(model.covariance(model.theta))
    c = model.vcov(model.theta)
    pieces = model.derivatives(model.theta)
    projection = inverse - inverse @ x @ c @ x.T @ inverse
    information = np.array([[0.5 * np.trace(projection @ a @ projection @ b) for b in pieces] for a in pieces])
    w = np.linalg.inv(information)
    p = [-x.T @ inverse @ a @ inverse @ x for a in pieces]
    middle = np.zeros_like(c)
    for i, a in enumerate(pieces):
        for j, b in enumerate(pieces):
            middle += w[i, j] * (x.T @ inverse @ a @ inverse @ b @ inverse @ x - p[i] @ c @ p[j])
    return c + c @ (middle + middle.T) @ c, [c @ q @ c for q in p], w


def satterthwaite_df(model: DenseModel, contrasts: Floats, reml: bool) -> Floats:
    """2 v^2 / g'Ag with every derivative by central differences."""
    size = model.theta.size
    # Fourth root of machine precision, the best step of a second difference.
    step = 1e-4 * np.maximum(np.abs(model.theta), 0.1 * np.abs(model.theta).max())
    unit = np.eye(size) * step
    hessian = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            corners = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
            total = sum(s * model.criterion(model.theta + a * unit[i] + b * unit[j], reml) for a, b, s in corners)
            hessian[i, j] = total / (4.0 * step[i] * step[j])
    spread = np.linalg.inv(hessian)
    gradient = np.array(
        [
            (model.vcov(model.theta + u) - model.vcov(model.theta - u)) / (2.0 * h)
            for u, h in zip(unit, step, strict=True)
        ]
    )
    variance = np.einsum("ka,ab,kb->k", contrasts, model.vcov(model.theta), contrasts)
    slope = np.einsum("ka,iab,kb->ki", contrasts, gradient, contrasts)
    return np.asarray(2.0 * variance**2 / np.einsum("ki,ij,kj->k", slope, spread, slope))
