"""The parametric bootstrap: responses simulated from a fit, the model fitted to each, what they say of its estimates.

Random effects are drawn from the fitted covariance and responses from the family given them (or, conditionally, given
the estimated random effects), and every fit starts at the estimates (Davison and Hinkley 1997, *Bootstrap Methods and
their Application*, chapters 2 and 5). Replicate i of a seed is the same whatever threads, processes or machines
computed it: its random numbers come from the seed and i alone.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import ConvergenceError, DataError
from ranef.inference.derived_values import Statistic, evaluate
from ranef.inference.replicates import Batch, Plan, compute
from ranef.parameters import Parameter, check_name
from ranef.tables import normal_quantile
from ranef.textgrid import significant, text_grid

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
IntervalType = Literal["percentile", "basic", "normal"]
UseRe = Literal["simulate", "conditional"]

_RANGES = {"sd": (0.0, np.inf), "cor": (-1.0, 1.0), "beta": (-np.inf, np.inf)}


@dataclass(frozen=True, slots=True, repr=False)
class Bootstrap:
    """Replicates of a fit's estimates, or of a statistic of it; made by `Fit.bootstrap`.

    Attributes
    ----------
    estimate : of the fit, by name
    replicates : (n, statistics) by replicate number, NaN where there was no fit
    loglik : of every replicate's fit
    seed : from which the same replicates come again
    converged, singular : bool arrays (n,); a fit with a variance of zero is a valid one
    errors : why there is no fit, by replicate number

    Examples
    --------
    >>> import ranef
    >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
    >>> replicates = fit.bootstrap(20, seed=1, progress=False)
    >>> replicates.to_frame().shape
    (20, 3)
    """

    estimate: pd.Series
    replicates: pd.DataFrame
    loglik: Floats
    seed: int
    converged: NDArray[np.bool_]
    singular: NDArray[np.bool_]
    errors: dict[int, str]
    ranges: dict[str, tuple[float, float]] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """The replicates, one row each; NaN where there was no fit."""
        return self.replicates.copy()

    def summary(self) -> pd.DataFrame:
        """By name: ``estimate``, ``bias`` (mean of the replicates less the estimate), ``std_error``, ``median``."""
        used = self._used()
        return pd.DataFrame(
            {
                "estimate": self.estimate,
                "bias": used.mean() - self.estimate,
                "std_error": used.std(ddof=1),
                "median": used.median(),
            }
        )

    def confint(
        self,
        level: float = 0.95,
        type: IntervalType = "percentile",  # noqa: A002 - R's name for it
        parm: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Intervals from the replicates.

        Parameters
        ----------
        level : probability of the intervals
        type : ``"percentile"``: quantiles q of the replicates, at ranks (n + 1) p; ``"basic"``: 2 estimate - q;
            ``"normal"``: estimate - bias -+ z std_error. The last two end at the ends of a parameter's range.
        parm : names; None: all

        Returns
        -------
        DataFrame by name with columns ``estimate``, ``conf_low``, ``conf_high``.

        Raises
        ------
        DataError
            For an unknown type or name, or with too few replicates for the level.
        """
        half_width = normal_quantile(level)
        names = self._chosen(parm)
        used = self._used()
        tail = (1.0 - level) / 2.0
        if type not in ("percentile", "basic", "normal"):
            raise DataError(f"type must be 'percentile', 'basic' or 'normal', got {type!r}")
        if type != "normal" and (len(used) + 1) * tail < 1.0:
            raise DataError(
                f"a {100 * level:g} % interval needs quantiles at {tail:g}: at least {int(np.ceil(1 / tail)) - 1} "
                f"replicates, there are {len(used)}; simulate more, or use type='normal'"
            )
        rows = []
        for name in names:
            estimate, draws = float(self.estimate[name]), used[name].to_numpy()
            low, high = np.quantile(draws, [tail, 1.0 - tail], method="weibull")
            if type == "basic":
                low, high = 2 * estimate - high, 2 * estimate - low
            elif type == "normal":
                centre, spread = 2 * estimate - draws.mean(), half_width * draws.std(ddof=1)
                low, high = centre - spread, centre + spread
            lowest, highest = self.ranges.get(name, (-np.inf, np.inf))
            rows.append((estimate, max(float(low), lowest), min(float(high), highest)))
        index = pd.Index(names, name="parameter")
        return pd.DataFrame(rows, index=index, columns=["estimate", "conf_low", "conf_high"])

    def _used(self) -> pd.DataFrame:
        return self.replicates.drop(index=list(self.errors))

    def _chosen(self, parm: str | Sequence[str] | None) -> list[str]:
        names = [str(name) for name in self.estimate.index]
        wanted = names if parm is None else [parm] if isinstance(parm, str) else list(parm)
        for name in wanted:
            check_name(name, names, "parm")
        return wanted

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __str__(self) -> str:
        table = self.summary()
        columns = [["", *map(str, table.index)]]
        columns += [[name, *significant(table[name].to_list())] for name in table.columns]
        lines = [f"Parametric bootstrap: {len(self.replicates)} replicates, seed {self.seed}"]
        lines.append(text_grid(columns, left=[0]))
        if self.singular.any():
            lines.append(f"{int(self.singular.sum())} replicates have a variance of zero; they are valid.")
        doubtful = int(np.sum(~self.converged)) - len(self.errors)
        if doubtful:
            lines.append(f"{doubtful} replicates did not certify their optimum; they are counted.")
        if self.errors:
            first = next(iter(self.errors.items()))
            lines.append(
                f"{len(self.errors)} replicates have no fit and are left out (replicate {first[0]}: {first[1]})."
            )
        return "\n".join(lines)


def bootstrap(
    fit: Fit,
    n: int,
    statistic: Statistic | None,
    seed: int | None,
    n_jobs: int,
    threads: int,
    use_re: UseRe,
    progress: bool,
) -> Bootstrap:
    """Simulate and fit again `n` times; see `Fit.bootstrap`."""
    fit.require_data("bootstrap()")
    _check(n, seed, n_jobs, threads, use_re)
    used_seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1) if seed is None else int(seed)
    if statistic is None:
        estimate = pd.Series(fit.parameter_values, index=list(fit.parameter_names))
        ranges = {p.name: parameter_range(p) for p in fit.parameter_info}
    else:
        estimate, ranges = evaluate(statistic, fit), {}
    plan = Plan(statistic, used_seed, use_re == "conditional", threads)
    batch = compute(fit, plan, int(n), n_jobs, progress)
    if len(batch.errors) == n:
        raise ConvergenceError(f"no replicate could be fitted; the first: {batch.errors[0]}")
    return Bootstrap(
        estimate=estimate,
        replicates=_table(batch, estimate),
        loglik=batch.loglik,
        seed=used_seed,
        converged=batch.converged,
        singular=batch.singular,
        errors=batch.errors,
        ranges=ranges,
    )


def _table(batch: Batch, estimate: pd.Series) -> pd.DataFrame:
    index = pd.RangeIndex(len(batch.loglik), name="replicate")
    return pd.DataFrame(batch.values, columns=list(estimate.index), index=index)


def parameter_range(parameter: Parameter) -> tuple[float, float]:
    """Least and greatest value that a parameter may have."""
    return _RANGES[parameter.kind]


def _check(n: object, seed: object, n_jobs: object, threads: object, use_re: object) -> None:
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise DataError(f"n must be a whole number of at least 1, got {n!r}")
    if seed is not None and (not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63):
        raise DataError(f"seed must be None or a whole number from 0 to 2**63 - 1, got {seed!r}")
    if not isinstance(n_jobs, int | np.integer) or n_jobs == 0:
        raise DataError(f"n_jobs must be a number of processes, or -1 for one a processor; got {n_jobs!r}")
    if not isinstance(threads, int | np.integer) or threads < 1:
        raise DataError(f"threads must be a whole number of at least 1, got {threads!r}")
    if use_re not in ("simulate", "conditional"):
        raise DataError(f"use_re must be 'simulate' or 'conditional', got {use_re!r}")
