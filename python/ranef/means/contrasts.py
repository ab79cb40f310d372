"""Contrasts between means: the methods by name, their coefficients, labels and usual adjustments."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranef.errors import DataError

Floats = NDArray[np.float64]
Method = str | Mapping[str, ArrayLike] | ArrayLike

METHODS = ("pairwise", "revpairwise", "trt.vs.ctrl", "trt.vs.ctrlk", "consec", "poly", "eff", "del.eff", "mean_chg")
_ALIASES = {
    "tukey": "pairwise",
    "trt.vs.ctrl1": "trt.vs.ctrl",
    "dunnett": "trt.vs.ctrl",
    "trt_vs_ctrl": "trt.vs.ctrl",
    "trt_vs_ctrlk": "trt.vs.ctrlk",
    "del_eff": "del.eff",
    "identity": "identity",
}
DEGREES = ("linear", "quadratic", "cubic", "quartic")
# Polynomial contrasts stop here, whatever the number of means.
_HIGHEST_DEGREE = 6
_OPERATORS = re.compile(r"[-+*/]")


@dataclass(frozen=True, slots=True)
class ContrastSet:
    """Contrasts of k means.

    Attributes
    ----------
    method : its name
    labels : one a contrast: two names to be joined by a minus (or a fraction stroke), or one text
    weights : (n, k)
    adjust : the adjustment that goes with the method
    pairwise : whether these are all the differences between k means
    """

    method: str
    labels: tuple[tuple[str, ...], ...]
    weights: Floats
    adjust: str
    pairwise: bool = False

    @property
    def sums_to_zero(self) -> bool:
        """Whether every contrast is a comparison: its weights sum to zero."""
        return bool(np.allclose(self.weights.sum(axis=1), 0.0, atol=1e-9 * max(1.0, np.abs(self.weights).max())))


def contrast_set(
    method: Method, names: Sequence[str], *, ref: str | int | None = None, reverse: bool = False
) -> ContrastSet:
    """The contrasts of `method` between means called `names`.

    Parameters
    ----------
    method : a name, ``{label: weights}``, or an array (n, k) or (k,) of weights
    names : the k means
    ref : reference of ``trt.vs.ctrl``: name of a mean, else its place (from 0); None: the first (the last for
        ``trt.vs.ctrlk``)
    reverse : turn the sign of ``pairwise``, ``trt.vs.ctrl`` and ``consec``

    Raises
    ------
    DataError
        If there is no such method (the nearest name is offered), the weights do not fit, or `ref` is no mean.
    """
    if not isinstance(method, str):
        return _own(method, names)
    key = _ALIASES.get(method.lower(), method.lower())
    makers: dict[str, Callable[[], ContrastSet]] = {
        "pairwise": lambda: _pairwise(names, reverse),
        "revpairwise": lambda: _pairwise(names, not reverse),
        "trt.vs.ctrl": lambda: _against(names, _place(ref, names, 0), reverse),
        "trt.vs.ctrlk": lambda: _against(names, _place(ref, names, len(names) - 1), reverse),
        "consec": lambda: _consecutive(names, reverse),
        "mean_chg": lambda: _mean_change(names),
        "poly": lambda: _polynomial(len(names)),
        "eff": lambda: _effects(names, left_out=False),
        "del.eff": lambda: _effects(names, left_out=True),
        "identity": lambda: ContrastSet("identity", tuple((n,) for n in names), np.eye(len(names)), "none"),
    }
    if key not in makers:
        close = difflib.get_close_matches(key, [*METHODS, *_ALIASES], n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise DataError(
            f"there is no contrast method {method!r}; {hint}offered: {', '.join(METHODS)}, {{label: weights}}, or an "
            f"array of weights"
        )
    if ref is not None and key not in ("trt.vs.ctrl", "trt.vs.ctrlk"):
        raise DataError(f"ref= belongs to 'trt.vs.ctrl', not to {method!r}")
    if len(names) < 2 and key != "identity":
        return ContrastSet(key, (), np.zeros((0, len(names))), "none")
    return makers[key]()


def bracketed(name: str) -> str:
    """A mean's name inside a contrast's label: in brackets where it holds an operator itself.

    Examples
    --------
    >>> bracketed("EC-A")
    '(EC-A)'
    """
    return f"({name})" if _OPERATORS.search(name) else name


def _difference(count: int, plus: int, minus: int) -> Floats:
    row = np.zeros(count)
    row[plus], row[minus] = 1.0, -1.0
    return row


def _of_pairs(method: str, names: Sequence[str], pairs: Sequence[tuple[int, int]], adjust: str) -> ContrastSet:
    """Differences first minus second of `pairs` of places."""
    labels = tuple((bracketed(names[a]), bracketed(names[b])) for a, b in pairs)
    weights = np.array([_difference(len(names), a, b) for a, b in pairs]).reshape(len(pairs), len(names))
    return ContrastSet(method, labels, weights, adjust, pairwise=method.endswith("pairwise"))


def _pairwise(names: Sequence[str], reverse: bool) -> ContrastSet:
    k = len(names)
    if reverse:
        return _of_pairs("revpairwise", names, [(i, j) for i in range(k) for j in range(i)], "tukey")
    return _of_pairs("pairwise", names, [(i, j) for i in range(k) for j in range(i + 1, k)], "tukey")


def _against(names: Sequence[str], ref: int, reverse: bool) -> ContrastSet:
    pairs = [(i, ref) for i in range(len(names)) if i != ref]
    return _of_pairs("trt.vs.ctrl", names, [(b, a) for a, b in pairs] if reverse else pairs, "dunnettx")


def _consecutive(names: Sequence[str], reverse: bool) -> ContrastSet:
    pairs = [(i + 1, i) for i in range(len(names) - 1)]
    return _of_pairs("consec", names, [(b, a) for a, b in pairs] if reverse else pairs, "mvt")


def _mean_change(names: Sequence[str]) -> ContrastSet:
    """Mean of the later minus mean of the earlier, at every step."""
    k = len(names)
    weights = np.array([[-1.0 / (i + 1)] * (i + 1) + [1.0 / (k - i - 1)] * (k - i - 1) for i in range(k - 1)])
    labels = tuple((f"{names[i]}|{names[i + 1]}",) for i in range(k - 1))
    return ContrastSet("mean_chg", labels, weights, "mvt")


def _effects(names: Sequence[str], left_out: bool) -> ContrastSet:
    """Each mean against the mean of all, or (`left_out`) of all others."""
    k = len(names)
    weights = np.eye(k) - (1.0 - np.eye(k)) / (k - 1) if left_out else np.eye(k) - 1.0 / k
    labels = tuple((f"{bracketed(name)} effect",) for name in names)
    return ContrastSet("del.eff" if left_out else "eff", labels, weights, "fdr")


def _polynomial(count: int) -> ContrastSet:
    highest = min(count - 1, _HIGHEST_DEGREE)
    labels = tuple((degree_name(d),) for d in range(1, highest + 1))
    return ContrastSet("poly", labels, integer_polynomials(count, highest), "none")


def degree_name(degree: int) -> str:
    """``linear``, ``quadratic``, ``cubic``, ``quartic``, ``degree 5`` ..."""
    return DEGREES[degree - 1] if degree <= len(DEGREES) else f"degree {degree}"


def integer_polynomials(count: int, highest: int) -> Floats:
    """Orthogonal polynomials (highest, count) over equally spaced levels, in smallest whole numbers.

    The three-term recurrence of the discrete Chebyshev polynomials, in exact fractions; the last level's weight is
    positive.

    Examples
    --------
    >>> integer_polynomials(4, 3).astype(int).tolist()
    [[-3, -1, 1, 3], [1, -1, -1, 1], [-1, 3, -3, 1]]
    """
    x = [Fraction(2 * i - (count - 1), 2) for i in range(count)]
    previous, current = [Fraction(0)] * count, [Fraction(1)] * count
    rows = []
    for degree in range(highest):
        ratio = Fraction(0)
        if degree:
            ratio = Fraction(sum(c * c for c in current), sum(p * p for p in previous))
        previous, current = current, [a * c - ratio * p for a, c, p in zip(x, current, previous, strict=True)]
        rows.append(_smallest_integers(current))
    return np.array(rows, dtype=np.float64)


def _smallest_integers(values: Sequence[Fraction]) -> list[int]:
    scale = math.lcm(*(v.denominator for v in values))
    whole = [int(v * scale) for v in values]
    divisor = math.gcd(*whole)
    return [w // divisor for w in whole]


def _place(ref: str | int | None, names: Sequence[str], usual: int) -> int:
    if ref is None:
        return usual
    if isinstance(ref, (int, np.integer)) and not isinstance(ref, bool) and str(ref) not in names:
        if not -len(names) <= ref < len(names):
            raise DataError(f"ref={ref} is no place among the {len(names)} means (counted from 0)")
        return int(ref) % len(names)
    if str(ref) not in names:
        close = difflib.get_close_matches(str(ref), names, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise DataError(f"ref={ref!r} is none of the means; {hint}they are: {', '.join(map(repr, names))}")
    return list(names).index(str(ref))


def _own(method: Mapping[str, ArrayLike] | ArrayLike, names: Sequence[str]) -> ContrastSet:
    """Contrasts given by their weights."""
    if isinstance(method, Mapping):
        labels = [str(label) for label in method]
        rows: list[Any] = list(method.values())
    else:
        given = np.atleast_2d(_weights(method, "the contrasts"))
        labels, rows = [_weights_label(row) for row in given], list(given)
    if not rows:
        raise DataError("contrasts were given as an empty collection: give {label: weights}")
    made = []
    for label, row in zip(labels, rows, strict=True):
        values = _weights(row, f"contrast {label!r}")
        if values.shape != (len(names),):
            shown = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
            raise DataError(f"contrast {label!r} has {values.size} weights, but there are {len(names)} means: {shown}")
        if not np.isfinite(values).all():
            raise DataError(f"contrast {label!r} has a weight that is no finite number")
        made.append(values)
    return ContrastSet("custom", tuple((label,) for label in labels), np.array(made), "none")


def _weights(given: ArrayLike, what: str) -> Floats:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} must be numbers, one a mean, such as [1, -0.5, -0.5]; got {given!r}") from error


def _weights_label(row: Floats) -> str:
    """R's way to call a contrast that has no name: ``c(1, -1, 0)``."""
    return f"c({', '.join(f'{value:g}' for value in row)})"
