"""Directions of the parameters that no data could determine: they move numbers, but not what the numbers make up.

Two kinds are told from directions in which the data say nothing. Beside a covariance that has not full rank some
numbers are left open by the covariance itself. And terms of one grouping factor may overlap, as the (1 | g) +
(0 + f | g) of a factor's (f || g) do: the likelihood, the fixed effects and predictions depend on the sum of their
covariances alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.design.checks import term_columns
from ranef.finding import Finding
from ranef.varcorr import covariance_blocks

if TYPE_CHECKING:
    from ranef.fitstate import FitState
    from ranef.uncertainty import Uncertainty

Floats = NDArray[np.float64]

# Eigenvalues of the Hessian, in ordinary units (where an ordinary curvature is one), that count as zero: differenced
# derivatives are no better.
FLAT = 1e-4
# Upward curvatures of directions that move nothing which are rounding: such directions are long.
_BENT = 1e-2
# Shares of an ordinary movement of a coefficient, and of an ordinary change of a covariance, that count as none.
_STILL, _UNCHANGED = 0.1, 5e-2
# Terms overlap where a change of the sum is below this share of their own, and that is no rounding.
_CANCELLED, _ROUNDING = 0.1, 1e-3


@dataclass(frozen=True, slots=True)
class _Change:
    """What a direction does to the covariance that the terms of one grouping factor make up.

    Attributes
    ----------
    places : of the terms
    total, largest : change of the sum, and of the share that changes most
    ordinary : what counts as an ordinary one
    """

    places: tuple[int, ...]
    total: float
    largest: float
    ordinary: float

    @property
    def is_none(self) -> bool:
        """Whether the sum stays as it is."""
        return self.total <= _UNCHANGED * self.ordinary

    @property
    def cancels(self) -> bool:
        """Whether terms exchange covariance."""
        largest = self.largest > _ROUNDING * self.ordinary
        return len(self.places) > 1 and largest and self.total <= _CANCELLED * self.largest


def is_immaterial(fit: FitState, uncertainty: Uncertainty, place: int) -> bool:
    """Whether an eigenvector of the Hessian moves only numbers that no data could determine."""
    return _is_flat(uncertainty)[place] and _leaves_model(fit, uncertainty, place)


def redundancy_findings(fit: FitState) -> list[Finding]:
    """Terms that overlap: a valid result, of which only the split between them means nothing."""
    uncertainty = fit.certificate
    if uncertainty is None or fit.stored is not None:
        return []
    overlapping: dict[tuple[int, ...], None] = {}
    for place in np.flatnonzero(_is_flat(uncertainty)):
        if _leaves_model(fit, uncertainty, int(place)):
            changes = _changes(fit, uncertainty, uncertainty.eigenvectors[:, place])
            overlapping |= {change.places: None for change in changes if change.cancels}
    return [_finding(fit, places) for places in overlapping]


def _is_flat(uncertainty: Uncertainty) -> NDArray[np.bool_]:
    return (uncertainty.eigenvalues >= -_BENT) & (uncertainty.eigenvalues <= FLAT)


def _leaves_model(fit: FitState, uncertainty: Uncertainty, place: int) -> bool:
    direction = uncertainty.eigenvectors[:, place]
    info = fit.model.parameter_info
    if any(p.kind == "beta" and abs(v) > _STILL for p, v in zip(info, direction, strict=True)):
        return False
    return all(change.is_none for change in _changes(fit, uncertainty, direction))


def _changes(fit: FitState, uncertainty: Uncertainty, direction: Floats) -> list[_Change]:
    """What a direction does to the covariances of every grouping factor."""
    groups: dict[tuple[str, str], list[int]] = {}
    for place, term in enumerate(fit.design.terms):
        groups.setdefault((term.component, term.group), []).append(place)
    moved = _covariance_changes(fit, uncertainty, direction)
    return [_change(fit, uncertainty, moved, places) for places in groups.values()]


def _change(fit: FitState, uncertainty: Uncertainty, moved: list[Floats], places: list[int]) -> _Change:
    """With rows M_t of effects and covariances S_t the sum is that of M_t S_t M_t'; by M = QR, of R_t S_t R_t'.

    An ordinary change of S = L L' is 2 |L| |dL|, with a dL of the standard deviations' unit.
    """
    roots = _roots(fit, places)
    shares = [root @ moved[place] @ root.T for root, place in zip(roots, places, strict=True)]
    info = fit.model.parameter_info
    ordinary = 0.0
    for root, place in zip(roots, places, strict=True):
        unit = max(uncertainty.units[k] for k, p in enumerate(info) if p.kind == "sd" and p.owner == place)
        size = np.sqrt(np.linalg.norm(fit.covariance_blocks[place].covariance))
        ordinary = max(ordinary, 2.0 * float(size * unit) * float(np.linalg.norm(root, 2)) ** 2)
    largest = max(float(np.linalg.norm(share)) for share in shares)
    return _Change(tuple(places), float(np.linalg.norm(np.sum(shares, axis=0))), largest, ordinary)


def _roots(fit: FitState, places: list[int]) -> list[Floats]:
    """R_t of the terms' columns, one beside the other."""
    if len(places) == 1:
        return [np.eye(len(fit.design.terms[places[0]].term_names))]
    columns = [term_columns(fit.design.terms[place]) for place in places]
    root = np.linalg.qr(np.hstack(columns), "r") / np.sqrt(len(columns[0]))
    return np.split(root, np.cumsum([c.shape[1] for c in columns])[:-1], axis=1)


def _covariance_changes(fit: FitState, uncertainty: Uncertainty, direction: Floats) -> list[Floats]:
    """Derivative of every term's covariance along a direction; without an error where that is quadratic."""
    size = 1e-4
    step = size * uncertainty.units * direction
    values, parameters = np.asarray(fit.estimate.values), fit.model.parameter_info
    ahead, behind = (covariance_blocks(fit.design.terms, parameters, values + s * step) for s in (1.0, -1.0))
    return [(a.covariance - b.covariance) / (2.0 * size) for a, b in zip(ahead, behind, strict=True)]


def _finding(fit: FitState, places: tuple[int, ...]) -> Finding:
    terms = [fit.design.terms[place] for place in places]
    names = tuple(p.name for p in fit.model.parameter_info if p.kind == "sd" and p.owner in places)
    effects = " and ".join(f"({', '.join(term.term_names)})" for term in terms)
    message = (
        f"the random effects {effects} of {terms[0].group} overlap: only the sum of their covariances is determined, "
        f"and on that alone the log-likelihood, the fixed effects and predictions depend"
    )
    return Finding("redundant", False, names, message, "a valid result; leave one out to give each a meaning")
