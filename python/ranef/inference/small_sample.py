"""Tests of the conditional fixed effects: covariance, degrees of freedom and F tests by the name of the method.

``asymptotic`` takes the covariance as known (normal and chi-square tests). For linear mixed models there are
``satterthwaite`` and ``kenward-roger``, which count what the variances' own uncertainty costs.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc

from ranef import tables
from ranef.assemble import has_component
from ranef.errors import DataError

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
Ddf = Literal["asymptotic", "satterthwaite", "kenward-roger"]

_METHODS: tuple[Ddf, ...] = ("asymptotic", "satterthwaite", "kenward-roger")
_SHORT: dict[str, Ddf] = {"kr": "kenward-roger", "kenward_roger": "kenward-roger", "satt": "satterthwaite"}
METHOD_NAMES = {"satterthwaite": "Satterthwaite's method", "kenward-roger": "Kenward-Roger's method"}

# Directions of a hypothesis whose variance is below this share of the largest say the same as others.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class FTest:
    """An F test of a linear hypothesis.

    Attributes
    ----------
    statistic : F, scaled where the method scales it (Kenward-Roger)
    df_num, df_den : degrees of freedom, the numerator's being the hypothesis' rank; the denominator's may be infinite
    p_value : upper tail
    scale : what the statistic was multiplied by to have that distribution; 1 but for Kenward-Roger
    """

    statistic: float
    df_num: int
    df_den: float
    p_value: float
    scale: float = 1.0


class SmallSample(ABC):
    """Covariance of the conditional fixed effects, and how tests of them are judged.

    Attributes
    ----------
    beta : (p,) coefficients
    vcov : (p, p) their covariance; Kenward-Roger's is adjusted
    """

    def __init__(self, beta: Floats, vcov: Floats) -> None:
        self.beta = beta
        self.vcov = vcov

    @abstractmethod
    def df(self, contrasts: Floats) -> Floats:
        """Degrees of freedom of single contrasts.

        Parameters
        ----------
        contrasts : (m, p), one combination of coefficients a row

        Returns
        -------
        (m,), infinite where the covariance is taken as known
        """

    @abstractmethod
    def f_test(self, contrast: Floats, value: Floats | None = None) -> FTest:
        """F test of ``contrast @ beta = value``.

        Parameters
        ----------
        contrast : (q, p), of any rank
        value : (q,); None: zeros
        """

    def quadratic(self, contrast: Floats, value: Floats | None) -> tuple[float, Floats]:
        """d' (L V L')^- d, d = L beta - value, and the rows L in which L V L' is diagonal and of full rank."""
        deviation = contrast @ self.beta
        if value is not None:
            deviation = deviation - value
        values, vectors = np.linalg.eigh(contrast @ self.vcov @ contrast.T)
        if not values[-1] > 0:
            raise DataError("there is nothing to test: the coefficients of this hypothesis are held at a value")
        kept = values > RANK_TOLERANCE * values[-1]
        rotated = vectors[:, kept].T
        return float(np.sum((rotated @ deviation) ** 2 / values[kept])), np.asarray(rotated @ contrast)


class Asymptotic(SmallSample):
    """The covariance taken as known: normal and chi-square tests."""

    def df(self, contrasts: Floats) -> Floats:
        """Infinite, (m,)."""
        return np.full(np.shape(contrasts)[0], np.inf)

    def f_test(self, contrast: Floats, value: Floats | None = None) -> FTest:
        """Wald's chi-square over its degrees of freedom."""
        chisq, rows = self.quadratic(contrast, value)
        rank = rows.shape[0]
        return FTest(chisq / rank, rank, np.inf, float(chdtrc(rank, chisq)))


def f_p_value(statistic: float, df_num: int, df_den: float) -> float:
    """Upper tail of F; of chi-square over its degrees of freedom where `df_den` is infinite."""
    if np.isinf(df_den):
        return float(chdtrc(df_num, df_num * statistic))
    return float(fdtrc(df_num, df_den, statistic))


def small_sample(fit: Fit, ddf: Ddf) -> SmallSample:
    """How the conditional fixed effects of a fit are tested; kept with the fit.

    Parameters
    ----------
    fit : Fit
    ddf : ``"asymptotic"``, ``"satterthwaite"`` or ``"kenward-roger"``

    Raises
    ------
    DataError
        If `ddf` is no method, or the fit is no linear mixed model with constant residual variance (Kenward-Roger: by
        REML), or its data are gone.

    Examples
    --------
    >>> import numpy as np
    >>> import ranef
    >>> from ranef.inference.small_sample import small_sample
    >>> data = ranef.demo_data()
    >>> fit = ranef.fit("cover ~ bank + (1 | pond)", data.assign(bank=data.index % 3), reml=True)
    >>> bool(small_sample(fit, "kenward-roger").df(np.eye(2))[1] < fit.nobs)
    True
    """
    method = checked_ddf(ddf)
    if method == "asymptotic":
        return asymptotic(fit, "cond")
    if method not in fit.small_samples:
        check_linear(fit, method)
        fit.small_samples[method] = _corrected(fit, method)
    return fit.small_samples[method]


def asymptotic(fit: Fit, component: str) -> Asymptotic:
    """Chi-square tests of a component's coefficients; those held at a value have no variance.

    Raises
    ------
    DataError
        If the data do not determine a coefficient.
    """
    place = fit.predictor_place(component)
    vcov = fit.coefficient_vcov(tables.component_slice(fit, component)).copy()
    info = [p for p in fit.parameter_info if p.kind == "beta" and p.owner == place]
    held = {p.name for p, held in zip(fit.parameter_info, fit.held, strict=True) if held}
    known = np.array([p.name in held for p in info], dtype=np.bool_)
    vcov[known, :] = vcov[:, known] = 0.0
    unknown = np.flatnonzero(~np.isfinite(np.diag(vcov)))
    if unknown.size:
        raise DataError(
            f"the data do not determine the coefficient {info[unknown[0]].name!r}, so that it has no test; "
            f"fit.diagnose() says more"
        )
    return Asymptotic(np.asarray(fit.estimate.beta[place]), vcov)


def _corrected(fit: Fit, method: Ddf) -> SmallSample:
    if method == "satterthwaite":
        from ranef.inference.satterthwaite import satterthwaite

        return satterthwaite(fit)
    from ranef.inference.kenward_roger import kenward_roger

    return kenward_roger(fit)


def checked_ddf(ddf: str) -> Ddf:
    """The method called `ddf`; R's ``"KR"`` and capitals are read too.

    Raises
    ------
    DataError
        If there is none.
    """
    name = str(ddf).lower()
    name = _SHORT.get(name, name)
    for method in _METHODS:
        if name == method:
            return method
    close = difflib.get_close_matches(name, _METHODS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"offered: {', '.join(map(repr, _METHODS))}"
    raise DataError(f"there is no method {ddf!r} for degrees of freedom; {hint}")


def check_linear(fit: Fit, method: str) -> None:
    """Refuse what is no linear mixed model with one residual variance.

    Raises
    ------
    DataError
        Saying what is in the way, and what to use.
    """
    fit.require_data(f"ddf={method!r}")
    problem = _obstacle(fit)
    if problem:
        raise DataError(f"ddf={method!r} is for linear mixed models with one residual variance, but {problem}")
    if fit.information == "observed":
        raise DataError(
            f"ddf={method!r} is made for the expected information, but the observed one was asked for: use "
            "ddf='asymptotic', or vcov='expected'"
        )
    if method == "kenward-roger" and not fit.reml:
        raise DataError(
            "Kenward-Roger's correction is defined for REML, but this fit is by maximum likelihood: refit with "
            "fit.update(reml=True), or use ddf='satterthwaite'"
        )


def _obstacle(fit: Fit) -> str | None:
    asymptotic = "use ddf='asymptotic' (chi-square and z tests)"
    if fit.family.name != "gaussian" or fit.family.link != "identity":
        return f"this fit is {fit.family.name} with link {fit.family.link}; {asymptotic}"
    if has_component(fit.design, "zi"):
        return f"this fit has a zero-inflation model; {asymptotic}"
    if fit.design.predictors[fit.predictor_place("disp")].fixed.names != ("Intercept",):
        return f"this fit has a dispersion model ({fit.model.specification.dispformula}); {asymptotic}"
    if any(term.component != "cond" for term in fit.design.terms):
        return f"this fit has random effects in its dispersion; {asymptotic}"
    weights = fit.design.weights
    if weights is not None and weights.kind != "precision":
        return f"{weights.name!r} are {weights.kind} weights; repeat the rows instead, or {asymptotic}"
    beta = [p.name for p, held in zip(fit.parameter_info, fit.held, strict=True) if held and p.component == "cond"]
    held_coefficients = [name for name in beta if name in fit.design.predictors[0].fixed.names]
    if held_coefficients:
        return f"the coefficient {held_coefficients[0]!r} is held; use an offset for it, or {asymptotic}"
    return None
