"""Statistics written as text: arithmetic on parameter names, as in car's ``deltaMethod``.

``sd(Intercept|Subject)^2 / (sd(Intercept|Subject)^2 + sigma^2)``: names are those of `Fit.parameters`, the constant
dispersion goes by its own name (``sigma``, ``phi`` ...) as well as by that of its log.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ranef.errors import DataError
from ranef.intervals import is_dispersion_constant

if TYPE_CHECKING:
    from ranef.result import Fit

_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "tanh": math.tanh,
    "atanh": math.atanh,
    "logit": lambda p: math.log(p / (1.0 - p)),
    "expit": lambda x: 1.0 / (1.0 + math.exp(-x)),
}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: float(a**b),
}


def expression_statistic(fit: Fit, text: str | Mapping[str, str]) -> Callable[[Fit], pd.Series]:
    """The function of a fit that an expression, or several by name, writes down.

    Raises
    ------
    DataError
        For what is no arithmetic on the fit's parameters: the piece, and the nearest name.
    """
    given = {text: text} if isinstance(text, str) else _checked_mapping(text)
    names = list(_known(fit))
    trees = {name: _parse(piece, names) for name, piece in given.items()}

    def statistic(other: Fit) -> pd.Series:
        known = list(_known(other).values())
        return pd.Series({name: _value(tree, known) for name, tree in trees.items()}, dtype=np.float64)

    return statistic


def _checked_mapping(given: object) -> dict[str, str]:
    if isinstance(given, Mapping) and all(isinstance(piece, str) for piece in given.values()):
        return {str(name): piece for name, piece in given.items()}
    raise DataError(f"a statistic is a function of a fit, an expression, or a dict of expressions; got {given!r}")


def _known(fit: Fit) -> dict[str, float]:
    """Every name that an expression may use, with its value."""
    known = {}
    for parameter, value in zip(fit.parameter_info, fit.parameter_values, strict=True):
        known[parameter.name] = float(value)
        if is_dispersion_constant(fit, parameter):
            known.setdefault(fit.family.dispersion_name(), float(np.exp(value)))
    return known


def _parse(text: str, names: list[str]) -> ast.expr:
    """The expression with ``p<k>_`` for the k-th name."""
    longest_first = sorted(filter(None, names), key=len, reverse=True)
    pattern = r"(?<![\w.\]:])(?:" + "|".join(map(re.escape, longest_first)) + r")(?![\w.\[:(])"
    code = re.sub(pattern, lambda found: f" p{names.index(found.group())}_ ", text).replace("^", "**")
    try:
        tree = ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise DataError(f"{text!r} is no arithmetic on the parameters {', '.join(names)}") from error
    _check(tree, text, names)
    return tree


def _check(node: ast.AST, text: str, names: list[str]) -> None:
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
            _check(left, text, names)
            _check(right, text, names)
        case ast.UnaryOp(ast.USub() | ast.UAdd(), operand):
            _check(operand, text, names)
        case ast.Call(ast.Name(name), [argument], []) if name in _FUNCTIONS:
            _check(argument, text, names)
        case ast.Constant(int() | float()):
            return
        case ast.Name(name) if re.fullmatch(r"p\d+_", name):
            return
        case _:
            piece = ast.unparse(node)
            close = difflib.get_close_matches(piece, [*names, *_FUNCTIONS], n=1, cutoff=0.4)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise DataError(
                f"{text!r}: {piece!r} is neither a parameter nor arithmetic; {hint}it may use {', '.join(names)}, "
                f"numbers, + - * / ^ and {', '.join(_FUNCTIONS)}"
            )


def _value(node: ast.AST, known: list[float]) -> float:
    match node:
        case ast.BinOp(left, operator, right):
            return _OPERATORS[type(operator)](_value(left, known), _value(right, known))
        case ast.UnaryOp(ast.USub(), operand):
            return -_value(operand, known)
        case ast.UnaryOp(_, operand):
            return _value(operand, known)
        case ast.Call(ast.Name(name), [argument], _):
            return _FUNCTIONS[name](_value(argument, known))
        case ast.Constant(int() | float() as number):
            return float(number)
        case ast.Name(name):
            return known[int(name[1:-1])]
    raise AssertionError(f"unchecked node {ast.dump(node)}")
