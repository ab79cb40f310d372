"""How a fit is computed: tolerances, limits, progress; nothing about the model itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ranef import _core, _lapack
from ranef.errors import DataError


@dataclass(frozen=True, slots=True)
class Control:
    """Options of the optimiser; the defaults suit nearly every model.

    Parameters
    ----------
    max_iterations : int
        Outer iterations (quasi-Newton steps) before the fit gives up and says so.
    gain_tolerance : float
        Converged when the log-likelihood still to be gained, predicted from gradient and curvature, is below this
        (log-likelihood units).
    inner_tolerance : float
        The same for the search of the random effects' mode inside every evaluation.
    max_inner_iterations : int
        Newton steps of one such search.
    verbose : int
        0: silent; 1: one line an iteration (objective, gradient norm, seconds) on standard error.
    blas_threads : int or None
        Threads of the dense linear algebra. One is best for nearly all models: threads that wait for each other cost
        more than the many small products they share; large crossed designs gain from more. None leaves SciPy's
        setting alone.

    Raises
    ------
    DataError
        If a limit is not positive or a tolerance not in (0, 1).

    Examples
    --------
    >>> import ranef
    >>> ranef.Control(max_iterations=50).max_iterations
    50
    """

    max_iterations: int = 300
    gain_tolerance: float = 1e-8
    inner_tolerance: float = 1e-12
    max_inner_iterations: int = 100
    verbose: int = 0
    blas_threads: int | None = 1

    def __post_init__(self) -> None:
        for name in ("max_iterations", "max_inner_iterations", "verbose"):
            _require(name, getattr(self, name), isinstance(getattr(self, name), int), "a whole number")
        for name in ("gain_tolerance", "inner_tolerance"):
            _require(name, getattr(self, name), isinstance(getattr(self, name), int | float), "a number")
        for name in ("max_iterations", "max_inner_iterations"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("gain_tolerance", "inner_tolerance"):
            _require(name, getattr(self, name), 0 < getattr(self, name) < 1, "between 0 and 1")
        _require("verbose", self.verbose, self.verbose >= 0, "0 (silent) or 1")
        if self.blas_threads is not None:
            whole = isinstance(self.blas_threads, int)
            _require("blas_threads", self.blas_threads, whole and self.blas_threads >= 1, "at least 1, or None")

    def options(self) -> _core.Options:
        """The core's options."""
        options = _core.Options()
        options.max_iterations = self.max_iterations
        options.gain_tolerance = self.gain_tolerance
        options.inner_tolerance = self.inner_tolerance
        options.max_inner_iterations = self.max_inner_iterations
        return options

    @contextmanager
    def limited_threads(self) -> Iterator[None]:
        """Inside, the dense linear algebra uses `blas_threads` threads."""
        if self.blas_threads is None:
            yield
            return
        with _lapack.blas_threads(self.blas_threads):
            yield


def _require(name: str, value: object, holds: bool, requirement: str) -> None:
    if not holds:
        raise DataError(f"Control({name}={value!r}): must be {requirement}")
