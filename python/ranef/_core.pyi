"""Types of the compiled core: arrays, enums and plain records; everything else is Python's business."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int32]
_BootstrapRows: TypeAlias = tuple[
    _Floats, _Floats, NDArray[np.bool_], NDArray[np.bool_], list[str], list[tuple[_Floats, "FitResult"] | None]
]

__version__: str
__compiler__: str

class _Bound(type):
    """The metaclass of compiled classes."""

class FamilyInfo(metaclass=_Bound):
    """One line of the registry of families."""

    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def support(self) -> str: ...
    @property
    def links(self) -> list[str]: ...
    @property
    def dispersion(self) -> str: ...
    @property
    def zero_in_support(self) -> bool: ...
    @property
    def has_trials(self) -> bool: ...
    @property
    def is_count(self) -> bool: ...
    @property
    def can_truncate(self) -> bool: ...

def families() -> list[FamilyInfo]: ...
def links() -> list[str]: ...

class Likelihood(metaclass=_Bound):
    """A family with its link and wrappers, evaluated on arrays of linear predictors."""

    def __init__(self, family: int, link: int, truncated: bool, zero_inflated: bool) -> None: ...
    @property
    def predictor_count(self) -> int: ...
    def loglik(self, y: _Floats, eta: list[_Floats], trials: _Floats | None = None) -> _Floats: ...
    def derivatives(self, y: _Floats, eta: list[_Floats], trials: _Floats | None = None) -> tuple[_Floats, _Floats]:
        """Gradient (n, K) and Hessian (n, K, K) of every row's negative log-likelihood in the linear predictors."""
    def moments(self, eta: list[_Floats], trials: _Floats | None = None) -> tuple[_Floats, _Floats]: ...
    def mean_gradient(self, eta: list[_Floats], trials: _Floats | None = None) -> tuple[_Floats, _Floats]: ...
    def deviance(self, y: _Floats, eta: list[_Floats], trials: _Floats | None = None) -> _Floats: ...
    def simulate(self, eta: list[_Floats], seed: int, trials: _Floats | None = None) -> _Floats: ...
    def simulated_ranks(
        self,
        y: _Floats,
        eta: list[_Floats],
        centre: _Floats,
        draws: int,
        seed: int,
        trials: _Floats | None = None,
    ) -> dict[str, _Floats]:
        """Counts of `draws` simulated responses. Per row (n): `less` and `equal` to y; per draw: `sum` and
        `sum_of_squares` of draw - centre over the rows, `zeros`."""
    def simulated_draws(self, eta: list[_Floats], draws: int, seed: int, trials: _Floats | None = None) -> _Floats:
        """The (n, draws) responses that `simulated_ranks` counts."""

def link_inverse(link: int, eta: _Floats) -> _Floats: ...
def link_inverse_derivative(link: int, eta: _Floats) -> _Floats: ...
def link_function(link: int, mu: _Floats) -> _Floats: ...
def covariance_parameters(structure: str, columns: int) -> list[tuple[str, int, int]]:
    """Kind, row and column of each parameter of a random term, in order."""

def independent_columns(matrix: _Floats, tolerance: float = 1e-7) -> _Ints:
    """Columns that a left-to-right rank-revealing QR keeps (R's rule: drop what depends on columns before it)."""

class DenseKernels(metaclass=_Bound):
    """Dense linear algebra: Eigen's as constructed, SciPy's `from_capsules`. Get it from `ranef._lapack.kernels()`."""

    def __init__(self) -> None: ...
    @staticmethod
    def from_capsules(capsules: dict[str, Any]) -> DenseKernels: ...
    @property
    def uses_lapack(self) -> bool: ...

class Predictor(metaclass=_Bound):
    """One linear predictor: fixed-effect matrix (n x p, Fortran order, full rank) and offset (n)."""

    def __init__(self, matrix: _Floats, offset: _Floats | None = None) -> None: ...

class Term(metaclass=_Bound):
    """One random term. Block of every level: `basis` (n x q, C order), or one indicator column a row
    (`column`, `n_columns`), or neither for an intercept."""

    def __init__(
        self,
        predictor: int,
        structure: str,
        levels: _Ints,
        n_levels: int,
        basis: _Floats | None = None,
        column: _Ints | None = None,
        n_columns: int = 1,
    ) -> None: ...

class ParameterInfo(metaclass=_Bound):
    """What one entry of the parameter vector is: `kind` is "beta", "sd" or "cor"; `owner` the predictor or term;
    `row` and `col` its place (sd: row == col; a shared sd or cor has row == col == -1)."""

    @property
    def kind(self) -> str: ...
    @property
    def owner(self) -> int: ...
    @property
    def row(self) -> int: ...
    @property
    def col(self) -> int: ...

class Options(metaclass=_Bound):
    max_iterations: int
    gain_tolerance: float
    inner_tolerance: float
    max_inner_iterations: int
    method: str
    verbose: bool

    def __init__(self) -> None: ...

class FitResult(metaclass=_Bound):
    @property
    def started(self) -> bool: ...
    @property
    def values(self) -> _Floats: ...
    @property
    def loglik(self) -> float: ...
    @property
    def beta(self) -> list[_Floats]: ...
    @property
    def beta_vcov(self) -> _Floats: ...
    @property
    def modes(self) -> list[_Floats]: ...
    @property
    def eta(self) -> list[_Floats]: ...
    @property
    def converged(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def iterations(self) -> int: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def inner_iterations(self) -> int: ...
    @property
    def gradient(self) -> _Floats: ...
    @property
    def expected_gain(self) -> float: ...
    @property
    def residual_error(self) -> float: ...
    @property
    def tiny_residual(self) -> bool: ...
    @property
    def singular(self) -> bool: ...
    @property
    def at_zero(self) -> list[int]: ...
    @property
    def deficient(self) -> list[int]: ...
    @property
    def certificate(self) -> Curvature | None: ...
    @property
    def doubtful(self) -> bool: ...
    @property
    def at_bound(self) -> list[int]: ...
    @property
    def looks(self) -> list[tuple[str, list[int], float]]: ...

class ProfileReport(metaclass=_Bound):
    """Points of a profile by increasing value of its parameter, and the ends asked for: value, and "found", "limit"
    (the range ends before), "unbounded" or "failed"."""

    @property
    def zeta(self) -> list[float]: ...
    @property
    def loglik(self) -> list[float]: ...
    @property
    def values(self) -> _Floats: ...
    @property
    def ends(self) -> list[tuple[float, str]]: ...
    @property
    def better(self) -> _Floats | None: ...
    @property
    def better_loglik(self) -> float: ...
    @property
    def failure(self) -> str: ...

class Curvature(metaclass=_Bound):
    """Second derivatives of the negative log-likelihood at a fit, in the parameters of `Model.parameters`."""

    @property
    def hessian(self) -> _Floats: ...
    @property
    def vcov(self) -> _Floats: ...
    @property
    def eigenvalues(self) -> _Floats: ...
    @property
    def eigenvectors(self) -> _Floats: ...
    @property
    def units(self) -> _Floats: ...
    @property
    def unidentified(self) -> list[int]: ...

class Model(metaclass=_Bound):
    """Likelihood + data + random terms; immutable."""

    def __init__(
        self,
        likelihood: Likelihood,
        response: _Floats,
        predictors: list[Predictor],
        terms: list[Term],
        trials: _Floats | None = None,
        weights: _Floats | None = None,
        reml: bool = False,
        joint: bool = False,
        kernels: DenseKernels | None = None,
    ) -> None: ...
    @property
    def parameters(self) -> list[ParameterInfo]: ...
    def start(self) -> _Floats: ...
    def loglik(self, values: _Floats, options: Options = ...) -> float: ...
    def gradient(self, values: _Floats, options: Options = ...) -> _Floats: ...
    def fit(
        self,
        options: Options,
        start: _Floats | None = None,
        fixed: NDArray[np.bool_] | None = None,
        progress: Callable[[int, float, float, float], None] | None = None,
    ) -> FitResult: ...
    def refit(
        self,
        response: _Floats,
        options: Options,
        start: _Floats | None = None,
        fixed: NDArray[np.bool_] | None = None,
    ) -> FitResult: ...
    def profile(
        self,
        options: Options,
        estimate: _Floats,
        loglik: float,
        parameter: int,
        unit: float,
        fixed: NDArray[np.bool_] | None = None,
        cutoff: float = 0.0,
        zeta_step: float = 0.3,
        targets: list[float] = ...,
    ) -> ProfileReport:
        """Profile of one parameter: trace until |zeta| passes `cutoff` (zero: none); where zeta takes each target."""
    def bootstrap(
        self,
        options: Options,
        values: _Floats,
        beta: list[_Floats],
        modes: list[_Floats],
        seed: int,
        first: int,
        count: int,
        threads: int = 1,
        fixed: NDArray[np.bool_] | None = None,
        keep: NDArray[np.bool_] | None = None,
        start_at_estimate: bool = True,
        keep_fits: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> _BootstrapRows:
        """Replicates first .. first + count - 1 of a seed: parameters (REML: the mean's coefficients first),
        log-likelihood, converged, singular, why there is no fit ("" where there is one), (response, fit) if kept."""
    def curvature(self, result: FitResult) -> Curvature: ...
    def row_scores(self, result: FitResult) -> _Floats:
        """(n, K): derivatives of the log-likelihood in the fixed part of every row's linear predictors."""
    def parameter_covariance(self, result: FitResult, parameter_vcov: _Floats) -> _Floats:
        """Covariance of the mean's coefficients, where they are found with the modes, followed by the parameters."""
    def conditional_covariance(self, result: FitResult) -> list[_Floats]:
        """Per term (levels, q, q): covariance of the random effects given the parameters (lme4's condVar)."""
    def predictor_covariance(
        self,
        result: FitResult,
        parameter_vcov: _Floats,
        predictors: list[Predictor],
        terms: list[Term | None],
        expected: bool = False,
    ) -> _Floats:
        """(m, K, K): covariance of the K linear predictors of m rows, uncertainty of parameters and random effects
        included. A term's level -1 leaves the term out for that row, -2 is a new level (prior variance); None leaves
        the term out everywhere. `expected`: integrated fixed effects do not move with the parameters."""
