"""Every error and warning of the package: what is wrong, where, and what to do.

All errors descend from ``RanefError``; those about wrong input are ``ValueError`` too, so that code which knows
nothing of this package can still catch them.
"""

from __future__ import annotations

# Characters of a message, and of the line of a formula below it, that are shown; of what is longer both ends.
_LONGEST_MESSAGE = 1500
_LONGEST_LINE = 240


class RanefError(Exception):
    """Base of all errors of this package."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(shortened(a, _LONGEST_MESSAGE) if isinstance(a, str) else a for a in args))


class FormulaError(RanefError, ValueError):
    """A formula that cannot be read.

    Parameters
    ----------
    message : what is wrong and what to do
    formula : the whole formula, shown below the message
    position : index of the offending character, marked by a caret
    """

    def __init__(self, message: str, formula: str | None = None, position: int | None = None) -> None:
        self.message = message
        self.formula = formula
        self.position = position
        super().__init__(shortened(message, _LONGEST_MESSAGE // 2) + pointer(formula, position))

    def __reduce__(self) -> tuple[type[FormulaError], tuple[str, str | None, int | None]]:
        return type(self), (self.message, self.formula, self.position)


class DataError(RanefError, ValueError):
    """Data that the model cannot be fitted to or predicted for."""


class FamilyError(RanefError, ValueError):
    """A family or link that does not exist, or that does not allow what was asked."""


class NotAvailableError(RanefError, NotImplementedError):
    """Something planned that this version does not offer."""


class MissingExtraError(RanefError, ImportError):
    """A package that this needs and that is not installed; it comes with one of ranef's extras.

    Parameters
    ----------
    what : what was asked for
    package : the missing package
    extra : the extra that brings it
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        self.what, self.package, self.extra = what, package, extra
        message = f"{what}: needs {package}, which is not installed; pip install 'ranef[{extra}]' brings it"
        super().__init__(message)

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        return type(self), (self.what, self.package, self.extra)


class ConvergenceError(RanefError, RuntimeError):
    """A fit that did not arrive at an optimum and has no usable answer."""


class RanefWarning(UserWarning):
    """Base of all warnings of this package."""


class ConvergenceWarning(RanefWarning):
    """A fit whose optimum is in doubt; says which parameter, and the remedy."""


class DesignWarning(RanefWarning):
    """A design that was changed or is fragile: dropped columns, separated levels."""


def shortened(text: str, longest: int) -> str:
    """`text`, or its beginning and end if it is longer.

    Examples
    --------
    >>> shortened("abcdefghijklmnopqrstuvwxyz", 15)
    'abcdefghi ... xyz'
    """
    if len(text) <= longest:
        return text
    tail = longest // 4
    return f"{text[: longest - 2 * tail]} ... {text[len(text) - tail :]}"


def pointer(formula: str | None, position: int | None) -> str:
    """The formula on a line of its own, and a caret under the character at `position`."""
    if formula is None:
        return ""
    start = 0
    if position is not None and len(formula) > _LONGEST_LINE:
        start = max(0, min(position, len(formula)) - _LONGEST_LINE // 2)
    part = formula[start : start + _LONGEST_LINE]
    line = "".join(c if c.isprintable() else " " for c in part)
    shown = f"{'...' if start else ''}{line}{'...' if start + len(part) < len(formula) else ''}"
    if position is None:
        return f"\n  {shown}"
    return f"\n  {shown}\n  {' ' * (position - start + (3 if start else 0))}^"
