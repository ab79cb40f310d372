"""What means are asked for: ``"~ a * b | c"``, a name, or a list of names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ranef.errors import DataError
from ranef.formula.tokens import split_outside_backticks, unquoted

Names = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Specs:
    """Factors whose combinations have a mean each (`over`), and those that tables and families are split by."""

    over: tuple[str, ...]
    by: tuple[str, ...]


def parse_specs(specs: Names, by: Names | None = None) -> Specs:
    """Read `specs` and `by`.

    Raises
    ------
    DataError
        If they are neither a formula without left side nor names.

    Examples
    --------
    >>> parse_specs("~ a * b | c")
    Specs(over=('a', 'b'), by=('c',))
    """
    split: tuple[str, ...] = ()
    if isinstance(specs, str):
        *left_side, right = split_outside_backticks(specs, "~", 1)
        left = left_side[0] if left_side else ""
        if left.strip():
            raise DataError(
                f"specs {specs!r} has a left side: ask for the means, then for contrasts, as in "
                f".emmeans('~{right}').contrast({left.strip()!r})"
            )
        text, *after = split_outside_backticks(right, "|", 1)
        over, split = _names(text), _names(after[0]) if after else ()
    else:
        over = _listed(specs, "specs")
    split += tuple(n for n in read_names(by, "by") if n not in split)
    return Specs(tuple(n for n in over if n not in split), split)


def read_names(names: Names | None, role: str) -> tuple[str, ...]:
    """Names given as one text (``"a"``, ``"a * b"``) or a list; None and empty: none."""
    if names is None:
        return ()
    return _names(names) if isinstance(names, str) else _listed(names, role)


def _names(text: str) -> tuple[str, ...]:
    """``a * b`` to its names; ``1`` and nothing mean none."""
    parts = [part.strip() for part in split_outside_backticks(text, "*+:")]
    if parts in ([""], ["1"]):
        return ()
    names = [unquoted(part) for part in parts]
    if "" in parts:
        raise DataError(f"a name is missing in {text.strip()!r}: specs are names joined by *, as in '~ a * b | c'")
    return tuple(dict.fromkeys(names))


def _listed(names: object, role: str) -> tuple[str, ...]:
    if not isinstance(names, Iterable) or not all(isinstance(n, str) for n in names):
        raise DataError(
            f"{role} must be a formula such as '~ a | b', a name or a list of names ('~ 1': overall), got {names!r}"
        )
    return tuple(dict.fromkeys(names))
