"""Families as the user names them; the list itself is the registry compiled into the core.

``ranef.families.nbinom2(link="log")`` and its siblings are made from that registry, one constructor for every
family and for every truncation of a count family, so a family added to the core is here at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef import _core
from ranef.errors import FamilyError

Floats = NDArray[np.float64]

_TRUNCATED = "truncated_"

# What other software calls the same families.
_ALIASES = {
    "bernoulli": "binomial",
    "beta_family": "beta",
    "negative_binomial": "nbinom2",
    "normal": "gaussian",
}

# The usual link of a family maps the range of its mean onto the real line (the inverse: positive means).
_RANGE_OF_USUAL_LINK = {"identity": "real", "log": "positive", "inverse": "positive", "logit": "unit"}


@dataclass(frozen=True, slots=True)
class Family:
    """A response distribution with its link.

    Attributes
    ----------
    name : name in the registry, ``truncated_`` in front for a distribution without its zero
    link : link of the mean
    support : where the response may lie, in words
    dispersion : name of the dispersion parameter on the scale of its linear predictor
        (``"log_sigma"``, ``"log_phi"``), empty for families without one
    has_trials, is_count, truncated : what the response may be
    mean_range : where the mean may lie, ``"real"``, ``"positive"`` or ``"unit"`` (between 0 and 1)
    index, link_index : places in the core's registries
    """

    name: str
    link: str
    support: str
    dispersion: str
    has_trials: bool
    is_count: bool
    truncated: bool
    mean_range: str
    index: int
    link_index: int

    def likelihood(self, zero_inflated: bool = False) -> _core.Likelihood:
        """The core's likelihood of this family, zero-inflated or not."""
        return _core.Likelihood(self.index, self.link_index, self.truncated, zero_inflated)

    def inverse_link(self, eta: Floats) -> Floats:
        """The mean parameter at linear predictor `eta`."""
        return _core.link_inverse(self.link_index, _contiguous(eta))

    def inverse_link_derivative(self, eta: Floats) -> Floats:
        """Derivative of the mean parameter in `eta`."""
        return _core.link_inverse_derivative(self.link_index, _contiguous(eta))

    def link_function(self, mu: Floats) -> Floats:
        """The linear predictor at mean parameter `mu`."""
        return _core.link_function(self.link_index, _contiguous(mu))

    def dispersion_name(self) -> str:
        """The dispersion parameter itself: ``"sigma"``, ``"phi"``, ``"theta"`` ..."""
        return self.dispersion.removeprefix("log_")

    def sigma(self, eta_dispersion: Floats) -> Floats:
        """R's ``sigma()`` at the dispersion's linear predictor.

        The dispersion parameter itself, but 1 / sqrt(shape) (the coefficient of variation) for a family
        parameterised by its shape; 1 for families without dispersion.
        """
        if not self.dispersion:
            return np.ones_like(eta_dispersion)
        return np.exp(sigma_exponent(self) * eta_dispersion)

    def __str__(self) -> str:
        return f"{self.name}(link={self.link!r})"


FamilyConstructor = Callable[..., Family]


def sigma_exponent(family: Family) -> float:
    """The a of sigma = exp(a eta): 1, and -1/2 where eta is a log shape."""
    return -0.5 if family.dispersion == "log_shape" else 1.0


def _contiguous(values: Floats) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)


@cache
def _registry() -> dict[str, _core.FamilyInfo]:
    """Every name a family answers to without its aliases, truncated forms included."""
    infos = {info.name: info for info in _core.families()}
    truncated = {_TRUNCATED + name: info for name, info in infos.items() if info.can_truncate}
    return infos | truncated


@cache
def _links() -> tuple[str, ...]:
    return tuple(_core.links())


def names() -> tuple[str, ...]:
    """Names of all families, the truncated ones last."""
    return tuple(_registry())


def make(name: str, link: str | None = None) -> Family:
    """The family called `name` (any case, R's aliases too) with `link`, its usual one by default.

    Raises
    ------
    FamilyError
        If there is no such family, or the family has no such link; the nearest name is offered.

    Examples
    --------
    >>> import ranef
    >>> ranef.families.make("poisson").link
    'log'
    """
    key = _ALIASES.get(name.lower(), name.lower())
    info = _registry().get(key)
    if info is None:
        raise FamilyError(f"there is no family {name!r}{_nearest(name, names())} ranef.families.list() shows all")
    chosen = info.links[0] if link is None else link
    if chosen not in info.links:
        offered = ", ".join(info.links)
        raise FamilyError(f"family {key!r} has no link {link!r}{_nearest(chosen, info.links)} it offers: {offered}")
    return Family(
        name=key,
        link=chosen,
        support=info.support,
        dispersion=info.dispersion,
        has_trials=info.has_trials,
        is_count=info.is_count,
        truncated=key.startswith(_TRUNCATED),
        mean_range=_RANGE_OF_USUAL_LINK[info.links[0]],
        index=info.index,
        link_index=_links().index(chosen),
    )


def resolve(family: str | Family | FamilyConstructor) -> Family:
    """A family from its name (``"binomial"``, ``"binomial(probit)"``), its object or its constructor."""
    if isinstance(family, Family):
        return family
    if isinstance(family, str):
        name, bracket, inside = family.strip().partition("(")
        if not bracket:
            return make(name)
        link = inside.removesuffix(")").strip().removeprefix("link").lstrip(" =").strip("'\" ")
        return make(name.strip(), link or None)
    if callable(family):
        made = family()
        if isinstance(made, Family):
            return made
    raise FamilyError(
        f"family must be a name such as 'nbinom2' or an object such as ranef.families.nbinom2(link='log'), "
        f"got {family!r}"
    )


def list() -> pd.DataFrame:  # noqa: A001 - the public name, as in R's vocabulary of this interface
    """All families: name, support, links (the first is the default), dispersion parameter.

    Returns
    -------
    DataFrame with columns ``name``, ``support``, ``links``, ``dispersion`` (name of the parameter on the scale of
    its linear predictor; empty: none).

    Examples
    --------
    >>> import ranef
    >>> "poisson" in set(ranef.families.list()["name"])
    True
    """
    rows = [(name, info.support, ", ".join(info.links), info.dispersion) for name, info in _registry().items()]
    return pd.DataFrame(rows, columns=["name", "support", "links", "dispersion"])


def _nearest(name: str, offered: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [*offered, *_ALIASES], n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ";"


def __getattr__(name: str) -> FamilyConstructor:
    """Constructors by family name, made from the registry."""
    if name.startswith("_") or (name.lower() not in _registry() and name.lower() not in _ALIASES):
        raise AttributeError(f"module 'ranef.families' has no family {name!r}")
    return _constructor(name)


@cache  # pickle asks that the name it writes leads back to the same object
def _constructor(name: str) -> FamilyConstructor:
    def constructor(link: str | None = None) -> Family:
        return make(name, link)

    constructor.__name__ = name
    constructor.__qualname__ = name
    constructor.__doc__ = f"The family {name!r} with `link` (None: its usual one)."
    return constructor


def __dir__() -> Sequence[str]:
    return sorted({*globals(), *names()})
