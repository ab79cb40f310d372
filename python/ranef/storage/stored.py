"""What a file keeps of a fit beside its design and estimate: its arguments, and what stands in place of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranef.control import Control
from ranef.finding import Finding
from ranef.joint import JointPrecision
from ranef.modelspec import Recipe
from ranef.parameters import Parameter
from ranef.uncertainty import Uncertainty

Floats = NDArray[np.float64]

FORMAT = "ranef-fit"
VERSION = 1
# The member that holds all but the arrays.
TEXT = "fit.json"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a loaded fit knows in place of its data.

    Attributes
    ----------
    nobs : observations
    row_counts : rows of the data, rows used
    parameters : the model's parameters
    uncertainty : curvature at the estimates
    parameter_vcov : covariance of all parameters, by the observed information
    conditional_covariance : per term (levels, q, q)
    joint : precision of the random effects and their dependence on the parameters; None without random terms
    findings : the diagnosis
    converged : whether the fit was at its optimum
    recipes : of files that kept it, what formulaic's memory was made of
    """

    nobs: float
    row_counts: tuple[int, int]
    parameters: tuple[Parameter, ...]
    uncertainty: Uncertainty
    parameter_vcov: Floats
    conditional_covariance: tuple[Floats, ...]
    joint: JointPrecision | None
    findings: tuple[Finding, ...]
    converged: bool
    recipes: tuple[Recipe, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedSpecification:
    """The arguments of a fit that a file keeps."""

    formula: str
    family: str
    link: str
    ziformula: str | None
    dispformula: str | None
    reml: bool
    fixed: dict[str, float] | None
    control: Control
    method: str = "laplace"
    vcov: str | None = None
    functions: tuple[str, ...] = ()
