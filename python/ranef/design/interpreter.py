"""The value of an expression on a table, by a walk over its tree."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ranef.design.frame import Table
from ranef.errors import DataError
from ranef.formula.expression import Expression
from ranef.formula.functions import CONTRASTS, FUNCTIONS, SUMMARIES, WORDS
from ranef.formula.transforms import (
    Basis,
    Factor,
    apply_basis,
    coded,
    contrasts_named,
    intervals,
    is_basis,
    relevelled,
)
from ranef.formula.tree import TreeError, dotted_name, placeholder, read_tree, written

# What transforms and summaries found in the fitted rows, by the call that found it.
Memory = dict[str, dict[str, Any]]

_BINARY: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.true_divide, ast.Mod: np.mod,
    ast.Pow: np.power, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_FACTOR_CALLS: Mapping[str, Callable[..., Any]] = {"C": coded, "cut": intervals, "relevel": relevelled}
_TAKES_A_FACTOR = ("C", "relevel")


class Interpreter:
    """Evaluates one expression.

    Parameters
    ----------
    expression : its columns are in `table`
    table : the rows
    levels : of the columns that are factors
    memory : of the fitted rows; what is not there yet is found in these rows and kept there
    """

    def __init__(self, expression: Expression, table: Table, levels: Mapping[str, pd.Index], memory: Memory) -> None:
        self.variables = expression.variables
        self.shown = expression.shown_variables
        self.own = {f.name: f.call for f in expression.functions}
        self.table = table
        self.levels = levels
        self.memory = memory

    def value(self, node: ast.expr) -> Any:
        """A number, text or list; an array with one number a row; a `Factor` or a `Basis`.

        Raises
        ------
        DataError
            If a column is of another kind than the expression needs.
        ValueError, TypeError
            If it cannot be evaluated.
        """
        if isinstance(node, ast.BinOp):
            return self.chain(node)
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.UnaryOp):
            operand = self.value(node.operand)
            operand = operand if isinstance(operand, int | float) else self.computable(operand)
            return -operand if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.List | ast.Tuple):
            return [self.item(e) for e in node.elts]
        place = placeholder(node)
        if place is not None and place < len(self.variables):
            return self.column(self.variables[place])
        word = dotted_name(node) or ""
        if word in CONTRASTS:
            return contrasts_named(word)
        if word not in WORDS:
            raise TreeError(f"{written(node, self.shown)!r} has no meaning in a formula")
        return WORDS[word]

    def column(self, name: str) -> Any:
        """A column: numbers or truth values, or a factor where it is no number."""
        column = self.table[name]
        if column.labels is not None:
            levels = self.levels[name] if name in self.levels else column.factor()[1]
            return Factor(name, column.codes_in(levels), levels)
        return column.values if column.values.dtype == np.bool_ else column.numbers()

    def factor_or_value(self, node: ast.expr) -> Any:
        """The argument of ``factor()``: a column of numbers, too, is its levels there."""
        place = placeholder(node)
        name = "" if place is None else self.variables[place]
        if name not in self.levels:
            return self.value(node)
        return Factor(name, self.table[name].codes_in(self.levels[name]), self.levels[name])

    def arithmetic(self, node: ast.expr) -> Any:
        """A value to compute with."""
        return self.computable(self.value(node))

    def computable(self, value: Any) -> Any:
        """Integers and truth values as floats, columns of a basis as an array; a factor or a text is refused."""
        if isinstance(value, Factor):
            some = ", ".join(repr(str(v)) for v in value.levels[:3])
            raise DataError(f"column {value.name!r} must be numeric, but holds values such as {some}")
        if isinstance(value, Basis):
            return value.columns
        if isinstance(value, str | list) or value is None:
            raise TypeError(f"{value!r:.60} is no number")
        if isinstance(value, int | float):
            return np.float64(value)
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype.kind in "iub" else array

    def chain(self, node: ast.BinOp) -> Any:
        """Operators from left to right, without recursion along the chain."""
        waiting: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            waiting.append(left)
            left = left.left
        value = self.arithmetic(left)
        for step in reversed(waiting):
            value = _BINARY[type(step.op)](value, self.arithmetic(step.right))
        return value

    def comparison(self, node: ast.Compare) -> Any:
        """``a < b``, and ``a < b < c`` as both together."""
        operands = [self.value(n) for n in (node.left, *node.comparators)]
        result: Any = True
        for sign, a, b in zip(node.ops, operands, operands[1:], strict=False):
            result = np.logical_and(result, self.compared(_BINARY[type(sign)], a, b))
        return result

    def compared(self, sign: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        """Numbers by size, levels by equality with a text, a number or each other."""
        if not isinstance(a, Factor) and not isinstance(b, Factor):
            return sign(self.computable(a), self.computable(b))
        if sign not in (operator.eq, operator.ne):
            raise TypeError("levels of a factor have no size: compare them with == or !=")
        if not isinstance(a, Factor):
            a, b = b, a
        if isinstance(b, Factor):
            return sign(a.levels.astype(str)[a.codes].to_numpy(), b.levels.astype(str)[b.codes].to_numpy())
        if not isinstance(b, str | int | float):
            raise TypeError("a level is compared with a text or a number")
        return sign(np.asarray([*(bool(v == b) for v in a.levels), False], dtype=bool)[a.codes], True)

    def item(self, node: ast.expr) -> Any:
        """A member of a list: a number, a text or another list."""
        value = self.value(node)
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, int | float | str | list):
            return value
        raise TypeError("a list holds numbers or texts, not columns")

    def call(self, node: ast.Call) -> Any:
        name = dotted_name(node.func) or ""
        if name == "c":
            return [self.item(a) for a in node.args]
        first = self.factor_or_value if name in _TAKES_A_FACTOR else self.value
        args = [(first if not k else self.value)(a) for k, a in enumerate(node.args)]
        options = {str(k.arg): self.value(k.value) for k in node.keywords}
        if name in self.own:
            return self.rowwise(name, self.own[name](*map(_given, args), **{k: _given(v) for k, v in options.items()}))
        if name in CONTRASTS:
            return contrasts_named(name, *args, **options)
        if is_basis(name):
            computed = [self.computable(a) if not isinstance(a, Basis) else a for a in args[:1]]
            return apply_basis(name, self.state(node), *computed, *args[1:], **options)
        if name in _FACTOR_CALLS:
            return self.make_factor(name, node, args, options)
        if name in SUMMARIES:
            return self.summary(name, node, args, options)
        if name not in FUNCTIONS:
            raise TreeError(f"there is no function {name!r} for formulas")
        return self.elementwise(name, args, options)

    def make_factor(self, name: str, node: ast.Call, args: list[Any], options: dict[str, Any]) -> Any:
        if name == "cut":
            args = [self.computable(a) for a in args[:1]] + args[1:]
        return _FACTOR_CALLS[name](written(node, self.shown), self.state(node), *args, **options)

    def elementwise(self, name: str, args: list[Any], options: dict[str, Any]) -> Any:
        function = FUNCTIONS[name]
        if name == "I" and len(args) == 1 and isinstance(args[0], Factor):
            return args[0]
        if isinstance(function, np.ufunc) and (len(args) != function.nin or options):
            raise TypeError(f"{name} takes {function.nin} argument{'s' * (function.nin > 1)} and no others")
        named = dict(zip(options, self.numbers(options.values()), strict=True))
        return self.rowwise(name, function(*self.numbers(args), **named))

    def numbers(self, values: Any) -> list[Any]:
        """Arguments as they are, but for factors, texts and lists, which have no numbers."""
        plain = (bool, int, float, np.bool_)
        return [v if isinstance(v, plain) or _is_truth(v) else self.computable(v) for v in values]

    def summary(self, name: str, node: ast.Call, args: list[Any], options: dict[str, Any]) -> Any:
        if len(args) != 1 or options:
            raise TypeError(f"{name} takes one column")
        state = self.state(node)
        if "value" not in state:
            state["value"] = float(SUMMARIES[name](self.computable(args[0])))
        return state["value"]

    def rowwise(self, name: str, value: Any) -> Any:
        """A value that is one number, or has one number (or one row of them) a row."""
        if isinstance(value, pd.Series):
            value = value.to_numpy()
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} gives no real numbers")
        if array.ndim and (array.ndim > 2 or array.shape[0] != self.table.n_rows):
            raise ValueError(f"{name} gives {array.shape[0]} values for {self.table.n_rows} rows")
        return array if array.ndim else array[()]

    def state(self, node: ast.Call) -> dict[str, Any]:
        """The memory of a call."""
        return self.memory.setdefault(written(node, self.shown), {})


def _is_truth(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.bool_


def _given(value: Any) -> Any:
    """An argument of a user's function: a copy, so that the data cannot be changed; levels as an array of them."""
    if isinstance(value, Factor):
        return np.append(value.levels.to_numpy(dtype=object), [None])[value.codes]
    if isinstance(value, Basis):
        return value.columns.copy()
    return value.copy() if isinstance(value, np.ndarray) else value


def interpret(expression: Expression, table: Table, levels: Mapping[str, pd.Index], memory: Memory) -> Any:
    """The value of `expression` on `table`; see `Interpreter`."""
    if expression.is_name:
        return Interpreter(expression, table, levels, memory).column(expression.variables[0])
    with np.errstate(all="ignore"):
        return Interpreter(expression, table, levels, memory).value(read_tree(expression.code))
