"""What a report holds: model, tables, explained variance, checks, pictures, versions; written as one HTML file."""

from __future__ import annotations

import os
import platform
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ranef import tables
from ranef._core import __version__
from ranef.assemble import COMPONENT_TITLES
from ranef.errors import RanefError
from ranef.notes import notes
from ranef.plots import style
from ranef.report import pictures
from ranef.report.equation import equation_html
from ranef.report.page import Section, facts, page, sentences, table

if TYPE_CHECKING:
    from ranef.checks.row import CheckRow
    from ranef.checks.table import Checks
    from ranef.result import Fit

_COEFFICIENTS = {
    "term": "Term",
    "estimate": "Estimate",
    "std_error": "Std. error",
    "conf_low": "Lower",
    "conf_high": "Upper",
    "statistic": "z",
    "p_value": "p",
}
# Of the simulated residuals: a report written again is the same.
_SEED = 1
_RATIOS = {"log": "rate ratio", "logit": "odds ratio"}


def write_report(fit: Fit, path: str | os.PathLike[str], title: str | None, with_plots: bool, level: float) -> Path:
    """Write the report; see `Fit.report`."""
    if with_plots:
        style.require_matplotlib("report")
    tables.normal_quantile(level)
    target = Path(path)
    target.write_text(report_html(fit, title, with_plots, level), encoding="utf-8")
    return target


def report_html(fit: Fit, title: str | None, with_plots: bool, level: float) -> str:
    """The page as text."""
    sections = [
        Section("Model", _model(fit)),
        Section("Coefficients", _coefficients(fit, level)),
        Section("Terms", _terms(fit)),
        Section("Random effects", _random_effects(fit, level)),
        Section("Explained variance", _explained(fit)),
        Section("Checks", _checks(fit, with_plots)),
    ]
    if with_plots and fit.design.n_rows:
        sections += [Section("Effects", pictures.effects(fit, level)), Section("Groups", pictures.groups(fit, level))]
    sections.append(Section("Versions", _versions(with_plots)))
    lead = f"{fit.family.name} mixed model of {fit.nobs} observations, by ranef {__version__}"
    return page(title or fit.formula, lead, [s for s in sections if s.body])


def _model(fit: Fit) -> str:
    specification = fit.model.specification
    groups = dict.fromkeys(f"{len(term.labels)} levels of {term.group}" for term in fit.design.terms)
    held = {
        "Formula": fit.formula,
        "Zero inflation": specification.ziformula or "",
        "Dispersion": specification.dispformula or "",
        "Family": f"{fit.family.name}, {fit.family.link} link",
        "Estimated by": "restricted maximum likelihood" if fit.reml else "maximum likelihood",
        "Observations": str(fit.nobs),
        "Groups": ", ".join(groups),
        "Log-likelihood": f"{fit.loglik:.2f} with {fit.df} parameters",
        "AIC, BIC": f"{fit.aic:.1f}, {fit.bic:.1f}",
    }
    return equation_html(fit) + facts(held) + sentences(notes(fit))


def _coefficients(fit: Fit, level: float) -> str:
    tidy = fit.tidy(conf_int=True, conf_level=level)
    parts = []
    for component, rows in tidy.groupby("component", sort=False):
        parts.append(f"<h3>{escape(COMPONENT_TITLES[str(component)])} model</h3>")
        parts.append(table(rows, _COEFFICIENTS))
    ratio = _RATIOS.get(fit.family.link)
    ratios = fit.tidy(conf_int=True, conf_level=level, exponentiate=True) if ratio else tidy
    ratios = ratios[(ratios["component"] == "cond") & (ratios["term"] != "Intercept")]
    if ratio and len(ratios):
        heading = {"term": "Term", "estimate": ratio.capitalize(), "conf_low": "Lower", "conf_high": "Upper"}
        parts += [f"<h3>Conditional model as {ratio}s</h3>", table(ratios, heading)]
    note = f"Lower and upper: {100 * level:g} % Wald intervals. p-values: two-sided z tests, not adjusted."
    return "".join(parts) + f'<p class="note">{note}</p>' if parts else ""


def _terms(fit: Fit) -> str:
    """Tests of the terms of every component that has some beyond an intercept."""
    parts = []
    for component in tables.components(fit):
        free = tables.fixef(fit, component).index[~tables.held_coefficients(fit, component)]
        if tables.has_own_model(fit, component) and set(free) - {"Intercept"}:
            tests = fit.anova(component=component).to_frame().reset_index()
            headings = {"term": "Term", "statistic": "Chi-square", "df": "df", "p_value": "p"}
            parts += [f"<h3>{escape(COMPONENT_TITLES[component])} model</h3>", table(tests, headings)]
    note = "Type II Wald chi-square tests: each term after all that do not contain it."
    return "".join(parts) + f'<p class="note">{note}</p>' if parts else ""


def _random_effects(fit: Fit, level: float) -> str:
    parameters = fit.tidy("ran_pars", conf_int=True, conf_level=level)
    if not len(parameters):
        return ""
    shown = parameters.assign(
        component=parameters["component"].map(COMPONENT_TITLES), group=parameters["group"].fillna("")
    )
    headings = {
        "term": "Parameter",
        "group": "Group",
        "component": "Model",
        "estimate": "Estimate",
        "conf_low": "Lower",
        "conf_high": "Upper",
    }
    note = (
        f"{100 * level:g} % Wald intervals, of standard deviations on the log scale, of correlations on Fisher's. A "
        f"standard deviation of zero has none."
    )
    return table(shown, headings) + f'<p class="note">{note}</p>'


def _explained(fit: Fit) -> str:
    """R2, intraclass correlation and shares; where the family has no definition, that is said."""
    if not any(term.component == "cond" for term in fit.design.terms):
        return ""
    try:
        r2, icc, partition = fit.r2(), fit.icc(), fit.variance_partition().to_frame()
    except RanefError as error:
        return f'<p class="note">Not available: {escape(str(error))}</p>'
    held = {
        "R² of the fixed effects (marginal)": f"{r2.marginal:.3f}",
        "R² with random effects (conditional)": f"{r2.conditional:.3f}",
        "Intraclass correlation (adjusted)": f"{icc.adjusted:.3f}",
        "of all variance (unadjusted)": f"{icc.unadjusted:.3f}",
    }
    headings = {"component": "Part", "group": "Group", "effects": "Effects", "variance": "Variance", "share": "Share"}
    note = f"Nakagawa, Johnson and Schielzeth (2017): {r2.definition}."
    return facts(held) + table(partition, headings) + f'<p class="note">{escape(note)}</p>'


def _checks(fit: Fit, with_plots: bool) -> str:
    """What the fit's certificate found, every check in one table, and the simulated residuals."""
    findings = sentences(str(finding) for finding in fit.diagnose().findings)
    if not fit.design.n_rows:
        return findings or '<p class="good">Converged; without the data nothing else can be checked.</p>'
    try:
        checks = fit.check(seed=_SEED)
    except RanefError as error:
        return findings + f'<p class="note">Checks are not available: {escape(str(error))}</p>'
    residuals = checks.residuals
    note = f"Residuals simulated given the random effects ({residuals.draws} draws, seed {residuals.seed})."
    shown = pictures.residuals(residuals) + f'<p class="note">{note}</p>' if with_plots else ""
    return findings + _check_table(checks) + shown


def _check_table(checks: Checks) -> str:
    """All checks with their verdicts, and what is said of those that call for attention."""
    rows = [(r.check, r.verdict, r.value_text, r.p_text, r.quantity) for r in checks.rows]
    headings = {"check": "Check", "verdict": "Verdict", "value": "Value", "p": "p", "quantity": "Quantity"}
    made = table(pd.DataFrame(rows, columns=list(headings)), headings)
    notable = sorted((r for r in checks.rows if r.verdict != "ok"), key=lambda r: r.verdict != "problem")
    items = "".join(
        f'<dt class="bad">{escape(f"{r.verdict.capitalize()}: {r.check}")}</dt><dd>{escape(_advice(r))}</dd>'
        for r in notable
    )
    return made + (f'<dl class="checks">{items}</dl>' if items else '<p class="good">Nothing calls for attention.</p>')


def _advice(row: CheckRow) -> str:
    meaning = f"{row.meaning[:1].upper()}{row.meaning[1:]}."
    return f"{meaning} What to do: {row.advice}." if row.advice else meaning


def _versions(with_plots: bool) -> str:
    packages = ["numpy", "scipy", "pandas", "formulaic", *(["matplotlib"] if with_plots else [])]
    held = {"ranef": __version__, "Python": platform.python_version()} | {p: version(p) for p in packages}
    return facts(held | {"System": platform.platform(terse=True)})
