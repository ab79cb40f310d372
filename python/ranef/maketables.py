"""What the package maketables asks of a fit: its coefficient table, statistics and labels.

Its plug-in format is a set of attributes named ``__maketables_...__`` on the result; it is never imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ranef.etable import dispersion_label

if TYPE_CHECKING:
    from ranef.result import Fit

Statistic = int | float | str | None


def coefficient_table(fit: Fit) -> pd.DataFrame:
    """Coefficients of all components: columns ``b``, ``se``, ``t``, ``p``, ``ci95l``, ``ci95u``."""
    table = fit.tidy(conf_int=True)
    names = [_name(c, t) for c, t in zip(table["component"], table["term"], strict=True)]
    columns = {
        "b": "estimate",
        "se": "std_error",
        "t": "statistic",
        "p": "p_value",
        "ci95l": "conf_low",
        "ci95u": "conf_high",
    }
    made = {short: table[long].to_numpy() for short, long in columns.items()}
    return pd.DataFrame(made, index=pd.Index(names, name="Coefficient"))


def _name(component: str, term: str) -> str:
    """Other components' coefficients carry theirs in front; a colon there would mean an interaction."""
    return term if component == "cond" else f"{component} {term}"


def statistic(fit: Fit, key: str) -> Statistic:
    """A statistic by maketables' key, or by one of `default_statistics`; None if there is none."""
    if key in ("N", "nobs"):
        return fit.nobs
    facts = {"ll": fit.loglik, "loglik": fit.loglik, "aic": fit.aic, "bic": fit.bic, "deviance": fit.deviance}
    facts |= {"df_model": fit.df, "df_resid": fit.df_resid}
    if key in facts:
        return facts[key]
    if key == "se_type":
        return "Wald"
    for term in fit.design.terms:
        if key == f"levels of {term.group}":
            return len(term.labels)
    if _has_sigma(fit) and key in ("sigma", dispersion_label(fit)):
        return fit.sigma
    return _random_parameters(fit).get(key)


def default_statistics(fit: Fit) -> list[str]:
    """Keys of what a table shows unasked: standard deviations and correlations, groups, likelihood.

    All but maketables' own keys are their own labels, so that fits with different random effects share a table.
    """
    groups = dict.fromkeys(f"levels of {term.group}" for term in fit.design.terms)
    dispersion = [dispersion_label(fit)] if _has_sigma(fit) else []
    return [*_random_parameters(fit), *dispersion, "N", *groups, "ll", "aic", "bic"]


def _random_parameters(fit: Fit) -> dict[str, float]:
    """Standard deviations and correlations by name; NaN where a correlation does not exist."""
    parameters = fit.parameters()
    chosen = parameters.loc[parameters["kind"].isin(["sd", "cor"]), "estimate"]
    return {str(name): float(value) for name, value in chosen.items()}


def _has_sigma(fit: Fit) -> bool:
    return bool(fit.family.dispersion) and bool(np.isfinite(fit.sigma))
