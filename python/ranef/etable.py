"""Several fits side by side: coefficients by component, random effects, facts of the fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ranef.assemble import COMPONENT_TITLES, COMPONENTS, has_component
from ranef.errors import DataError
from ranef.estimate_table import Cell, EstimateTable, Row, check_format
from ranef.varcorr import CovarianceBlock

if TYPE_CHECKING:
    from ranef.result import Fit

Entries = dict[str, Cell]


def etable(
    *fits: Fit,
    names: Sequence[str] | None = None,
    format: str = "text",  # noqa: A002 - the word of everyone's table functions
    stars: bool = False,
    ci: float | None = None,
    exponentiate: bool = False,
    components: Sequence[str] | None = None,
    digits: int = 3,
) -> EstimateTable:
    """Fits side by side, as papers print them.

    Parameters
    ----------
    fits : fits of any families and data
    names : a heading for each; None: (1), (2), ...
    format : of ``str()`` and ``print``: ``"text"``, ``"markdown"``, ``"html"``, ``"latex"``
    stars : whether to mark coefficients with ``***``, ``**``, ``*`` for p below 0.001, 0.01, 0.05
    ci : probability of Wald intervals to show in brackets; None: standard errors in parentheses
    exponentiate : bool
        exp of coefficients (odds ratios, rate ratios), standard errors by the delta method.
    components : which of ``"cond"``, ``"zi"``, ``"disp"`` to show; None: all
    digits : decimals; small numbers get as many as show two significant digits

    Returns
    -------
    EstimateTable, with `render(format)`, `to_frame()` and `save(path)`. Random effects are given by their standard
    deviations and correlations, on the scale of the linear predictor.

    Raises
    ------
    DataError
        If there is no fit, or `names`, `format`, `ci` or `components` do not fit.

    Examples
    --------
    >>> import ranef
    >>> data = ranef.demo_data()
    >>> first = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson")
    >>> second = first.update(". ~ . + shore")
    >>> table = ranef.etable(first, second, names=["cover", "cover and shore"])
    >>> table.to_frame().query("term == 'levels of pond'").iloc[0].tolist()
    ['Fit', 'levels of pond', 'value', 30, 30]
    """
    headings = _headings(fits, names)
    shown = _components(fits, components)
    level = None if ci is None else _level(ci)
    rows: list[Row] = []
    for component in shown:
        title = f"{COMPONENT_TITLES[component]} model"
        rows += _merge(title, [_coefficients(fit, component, level or 0.95, exponentiate) for fit in fits])
    rows += _merge("Random effects", [_random_effects(fit, shown) for fit in fits])
    rows += _merge("Fit", [_facts(fit) for fit in fits])
    return EstimateTable(
        headings, tuple(rows), _notes(fits, level, stars, exponentiate), check_format(format), stars, level, digits
    )


def _headings(fits: Sequence[Fit], names: Sequence[str] | None) -> tuple[str, ...]:
    from ranef.result import Fit

    if not fits:
        raise DataError("etable() needs at least one fit")
    for place, fit in enumerate(fits):
        if not isinstance(fit, Fit):
            raise DataError(f"etable() compares fits; argument {place + 1} is a {type(fit).__name__}")
    headings = tuple(f"({k + 1})" for k in range(len(fits))) if names is None else tuple(map(str, names))
    if len(headings) != len(fits):
        raise DataError(f"names has {len(headings)} entries for {len(fits)} fits")
    if len(set(headings)) < len(headings):
        raise DataError(f"names must differ, got {', '.join(map(repr, headings))}")
    return headings


def _components(fits: Sequence[Fit], components: Sequence[str] | None) -> tuple[str, ...]:
    present = tuple(c for c in COMPONENTS if any(has_component(fit.design, c) for fit in fits))
    if components is None:
        return present
    chosen = (components,) if isinstance(components, str) else tuple(components)
    for component in chosen:
        if component not in present:
            raise DataError(f"no fit has a component {component!r}; there are: {', '.join(present)}")
    return chosen


def _level(ci: float) -> float:
    if isinstance(ci, bool) or not 0 < ci < 1:
        raise DataError(f"ci is the probability of the intervals, such as 0.95, got {ci!r}")
    return float(ci)


def _merge(section: str, entries: Sequence[Entries]) -> list[Row]:
    """Rows of a section: every label once, a new one after the label that it follows in its own fit."""
    order: list[str] = []
    for own in entries:
        place = 0
        for label in own:
            if label in order:
                place = order.index(label) + 1
            else:
                order.insert(place, label)
                place += 1
    return [Row(section, label, {k: own[label] for k, own in enumerate(entries) if label in own}) for label in order]


def _coefficients(fit: Fit, component: str, level: float, exponentiate: bool) -> Entries:
    table = fit.tidy(conf_int=True, conf_level=level, exponentiate=exponentiate)
    return {
        str(row.term): Cell(row.estimate, row.std_error, row.conf_low, row.conf_high, row.p_value)
        for row in table[table["component"] == component].itertuples()
    }


def _random_effects(fit: Fit, components: Sequence[str]) -> Entries:
    """Standard deviations and correlations; a parameter that several effects share stands once."""
    made: Entries = {}
    parameters = fit.parameters()
    for component in components:
        rows = parameters[(parameters["component"] == component) & parameters["kind"].isin(["sd", "cor"])]
        singular = {f"{b.component}|{b.group}" for b in fit.covariance_blocks if _has_zero(b)}
        for name, row in rows.iterrows():
            unknown = row["kind"] == "cor" and f"{component}|{row['group']}" in singular and np.isnan(row["estimate"])
            made[str(name)] = Cell("none" if unknown else float(row["estimate"]))
    if fit.family.dispersion and np.isfinite(fit.sigma) and "cond" in components:
        made[dispersion_label(fit)] = Cell(float(fit.sigma))
    return made


def _has_zero(block: CovarianceBlock) -> bool:
    return bool((block.sd <= 0).any())


def dispersion_label(fit: Fit) -> str:
    """What `Fit.sigma` is, in words."""
    names = {"sigma": "residual sd", "shape": "coefficient of variation"}
    name = fit.family.dispersion_name()
    return names.get(name, f"dispersion {name}")


def _facts(fit: Fit) -> Entries:
    made: Entries = {
        "response": Cell(fit.design.response.name),
        "family": Cell(f"{fit.family.name} ({fit.family.link})"),
        "estimated by": Cell(("REML" if fit.reml else "ML") + (" (PQL)" if fit.model.has_joint_mode else "")),
        "observations": Cell(fit.nobs),
    }
    made |= {f"levels of {term.group}": Cell(len(term.labels)) for term in fit.design.terms}
    return made | {"log-likelihood": Cell(fit.loglik), "AIC": Cell(fit.aic), "BIC": Cell(fit.bic)}


def _notes(fits: Sequence[Fit], level: float | None, stars: bool, exponentiate: bool) -> tuple[str, ...]:
    below = "Standard errors in parentheses." if level is None else f"{100 * level:g} % Wald intervals in brackets."
    made = [f"exp(coefficients). {below}" if exponentiate else below]
    if stars:
        made.append("*** p < 0.001, ** p < 0.01, * p < 0.05.")
    if len({fit.reml for fit in fits}) > 1:
        made.append("Log-likelihoods of REML and ML are not comparable.")
    made += [f"Column {k + 1} has not converged; see diagnose()." for k, fit in enumerate(fits) if not fit.converged]
    return tuple(made)
