"""P-values of variances, which are tested on the boundary of their range.

Twice the difference of log-likelihoods is there no chi-square but a mixture of several, and the plain p-value is too
large. For one variance that comes with its k - 1 covariances it is one of k - 1 and k degrees of freedom in equal parts
(Self and Liang 1987, J. Amer. Statist. Assoc. 82, 605-610; Stram and Lee 1994, Biometrics 50, 1171-1177). For two
variances without covariances it is one of 0, 1 and 2 degrees of freedom with weights 1/2 - w, 1/2 and w, where
w = 1/4 + arcsin(r) / (2 pi) and r is the correlation of their unconstrained estimates (Shapiro 1985, Biometrika 72,
133-144), here of a linear mixed model where both are zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from ranef.errors import ConvergenceError, DataError
from ranef.inference.gaussian_system import gaussian_system
from ranef.inference.satterthwaite import inverse_information
from ranef.inference.small_sample import check_linear
from ranef.inference.variance_information import directions, variance_information
from ranef.parameters import Parameter

if TYPE_CHECKING:
    from ranef.result import Fit

_UNKNOWN = float("nan")


def boundary_p_value(smaller: Fit, larger: Fit, chisq: float) -> float:
    """P-value of the mixture of chi-squares; NaN where none is known or no variance is tested."""
    small, large = set(smaller.parameter_names), set(larger.parameter_names)
    added = [p for p in larger.parameter_info if p.name not in small]
    kinds = [p.kind for p in added]
    if small - large or "beta" in kinds:
        return _UNKNOWN
    k = larger.df - smaller.df
    if kinds.count("sd") == 1:
        return 0.5 * (_tail(k - 1, chisq) + _tail(k, chisq))
    if kinds == ["sd", "sd"] and k == 2:
        both = _share_of_both(smaller, larger, added)
        return (0.5 - both) * _tail(0, chisq) + 0.5 * _tail(1, chisq) + both * _tail(2, chisq)
    return _UNKNOWN


def _tail(df: int, chisq: float) -> float:
    """P(X >= chisq), X all at zero where it has no degrees of freedom."""
    return float(chisq <= 0) if df == 0 else float(chdtrc(df, chisq))


def _share_of_both(smaller: Fit, larger: Fit, added: Sequence[Parameter]) -> float:
    """Weight of two degrees of freedom, NaN where the correlation of the two variances cannot be had."""
    try:
        check_linear(larger, "satterthwaite")
        null = larger.at(dict(zip(smaller.parameter_names, smaller.parameter_values, strict=True)) | _zeros(added))
        system = gaussian_system(null)
        ways = directions(larger, system, "entries")
        places = _direction_places(larger, ways.scales.size, added)
        if places is None:
            return _UNKNOWN
        information = variance_information(system, ways).expected(system.vcov, larger.reml)
        covariance = inverse_information(information)[np.ix_(places, places)]
    except (DataError, ConvergenceError):
        return _UNKNOWN
    r = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    return float(0.25 + np.arcsin(r) / (2.0 * np.pi))


def _zeros(added: Sequence[Parameter]) -> dict[str, float]:
    return {p.name: 0.0 for p in added}


def _direction_places(fit: Fit, count: int, added: Sequence[Parameter]) -> list[int] | None:
    """Places of the variances among the directions, None where some term is not one of variances alone."""
    places: dict[str, int] = {}
    for owner, term in enumerate(fit.design.terms):
        own = [p for p in fit.parameter_info if p.kind != "beta" and p.owner == owner]
        if term.structure not in ("us", "diag", "homdiag") or any(p.kind == "cor" for p in own):
            return None
        for p in own:
            places[p.name] = len(places)
    return [places[p.name] for p in added] if count == len(places) + 1 else None
