"""Curvature of the log-likelihood at a fit, and the covariances that come from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranef import _core

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Second derivatives of the negative log-likelihood in all parameters.

    Attributes
    ----------
    hessian : (m, m)
    vcov : (m, m), NaN in the rows and columns of held and unidentified parameters
    eigenvalues, eigenvectors : spectrum of the scaled Hessian, ascending, one vector a column, in natural units
    units : (m,) natural unit of every parameter
    unidentified : places of parameters about which the data say nothing
    """

    hessian: Floats
    vcov: Floats
    eigenvalues: Floats
    eigenvectors: Floats
    units: Floats
    unidentified: tuple[int, ...]


def uncertainty_from_core(curvature: _core.Curvature) -> Uncertainty:
    """Read the core's curvature, once."""
    return Uncertainty(
        hessian=np.asarray(curvature.hessian, dtype=np.float64),
        vcov=np.asarray(curvature.vcov, dtype=np.float64),
        eigenvalues=np.asarray(curvature.eigenvalues, dtype=np.float64),
        eigenvectors=np.asarray(curvature.eigenvectors, dtype=np.float64),
        units=np.asarray(curvature.units, dtype=np.float64),
        unidentified=tuple(int(i) for i in curvature.unidentified),
    )
