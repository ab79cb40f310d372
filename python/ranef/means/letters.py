"""Compact letter display: means that share a letter do not differ significantly.

The insert-and-absorb algorithm of Piepho (2004), Journal of Computational and Graphical Statistics 13, 456-466: start
from one letter for all; for every significant pair split each letter that holds both into one without the first and
one without the second; drop a letter whose means another holds all. What is left are the largest groups of means
without a significant difference among them, each with a letter. His optional sweeping, which takes out of each letter
the means that it is not needed for, is left out, as in R's multcomp: its result depends on the order of the means, and
a mean may then lack the letter of a group that it belongs to.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.means.table import groups, text
from ranef.means.table import notes as table_notes

if TYPE_CHECKING:
    from ranef.means.emmeans import MarginalMeans

Bools = NDArray[np.bool_]

ALPHABET = string.ascii_lowercase + string.ascii_uppercase


def compact_letters(different: Bools, order: Sequence[int], alphabet: Sequence[str] = ALPHABET) -> list[str]:
    """Letters of every mean.

    Parameters
    ----------
    different : (k, k), symmetric; whether two means differ significantly
    order : the means from the one that gets the first letter on
    alphabet : symbols to use, in order; after the last they are doubled

    Returns
    -------
    One text a mean, in the order of `different`.

    Examples
    --------
    >>> different = np.zeros((3, 3), dtype=bool)
    >>> different[0, 2] = different[2, 0] = True
    >>> compact_letters(different, [0, 1, 2])
    ['a', 'ab', 'b']
    """
    places = np.asarray(order, dtype=np.intp)
    sorted_pairs = different[np.ix_(places, places)]
    columns = _inserted(sorted_pairs)
    columns.sort(key=lambda column: tuple(np.flatnonzero(column)))
    made = [""] * len(places)
    for number, column in enumerate(columns):
        symbol = alphabet[number % len(alphabet)] * (1 + number // len(alphabet))
        for place in np.flatnonzero(column):
            made[places[place]] += symbol
    return made


def _inserted(different: Bools) -> list[Bools]:
    """Splitting at every significant pair, then absorbing."""
    count = len(different)
    columns: list[Bools] = [np.ones(count, dtype=np.bool_)]
    for i in range(count):
        for j in range(i + 1, count):
            if different[i, j]:
                columns = _absorbed(_split(columns, i, j))
    return columns


def _split(columns: Sequence[Bools], i: int, j: int) -> list[Bools]:
    made: list[Bools] = []
    for column in columns:
        if not (column[i] and column[j]):
            made.append(column)
            continue
        for left_out in (i, j):
            part = column.copy()
            part[left_out] = False
            made.append(part)
    return made


def _absorbed(columns: Sequence[Bools]) -> list[Bools]:
    """Columns that no other column holds."""
    kept: list[Bools] = []
    for column in sorted(columns, key=lambda c: -int(c.sum())):
        if not any((column <= other).all() for other in kept):
            kept.append(column)
    return kept


class LetterDisplay:
    """Marginal means with compact letters; prints as a table.

    Attributes
    ----------
    means : the means, in their own order
    letters : of every mean, in the same order
    """

    def __init__(self, means: MarginalMeans, letters: Sequence[str], notes: Sequence[str]) -> None:
        self.means = means
        self.letters = tuple(letters)
        self._notes = tuple(notes)

    def to_frame(self) -> pd.DataFrame:
        """The means' table with a column ``group``; within each level of `by` in ascending order of the means."""
        table = self.means.to_frame()
        table["group"] = list(self.letters)
        return table.iloc[self._order()].reset_index(drop=True)

    def _order(self) -> list[int]:
        estimate = self.means.estimate
        return [int(r) for _, rows in groups(self.means) for r in rows[np.argsort(estimate[rows], kind="stable")]]

    def __str__(self) -> str:
        order = self._order()
        sorted_means = replace(
            self.means,
            labels=self.means.labels.iloc[order].reset_index(drop=True),
            functions=self.means.functions[order],
            offset=self.means.offset[order],
            defects=self.means.defects[order],
        )
        return text(sorted_means, extra={"group": [self.letters[r] for r in order]}, more_notes=self._notes)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def letter_display(
    means: MarginalMeans, adjust: str, level: float, alpha: float | None, letters: str | None, reverse: bool
) -> LetterDisplay:
    """See `MarginalMeans.cld`."""
    if means.facts.kind == "contrasts":
        raise DataError("letters are for means, and these are contrasts: ask for the letters of the means themselves")
    size = min((len(rows) for _, rows in groups(means)), default=0)
    if size < 2:
        raise DataError(
            "letters need a factor with at least two levels to compare: ask for emmeans of one, as in "
            "fit.emmeans('~ factor').cld()"
        )
    if letters is not None and (not letters or len(set(letters)) < len(letters)):
        raise DataError(f"letters must be distinct symbols such as 'abc', got {letters!r}")
    limit = 1.0 - level if alpha is None else alpha
    if not 0 < limit < 1:
        raise DataError(f"alpha must lie between 0 and 1, got {limit!r}")
    shown = means.confint(level)
    compared = means.contrast("pairwise", adjust=adjust)
    table = compared.to_frame()
    made = _letters_by_group(shown, table["p_value"].to_numpy(), limit, letters or ALPHABET, reverse)
    notes = [n for n in table_notes(compared) if n.startswith("P value")]
    notes += [f"Means that share a letter do not differ significantly at alpha = {limit:g}"]
    return LetterDisplay(shown, made, notes)


def _letters_by_group(
    means: MarginalMeans, p_values: NDArray[np.float64], alpha: float, alphabet: str, reverse: bool
) -> list[str]:
    """Letters within each level of `by`; a mean that is not estimable has none."""
    made = [""] * len(means)
    estimate, start = means.estimate, 0
    for _, rows in groups(means):
        count = len(rows)
        upper = np.triu_indices(count, 1)
        different = np.zeros((count, count), dtype=np.bool_)
        different[upper] = p_values[start : start + len(upper[0])] < alpha
        start += len(upper[0])
        different |= different.T
        known = np.flatnonzero(means.estimable[rows])
        order = np.argsort(estimate[rows[known]], kind="stable").tolist()
        labelled = compact_letters(different[np.ix_(known, known)], order[::-1] if reverse else order, alphabet)
        for place, label in zip(rows[known], labelled, strict=True):
            made[place] = label
    return made
