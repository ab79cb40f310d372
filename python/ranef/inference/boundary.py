"""P-values of variances, which are tested on the boundary of their range.

Twice the difference of log-likelihoods is there no chi-square but a mixture of several. For one variance that comes
with its k - 1 covariances it is one of k - 1 and k degrees of freedom in equal parts (Self and Liang 1987, J. Amer.
Statist. Assoc. 82, 605-610; Stram and Lee 1994, Biometrics 50, 1171-1177); the plain p-value is too large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy.special import chdtrc

if TYPE_CHECKING:
    from ranef.result import Fit


def boundary_p_value(smaller: Fit, larger: Fit, chisq: float) -> float:
    """P-value of the equal mixture of chi-squares with k - 1 and k degrees of freedom; NaN where it does not apply."""
    small, large = set(smaller.parameter_names), set(larger.parameter_names)
    added = [p for p in larger.parameter_info if p.name not in small]
    one_variance = sum(p.kind == "sd" for p in added) == 1
    if small - large or not one_variance or any(p.kind == "beta" for p in added):
        return float("nan")
    k = larger.df - smaller.df
    lower = float(chisq <= 0) if k == 1 else float(chdtrc(k - 1, chisq))
    return 0.5 * (lower + float(chdtrc(k, chisq)))
