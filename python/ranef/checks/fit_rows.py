"""Checks of the fit itself: convergence, singular covariances, collinear terms, the Laplace error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranef.checks.collinearity import variance_inflation
from ranef.checks.laplace_error import LaplaceError, laplace_error
from ranef.checks.row import CheckRow, Verdict
from ranef.diagnose import all_findings
from ranef.errors import ConvergenceError, NotAvailableError

if TYPE_CHECKING:
    from ranef.result import Fit

# Variance inflation: the usual limits (Fox and Monette's factor to the power 1/df for factors).
_NOTABLE_VIF, _LARGE_VIF = 5.0, 10.0
# Shifts in standard errors that matter, and a log-likelihood error where there are no shifts.
_NOTABLE_SHIFT, _LARGE_SHIFT, _NOTABLE_LOGLIK = 0.1, 0.5, 1.0
# A largest shift must exceed its Monte Carlo error this many times to count.
_MC_ERRORS = 2.0


def convergence_row(fit: Fit) -> CheckRow:
    """Whether the optimiser's end is certified, and what else the certificate found."""
    problems = [f for f in all_findings(fit) if f.problem]
    return CheckRow(
        "convergence",
        "expected gain of log-likelihood",
        float(fit.estimate.expected_gain),
        None,
        "problem" if problems or not fit.converged else "ok",
        "; ".join(f.message for f in problems)
        if problems
        else "the optimiser is at a maximum of the likelihood"
        if fit.converged
        else "the optimum is in doubt",
        "; ".join(f.remedy for f in problems) or ("" if fit.converged else "see diagnose()"),
    )


def singularity_row(fit: Fit) -> CheckRow | None:
    """Whether a variance is zero or a correlation perfect."""
    if not fit.design.terms:
        return None
    found = [f for f in all_findings(fit) if f.kind == "singular"]
    smallest = min(float(block.sd.min()) for block in fit.covariance_blocks)
    return CheckRow(
        "singularity",
        "smallest sd of a random effect",
        smallest,
        None,
        "attention" if fit.singular else "ok",
        "; ".join(f.message for f in found) or "every covariance of the random effects has full rank",
        "; ".join(f.remedy for f in found),
    )


def collinearity_row(fit: Fit) -> CheckRow | None:
    """The term whose coefficients' variance is inflated most."""
    table = variance_inflation(fit).dropna(subset=["vif"])
    if table.empty:
        return None
    worst = table.loc[table["vif"].idxmax()]
    value = float(worst["vif"])
    verdict: Verdict = "problem" if value > _LARGE_VIF else "attention" if value > _NOTABLE_VIF else "ok"
    where = "" if worst["component"] == "cond" else f" ({worst['component']})"
    return CheckRow(
        "collinearity",
        f"largest VIF: {worst['term']}{where}",
        value,
        None,
        verdict,
        "no term's coefficients are blurred by the others"
        if verdict == "ok"
        else f"{worst['term']} is nearly a combination of other terms: its coefficients have {value:.3g} times the "
        "variance they would have alone",
        "" if verdict == "ok" else "centre covariates that form interactions or powers; leave one of two alike out",
    )


def laplace_row(fit: Fit, seed: int) -> CheckRow | None:
    """By how much the approximation is off, in standard errors where the estimates' shifts are to be had."""
    if not fit.design.terms:
        return None
    try:
        error = laplace_error(fit, None, seed)
    except (ConvergenceError, NotAvailableError) as reason:
        return CheckRow("Laplace error", "not computed", "", None, "unknown", str(reason))
    if error.exact:
        return CheckRow("Laplace error", "log-likelihood error", 0.0, None, "ok", "the likelihood is exact")
    loglik = f"the log-likelihood is off by {error.loglik_error:.2g} (+- {error.loglik_mc_error:.1g})"
    if not len(error.shifts):
        large = abs(error.loglik_error) - _MC_ERRORS * error.loglik_mc_error > _NOTABLE_LOGLIK
        verdict: Verdict = "attention" if large or not error.reliable else "ok"
        return CheckRow(
            "Laplace error",
            "log-likelihood error",
            error.loglik_error,
            None,
            verdict,
            f"{loglik}. {error.note}",
            _LAPLACE_ADVICE if large else "",
        )
    return _shift_row(error, loglik)


_LAPLACE_ADVICE = "adaptive quadrature where the groups are small; else a bootstrap, which corrects the estimates"


def _shift_row(error: LaplaceError, loglik: str) -> CheckRow:
    shifts = error.shifts
    certain = (shifts["shift"].abs() - _MC_ERRORS * shifts["mc_error"]) / shifts["std_error"]
    name = str(certain.idxmax())
    value, sure = float(shifts.loc[name, "shift_in_se"]), float(certain[name])
    verdict: Verdict = "problem" if sure > _LARGE_SHIFT else "attention" if sure > _NOTABLE_SHIFT else "ok"
    if not error.reliable and verdict == "ok":
        verdict = "attention"
    shift = (
        f"{name} would be {float(shifts.loc[name, 'estimate'] + shifts.loc[name, 'shift']):.4g} instead of "
        f"{float(shifts.loc[name, 'estimate']):.4g}"
    )
    small = "no estimate is off by a tenth of its standard error, beyond Monte Carlo error"
    return CheckRow(
        "Laplace error",
        f"shift in standard errors: {name}",
        value,
        None,
        verdict,
        f"{loglik}; {small if verdict == 'ok' else shift}" + (f". {error.note}" if error.note else ""),
        "" if verdict == "ok" else _LAPLACE_ADVICE,
    )
