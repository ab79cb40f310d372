"""How marginal means are shown and what they are: the parts of a table beside its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ranef.errors import DataError
from ranef.means.adjust import resolve_adjustment


@dataclass(frozen=True, slots=True)
class View:
    """How estimates are shown.

    Attributes
    ----------
    response : back-transformed to the response scale
    intervals, tests : which columns the table has
    level : probability of the intervals
    adjust : multiplicity of p-values and intervals
    null : value tested against, on the scale of the linear functions
    sigma : standard deviation that the back-transformation is adjusted for; 0: not adjusted
    """

    response: bool = False
    intervals: bool = True
    tests: bool = False
    level: float = 0.95
    adjust: str = "none"
    null: float = 0.0
    sigma: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise DataError(f"the confidence level must lie between 0 and 1, got {self.level!r}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the linear functions are.

    Attributes
    ----------
    kind : ``"means"``, ``"trends"`` or ``"contrasts"``
    estimate : name of the column of estimates on the functions' own scale
    means : for all pairwise comparisons, between how many means; else None
    notes : lines below the table that are true however it is shown
    covariates : the labels that are values of a covariate, and not levels of a factor
    """

    kind: str
    estimate: str
    means: int | None = None
    notes: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()


def allowed_adjustment(facts: Facts, adjust: str) -> str:
    """The adjustment called `adjust`, if it fits.

    Raises
    ------
    DataError
        If ``tukey`` is asked for contrasts that are not all pairwise comparisons.
    """
    method = resolve_adjustment(adjust)
    if method == "tukey" and facts.means is None and facts.kind == "contrasts":
        raise DataError(
            "adjust='tukey' is for all pairwise comparisons of one set of means; for other contrasts use 'mvt' "
            "(exact), 'sidak', 'holm' or 'scheffe'"
        )
    return method
