"""The functions that a formula may call: a closed list, and what a user adds to it.

Names with a dot (``np.log``) are entries of the list like any other. A function of rows gives one value a row; a
summary (``mean``) gives one number, which is that of the fitted rows wherever the expression is evaluated again; so do
the transforms of `ranef.formula.transforms`, which have more to remember.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import numpy as np

from ranef.errors import DataError

# Decimal places of a double.
_MOST_DIGITS = 330

_NAME = re.compile(r"[A-Za-z_.][A-Za-z0-9_.]*")


def log(x: Any, base: float | None = None) -> Any:
    """Natural logarithm, or to another base as R's second argument."""
    return np.log(x) if base is None else np.log(x) / np.log(base)


def qlogis(x: Any) -> Any:
    """log(x / (1 - x))"""
    return np.log(x) - np.log1p(-x)


def plogis(x: Any) -> Any:
    """1 / (1 + exp(-x))"""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def identity(x: Any) -> Any:
    """R's ``I``: arithmetic is meant, not the algebra of terms."""
    return x


def rounded(x: Any, digits: int = 0) -> Any:
    """To so many decimal places."""
    return np.round(x, int(np.clip(digits, -_MOST_DIGITS, _MOST_DIGITS)))


def lowest(*values: Any) -> Any:
    """R's ``pmin``: the least of several values in every row."""
    return reduce(np.minimum, values)


def highest(*values: Any) -> Any:
    """R's ``pmax``."""
    return reduce(np.maximum, values)


def clipped(x: Any, low: Any, high: Any) -> Any:
    """No less than `low`, no more than `high`."""
    return np.minimum(np.maximum(x, low), high)


def chosen(test: Any, yes: Any, no: Any) -> Any:
    """R's ``ifelse``."""
    return np.where(test, yes, no)


def without_nan(x: Any, nan: float = 0.0) -> Any:
    """`x` with a number in place of what is none."""
    return np.where(np.isnan(x), nan, x)


def sd(x: Any) -> Any:
    """Standard deviation of a sample."""
    return np.std(x, ddof=1)


def var(x: Any) -> Any:
    """Variance of a sample."""
    return np.var(x, ddof=1)


def _of_numpy() -> dict[str, Callable[..., Any]]:
    """NumPy's elementwise functions with one result, and the others that work row by row."""
    found = {f"np.{n}": f for n, f in vars(np).items() if isinstance(f, np.ufunc) and f.nout == 1 and not f.signature}
    return found | {"np.round": rounded, "np.around": rounded, "np.where": chosen, "np.clip": clipped,
                    "np.nan_to_num": without_nan}  # fmt: skip


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "I": identity, "log": log, "qlogis": qlogis, "logit": qlogis, "plogis": plogis, "expit": plogis,
    "log10": np.log10, "log2": np.log2, "log1p": np.log1p, "exp": np.exp, "expm1": np.expm1, "sqrt": np.sqrt,
    "abs": np.abs, "sign": np.sign, "round": rounded, "floor": np.floor, "ceiling": np.ceil,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "pmin": lowest, "pmax": highest, "ifelse": chosen,
    **_of_numpy(),
}  # fmt: skip

SUMMARIES: Mapping[str, Callable[..., Any]] = {
    "mean": np.mean, "median": np.median, "min": np.min, "max": np.max, "sum": np.sum, "sd": sd, "var": var,
    "np.mean": np.mean, "np.median": np.median, "np.min": np.min, "np.max": np.max, "np.sum": np.sum,
    "np.std": np.std, "np.var": np.var, "np.ptp": np.ptp,
}  # fmt: skip

WORDS: Mapping[str, float] = {"pi": np.pi, "np.pi": np.pi, "np.e": np.e}

TRANSFORMS = ("poly", "bs", "ns", "cc", "cr", "cs", "scale", "center", "standardize")
FACTORS = ("C", "cut", "relevel")
CONTRASTS = ("contr.treatment", "contr.sum", "contr.poly", "contr.helmert", "contr.diff", "contr.SAS", "contr.custom",
             "Treatment", "Sum", "Poly", "Helmert", "Diff")  # fmt: skip

# Names that a formula gives a meaning beside the list.
_TAKEN = ("factor", "as.factor", "cbind", "offset", "c", "us", "diag", "homdiag", "cs", "ar1", "s", "te", "ti", "t2")


@cache
def known_functions() -> tuple[str, ...]:
    """Names of all functions that a formula may call, those without a dot first."""
    names = ("c", *FUNCTIONS, *SUMMARIES, *TRANSFORMS, *FACTORS, *CONTRASTS)
    return tuple(sorted(names, key=lambda name: "." in name))


@dataclass(frozen=True, slots=True, eq=False)
class UserFunction:
    """A function that the caller of a fit added to the list: its name, and what it calls."""

    name: str
    call: Callable[..., Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UserFunction) and self.name == other.name and self.call is other.call

    def __hash__(self) -> int:
        return hash((self.name, id(self.call)))


def user_functions(given: Mapping[Any, Any] | None) -> tuple[UserFunction, ...]:
    """The functions of an argument ``functions={"name": f}``.

    Raises
    ------
    DataError
        For a name that no formula could call or that is taken, or a value that cannot be called.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise DataError(f"functions must be a dict such as {{'dose': f}}, got {given!r:.60}")
    for name, call in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith(("np.", "contr.")):
            raise DataError(f"functions: {name!r:.60} is no name for a function: letters, digits, '_' and '.'")
        if keyword.iskeyword(name) or name in (*known_functions(), *_TAKEN):
            raise DataError(f"functions: {name!r} means something in formulas already, choose another name")
        if not callable(call):
            raise DataError(f"functions: {name!r} must be a function, got {call!r:.60}")
    return tuple(UserFunction(name, call) for name, call in given.items())
