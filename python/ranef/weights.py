"""What a column of weights means, said outright.

A plain column or array means what R means by it: trials for a binomial proportion, precision for gaussian, a
multiplier of the log-likelihood for other families. The functions here say it whatever the family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

WeightKind = Literal["trials", "precision", "frequency", "likelihood"]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights with their meaning: `source` is a column name or one value a row of the data."""

    kind: WeightKind
    source: Any


def trials(source: Any) -> Weights:
    """Number of trials behind each proportion (binomial, betabinomial).

    Parameters
    ----------
    source : column name, or array with one non-negative whole number a row

    Examples
    --------
    >>> import ranef
    >>> ranef.weights.trials("size").kind
    'trials'
    """
    return Weights("trials", source)


def precision(source: Any) -> Weights:
    """Relative precision of each row: Var = sigma^2 / w (gaussian), as in R's ``lm`` and ``lmer``.

    Rows of weight zero say nothing and are left out, as in R.

    Parameters
    ----------
    source : column name, or array with one number >= 0 a row

    Examples
    --------
    >>> import ranef
    >>> ranef.weights.precision([1.0, 2.0, 0.5]).kind
    'precision'
    """
    return Weights("precision", source)


def frequency(source: Any) -> Weights:
    """Number of identical observations that each row stands for; the number of observations is their sum.

    Parameters
    ----------
    source : column name, or array with one number >= 0 a row

    Examples
    --------
    >>> import ranef
    >>> ranef.weights.frequency("copies").kind
    'frequency'
    """
    return Weights("frequency", source)


def likelihood(source: Any) -> Weights:
    """Multiplier of each row's log-likelihood, as glmmTMB's; the number of observations stays the number of rows.

    Parameters
    ----------
    source : column name, or array with one number >= 0 a row

    Examples
    --------
    >>> import ranef
    >>> ranef.weights.likelihood("w").source
    'w'
    """
    return Weights("likelihood", source)
