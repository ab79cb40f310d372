"""Searches that ended without an optimum, in words: at a pole, where the approximation breaks down, out of iterations,
without a further step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ranef.errors import ConvergenceError
from ranef.finding import Finding

if TYPE_CHECKING:
    from ranef.fitstate import FitState

# A larger predicted gain says only that the quadratic approximation behind it does not hold.
_BELIEVABLE_GAIN = 1e4


def pole_finding(fit: FitState) -> Finding:
    """The approximation's pole: where the Hessian of the random effects turns singular, -1/2 log|H| is infinite."""
    pole = "a pole, where the data leave a random effect more uncertain than its prior"
    guilty = fit.left_out_names
    if not guilty:
        message = f"the search ran into {pole}: the Laplace approximation has no maximum on the way"
        return Finding("pole", True, (), message, "simplify the random effects, or try other starting values (start=)")
    it = "it" if len(guilty) == 1 else "them"
    message = f"{', '.join(guilty)} could not be estimated: with {it} the Laplace approximation only rises, towards "
    message += f"{pole}; all else is estimated without {it}"
    where = {"zi": "ziformula", "disp": "dispformula"}
    formulas = " and ".join(where[c] for c in where if any(name.startswith(f"{c}:") for name in guilty))
    remedy = f"leave the random effects out of {formulas}, which gives these estimates"
    return Finding("pole", True, guilty, message, remedy)


def breakdown_finding(fit: FitState) -> Finding:
    """A maximum at which a random effect's posterior has nothing Gaussian left: none of the integral."""
    info = fit.model.parameter_info
    widest = max((p for p in zip(info, fit.estimate.values, strict=True) if p[0].kind == "sd"), key=lambda p: p[1])
    name, value = widest[0].name, widest[1]
    message = (
        f"the Laplace approximation has a maximum at {name} = {value:.3g} where it says nothing about the likelihood"
    )
    remedy = "the data hardly determine that standard deviation: leave the term out, or hold it at a value (fixed=)"
    return Finding("breakdown", True, (name,), message, remedy)


def unfinished_finding(fit: FitState) -> Finding:
    """A search that ended short of an optimum: by how much, along which parameter."""
    estimate = fit.estimate
    worst = _steepest(fit)
    message = f"stopped after {estimate.iterations} iterations ({estimate.stopped}) "
    if 0 <= estimate.expected_gain < _BELIEVABLE_GAIN:
        message += f"with {estimate.expected_gain:.2g} log-likelihood units still to be gained"
    else:
        message += "far from an optimum"
    if worst:
        message += f", most along {worst[0]}"
    limit = fit.model.specification.control.max_iterations
    if estimate.iterations >= limit:
        remedy = f"raise Control(max_iterations={limit})"
    else:
        remedy = "call diagnose(); rescale covariates, try other starting values (start=), or simplify the term named"
    return Finding("convergence", True, worst, message, remedy)


def _steepest(fit: FitState) -> tuple[str, ...]:
    """The parameter whose gradient, held and zero ones aside, is largest."""
    if fit.stored is not None:
        return ()
    try:
        gradient = np.abs(fit.model.evaluate(fit.model.core.gradient, np.array(fit.estimate.values)))
    except ConvergenceError:
        return ()
    gradient = np.where(fit.held[fit.outside_count :] | ~np.isfinite(gradient), 0.0, gradient)
    gradient[list(fit.estimate.at_zero)] = 0.0
    return (fit.model.names[int(np.argmax(gradient))],) if gradient.any() else ()
