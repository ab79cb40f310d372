"""A model as equations in plain HTML, which wraps on a narrow screen: distribution, predictors, random effects."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ranef.design.design import PredictorDesign, RandomDesign
from ranef.parameters import is_constant, shared_name

if TYPE_CHECKING:
    from ranef.families import Family
    from ranef.result import Fit

# With more coefficients a predictor is written as a product of matrices.
MOST_TERMS = 12

_SYMBOL = {"cond": "μ", "zi": "π"}
_LETTER = {"cond": "β", "zi": "γ", "disp": "δ"}
_EFFECTS = "bcdfghkmqrsuvw"
_DISTRIBUTION = {
    "gaussian": ("Normal", "{mu}, {phi}²"),
    "binomial": ("Binomial", "{n}, {mu}"),
    "poisson": ("Poisson", "{mu}"),
    "nbinom1": ("Negative binomial", "mean {mu}, variance {mu}(1 + {phi})"),
    "nbinom2": ("Negative binomial", "mean {mu}, variance {mu} + {mu}²/{phi}"),
    "gamma": ("Gamma", "mean {mu}, variance {mu}²/{phi}"),
    "beta": ("Beta", "mean {mu}, precision {phi}"),
    "betabinomial": ("Beta-binomial", "{n}, mean {mu}, precision {phi}"),
}
_LINK = {
    "identity": "{0}",
    "log": "log {0}",
    "logit": "logit {0}",
    "probit": "Φ⁻¹({0})",
    "cloglog": "log(−log(1 − {0}))",
    "inverse": "1/{0}",
    "sqrt": "√{0}",
}


def equation_html(fit: Fit) -> str:
    """The model as a list of equations."""
    lines = [_distribution(fit)]
    lines += [_predictor(fit, p) for p in fit.design.predictors if _is_shown(p)]
    lines += [_random_effects(fit, k) for k in range(len(fit.design.terms))]
    return "\n".join(f'<p class="equation">{line}</p>' for line in lines)


def _is_shown(predictor: PredictorDesign) -> bool:
    """A constant dispersion is a parameter of the distribution, not a model."""
    constant = is_constant(predictor.fixed.names) or not predictor.fixed.names
    return not (predictor.component == "disp" and constant and predictor.offset is None)


def italic(name: str) -> str:
    """A name as a symbol."""
    return f"<i>{escape(name)}</i>"


def indexed(symbol: str, index: str = "i") -> str:
    """A symbol with its index: upright digits, the row's index in italics."""
    return f"<i>{symbol}</i><sub>{index if index[:1].isdigit() else italic(index)}</sub>"


def _distribution(fit: Fit) -> str:
    family, response = fit.family, fit.design.response
    name, arguments = _describe(family)
    one_trial = response.trials is None or (response.trials == 1).all()
    if family.has_trials and one_trial and family.name == "binomial":
        name, arguments = "Bernoulli", "{mu}"
    varies = any(p.component == "disp" and _is_shown(p) for p in fit.design.predictors)
    symbol = _dispersion_symbol(family)
    phi = indexed(symbol) if varies else italic(symbol)
    shown = arguments.format(mu=indexed("μ"), n=indexed("n"), phi=phi)
    subject = response.name if response.form != "cbind" else response.name.removeprefix("cbind(").partition(",")[0]
    if response.levels is not None:
        subject = f"{response.name} = {response.levels[-1]}"
    line = f"{italic(subject.strip())}<sub><i>i</i></sub> | random effects ~ {name}({shown})"
    if family.truncated:
        line += ", truncated at zero"
    if any(p.component == "zi" for p in fit.design.predictors):
        line += f" with probability 1 − {indexed('π')}, else 0"
    return line


def _describe(family: Family) -> tuple[str, str]:
    return _DISTRIBUTION.get(family.name.removeprefix("truncated_"), (family.name, "{mu}, {phi}"))


def _dispersion_symbol(family: Family) -> str:
    return "σ" if family.dispersion == "log_sigma" else "φ"


def _predictor(fit: Fit, predictor: PredictorDesign) -> str:
    component = predictor.component
    link = {"cond": fit.family.link, "zi": "logit", "disp": "log"}[component]
    symbol = _SYMBOL.get(component) or _dispersion_symbol(fit.family)
    left = _LINK.get(link, link + "({0})").format(indexed(symbol))
    parts = _fixed_parts(predictor.fixed.names, _LETTER[component])
    if predictor.offset is not None:
        parts.append("offset<sub><i>i</i></sub>")
    terms = fit.design.terms
    parts += [_random_part(terms, k) for k, term in enumerate(terms) if term.component == component]
    return f"{left} = " + " + ".join(parts or ["0"])


def _fixed_parts(names: Sequence[str], letter: str) -> list[str]:
    if len(names) > MOST_TERMS:
        return [f"<b>x</b><sub><i>i</i></sub>′<b>{letter}</b> ({len(names)} coefficients)"]
    first = 0 if "Intercept" in names else 1
    made = []
    for place, name in enumerate(names):
        symbol = indexed(letter, str(place + first))
        made.append(symbol if name == "Intercept" else f"{symbol} {italic(name)}<sub><i>i</i></sub>")
    return made


def _random_part(terms: Sequence[RandomDesign], place: int) -> str:
    """The effects of one term for the row's level."""
    term = terms[place]
    level = f"<sub>{escape(term.group)}[<i>i</i>]</sub>"
    if term.column is not None or len(term.term_names) > MOST_TERMS:
        own = f"<sub>{escape(shared_name(term.term_names))}[<i>i</i>]</sub>" if len(term.term_names) > 1 else ""
        return f"{_effect(place)}{own}{level}"
    parts = []
    for k, name in enumerate(term.term_names):
        symbol = _effect(place, str(k) if len(term.term_names) > 1 else "") + level
        parts.append(symbol if name == "Intercept" else f"{symbol} {italic(name)}<sub><i>i</i></sub>")
    return " + ".join(parts)


def _effect(place: int, number: str = "") -> str:
    """b for the first term, then c, d ..., numbered inside a term."""
    letter = _EFFECTS[place % len(_EFFECTS)]
    return f"<i>{letter}</i>" + (f"<sub>{number}</sub>" if number else "")


def _random_effects(fit: Fit, place: int) -> str:
    term, block = fit.design.terms[place], fit.covariance_blocks[place]
    level = f"<sub>{escape(term.group)}</sub>"
    if len(term.term_names) == 1:
        return f"{_effect(place)}{level} ~ Normal(0, {block.sd[0]:.3g}²)"
    words = {
        "us": "with any correlations",
        "diag": "independent",
        "homdiag": "independent, with one standard deviation",
        "cs": "with one correlation",
        "ar1": "first-order autoregressive",
    }
    count = len(term.term_names)
    vector = f"<b>{_effect(place)}</b>{level}"
    return f"{vector} ~ Normal(<b>0</b>, Σ), {count} effects {words.get(term.structure, term.structure)}"
