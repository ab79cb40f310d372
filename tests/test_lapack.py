"""SciPy's LAPACK as the core's dense kernels, and the number of its threads."""

import threading

import pytest
from scipy.linalg import cython_blas, cython_lapack

from ranef import _core
from ranef._lapack import ThreadControl, _ThreadLimit, blas_thread_control, blas_threads, kernels

CAPSULES = {**cython_blas.__pyx_capi__, **cython_lapack.__pyx_capi__}


def test_kernels_are_scipys():
    assert kernels().uses_lapack
    assert not _core.DenseKernels().uses_lapack


def test_capsule_with_another_signature_is_refused():
    with pytest.raises(ValueError, match="dgemm has the signature"):
        _core.DenseKernels.from_capsules({**CAPSULES, "dgemm": CAPSULES["dsyrk"]})


def test_missing_capsule_is_named():
    capsules = {name: capsule for name, capsule in CAPSULES.items() if name != "dpotri"}
    with pytest.raises(ValueError, match="no capsule named dpotri"):
        _core.DenseKernels.from_capsules(capsules)


def test_entry_that_is_no_capsule_is_refused():
    with pytest.raises(ValueError, match="dpotrf is not a capsule"):
        _core.DenseKernels.from_capsules({**CAPSULES, "dpotrf": 1})


@pytest.fixture
def control() -> ThreadControl:
    found = blas_thread_control()
    if found is None:
        pytest.skip("this SciPy's BLAS has no thread control")
    return found


def test_block_has_its_number_of_threads_and_the_users_comes_back(control):
    before = control.get()
    with blas_threads(1):
        assert control.get() == 1
    assert control.get() == before


def test_users_number_of_threads_comes_back_after_an_error(control):
    before = control.get()
    with pytest.raises(RuntimeError, match="inside"), blas_threads(1):
        raise RuntimeError("inside")
    assert control.get() == before


def test_overlapping_blocks_of_two_threads_restore_once_both_have_ended():
    threads = 4

    def set_threads(count: int) -> None:
        nonlocal threads
        threads = count

    fake = ThreadControl(lambda: threads, set_threads)
    limit = _ThreadLimit()
    limit.acquire(fake, 1)
    other = threading.Thread(target=limit.acquire, args=(fake, 1))
    other.start()
    other.join()
    limit.release(fake)
    assert threads == 1
    limit.release(fake)
    assert threads == 4
