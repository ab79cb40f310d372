"""The work of a bootstrap: batches of replicates in threads of the core, and batches over processes by joblib."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ranef import _core
from ranef.errors import DataError, MissingExtraError
from ranef.estimate import estimate_from_core
from ranef.inference.derived_values import Statistic, evaluate
from ranef.progress import ProgressBar

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
# Parameters, log-likelihood, converged, singular, errors, (response, fit): one entry a replicate each.
CoreRows: TypeAlias = tuple[
    Floats, Floats, NDArray[np.bool_], NDArray[np.bool_], list[str], list[tuple[Floats, _core.FitResult] | None]
]

# Fits kept in memory at a time where a statistic is computed from each.
_KEPT = 64
# Pieces of work a process is given, so that none waits long for the last.
_PIECES = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What every replicate does.

    Attributes
    ----------
    statistic : computed from every fit; None: its parameters
    seed : of all replicates
    conditional : whether random effects stay at their conditional modes
    threads : of the core, a process
    """

    statistic: Statistic | None
    seed: int
    conditional: bool
    threads: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Results of some replicates, one row each; `errors` by replicate number."""

    values: Floats
    loglik: Floats
    converged: NDArray[np.bool_]
    singular: NDArray[np.bool_]
    errors: dict[int, str]


def compute(fit: Fit, plan: Plan, n: int, n_jobs: int, progress: bool) -> Batch:
    """All replicates, here or over processes."""
    with ProgressBar("bootstrap", n, enabled=progress) as bar:
        if n_jobs == 1:
            return run(fit, plan, 0, n, bar.update)
        return _over_processes(fit, plan, n, n_jobs, bar)


def _over_processes(fit: Fit, plan: Plan, n: int, n_jobs: int, bar: ProgressBar) -> Batch:
    try:
        import joblib
    except ImportError as error:
        raise MissingExtraError("bootstrap(n_jobs=)", "joblib", "parallel") from error
    pieces = min(n, _PIECES * joblib.effective_n_jobs(n_jobs))
    cuts = np.linspace(0, n, pieces + 1).astype(int)
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
    tasks = (joblib.delayed(run)(fit, plan, int(a), int(b - a)) for a, b in itertools.pairwise(cuts))
    made: list[Batch] = []
    for batch in parallel(tasks):
        made.append(batch)
        bar.update(sum(len(b.loglik) for b in made))
    return _joined(made)


def _joined(batches: list[Batch]) -> Batch:
    return Batch(
        values=np.concatenate([b.values for b in batches]),
        loglik=np.concatenate([b.loglik for b in batches]),
        converged=np.concatenate([b.converged for b in batches]),
        singular=np.concatenate([b.singular for b in batches]),
        errors={number: text for b in batches for number, text in b.errors.items()},
    )


def run(fit: Fit, plan: Plan, first: int, count: int, progress: Callable[[int], None] | None = None) -> Batch:
    """Replicates first .. first + count - 1."""
    if plan.statistic is None:
        return _parameters(_core_run(fit, plan, first, count, False, progress), first)
    batches = []
    for start in range(first, first + count, _KEPT):
        size = min(_KEPT, first + count - start)
        batches.append(_statistics(fit, plan, start, _core_run(fit, plan, start, size, True, None)))
        if progress is not None:
            progress(start + size - first)
    return _joined(batches)


def _core_run(
    fit: Fit, plan: Plan, first: int, count: int, keep_fits: bool, progress: Callable[[int], None] | None
) -> CoreRows:
    estimate = fit.estimate
    keep = np.ones(len(estimate.modes), dtype=np.bool_) if plan.conditional else None
    with fit.model.computing():
        rows: CoreRows = fit.model.core.bootstrap(
            fit.model.specification.control.options(),
            np.nan_to_num(estimate.values, nan=0.0),
            list(estimate.beta),
            list(estimate.modes),
            plan.seed,
            first,
            count,
            threads=plan.threads,
            fixed=fit.held[fit.outside_count :] if fit.held.any() else None,
            keep=keep,
            start_at_estimate=not fit.singular,
            keep_fits=keep_fits,
            progress=progress,
        )
    return rows


def _parameters(rows: CoreRows, first: int) -> Batch:
    values, loglik, converged, singular, errors, _ = rows
    return Batch(values, loglik, converged, singular, {first + i: text for i, text in enumerate(errors) if text})


def _statistics(fit: Fit, plan: Plan, first: int, rows: CoreRows) -> Batch:
    statistic = plan.statistic
    assert statistic is not None
    _, loglik, converged, singular, errors, fits = rows
    width = 1
    found: list[Floats | None] = []
    for place, entry in enumerate(fits):
        if entry is None:
            found.append(None)
            continue
        try:
            found.append(evaluate(statistic, replicate_fit(fit, *entry)).to_numpy())
        except DataError as error:
            raise DataError(f"replicate {first + place}: {error}") from error
        width = found[-1].size if found[-1] is not None else width
    values = np.full((len(found), width), np.nan)
    for place, row in enumerate(found):
        if row is not None:
            values[place] = row
    return Batch(values, loglik, converged, singular, {first + i: text for i, text in enumerate(errors) if text})


def replicate_fit(fit: Fit, response: Floats, result: _core.FitResult) -> Fit:
    """The fit to a simulated response, as `Fit.refit` would give it, without warnings."""
    from ranef.result import Fit as FitClass
    from ranef.unfitted import Model

    design = dataclasses.replace(fit.design, response=dataclasses.replace(fit.design.response, values=response))
    model = Model(fit.model.specification, design, parameter_info=fit.model.parameter_info)
    made = FitClass(model, estimate_from_core(result))
    made._core_result = result
    return made
