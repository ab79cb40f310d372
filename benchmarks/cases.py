"""The one list of benchmark models: formula, data, which peers can fit it, and the speed that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GLMM, MIXEDLM, GPBOOST, LME4, GLMMTMB = "glmm", "mixedlm", "gpboost", "lme4", "glmmTMB"
ALL_PEERS = (GLMM, MIXEDLM, GPBOOST, LME4, GLMMTMB)
WITHOUT_GPBOOST = (GLMM, MIXEDLM, LME4, GLMMTMB)


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one data set.

    Attributes
    ----------
    name : also the generator's name where `data` is None
    formula, family, ziformula : the model, as every engine but gpboost reads it
    factors : columns that are factors
    data : file in tests/reference/data, or None for a generated data set
    peers : engines that can fit it; gpboost has no correlated slopes, only glmmTMB has zero inflation
    at_least : speed that is asked for, as a ratio: over the fastest peer (key ``"fastest"``) or one of them
    """

    name: str
    formula: str
    family: str
    factors: tuple[str, ...]
    data: str | None = None
    ziformula: str | None = None
    peers: tuple[str, ...] = ALL_PEERS
    at_least: Mapping[str, float] = field(default_factory=lambda: {"fastest": 2.0})


CROSSED = "y ~ x + (1 | a) + (1 | b)"

CASES = (
    Case(
        "InstEval",
        "y ~ 1 + service + (1 | s) + (1 | d) + (1 | dept)",
        "gaussian",
        ("s", "d", "service", "dept"),
        "InstEval.csv.gz",
        at_least={"fastest": 2.0, LME4: 8.0},
    ),
    Case(
        "InstEval_fixed_dept",
        "y ~ 1 + service * dept + (1 | s) + (1 | d)",
        "gaussian",
        ("s", "d", "service", "dept"),
        "InstEval.csv.gz",
    ),
    Case(
        "VerbAgg",
        "r01 ~ Anger + Gender + btype + situ + (1 | id) + (1 | item)",
        "binomial",
        ("Gender", "btype", "situ", "id", "item"),
        "VerbAgg.csv",
        at_least={"fastest": 2.0, LME4: 50.0},
    ),
    Case(
        "Contraception",
        "use01 ~ age + age2 + urban + livch + (1 | district)",
        "binomial",
        ("urban", "livch", "district"),
        "Contraception.csv",
    ),
    Case(
        "grouseticks",
        "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)",
        "poisson",
        ("YEAR", "BROOD", "INDEX", "LOCATION"),
        "grouseticks.csv",
    ),
    Case("Chem97", "score ~ gcsecnt + (1 | school) + (1 | lea)", "gaussian", ("school", "lea"), "Chem97.csv"),
    Case(
        "sleepstudy",
        "Reaction ~ Days + (Days | Subject)",
        "gaussian",
        ("Subject",),
        "sleepstudy.csv",
        peers=WITHOUT_GPBOOST,
    ),
    Case("x_g_1e4_u", CROSSED, "gaussian", ("a", "b")),
    Case("x_g_1e5_u", CROSSED, "gaussian", ("a", "b")),
    Case("x_b_1e4_u", CROSSED, "binomial", ("a", "b")),
    Case("x_b_1e5_u", CROSSED, "binomial", ("a", "b")),
    Case("x_p_1e4_u", CROSSED, "poisson", ("a", "b")),
    Case("x_p_1e5_u", CROSSED, "poisson", ("a", "b")),
    Case("x_nb_1e4_u", CROSSED, "nbinom2", ("a", "b")),
    Case("nest_g_1e5", "y ~ x + (1 | school) + (1 | cls)", "gaussian", ("school", "cls")),
    Case("slopes_g_5e4", "y ~ x + (x | g)", "gaussian", ("g",), peers=WITHOUT_GPBOOST),
    Case("slopes_b_5e3", "y ~ x + (x | g)", "binomial", ("g",), peers=WITHOUT_GPBOOST),
    Case(
        "Salamanders",
        "count ~ spp + mined + (1 | site)",
        "nbinom2",
        ("spp", "mined", "site"),
        "Salamanders.csv",
        ziformula="~ mined",
        peers=(GLMMTMB,),
        at_least={GLMMTMB: 20.0},
    ),
    Case(
        "zinb_1e4",
        "y ~ x + (1 | g)",
        "nbinom2",
        ("g",),
        ziformula="~ x",
        peers=(GLMMTMB,),
        at_least={GLMMTMB: 20.0},
    ),
)

# Memory must stay linear in the rows: asked for below 1 KB a row beyond the caller's table.
MEMORY_CASES = (
    Case("nest_g_1e6", "y ~ x + (1 | school) + (1 | cls)", "gaussian", ("school", "cls"), peers=()),
    Case("nest_p_1e6", "y ~ x + (1 | school) + (1 | cls)", "poisson", ("school", "cls"), peers=()),
)


def case(name: str) -> Case:
    """The case called `name`.

    Raises
    ------
    KeyError
        With all names, if there is none.
    """
    known = {one.name: one for one in CASES + MEMORY_CASES}
    if name not in known:
        raise KeyError(f"there is no case {name!r}; there are: {', '.join(known)}")
    return known[name]
