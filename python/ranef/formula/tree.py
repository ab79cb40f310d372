"""Expressions of a formula as trees of a closed set of nodes.

An expression's code is written in Python's grammar, its columns as the placeholders ``_v0``, ``_v1`` ... and every
text as a literal. Python's parser makes the tree; nothing is ever compiled. `check_tree` lets through what
`ranef.design.interpreter` can evaluate: a number, a text, a list, a placeholder, arithmetic, a comparison and the
call of a function by its whole name; no attribute, subscript, lambda, comprehension or unpacking.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from math import isinf

_PLACEHOLDER = re.compile(r"_v([0-9]+)")
_OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Add: ("+", 2), ast.Sub: ("-", 2), ast.Mult: ("*", 3), ast.Div: ("/", 3), ast.Mod: ("%", 3), ast.Pow: ("**", 5),
    ast.Eq: ("==", 1), ast.NotEq: ("!=", 1), ast.Lt: ("<", 1), ast.LtE: ("<=", 1), ast.Gt: (">", 1), ast.GtE: (">=", 1),
    ast.USub: ("-", 4), ast.UAdd: ("+", 4),
}  # fmt: skip
_ATOM = 6
_POWER = 5

# Levels of a tree; a chain of operators from left to right is one.
_DEEPEST = 100
_LONGEST = 20_000


class TreeError(ValueError):
    """Code that is no expression of a formula."""


@lru_cache(maxsize=2048)
def read_tree(code: str) -> ast.expr:
    """The tree of an expression's code.

    Raises
    ------
    TreeError
        If the code is not of the grammar, too long or too deep.
    """
    if len(code) > _LONGEST:
        raise TreeError("it is too long: make it a column of the data")
    try:
        tree = ast.parse(code, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise TreeError("it is no expression") from error
    _check_depth(tree)
    return tree


def _check_depth(tree: ast.expr) -> None:
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEEPEST:
            raise TreeError("it is nested too deeply: make a part of it a column of the data")
        for name, child in ast.iter_fields(node):
            deeper = depth + (not (isinstance(node, ast.BinOp) and name == "left"))
            children = child if isinstance(child, list) else [child]
            waiting.extend((c, deeper) for c in children if isinstance(c, ast.AST))


def check_tree(tree: ast.expr, functions: Collection[str], words: Collection[str]) -> None:
    """Let through only nodes that can be evaluated.

    Parameters
    ----------
    tree : the tree
    functions : names that may be called
    words : names that stand for a value

    Raises
    ------
    TreeError
        Naming what is not allowed.
    """
    waiting: list[ast.expr] = [tree]
    while waiting:
        node = waiting.pop()
        name = dotted_name(node)
        if name is not None:
            if placeholder(node) is None and name not in words:
                raise TreeError(f"{name!r} has no meaning in a formula")
        elif isinstance(node, ast.Call):
            called = dotted_name(node.func)
            if called is None or called not in functions:
                raise TreeError(f"there is no function {called or written(node.func, ())!r} for formulas")
            if any(k.arg is None for k in node.keywords):
                raise TreeError("arguments cannot be unpacked")
            waiting.extend([*node.args, *(k.value for k in node.keywords)])
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            waiting.extend([node.left, node.right])
        elif isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            waiting.append(node.operand)
        elif isinstance(node, ast.Compare) and all(type(op) in _OPERATORS for op in node.ops):
            waiting.extend([node.left, *node.comparators])
        elif isinstance(node, ast.List | ast.Tuple):
            waiting.extend(node.elts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | None):
            if isinstance(node.value, float) and isinf(node.value):
                raise TreeError("it holds a number too large to compute with")
        else:
            raise TreeError("only columns, numbers, arithmetic, comparisons and calls of functions can stand here")


def dotted_name(node: ast.AST) -> str | None:
    """``np.log`` as one word, None for a node that is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def placeholder(node: ast.AST) -> int | None:
    """Place of the column that a node stands for, None for any other node."""
    match = _PLACEHOLDER.fullmatch(node.id) if isinstance(node, ast.Name) else None
    return None if match is None else int(match.group(1))


def call_of(tree: ast.expr) -> str | None:
    """Name of the function that the whole expression is a call of."""
    return dotted_name(tree.func) if isinstance(tree, ast.Call) else None


def written(tree: ast.AST, names: Sequence[str]) -> str:
    """The tree as text, spaced as Python spaces it, with `names` in place of the placeholders.

    Examples
    --------
    >>> written(read_tree("log(_v0*-2+1)"), ["`body mass`"])
    'log(`body mass` * -2 + 1)'
    """
    return _written(tree, names, 0)


def _written(node: ast.AST, names: Sequence[str], outside: int) -> str:
    """A node in brackets if it binds less than what is `outside`."""
    if isinstance(node, ast.BinOp):
        return _written_chain(node, names, outside)
    if isinstance(node, ast.UnaryOp):
        word, strength = _OPERATORS[type(node.op)]
        return _bracketed(word + _written(node.operand, names, strength), strength, outside)
    if isinstance(node, ast.Compare):
        parts = [_written(node.left, names, 2)]
        for operator, right in zip(node.ops, node.comparators, strict=True):
            parts += [_OPERATORS[type(operator)][0], _written(right, names, 2)]
        return _bracketed(" ".join(parts), 1, outside)
    if isinstance(node, ast.Call):
        given = [_written(a, names, 0) for a in node.args]
        given += [f"{k.arg}={_written(k.value, names, 0)}" for k in node.keywords]
        return f"{_written(node.func, names, _ATOM)}({', '.join(given)})"
    if isinstance(node, ast.List | ast.Tuple):
        inside = ", ".join(_written(e, names, 0) for e in node.elts)
        return f"[{inside}]" if isinstance(node, ast.List) else f"({inside})"
    if isinstance(node, ast.Constant):
        return repr(node.value)
    place = placeholder(node)
    if place is not None and place < len(names):
        return names[place]
    return dotted_name(node) or "..."


def _written_chain(node: ast.BinOp, names: Sequence[str], outside: int) -> str:
    """Operators of one strength from left to right, without recursion along the chain."""
    strength = _OPERATORS[type(node.op)][1]
    parts: list[str] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp) and _OPERATORS[type(left.op)][1] == strength:
        word, _ = _OPERATORS[type(left.op)]
        parts += [_written(left.right, names, strength + (strength != _POWER)), word]
        left = left.left
        if strength == _POWER:
            break
    parts.append(_written(left, names, strength + (strength == _POWER)))
    return _bracketed(" ".join(reversed(parts)), strength, outside)


def _bracketed(text: str, strength: int, outside: int) -> str:
    return f"({text})" if strength < outside else text
