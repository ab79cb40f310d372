"""How far the Laplace approximation is off: importance sampling around the mode of the random effects.

In spherical coordinates (b = S v) the marginal likelihood is the integral of exp(h(v)), h(v) = log f(y | v) - v'v / 2.
The Laplace approximation puts exp(h(v^)) (2 pi)^(q/2) |H|^(-1/2) in its place, H = -h''(v^). Their ratio is

    E_q[w],     w = exp(h(v) - h(v^)) / (q(v) (2 pi)^(q/2) |H|^(-1/2)),

q a multivariate t around v^ with scale H^-1, whose tails are heavier than the integrand's, in antithetic pairs. Effects
that share no row factor, and each independent set has a ratio of its own: precision does not fall with their number.
The same weights of a normal integrand, whose mean is 1, serve as control variate.

The derivatives of the exact log-likelihood are averages of those of h, in b, over the same weights (Fisher's identity):

    d/d beta_k = -X_k' E[l'_k],        d/d theta = 1/2 tr(Sigma^-1 (sum of E[b b'] - m Sigma) Sigma^-1 dSigma/d theta)

for m levels. At the estimates those of the Laplace approximation are zero, so one Newton step with its covariance V of
the estimates, V g, says by how much the exact optimum is away. It is a first-order answer: read it as such where it
exceeds a standard error.

References: Pinheiro and Bates (1995), Journal of Computational and Graphical Statistics 4, 12-35 (importance sampling
around the mode); Geyer and Thompson (1992), JRSS B 54, 657-699; Louis (1982), JRSS B 44, 226-233 (the identity).
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.checks.importance import ImportanceSample, importance_sample
from ranef.checks.spherical import spherical_system
from ranef.errors import DataError, NotAvailableError
from ranef.parameters import difference_step
from ranef.textgrid import significant, text_grid
from ranef.varcorr import covariance_blocks

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# Relative step of differences of Sigma in a parameter.
_STEP = 1e-6
# A set of effects whose draws are worth fewer than this share of them is not estimated well.
_SMALLEST_SHARE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class LaplaceError:
    """What importance sampling says of the Laplace approximation at the estimates.

    Attributes
    ----------
    loglik_error : exact log-likelihood less the approximation's; its Monte Carlo standard error `loglik_mc_error`
    shifts : by parameter ``estimate``, ``std_error``, ``shift`` (one Newton step towards the exact optimum),
        ``mc_error`` of the shift, ``shift_in_se``; empty where the step is not to be had
    draws : points for each independent set of random effects
    sets, largest : number of independent sets, and effects in the largest
    smallest_share : effective number of draws over draws, in the worst set
    note : why there are no shifts, or what to mistrust; else empty
    """

    loglik_error: float
    loglik_mc_error: float
    shifts: pd.DataFrame
    draws: int
    sets: int
    largest: int
    smallest_share: float
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether there is no approximation: the model is linear and gaussian."""
        return self.draws == 0

    @property
    def reliable(self) -> bool:
        """Whether the draws represent every set of random effects."""
        return self.smallest_share >= _SMALLEST_SHARE

    @property
    def largest_shift(self) -> float:
        """Largest shift in standard errors; NaN where there are none."""
        return float(self.shifts["shift_in_se"].abs().max()) if len(self.shifts) else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """The shifts by parameter."""
        return self.shifts.copy()

    def __str__(self) -> str:
        if self.exact:
            return "Laplace error: none, the likelihood of a linear gaussian model is exact"
        lines = [
            f"Laplace error: exact - approximate log-likelihood = {self.loglik_error:.4g} "
            f"(Monte Carlo error {self.loglik_mc_error:.2g}; {self.draws} draws for each of {self.sets} independent "
            f"sets of random effects, the largest of {self.largest})"
        ]
        if len(self.shifts):
            columns = [["parameter", *map(str, self.shifts.index)]]
            columns += [[str(c).replace("_", " "), *significant(list(self.shifts[c]))] for c in self.shifts]
            lines += ["One Newton step towards the exact optimum:", text_grid(columns, left=(0,), indent="  ")]
        return "\n".join([*lines, *([self.note] if self.note else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def laplace_error(fit: Fit, draws: int | None, seed: int) -> LaplaceError:
    """See `Fit.laplace_error`."""
    fit.require_data("laplace_error()")
    if draws is not None and draws < 20:
        raise DataError(f"draws must be at least 20, got {draws}")
    if not fit.design.terms or _is_linear(fit):
        return LaplaceError(0.0, 0.0, _no_shifts(), 0, 0, 0, 1.0)
    if fit.model.specification.method == "pql":
        raise NotAvailableError("the Laplace error is measured at a Laplace fit: fit with method='laplace'")
    system = spherical_system(fit)
    sample = importance_sample(fit, system, draws, seed)
    note = _note(fit)
    shifts = _no_shifts() if note else _shifts(fit, sample)
    if not note and not np.isfinite(shifts.to_numpy()).all():
        shifts = _no_shifts()
        note = "No shifts of the parameters: the likelihood of some row has no finite derivatives at the draws."
    if sample.smallest_share < _SMALLEST_SHARE:
        note = (
            f"{note} The draws represent a set of {system.largest} random effects poorly "
            f"(effective share {sample.smallest_share:.2g}): take the numbers as a rough guide."
        ).strip()
    return LaplaceError(
        sample.log_ratio,
        sample.log_ratio_error,
        shifts,
        sample.draws,
        system.sets,
        system.largest,
        sample.smallest_share,
        note,
    )


def _is_linear(fit: Fit) -> bool:
    """A linear gaussian mean whose dispersion has no random effects: the integral is a normal one."""
    linear = fit.family.name == "gaussian" and fit.family.link == "identity"
    return linear and all(term.component == "cond" for term in fit.design.terms) and len(fit.design.predictors) == 2


def _note(fit: Fit) -> str:
    """Why there is no Newton step."""
    if fit.reml:
        return "No shifts of the parameters: they are those of maximum likelihood, and this is a fit by REML."
    if fit.singular:
        return "No shifts of the parameters: a covariance of the random effects is singular."
    return ""


def _no_shifts() -> pd.DataFrame:
    return pd.DataFrame(columns=["estimate", "std_error", "shift", "mc_error", "shift_in_se"], dtype=np.float64)


def _shifts(fit: Fit, sample: ImportanceSample) -> pd.DataFrame:
    vcov = np.nan_to_num(fit.parameter_vcov, nan=0.0)
    derivatives = _covariance_derivatives(fit)
    steps = np.array([vcov @ _gradient(fit, derivatives, *part) for part in sample.batches])
    shift = vcov @ _gradient(fit, derivatives, sample.score, sample.moments)
    error = np.sqrt(np.diag(vcov))
    used = error > 0
    table = pd.DataFrame(
        {
            "estimate": fit.parameter_values,
            "std_error": error,
            "shift": shift,
            "mc_error": steps.std(axis=0, ddof=1) / np.sqrt(len(steps)),
        },
        index=pd.Index(fit.parameter_names, name="parameter"),
    )[used]
    return table.assign(shift_in_se=table["shift"] / table["std_error"])


def _gradient(fit: Fit, derivatives: dict[int, Floats], score: Floats, moments: tuple[Floats, ...]) -> Floats:
    """Exact score from the averages of the rows' derivatives (n, K) and of the effects' products (q, q) a term."""
    made = np.zeros(len(fit.parameter_info))
    for place, parameter in enumerate(fit.parameter_info):
        if parameter.kind == "beta":
            column = fit.design.predictors[parameter.owner].fixed.matrix[:, parameter.row]
            made[place] = -column @ score[:, parameter.owner]
            continue
        block = fit.covariance_blocks[parameter.owner]
        levels = fit.estimate.modes[parameter.owner].shape[0]
        excess = moments[parameter.owner] - levels * block.covariance
        inverse = np.linalg.pinv(block.covariance, hermitian=True)
        inner = inverse @ excess @ inverse
        made[place] = 0.5 * float(np.sum(inner * derivatives[place]))
    return made


def _covariance_derivatives(fit: Fit) -> dict[int, Floats]:
    """dSigma / d parameter (q, q), by central differences, for every variance parameter."""
    values = np.asarray(fit.parameter_values)
    made = {}
    for place, parameter in enumerate(fit.parameter_info):
        if parameter.kind == "beta":
            continue
        step = difference_step(parameter, values[place], _STEP)
        ends = []
        for sign in (-1.0, 1.0):
            moved = values.copy()
            moved[place] += sign * step
            ends.append(covariance_blocks(fit.design.terms, fit.parameter_info, moved)[parameter.owner].covariance)
        made[place] = (ends[1] - ends[0]) / (2.0 * step)
    return made
