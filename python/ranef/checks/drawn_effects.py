"""Random effects of all draws at once, for some rows at a time.

Effects are drawn by chunks of levels, each from a stream of its own. A term's effects of all draws are held if they are
few. Of the term with the most, where they are many, only the chunks of the rows at hand are: the rows are then taken in
the order of its levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.assemble import component_index
from ranef.simulate import covariance_root

if TYPE_CHECKING:
    from ranef.design.design import RandomDesign
    from ranef.result import Fit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Levels whose effects are drawn together.
_CHUNK = 128
# Effects of all draws that are held at once.
_HELD = 4_000_000


class DrawnTerm:
    """The effects of one term in every draw.

    Attributes
    ----------
    predictor : place of the linear predictor that they enter
    design : levels and multipliers of the rows
    streamed : whether only the chunks of the latest rows are held
    """

    def __init__(self, design: RandomDesign, predictor: int, root: Floats, draws: int, seed: list[int]) -> None:
        self.design = design
        self.predictor = predictor
        self.streamed = False
        self._root = root
        self._draws = draws
        self._seed = seed
        self._chunks: dict[int, Floats] = {}

    @property
    def size(self) -> int:
        """Number of effects in all draws."""
        return len(self.design.labels) * int(self._root.shape[0]) * self._draws

    def add(self, rows: Ints, eta: Floats) -> None:
        """What the term adds to the predictor of these rows (m, draws)."""
        design = self.design
        applies = design.levels[rows] >= 0
        if design.column is not None:
            applies &= design.column[rows] >= 0
        own, places = rows[applies], np.flatnonzero(applies)
        levels = design.levels[own]
        chunk_of = levels // _CHUNK
        found = np.unique(chunk_of)
        if self.streamed:
            self._chunks = {c: values for c, values in self._chunks.items() if c in found}
        for chunk in found.tolist():
            mine = chunk_of == chunk
            effects, within = self._chunk(chunk), levels[mine] % _CHUNK
            eta[places[mine]] += self._contribution(effects, within, own[mine])

    def _contribution(self, effects: Floats, within: Ints, rows: Ints) -> Floats:
        design = self.design
        if design.basis is not None:
            return np.asarray(np.einsum("mq,mqd->md", design.basis[rows], effects[within]))
        return np.asarray(effects[within, 0 if design.column is None else design.column[rows]])

    def _chunk(self, chunk: int) -> Floats:
        """(levels, q, draws) effects of a chunk."""
        if chunk not in self._chunks:
            count = min(_CHUNK, len(self.design.labels) - chunk * _CHUNK)
            rng = np.random.default_rng([*self._seed, chunk])
            normal = rng.standard_normal((count, self._root.shape[0], self._draws))
            self._chunks[chunk] = np.asarray(self._root @ normal)
        return self._chunks[chunk]


def drawn_terms(fit: Fit, kept: Sequence[bool], draws: int, seed: int) -> list[DrawnTerm]:
    """The terms whose effects are drawn anew; the largest of them streamed where it is too large to hold."""
    made = [
        DrawnTerm(
            term,
            component_index(fit.design.predictors, term.component),
            covariance_root(block.covariance),
            draws,
            [seed, 1, place],
        )
        for place, (keep, term, block) in enumerate(zip(kept, fit.design.terms, fit.covariance_blocks, strict=True))
        if not keep
    ]
    largest = max(made, key=lambda term: term.size, default=None)
    if largest is not None:
        largest.streamed = largest.size > _HELD
    return made


def row_order(terms: Sequence[DrawnTerm], rows: int) -> Ints:
    """The order in which rows are taken."""
    for term in terms:
        if term.streamed:
            return np.argsort(term.design.levels, kind="stable")
    return np.arange(rows)
