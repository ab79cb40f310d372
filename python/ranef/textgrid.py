"""Columns of text, and numbers rounded as R's format() rounds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def text_grid(columns: Sequence[Sequence[str]], left: Sequence[int] = (), indent: str = "") -> str:
    """Lines of aligned columns, the first entry of each its heading.

    Parameters
    ----------
    columns : texts, one sequence a column, equally long
    left : columns aligned to the left; the others to the right
    indent : put before every line

    Examples
    --------
    >>> print(text_grid([["Name", "a"], ["Value", "1.50"]], left=[0]))
    Name Value
    a     1.50
    """
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in zip(*columns, strict=True):
        cells = [
            cell.ljust(width) if k in left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + " ".join(cells)).rstrip())
    return "\n".join(lines)


def significant(values: Sequence[float], digits: int = 4) -> list[str]:
    """One number of decimals for all, enough for the smallest entry to show `digits` significant digits.

    Falls back to scientific notation, entry by entry, where that would need more than 8 decimals.

    Examples
    --------
    >>> significant([612.1, 35.07166])
    ['612.10', ' 35.07']
    """
    array = np.asarray(values, dtype=np.float64)
    nonzero = np.abs(array[np.isfinite(array) & (array != 0)])
    if nonzero.size == 0:
        texts = [_plain(v, 1) for v in array]
    elif needed(float(nonzero.min()), digits) > 8:
        texts = [_plain(v, 1) if v == 0 or not np.isfinite(v) else f"{v:.{digits - 1}e}" for v in array]
    else:
        decimals = max(needed(float(v), digits) for v in nonzero)
        texts = [_plain(v, decimals) for v in array]
    width = max(map(len, texts), default=0)
    return [text.rjust(width) for text in texts]


def needed(value: float, digits: int) -> int:
    """Decimals after which `value` is exact to `digits` significant digits (trailing zeros not counted)."""
    exponent = int(np.floor(np.log10(abs(value))))
    decimals = max(0, digits - 1 - exponent)
    text = f"{value:.{decimals}f}"
    return len(text.rstrip("0").partition(".")[2]) if "." in text else 0


def _plain(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if np.isfinite(value) else str(value)


def p_value_texts(p_values: Sequence[float]) -> list[str]:
    """P-values as R prints a column of them: three significant digits, ``< 2e-16`` below machine precision.

    Examples
    --------
    >>> p_value_texts([1e-300, 0.0262, 1.49e-6, 0.5])
    ['< 2e-16', '0.0262', '1.49e-06', '0.5000']
    """
    plain = significant([p for p in p_values if p >= 1e-4], digits=3)
    remaining = iter(plain)
    texts = []
    for p in p_values:
        if np.isnan(p):
            texts.append("NA")
        elif p >= 1e-4:
            texts.append(next(remaining))
        else:
            texts.append("< 2e-16" if p < np.finfo(float).eps else f"{p:.2e}")
    return texts


def stars(p: float) -> str:
    """R's significance codes."""
    for limit, code in ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, ".")):
        if p < limit:
            return code
    return ""
