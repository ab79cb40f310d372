"""Simulated residuals made: of a fit, or of simulations of any origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ranef.checks.simulated import SimulatedResiduals
from ranef.checks.simulators import GivenSimulations, centre_of, simulator_of
from ranef.errors import DataError
from ranef.simulate import check_draws

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


def simulate_residuals(
    fit: Fit, n: int, seed: int | None, re_form: str | None, group: str | ArrayLike | None
) -> SimulatedResiduals:
    """Simulated residuals of a fit; see `Fit.simulate_residuals`."""
    check_draws(n, seed)
    if n < 2:
        raise DataError(f"n must be at least 2 simulations, got {n}")
    fit.require_data("simulate_residuals()")
    own_seed = _seed(seed)
    simulator = simulator_of(fit, int(n), own_seed, re_form)
    response = fit.design.response
    made = SimulatedResiduals(
        np.asarray(response.values),
        centre_of(fit, simulator),
        simulator,
        uniform=np.random.default_rng([own_seed, 1]).random(response.values.size),
        seed=own_seed,
        integer=fit.family.is_count or fit.family.has_trials,
        index=fit.design.index,
        kept=fit.design.kept,
        fit=fit,
    )
    return made if group is None else made.recalculate(group)


def simulate_residuals_from(
    simulations: ArrayLike | pd.DataFrame,
    observed: ArrayLike | pd.Series,
    fitted: ArrayLike | None = None,
    *,
    integer: bool | None = None,
    seed: int | None = None,
    uniform: ArrayLike | None = None,
) -> SimulatedResiduals:
    """Residuals of any model from its simulations: a Bayesian one's posterior predictions, another package's.

    Parameters
    ----------
    simulations : (n, draws), new responses for every row
    observed : (n,), the response; a Series gives the residuals its index
    fitted : (n,) predicted means; None: the means of the simulations
    integer : whether the response is a whole number; None: whether it and the simulations are
    seed : of the randomisation of ties; None: different every time
    uniform : (n,) the randomisation's numbers themselves, between 0 and 1

    Returns
    -------
    SimulatedResiduals

    Raises
    ------
    DataError
        If shapes do not match or a value is missing.

    Examples
    --------
    >>> import numpy as np, ranef
    >>> rng = np.random.default_rng(1)
    >>> residuals = ranef.simulate_residuals_from(rng.poisson(3.0, (200, 250)), rng.poisson(3.0, 200), seed=1)
    >>> residuals.test_uniformity().ok
    True
    """
    matrix = np.asarray(simulations, dtype=np.float64)
    response = np.asarray(observed, dtype=np.float64)
    if response.ndim != 1 or matrix.ndim != 2 or matrix.shape[0] != response.size:
        raise DataError(
            "simulations must have a row for every observation and a column for every simulated data set: "
            f"observed has shape {response.shape}, simulations {matrix.shape}"
        )
    if matrix.shape[1] < 2:
        raise DataError(f"simulations must have at least 2 columns, got {matrix.shape[1]}")
    check_draws(matrix.shape[1], seed)
    centre = matrix.mean(axis=1) if fitted is None else _rows("fitted", fitted, response.size)
    for name, values in (("simulations", matrix), ("observed", response), ("fitted", centre)):
        if not np.isfinite(values).all():
            raise DataError(f"{name} has missing or infinite values; leave those rows out")
    own_seed = _seed(seed)
    drawn = np.random.default_rng([own_seed, 1]).random(response.size)
    numbers = drawn if uniform is None else _rows("uniform", uniform, response.size)
    if not ((numbers >= 0) & (numbers <= 1)).all():
        raise DataError("uniform must lie between 0 and 1")
    whole = bool((response == np.floor(response)).all() and (matrix == np.floor(matrix)).all())
    return SimulatedResiduals(
        response,
        centre,
        GivenSimulations(matrix),
        uniform=numbers,
        seed=own_seed,
        integer=whole if integer is None else integer,
        index=observed.index if isinstance(observed, pd.Series) else pd.RangeIndex(response.size),
        reference="asymptotic",
    )


def _rows(name: str, values: ArrayLike, size: int) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (size,):
        raise DataError(f"{name} must have one number a row: shape ({size},), got {array.shape}")
    return array


def _seed(seed: int | None) -> int:
    """The caller's, or one from the system's entropy, so that every result can be had again."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1)) if seed is None else int(seed)
