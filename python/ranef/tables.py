"""Arrays and names of a fit as labelled tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from ranef.assemble import COMPONENTS, component_index
from ranef.errors import DataError
from ranef.parameters import is_constant
from ranef.separation import infinite_names

if TYPE_CHECKING:
    from ranef.inference.chosen_vcov import VcovChoice
    from ranef.inference.small_sample import Ddf
    from ranef.result import Fit

Floats = NDArray[np.float64]
Component = Literal["cond", "zi", "disp"]
Effects = Literal["fixed", "ran_pars", "ran_vals"]


def component_slice(fit: Fit, component: str) -> slice:
    """Where a component's coefficients stand in the joint vector of all fixed effects."""
    place = component_index(fit.design.predictors, component)
    sizes = [len(p.fixed.names) for p in fit.design.predictors]
    start = sum(sizes[:place])
    return slice(start, start + sizes[place])


def components(fit: Fit) -> list[str]:
    """Components of the model in the order of reports."""
    present = {p.component for p in fit.design.predictors}
    return [c for c in COMPONENTS if c in present]


def coefficient_names(fit: Fit, component: str) -> tuple[str, ...]:
    """Coefficient names of a component."""
    return fit.design.predictors[component_index(fit.design.predictors, component)].fixed.names


def fixef(fit: Fit, component: str) -> pd.Series:
    """Coefficients of one component, by name."""
    place = component_index(fit.design.predictors, component)
    names = list(fit.design.predictors[place].fixed.names)
    return pd.Series(fit.estimate.beta[place].copy(), index=pd.Index(names, name="term"), name="estimate")


def vcov(fit: Fit, component: str, full: bool) -> pd.DataFrame:
    """Covariance matrix of one component's coefficients, or (`full`) of every parameter of the model."""
    if full:
        names = list(fit.parameter_names)
        return pd.DataFrame(fit.parameter_vcov.copy(), index=names, columns=names)
    where = component_slice(fit, component)
    names = list(coefficient_names(fit, component))
    return pd.DataFrame(fit.coefficient_vcov(where).copy(), index=names, columns=names)


def coefficient_errors(fit: Fit, component: str) -> Floats:
    """Standard errors of one component's coefficients; NaN for those held at a value, which are no estimates."""
    where = component_slice(fit, component)
    return np.where(held_coefficients(fit, component), np.nan, np.sqrt(np.diag(fit.coefficient_vcov(where))))


def held_coefficients(fit: Fit, component: str) -> NDArray[np.bool_]:
    """Which of one component's coefficients are held at a value."""
    return fit.held[fit.beta_places[component_slice(fit, component)]]


def has_own_model(fit: Fit, component: str) -> bool:
    """Whether a component is reported as a table: a constant dispersion is a parameter, not a model."""
    names = coefficient_names(fit, component)
    return bool(names) and not (component == "disp" and is_constant(names))


def fixed_table(fit: Fit, component: str, ddf: Ddf = "asymptotic", choice: VcovChoice = None) -> pd.DataFrame:
    """Wald table of one component: estimate, std_error, (df of t tests by `ddf`,) statistic, p_value by term.

    `choice` is the covariance behind the standard errors of z tests, as in `Fit.tidy`. A coefficient that runs to
    infinity in a direction without any curvature has an infinite standard error.
    """
    from ranef.inference.chosen_vcov import chosen_errors

    if ddf != "asymptotic" and component == "cond":
        return _t_table(fit, ddf)
    estimate = fixef(fit, component)
    std_error = np.where(held_coefficients(fit, component), np.nan, chosen_errors(fit, component, choice))
    if np.isnan(std_error).any():
        prefix = "" if component == "cond" else f"{component}:"
        infinite = [prefix + str(term) in infinite_names(fit) for term in estimate.index]
        std_error = np.where(np.isnan(std_error) & infinite, np.inf, std_error)
    statistic, p_value = wald(estimate.to_numpy(), std_error)
    return pd.DataFrame(
        {"estimate": estimate, "std_error": std_error, "statistic": statistic, "p_value": p_value}, index=estimate.index
    )


def _t_table(fit: Fit, ddf: Ddf) -> pd.DataFrame:
    from ranef.inference.small_sample import small_sample

    sample = small_sample(fit, ddf)
    estimate = fixef(fit, "cond")
    std_error = np.sqrt(np.diag(sample.vcov))
    df = sample.df(np.eye(estimate.size))
    statistic = estimate.to_numpy() / std_error
    p_value = 2.0 * stdtr(df, -np.abs(statistic))
    columns = {"estimate": estimate, "std_error": std_error, "df": df, "statistic": statistic, "p_value": p_value}
    return pd.DataFrame(columns, index=estimate.index)


def wald(estimate: Floats, std_error: Floats) -> tuple[Floats, Floats]:
    """z = estimate / standard error and its two-sided normal p-value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = estimate / std_error
    return z + 0.0, np.asarray(2.0 * ndtr(-np.abs(z)))


def normal_quantile(level: float) -> float:
    """Half-width of a central interval of probability `level`, in standard errors.

    Raises
    ------
    DataError
        If the level is not between 0 and 1.
    """
    number = np.asarray(level)
    if number.ndim or number.dtype.kind not in "iuf" or not 0 < level < 1:
        raise DataError(f"the confidence level must lie between 0 and 1, got {level!r}")
    return float(ndtri(0.5 + level / 2.0))


def tidy(
    fit: Fit,
    effects: str,
    conf_int: bool,
    conf_level: float,
    exponentiate: bool,
    ddf: Ddf = "asymptotic",
    choice: VcovChoice = None,
) -> pd.DataFrame:
    """The tidy tables; see `Fit.tidy`."""
    makers = {"fixed": tidy_fixed, "ran_pars": tidy_ran_pars, "ran_vals": tidy_ran_vals}
    if effects not in makers:
        raise DataError(f"effects must be one of {', '.join(map(repr, makers))}, got {effects!r}")
    from ranef.inference.small_sample import checked_ddf

    method = checked_ddf(ddf)
    if method != "asymptotic" and effects != "fixed":
        raise DataError(f"ddf={ddf!r} applies to effects='fixed' only: the rest has no t tests")
    if choice is not None and effects != "fixed":
        raise DataError("vcov applies to effects='fixed' only: it is the covariance of coefficients")
    if exponentiate and effects != "fixed":
        raise DataError("exponentiate applies to effects='fixed' only: the rest is no log of a ratio")
    half_width = normal_quantile(conf_level)
    if method != "asymptotic":
        refuse_two_covariances(choice)
        table = _tidy_by_t(fit, method, conf_level)
    else:
        table = tidy_fixed(fit, half_width, choice) if effects == "fixed" else makers[effects](fit, half_width)
    if exponentiate:
        table["estimate"] = np.exp(table["estimate"])
        table["std_error"] *= table["estimate"]
        table[["conf_low", "conf_high"]] = np.exp(table[["conf_low", "conf_high"]])
    return table if conf_int else table.drop(columns=["conf_low", "conf_high"])


def refuse_two_covariances(choice: VcovChoice) -> None:
    """t tests by `ddf` have a covariance of their own.

    Raises
    ------
    DataError
        If another is asked for.
    """
    if choice is not None:
        raise DataError("ddf= gives t tests with the model's covariance, vcov= z tests with another: ask for one")


def tidy_fixed(fit: Fit, half_width: float, choice: VcovChoice = None) -> pd.DataFrame:
    """Coefficients of every component, in the order of the model matrices."""
    parts = []
    for component in components(fit):
        if not has_own_model(fit, component):
            continue
        part = fixed_table(fit, component, choice=choice).reset_index()
        part.insert(0, "component", component)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True) if parts else _empty_fixed()
    margin = half_width * table["std_error"]
    return table.assign(conf_low=table["estimate"] - margin, conf_high=table["estimate"] + margin)


def _tidy_by_t(fit: Fit, ddf: Ddf, conf_level: float) -> pd.DataFrame:
    table = fixed_table(fit, "cond", ddf).reset_index()
    table.insert(0, "component", "cond")
    margin = stdtrit(table["df"], 0.5 + conf_level / 2.0) * table["std_error"]
    return table.assign(conf_low=table["estimate"] - margin, conf_high=table["estimate"] + margin)


def _empty_fixed() -> pd.DataFrame:
    columns = ["estimate", "std_error", "statistic", "p_value"]
    return pd.DataFrame({"component": [], "term": [], **{c: np.zeros(0) for c in columns}})


def tidy_ran_pars(fit: Fit, half_width: float) -> pd.DataFrame:
    """Standard deviations, correlations and the constant dispersion, with intervals on a sensible scale."""
    from ranef.intervals import natural_intervals

    table = natural_intervals(fit, half_width)
    table = table[table["kind"] != "beta"].drop(columns="kind")
    order = {c: k for k, c in enumerate(COMPONENTS)}
    return table.sort_values("component", key=lambda c: c.map(order), kind="stable").reset_index(drop=True)


def tidy_ran_vals(fit: Fit, half_width: float) -> pd.DataFrame:
    """Conditional modes with their standard deviations given the parameters."""
    parts = []
    for term, modes, covariance in zip(fit.design.terms, fit.estimate.modes, fit.conditional_covariance, strict=True):
        levels, q = modes.shape
        part = pd.DataFrame(
            {
                "component": term.component,
                "group": term.group,
                "level": np.repeat(np.asarray(term.labels, dtype=object), q),
                "term": np.tile(np.asarray(term.term_names, dtype=object), levels),
                "estimate": modes.ravel(),
                "std_error": conditional_sd(covariance).ravel(),
            }
        )
        parts.append(part)
    columns = ["component", "group", "level", "term", "estimate", "std_error"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({c: [] for c in columns})
    margin = half_width * table["std_error"]
    return table.assign(conf_low=table["estimate"] - margin, conf_high=table["estimate"] + margin)


def conditional_sd(covariance: Floats) -> Floats:
    """Standard deviations (levels, q) from covariances (levels, q, q)."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("lqq->lq", covariance), 0.0)))


def random_effects(fit: Fit, component: str, condvar: bool) -> dict[str, pd.DataFrame]:
    """Conditional modes by grouping factor: levels by effects (and their conditional sds)."""
    component_index(fit.design.predictors, component)
    tables: dict[str, pd.DataFrame] = {}
    for place, (term, modes) in enumerate(zip(fit.design.terms, fit.estimate.modes, strict=True)):
        if term.component != component:
            continue
        table = pd.DataFrame(modes.copy(), index=term.labels.rename(term.group), columns=list(term.term_names))
        if condvar:
            sds = conditional_sd(fit.conditional_covariance[place])
            for k, name in enumerate(term.term_names):
                table[f"{name}_sd"] = sds[:, k]
        tables[term.group] = _beside(tables.get(term.group), table)
    return tables


def _beside(left: pd.DataFrame | None, right: pd.DataFrame) -> pd.DataFrame:
    """Several terms of one grouping factor side by side; an effect met again gets ``#2``."""
    if left is None:
        return right
    return left.join(right.rename(columns={c: f"{c}#2" for c in right.columns if c in left.columns}))


def coefficients_by_level(fit: Fit) -> dict[str, pd.DataFrame]:
    """Fixed plus random effects of the conditional model for every level of every grouping factor."""
    fixed = fixef(fit, "cond")
    made = {}
    for group, modes in random_effects(fit, "cond", condvar=False).items():
        names = [*fixed.index, *(c for c in modes.columns if c not in fixed.index)]
        base = fixed.reindex(names, fill_value=0.0)
        made[group] = modes.reindex(columns=names, fill_value=0.0).add(base, axis="columns")
    return made


def glance(fit: Fit) -> pd.DataFrame:
    """One row of facts."""
    facts: dict[str, object] = {
        "nobs": fit.nobs,
        "sigma": fit.sigma,
        "loglik": fit.loglik,
        "aic": fit.aic,
        "aicc": fit.aicc,
        "bic": fit.bic,
        "deviance": fit.deviance,
        "df": fit.df,
        "df_resid": fit.df_resid,
        "family": fit.family.name,
        "link": fit.family.link,
        "converged": fit.converged,
        "singular": fit.singular,
    }
    return pd.DataFrame([facts])


def parameter_table(fit: Fit) -> pd.DataFrame:
    """Every parameter with its estimate and standard error."""
    return pd.DataFrame(
        {
            "component": [p.component for p in fit.parameter_info],
            "kind": [p.kind for p in fit.parameter_info],
            "group": [p.group for p in fit.parameter_info],
            "estimate": fit.parameter_values.copy(),
            "std_error": np.sqrt(np.diag(fit.parameter_vcov)),
            "fixed": fit.held.copy(),
        },
        index=pd.Index(fit.parameter_names, name="parameter"),
    )
