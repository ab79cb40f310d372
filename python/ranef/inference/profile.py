"""Profile likelihood: how the best log-likelihood falls as one parameter moves away from its estimate.

    zeta(x) = sign(x - x^) sqrt(2 (log L^ - max log L given x))

An interval's ends are where zeta is plus or minus the normal quantile (Bates and Watts 1988, *Nonlinear Regression
Analysis*, chapter 6; Bates, Maechler, Bolker and Walker 2015, *Journal of Statistical Software* 67(1)). They are found
by root finding on refits with the parameter held, not read off a spline. Standard deviations and correlations are
profiled as themselves: a standard deviation's interval may begin at 0, a correlation's end at 1.
"""

from __future__ import annotations

import html
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef import _core
from ranef.callers import caller_level
from ranef.errors import ConvergenceError, DataError, RanefWarning
from ranef.inference import profile_plot
from ranef.parameters import check_name
from ranef.tables import normal_quantile
from ranef.textgrid import text_grid

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Distance in zeta between the points of a profile, lme4's: an eighth of the cutoff.
_STEPS = 8
# The trace goes a little further than the widest interval it is for.
_BEYOND = 1.02
# Units of parameters without a standard error: the search adapts them.
_UNIT = {"beta": 1.0, "sd": 0.3, "cor": 0.3}


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """Profiles of some parameters of a fit; made by `Fit.profile`.

    Attributes
    ----------
    names : parameters profiled
    level : the trace reaches the ends of intervals of this probability
    table : the points; see `to_frame`
    refitted : whether the fit's model (REML, pql) was refitted by maximum likelihood for it

    Examples
    --------
    >>> import ranef
    >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
    >>> profile = fit.profile("cover")
    >>> list(profile.confint(0.9).columns)
    ['estimate', 'conf_low', 'conf_high']
    """

    names: tuple[str, ...]
    level: float
    table: pd.DataFrame
    refitted: bool
    fit: Fit = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One row a point, by parameter and increasing value.

        Returns
        -------
        DataFrame with columns ``parameter`` (the one held), ``value`` (where), ``zeta``, ``loglik``, then every
        parameter by name: its best value given the held one.
        """
        return self.table.copy()

    def confint(self, level: float = 0.95) -> pd.DataFrame:
        """Intervals of the profiled parameters at any `level`, by root finding.

        Returns
        -------
        DataFrame by parameter with columns ``estimate``, ``conf_low``, ``conf_high``.
        """
        return intervals(self.fit, self.names, level)

    def plot(self, ax: Any = None, *, density: bool = False) -> NDArray[Any]:
        """One panel a parameter: zeta against the parameter, or (`density`) the density that the profile implies.

        Parameters
        ----------
        ax : as many matplotlib axes as there are parameters; None: a new figure
        density : phi(zeta) dzeta/dx instead of zeta, the approximate density of a posterior with a flat prior

        Returns
        -------
        array of matplotlib Axes
        """
        return profile_plot.plot(self, ax, density)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __str__(self) -> str:
        counts = self.table["parameter"].value_counts()
        limits = self.table.groupby("parameter", observed=True, sort=False)["value"].agg(["min", "max"])
        rows = [
            (name, str(counts[name]), f"{limits['min'][name]:.6g}", f"{limits['max'][name]:.6g}") for name in self.names
        ]
        columns = [list(column) for column in zip(("", "points", "from", "to"), *rows, strict=True)]
        note = "\nOf the model refitted by maximum likelihood." if self.refitted else ""
        return f"Likelihood profiles to {100 * self.level:g} % intervals\n{text_grid(columns, left=[0])}{note}"


def profile(fit: Fit, parm: str | Sequence[str] | None, level: float) -> Profile:
    """Trace the profiles of parameters; see `Fit.profile`."""
    cutoff = _BEYOND * normal_quantile(level)
    names = wanted_parameters(fit, parm)
    best = maximum(fit)
    frames = []
    for name in names:
        report = _run(best, name, cutoff=cutoff, targets=())
        frame = pd.DataFrame(np.asarray(report.values), columns=list(best.parameter_names))
        frame.insert(0, "loglik", report.loglik)
        frame.insert(0, "zeta", report.zeta)
        frame.insert(0, "value", frame[name].to_numpy())
        frame.insert(0, "parameter", name)
        frames.append(frame)
    return Profile(tuple(names), level, pd.concat(frames, ignore_index=True), best is not fit, best)


def intervals(fit: Fit, parm: str | Sequence[str] | None, level: float) -> pd.DataFrame:
    """Profile intervals; see `Fit.confint`."""
    half_width = normal_quantile(level)
    names = wanted_parameters(fit, parm)
    best = maximum(fit)
    rows = []
    for name in names:
        report = _run(best, name, cutoff=0.0, targets=(-half_width, half_width))
        low, high = (_end(name, value, kind, report.failure) for value, kind in report.ends)
        rows.append((float(best.parameter_values[best.parameter_names.index(name)]), low, high))
    return pd.DataFrame(rows, index=pd.Index(names, name="parameter"), columns=["estimate", "conf_low", "conf_high"])


def _end(name: str, value: float, kind: str, failure: str) -> float:
    if kind != "failed":
        return value
    warnings.warn(
        f"one end of the profile interval of {name} was not found, and is NaN: near {value:.6g} the model has no fit "
        f"({failure or 'the search did not settle'}); try method='wald' or 'boot'",
        RanefWarning,
        stacklevel=caller_level(),
    )
    return float("nan")


def wanted_parameters(fit: Fit, parm: str | Iterable[str] | None) -> list[str]:
    """Names to profile: those asked for, else all that were estimated.

    Raises
    ------
    DataError
        For an unknown parameter, one that was held, or a correlation that does not exist because a variance is zero.
    """
    fit.require_data("profile()")
    names = list(fit.parameter_names)
    without = dict.fromkeys(np.array(names)[fit.held], "was held at a value when the model was fitted")
    for name, value in zip(names, fit.parameter_values, strict=True):
        if not np.isfinite(value):
            without[name] = "does not exist, because a standard deviation is zero"
    if parm is None:
        return [name for name in names if name not in without]
    wanted = [parm] if isinstance(parm, str) else list(parm)
    for name in wanted:
        check_name(name, names, "parm")
        if name in without:
            raise DataError(f"parm: {name!r} {without[name]}; it has no profile")
    return wanted


def maximum(fit: Fit) -> Fit:
    """The fit that profiles are of: itself, or where its criterion lacks the coefficients (REML) its model's by ML."""
    if not fit.outside_count:
        return fit
    how, remedy = ("without REML", "reml=False") if fit.reml else ("by Laplace's method", "method='laplace'")
    warnings.warn(
        f"profiles are of the likelihood: the model was refitted {how}, and estimates and intervals are those of that "
        f"fit; fit with {remedy} to work with it",
        RanefWarning,
        stacklevel=caller_level(),
    )
    return fit.ml_model.fit()


def _run(fit: Fit, name: str, *, cutoff: float, targets: tuple[float, ...]) -> _core.ProfileReport:
    """The core's profile of one parameter.

    Raises
    ------
    ConvergenceError
        If it met a higher log-likelihood than the fit's.
    """
    place = fit.parameter_names.index(name)
    values = np.nan_to_num(fit.parameter_values, nan=0.0)
    options = fit.model.specification.control.options()
    held = fit.held if fit.held.any() else None
    with fit.model.computing():
        report = fit.model.core.profile(
            options, values, fit.loglik, place, _unit(fit, place), held, cutoff, cutoff / _STEPS, list(targets)
        )
    if report.better is not None:
        found = dict(zip(fit.parameter_names, map(float, report.better), strict=True))
        raise ConvergenceError(
            f"with {name} held at {found[name]:.6g} the log-likelihood is {report.better_loglik:.6g}, higher than the "
            f"fit's {fit.loglik:.6g}: the fit is not at the maximum. Fit again from there with start={found}"
        )
    return report


def _unit(fit: Fit, place: int) -> float:
    variance = fit.parameter_vcov[place, place]
    if np.isfinite(variance) and variance > 0:
        return float(np.sqrt(variance))
    parameter = fit.parameter_info[place]
    if parameter.kind == "sd":
        return _UNIT["sd"] * max(float(fit.model.core.start()[place]), 1e-8)
    return _UNIT[parameter.kind]
