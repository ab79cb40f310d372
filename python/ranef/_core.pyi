"""Types of the compiled core: arrays, enums and plain records; everything else is Python's business."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

__version__: str

class FamilyInfo:
    """One line of the registry of families."""

    name: str
    index: int
    support: str
    links: list[str]
    dispersion: str
    zero_in_support: bool
    has_trials: bool
    is_count: bool
    can_truncate: bool

def families() -> list[FamilyInfo]: ...
def links() -> list[str]: ...

class Likelihood:
    """A family with its link and wrappers, evaluated on arrays of linear predictors."""

    def __init__(self, family: int, link: int, truncated: bool, zero_inflated: bool) -> None: ...
    @property
    def predictor_count(self) -> int: ...
    def loglik(self, y: Floats, eta: list[Floats], trials: Floats | None = None) -> Floats: ...
    def moments(self, eta: list[Floats], trials: Floats | None = None) -> tuple[Floats, Floats]: ...
    def mean_gradient(self, eta: list[Floats], trials: Floats | None = None) -> tuple[Floats, Floats]: ...
    def deviance(self, y: Floats, eta: list[Floats], trials: Floats | None = None) -> Floats: ...
    def simulate(self, eta: list[Floats], seed: int, trials: Floats | None = None) -> Floats: ...

def link_inverse(link: int, eta: Floats) -> Floats: ...
def link_inverse_derivative(link: int, eta: Floats) -> Floats: ...
def link_function(link: int, mu: Floats) -> Floats: ...
def independent_columns(matrix: Floats, tolerance: float = 1e-7) -> Ints:
    """Columns that a left-to-right rank-revealing QR keeps (R's rule: drop what depends on columns before it)."""

class DenseKernels:
    """Dense linear algebra: Eigen's as constructed, SciPy's `from_capsules`. Get it from `ranef._lapack.kernels()`."""

    def __init__(self) -> None: ...
    @staticmethod
    def from_capsules(capsules: dict[str, Any]) -> DenseKernels: ...
    @property
    def uses_lapack(self) -> bool: ...

class Predictor:
    """One linear predictor: fixed-effect matrix (n x p, Fortran order, full rank) and offset (n)."""

    def __init__(self, matrix: Floats, offset: Floats | None = None) -> None: ...

class Term:
    """One random term. Block of every level: `basis` (n x q, C order), or one indicator column a row
    (`column`, `n_columns`), or neither for an intercept."""

    def __init__(
        self,
        predictor: int,
        structure: str,
        levels: Ints,
        n_levels: int,
        basis: Floats | None = None,
        column: Ints | None = None,
        n_columns: int = 1,
    ) -> None: ...

class ParameterInfo:
    """What one entry of the parameter vector is: `kind` is "beta", "sd" or "cor"; `owner` the predictor or term;
    `row` and `col` its place (sd: row == col; a shared sd or cor has row == col == -1)."""

    kind: str
    owner: int
    row: int
    col: int

class Options:
    max_iterations: int
    gain_tolerance: float
    inner_tolerance: float
    max_inner_iterations: int
    method: str
    verbose: bool

    def __init__(self) -> None: ...

class FitResult:
    values: Floats
    loglik: float
    beta: list[Floats]
    beta_vcov: Floats
    modes: list[Floats]
    eta: list[Floats]
    converged: bool
    reason: str
    iterations: int
    evaluations: int
    inner_iterations: int
    gradient: Floats
    expected_gain: float
    singular: bool
    at_zero: list[int]
    at_bound: list[int]
    messages: list[str]

class Curvature:
    """Second derivatives of the negative log-likelihood at a fit, in the parameters of `Model.parameters`."""

    hessian: Floats
    vcov: Floats
    eigenvalues: Floats
    eigenvectors: Floats
    unidentified: list[int]

class Model:
    """Likelihood + data + random terms; immutable."""

    def __init__(
        self,
        likelihood: Likelihood,
        response: Floats,
        predictors: list[Predictor],
        terms: list[Term],
        trials: Floats | None = None,
        weights: Floats | None = None,
        reml: bool = False,
        kernels: DenseKernels | None = None,
    ) -> None: ...
    @property
    def parameters(self) -> list[ParameterInfo]: ...
    def start(self) -> Floats: ...
    def loglik(self, values: Floats) -> float: ...
    def gradient(self, values: Floats) -> Floats: ...
    def fit(
        self,
        options: Options,
        start: Floats | None = None,
        fixed: NDArray[np.bool_] | None = None,
        progress: Callable[[int, float, float, float], None] | None = None,
    ) -> FitResult: ...
    def refit(self, response: Floats, options: Options, start: Floats | None = None) -> FitResult: ...
    def curvature(self, result: FitResult) -> Curvature: ...
    def conditional_covariance(self, result: FitResult) -> list[Floats]:
        """Per term (levels, q, q): covariance of the random effects given the parameters (lme4's condVar)."""
    def predictor_covariance(
        self,
        result: FitResult,
        parameter_vcov: Floats,
        predictors: list[Predictor],
        terms: list[Term | None],
    ) -> Floats:
        """(m, K, K): covariance of the K linear predictors of m new rows, uncertainty of parameters and random
        effects included. A term's level -1 leaves the term out for that row, -2 is a new level (prior variance);
        None leaves the term out everywhere."""
