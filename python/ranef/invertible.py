"""Matrices that have no inverse, or no eigenvalues, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ranef.errors import ConvergenceError


@contextmanager
def invertible(what: str) -> Iterator[None]:
    """Compute with a matrix, `what`, that is invertible wherever the data determine all parameters.

    Raises
    ------
    ConvergenceError
        If it is singular.
    """
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise ConvergenceError(
            f"{what} is singular to rounding, so that what rests on its inverse does not exist; fit.diagnose() says "
            "what the data leave open"
        ) from error
