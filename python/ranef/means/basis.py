"""What marginal means are linear functions of: estimates, their covariance, and the degrees of freedom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import component_index
from ranef.errors import DataError
from ranef.inference.small_sample import check_linear, checked_ddf, small_sample
from ranef.tables import component_slice

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Beyond so many random effects Kenward and Roger's correction is made only where it is asked for: crossed ones of
# this number cost many seconds, which grow with its cube.
_MOST_RANDOM_EFFECTS = 3000


@dataclass(frozen=True, slots=True)
class Basis:
    """Estimates that means and contrasts are linear functions of.

    Attributes
    ----------
    estimate : (p,)
    covariance : (p, p)
    degrees : linear functions (m, p) -> their degrees of freedom (m,), infinite for z
    ddf : how these are found, in words of the table; empty for z
    unknown : (p,), names of estimates that have no standard error (of a separated level, say), else empty texts
    """

    estimate: Floats
    covariance: Floats
    degrees: Callable[[Floats], Floats]
    ddf: str
    unknown: tuple[str, ...]

    def unknown_in(self, functions: Floats) -> Bools:
        """Which linear functions (m, p) need an estimate without a standard error."""
        places = [k for k, name in enumerate(self.unknown) if name]
        return np.asarray((functions[:, places] != 0).any(axis=1))


def make_basis(
    estimate: Floats, covariance: Floats, degrees: Callable[[Floats], Floats], ddf: str, names: Sequence[str]
) -> Basis:
    """A basis whose estimates are called `names`; what has no variance (NaN) is set apart."""
    unknown = np.isnan(np.diag(covariance))
    known = np.where(unknown[:, None] | unknown, 0.0, covariance)
    return Basis(estimate, known, degrees, ddf, tuple(n if u else "" for n, u in zip(names, unknown, strict=True)))


def infinite(functions: Floats) -> Floats:
    """Degrees of freedom of z tests."""
    return np.full(len(functions), np.inf)


def component_basis(fit: Fit, component: str, ddf: str | None) -> Basis:
    """The coefficients of one linear predictor.

    Parameters
    ----------
    fit : the fit
    component : ``"cond"``, ``"zi"`` or ``"disp"``
    ddf : see `choose_ddf`
    """
    place = component_index(fit.design.predictors, component)
    estimate = np.asarray(fit.estimate.beta[place], dtype=np.float64)
    names = fit.design.predictors[place].fixed.names
    chosen = choose_ddf(fit, component, ddf)
    if chosen in ("satterthwaite", "kenward-roger"):
        if chosen not in fit.small_samples:
            fit.small_samples[chosen] = small_sample(fit, checked_ddf(chosen))
        small = fit.small_samples[chosen]
        return make_basis(estimate, small.vcov, small.df, chosen, names)
    covariance = fit.coefficient_vcov(component_slice(fit, component))
    if chosen == "residual":
        residual = residual_df(fit)
        return make_basis(estimate, covariance, lambda rows: np.full(len(rows), residual), chosen, names)
    note = f"asymptotic, with {_random_effects(fit)} random effects; ddf='kenward-roger' takes its time"
    words = note if ddf is None and _is_large(fit, component) else ""
    return make_basis(estimate, covariance, infinite, words, names)


def choose_ddf(fit: Fit, component: str, ddf: str | None) -> str:
    """How degrees of freedom are found: `ddf`, or what is usual for the fit.

    Usual are Kenward and Roger's for a gaussian model with random effects fitted by REML, those of the residual for a
    gaussian model without random effects, and none (z) for everything else, models with thousands of random effects
    among it.

    Raises
    ------
    DataError
        If there is no such way, or the model does not allow it.
    """
    linear = _is_linear(fit, component)
    if ddf is None:
        if linear and not fit.design.terms:
            return "residual"
        small = linear and fit.reml and fit.information == "expected" and _random_effects(fit) <= _MOST_RANDOM_EFFECTS
        return "kenward-roger" if small and _allows_kenward_roger(fit) else "asymptotic"
    if ddf == "residual":
        if not linear or fit.design.terms:
            raise DataError("ddf='residual' is for the means of a gaussian model without random effects")
        return ddf
    method = checked_ddf(ddf)
    if method != "asymptotic" and component != "cond":
        raise DataError(f"ddf={ddf!r} is for component 'cond', not for {component!r}: use 'asymptotic'")
    return method


def residual_df(fit: Fit) -> float:
    """Degrees of freedom of the residual: with REML those of least squares, with ML all parameters are counted."""
    coefficients = len(fit.design.predictors[0].fixed.names)
    return float(fit.nobs - coefficients if fit.reml else fit.df_resid)


def _is_linear(fit: Fit, component: str) -> bool:
    return component == "cond" and fit.family.name == "gaussian" and fit.family.link == "identity"


def _random_effects(fit: Fit) -> int:
    """Number of random effects of all terms."""
    return sum(len(t.labels) * len(t.term_names) for t in fit.design.terms)


def _is_large(fit: Fit, component: str) -> bool:
    """Whether degrees of freedom would be Kenward and Roger's but for the number of random effects."""
    large = _random_effects(fit) > _MOST_RANDOM_EFFECTS
    return large and _is_linear(fit, component) and fit.reml and _allows_kenward_roger(fit)


def _allows_kenward_roger(fit: Fit) -> bool:
    """Whether the fit is one that Kenward and Roger's correction is known for."""
    try:
        check_linear(fit, "kenward-roger")
    except DataError:
        return False
    return True


def joint_covariance(fit: Fit, components: tuple[str, ...]) -> Floats:
    """Covariance of the coefficients of several linear predictors, one after the other."""
    places = np.concatenate([np.r_[component_slice(fit, c)] for c in components])
    return np.asarray(fit.fixed_vcov[np.ix_(places, places)])
