"""New responses from a fitted model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.assemble import has_component
from ranef.errors import DataError
from ranef.keepterms import kept_terms
from ranef.linear import add_random_effects, fixed_part
from ranef.residuals import on_data_index

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


def simulate(fit: Fit, n: int, seed: int | None, re_form: str | None) -> pd.DataFrame:
    """`n` data sets, one a column; see `Fit.simulate`."""
    check_draws(n, seed)
    fit.require_data("simulate()")
    conditioned = kept_terms(fit, "~0" if re_form is None else re_form)
    rng = np.random.default_rng(seed)
    likelihood = fit.family.likelihood(has_component(fit.design, "zi"))
    base = fixed_part(fit)
    columns = {}
    for draw in range(n):
        effects = [
            modes if keep else draw_effects(block.covariance, modes.shape[0], rng)
            for keep, modes, block in zip(conditioned, fit.estimate.modes, fit.covariance_blocks, strict=True)
        ]
        eta = add_random_effects(fit, base, effects)
        response = likelihood.simulate(eta, int(rng.integers(2**31)), fit.design.response.trials)
        columns[f"sim_{draw + 1}"] = on_data_index(fit, np.asarray(response), "simulated")
    return pd.DataFrame(columns)


def check_draws(n: object, seed: object) -> None:
    """Refuse what is no number of data sets, or no seed.

    Raises
    ------
    DataError
        Saying which.
    """
    if not isinstance(n, int | np.integer) or n < 1:
        raise DataError(f"n must be a whole number of at least 1, got {n!r}")
    if seed is not None and (not isinstance(seed, int | np.integer) or seed < 0):
        raise DataError(f"seed must be None or a whole number of at least 0, got {seed!r}")


def draw_effects(covariance: Floats, levels: int, rng: np.random.Generator) -> Floats:
    """Effects (levels, q) with this covariance, which may be singular."""
    return np.asarray(rng.standard_normal((levels, covariance.shape[0])) @ covariance_root(covariance).T)


def covariance_root(covariance: Floats) -> Floats:
    """R with R R' the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
