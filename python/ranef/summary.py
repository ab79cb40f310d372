"""The printed report of a fit, laid out as R's users know it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ranef import notes, tables
from ranef.assemble import COMPONENT_TITLES, has_component
from ranef.inference.small_sample import METHOD_NAMES, checked_ddf
from ranef.information import TITLES, is_linear
from ranef.textgrid import p_value_texts, significant, stars, text_grid
from ranef.varcorr import random_effects_text

if TYPE_CHECKING:
    from ranef.fitstate import FitState
    from ranef.inference.chosen_vcov import VcovChoice
    from ranef.inference.small_sample import Ddf
    from ranef.result import Fit

_LEGEND = "Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"


def constant_sigma(fit: FitState) -> float:
    """R's sigma: of a constant dispersion; NaN where it varies, 1 where the family has none."""
    if not has_component(fit.design, "disp"):
        return 1.0
    place = fit.predictor_place("disp")
    predictor = fit.design.predictors[place]
    constants = [source.constant for source in predictor.offset_sources]
    if any(t.component == "disp" for t in fit.design.terms) or any(c is None for c in constants):
        return float("nan")
    if predictor.fixed.names not in ((), ("Intercept",)):
        return float("nan")
    eta = sum(constants, 0.0) + float(fit.estimate.beta[place].sum())
    return float(fit.family.sigma(np.array([eta]))[0])


class Summary:
    """The report of one fit: prints as text, shows as HTML in a notebook.

    Attributes
    ----------
    coefficients : {component: DataFrame with estimate, std_error, statistic, p_value by term; df too, by `ddf`}
    ddf : the method of the t tests; ``"asymptotic"``: z tests
    """

    def __init__(self, fit: Fit, ddf: Ddf = "asymptotic", choice: VcovChoice = None) -> None:
        self._fit = fit
        self.ddf = checked_ddf(ddf)
        if self.ddf != "asymptotic":
            tables.refuse_two_covariances(choice)
        self._choice = choice
        self.coefficients: dict[str, pd.DataFrame] = {
            component: tables.fixed_table(fit, component, self.ddf, choice)
            for component in tables.components(fit)
            if tables.has_own_model(fit, component)
        }

    def __str__(self) -> str:
        return "\n\n".join(self._sections())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def _sections(self) -> list[str]:
        fit = self._fit
        sections = [_heading(fit, _errors_text(fit, self._choice)), _criteria(fit)]
        sections += _random_sections(fit)
        sections.append(_observations(fit))
        dispersion = _dispersion_line(fit)
        if dispersion:
            sections.append(dispersion)
        starred = False
        for component, table in self.coefficients.items():
            sections.append(f"{COMPONENT_TITLES[component]} model{self._tests()}:\n{coefficient_text(table)}")
            starred = starred or bool((table["p_value"] < 0.1).any())
        if starred:
            sections[-1] += f"\n---\n{_LEGEND}"
        remarks = notes.notes(fit)
        if remarks:
            sections.append("Notes:\n" + "\n".join(f"- {remark}" for remark in remarks))
        return sections

    def _tests(self) -> str:
        return f" (t tests by {METHOD_NAMES[self.ddf]})" if self.ddf in METHOD_NAMES else ""


def _errors_text(fit: Fit, choice: VcovChoice) -> str | None:
    """Whose standard errors are shown, where a model has several."""
    if choice is None:
        return TITLES[fit.information] if fit.design.terms and is_linear(fit.model) else None
    if not isinstance(choice, str):
        return "from the covariance matrix given"
    from ranef.inference.clusters import independent_clusters

    clusters = independent_clusters(fit, None)
    return f"{choice}, robust by {clusters.name} ({clusters.count} clusters)"


def _heading(fit: Fit, errors: str | None = None) -> str:
    specification = fit.model.specification
    method = "REML" if fit.reml else "maximum likelihood"
    if fit.design.terms and not (fit.family.name == "gaussian" and not has_component(fit.design, "zi")):
        method += f" ({_approximation(fit)})"
    lines = [
        ("Family:", f"{fit.family.name} ({fit.family.link})"),
        ("Formula:", fit.formula),
        ("Zero inflation:", specification.ziformula),
        ("Dispersion:", specification.dispformula),
        ("Estimated by:", method),
        ("Standard error:", errors),
    ]
    return "\n".join(f"{label:<16}{text}" for label, text in lines if text)


def _approximation(fit: Fit) -> str:
    return "PQL-type joint mode, nAGQ = 0" if fit.model.has_joint_mode else "Laplace approximation"


def _criteria(fit: Fit) -> str:
    facts = {"AIC": fit.aic, "BIC": fit.bic, "logLik": fit.loglik, "-2*logLik": fit.deviance}
    columns = [[name, f"{value:.1f}"] for name, value in facts.items()]
    columns.append(["df.resid", f"{fit.df_resid:g}"])
    return text_grid(columns, indent=" ")


def _random_sections(fit: Fit) -> list[str]:
    if not fit.design.terms:
        return []
    varcorr = fit.varcorr()
    shown = [c for c in tables.components(fit) if any(b.component == c for b in varcorr.blocks)]
    parts = [f"{COMPONENT_TITLES[c]} model:\n{random_effects_text(varcorr, c)}" for c in shown]
    return ["Random effects:", *parts]


def _observations(fit: Fit) -> str:
    text = f"Number of obs: {fit.nobs}"
    groups: dict[str, int] = {}
    for term in fit.design.terms:
        groups[term.group] = len(term.labels)
    if groups:
        text += ", groups:  " + "; ".join(f"{name}, {count}" for name, count in groups.items())
    return text


def _dispersion_line(fit: Fit) -> str | None:
    """R's line on a constant dispersion: sigma^2 for a gaussian response, the parameter for the rest."""
    if not has_component(fit.design, "disp") or not np.isfinite(fit.sigma):
        return None
    name = fit.family.name
    if fit.family.dispersion_name() == "sigma":
        return f"Dispersion estimate for {name} family (sigma^2): {fit.sigma**2:.4g}"
    if fit.family.dispersion_name() == "shape":
        return f"Dispersion estimate for {name} family (sigma^2): {fit.sigma**2:.4g}"
    return f"Dispersion parameter for {name} family ({fit.family.dispersion_name()}): {fit.sigma:.4g}"


def coefficient_text(table: pd.DataFrame) -> str:
    """A coefficient table as R's printCoefmat lays it out."""
    both = [t.replace("nan", " NA") for t in significant([*table["estimate"], *table["std_error"]])]
    count = len(table)
    p_values = [float(p) for p in table["p_value"]]
    columns = [
        ["", *map(str, table.index)],
        ["Estimate", *both[:count]],
        ["Std. Error", *both[count:]],
    ]
    letter = "z"
    if "df" in table:
        letter = "t"
        columns.append(["df", *(f"{d:.2f}" for d in table["df"])])
    columns.append([f"{letter} value", *("NA" if np.isnan(z) else f"{z:.3f}" for z in table["statistic"])])
    columns.append([f"Pr(>|{letter}|)", *p_value_texts(p_values)])
    marks = [stars(p) for p in p_values]
    if any(marks):
        columns.append(["", *marks])
    return text_grid(columns, left=(0, len(columns) - 1) if any(marks) else (0,))
