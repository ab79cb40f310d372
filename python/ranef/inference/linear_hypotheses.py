"""Linear hypotheses as a user writes them: ``"a - b = 0"``, names, a term, a matrix; read to rows and values.

An equation is a sum of coefficients, each with a number before it, on either side of ``=``; without ``=`` it is set to
zero, and ``a = b = c`` is two equations. Coefficient names are taken as they stand in the tables, longest first, so
that they may hold any sign (``spp[T.EC-A]:mined[T.no]``); in backticks where that is not clear.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef import tables
from ranef.errors import DataError
from ranef.formula.tokens import unquoted
from ranef.inference.hypotheses import model_terms

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]
_NUMBER = re.compile(r"\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class LinearHypothesis:
    """``rows @ beta = values`` (q, p) and (q,), with a name for every row."""

    rows: Floats
    values: Floats
    names: tuple[str, ...]


def linear_hypothesis(fit: Fit, component: str, hypothesis: object, value: object = None) -> LinearHypothesis:
    """Read a hypothesis about the coefficients of one component.

    Parameters
    ----------
    fit : Fit
    component : ``"cond"``, ``"zi"`` or ``"disp"``
    hypothesis : equation, coefficient or term name, a sequence of those, or an array (q, p) or (p,)
    value : what an array's combinations equal, a number or (q,); None: zero

    Raises
    ------
    DataError
        Naming what is not understood, with the nearest coefficient.
    """
    names = tables.coefficient_names(fit, component)
    if not names:
        raise DataError(f"the component {component!r} has no coefficients to test")
    if isinstance(hypothesis, str):
        made = _read(fit, component, names, [hypothesis])
    elif isinstance(hypothesis, Sequence) and hypothesis and all(isinstance(h, str) for h in hypothesis):
        made = _read(fit, component, names, list(hypothesis))
    else:
        return _matrix(names, hypothesis, value)
    if value is not None:
        raise DataError("value= goes with a matrix; write an equation such as 'a = 1' instead")
    return made


def _matrix(names: Sequence[str], hypothesis: object, value: object) -> LinearHypothesis:
    if isinstance(hypothesis, pd.DataFrame):
        unknown = [c for c in hypothesis.columns if c not in names]
        if unknown:
            raise DataError(_unknown(str(unknown[0]), names))
        hypothesis = hypothesis.reindex(columns=list(names), fill_value=0.0)
    labels = list(map(str, hypothesis.index)) if isinstance(hypothesis, pd.DataFrame) else None
    try:
        rows = np.atleast_2d(np.asarray(hypothesis, dtype=np.float64))
        values = np.broadcast_to(np.asarray(0.0 if value is None else value, dtype=np.float64), rows.shape[:1])
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a hypothesis is an equation, coefficient names, or a matrix of numbers with a value for each row: {error}"
        ) from error
    if rows.ndim != 2 or rows.shape[1] != len(names) or not rows.shape[0]:
        raise DataError(
            f"the hypothesis has shape {rows.shape}; it needs one column for each of the {len(names)} "
            f"coefficients {', '.join(names)}"
        )
    if not np.isfinite(rows).all() or not np.isfinite(values).all():
        raise DataError("the hypothesis holds a number that is not finite")
    empty = np.flatnonzero(~rows.any(axis=1))
    if empty.size:
        raise DataError(f"row {empty[0] + 1} of the hypothesis is zero: it says nothing about the coefficients")
    texts = labels or [_text(row, v, names) for row, v in zip(rows, values, strict=True)]
    return LinearHypothesis(rows, np.array(values), tuple(texts))


def _text(row: Floats, value: float, names: Sequence[str]) -> str:
    parts = []
    for weight, name in zip(row, names, strict=True):
        if weight:
            size = "" if abs(weight) == 1 else f"{abs(weight):g} * "
            sign = "-" if weight < 0 else "+"
            parts.append(f"{sign} {size}{name}")
    text = " ".join(parts).removeprefix("+ ")
    return f"{text} = {value:g}"


def _read(fit: Fit, component: str, names: Sequence[str], texts: Sequence[str]) -> LinearHypothesis:
    terms = {t.name: t for t in model_terms(fit.design.predictors[fit.predictor_place(component)].fixed)}
    rows: list[Floats] = []
    values: list[float] = []
    labels: list[str] = []
    for text in texts:
        stripped = text.strip()
        if stripped in terms and stripped not in names:
            for column in terms[stripped].columns:
                rows.append(np.eye(len(names))[column])
                values.append(0.0)
                labels.append(f"{names[column]} = 0")
            continue
        for row, value in _equations(stripped, names, list(terms)):
            rows.append(row)
            values.append(value)
            labels.append(_text(row, value, names))
    return LinearHypothesis(np.array(rows), np.array(values), tuple(labels))


def _equations(text: str, names: Sequence[str], terms: Sequence[str]) -> list[tuple[Floats, float]]:
    sides = [_sum(part, text, names, terms) for part in _split(text, names)]
    if len(sides) == 1:
        sides.append((np.zeros(len(names)), 0.0))
    made = []
    for (left, a), (right, b) in itertools.pairwise(sides):
        row = left - right
        if not row.any():
            raise DataError(f"the hypothesis {text!r} says nothing about the coefficients")
        made.append((row, b - a))
    return made


def _split(text: str, names: Sequence[str]) -> list[str]:
    """The sides of an equation; an ``=`` inside a coefficient's name is none."""
    sides, start, place = [], 0, 0
    while place < len(text):
        name = _name_at(text, place, names)
        if name is not None:
            place += name[1]
        elif text[place] == "=":
            sides.append(text[start:place])
            place += 2 if text.startswith("==", place) else 1
            start = place
        else:
            place += 1
    return [*sides, text[start:]]


def _sum(text: str, whole: str, names: Sequence[str], terms: Sequence[str]) -> tuple[Floats, float]:
    """Weights of the coefficients and the constant of a sum such as ``2 * a - b + 1``."""
    row, constant = np.zeros(len(names)), 0.0
    sign, factor, place = 1.0, None, 0
    pending, started = False, False
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        name = _name_at(text, place, names)
        number = _NUMBER.match(text, place)
        if name is not None and not (started and not pending):
            row[name[0]] += sign * (1.0 if factor is None else factor)
            sign, factor, pending, started = 1.0, None, False, True
            place += name[1]
        elif number is not None and factor is None and (pending or not started):
            place = number.end()
            rest = text[place:].lstrip()
            if rest.startswith("*"):
                factor = float(number.group())
                place = len(text) - len(rest) + 1
                pending, started = True, True
            else:
                constant += sign * float(number.group())
                sign, pending, started = 1.0, False, True
        elif text[place] in "+-" and factor is None and (started or not pending):
            sign = sign if text[place] == "+" else -sign
            pending, started = True, True
            place += 1
        else:
            rest = text[place:]
            raise DataError(f"the hypothesis {whole!r} is not understood at {rest!r}; {_nearest(rest, names, terms)}")
    if pending or not started:
        raise DataError(f"the hypothesis {whole!r} is not complete: a coefficient or number is missing")
    return row, constant


def _name_at(text: str, place: int, names: Sequence[str]) -> tuple[int, int] | None:
    """Which coefficient stands at `place`, and the length of what was read."""
    best: tuple[int, int] | None = None
    for number, name in enumerate(names):
        for written in (*([name] if name else []), f"`{name.replace('`', '``')}`"):
            after = place + len(written)
            longer = best is None or len(written) > best[1]
            if longer and text.startswith(written, place) and not _continues(text, after):
                best = (number, len(written))
    return best


def _continues(text: str, place: int) -> bool:
    """Whether a name goes on at `place`: ``days`` does not stand in ``days2`` or ``days[T.a]``."""
    return place < len(text) and (text[place].isalnum() or text[place] in "_.[(:")


def _nearest(text: str, names: Sequence[str], terms: Sequence[str]) -> str:
    word = re.split(r"\s[-+*=]|=", text.strip(), maxsplit=1)[0]
    word = unquoted(word)
    return _unknown(word, [*names, *terms]) if word else "a coefficient is missing"


def _unknown(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"coefficients: {', '.join(dict.fromkeys(names))}"
    return f"there is no coefficient {name!r}; {hint}"
