"""Dense kernels from SciPy's LAPACK, and the number of threads that its BLAS uses."""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import scipy
from scipy.linalg import cython_blas, cython_lapack

from ranef import _core


@cache
def kernels() -> _core.DenseKernels:
    """SciPy's routines; Eigen's where this SciPy publishes them in a form we cannot call (64-bit integers)."""
    try:
        return _core.DenseKernels.from_capsules({**cython_blas.__pyx_capi__, **cython_lapack.__pyx_capi__})
    except ValueError:
        return _core.DenseKernels()


class ThreadControl(NamedTuple):
    """The functions by which a BLAS tells and takes its number of threads."""

    get: Callable[[], int]
    set: Callable[[int], None]


_CONTROL_NAMES = (
    ("scipy_openblas_get_num_threads", "scipy_openblas_set_num_threads"),
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    ("bli_thread_get_num_threads", "bli_thread_set_num_threads"),
)


def _blas_libraries() -> Iterator[ctypes.CDLL]:
    """The libraries that may hold the control functions; all are loaded already, by SciPy itself.

    A symbol is looked up in a library and what it was linked with, so SciPy's own extension leads to its BLAS.
    Windows looks into one library only; there the one that a SciPy wheel carries is opened by its path.
    """
    yield ctypes.CDLL(cython_blas.__file__)
    for path in sorted(Path(scipy.__file__).parents[1].glob("scipy.libs/*openblas*")):
        yield ctypes.CDLL(str(path))


@cache
def blas_thread_control() -> ThreadControl | None:
    """Thread control of the BLAS behind SciPy; None where it has none (Accelerate, the reference BLAS)."""
    for library in _blas_libraries():
        for get_name, set_name in _CONTROL_NAMES:
            if hasattr(library, get_name) and hasattr(library, set_name):
                getter, setter = getattr(library, get_name), getattr(library, set_name)
                getter.argtypes, getter.restype = [], ctypes.c_int
                setter.argtypes, setter.restype = [ctypes.c_int], None
                return ThreadControl(getter, setter)
    return None


class _ThreadLimit:
    """The number of BLAS threads belongs to the process: whoever limits it first decides, the last one restores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._previous = 0

    def acquire(self, control: ThreadControl, count: int) -> None:
        with self._lock:
            if self._holders == 0:
                self._previous = control.get()
                control.set(count)
            self._holders += 1

    def release(self, control: ThreadControl) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                control.set(self._previous)


_limit = _ThreadLimit()


@contextmanager
def blas_threads(count: int = 1) -> Iterator[None]:
    """Let SciPy's BLAS use `count` threads inside the block, and what it used before after it."""
    control = blas_thread_control()
    if control is None:
        yield
        return
    _limit.acquire(control, count)
    try:
        yield
    finally:
        _limit.release(control)
