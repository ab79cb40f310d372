"""What a picture was asked to show, checked against what the model has."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ranef.errors import DataError

if TYPE_CHECKING:
    from ranef.design.design import RandomDesign
    from ranef.result import Fit


def choose(name: str, offered: Sequence[str], what: str) -> str:
    """`name` if it is `offered`.

    Raises
    ------
    DataError
        With the nearest name, or all names.
    """
    if name in offered:
        return name
    close = difflib.get_close_matches(str(name), offered, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(offered) or 'none'}"
    raise DataError(f"there is no {what} {name!r}; {hint}")


def random_terms(fit: Fit, component: str, group: str | None = None) -> list[int]:
    """Places of the random terms of a component, of one grouping factor if it is given.

    Raises
    ------
    DataError
        If there are none.
    """
    terms = fit.design.terms
    fit.predictor_place(component)
    places = [k for k, term in enumerate(terms) if term.component == component]
    if not places:
        raise DataError(f"the model has no random effects in its component {component!r}")
    if group is None:
        return places
    choose(group, list(dict.fromkeys(terms[k].group for k in places)), "grouping factor")
    return [k for k in places if terms[k].group == group]


def default_group(fit: Fit, group: str | None) -> str:
    """The grouping factor asked for, or the only one of the conditional model.

    Raises
    ------
    DataError
        If none is given and there are several, or it is not the model's.
    """
    terms = [fit.design.terms[k] for k in random_terms(fit, "cond", group)]
    groups = list(dict.fromkeys(term.group for term in terms))
    if len(groups) > 1:
        raise DataError(f"the model has several grouping factors, say which: group= one of {', '.join(groups)}")
    return groups[0]


def effect_label(term: RandomDesign, name: str) -> str:
    """What a random effect is called in a picture: ``Days | Subject``."""
    return f"{name} | {term.group}"
