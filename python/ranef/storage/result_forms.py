"""The form of what a saved fit found: every shape follows from the design and the list of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ranef.control import Control
from ranef.design.design import Design
from ranef.diagnose import LOOKS
from ranef.estimate import Estimate, Look
from ranef.finding import Finding
from ranef.joint import JointPrecision
from ranef.modelspec import Recipe
from ranef.parameters import Parameter
from ranef.storage.design_forms import COMPONENTS
from ranef.storage.schema import (
    Array,
    Flag,
    Form,
    Given,
    Known,
    Maybe,
    Named,
    Number,
    Record,
    Row,
    Rows,
    Text,
    Whole,
)  # fmt: skip
from ranef.storage.stored import SavedSpecification, Stored
from ranef.uncertainty import Uncertainty

FLOAT, INT = "<f8", "<i4"

_CONTROL = Record(
    Control,
    {
        "max_iterations": Whole(1, 2**31), "gain_tolerance": Number(), "inner_tolerance": Number(),
        "max_inner_iterations": Whole(1, 2**31), "verbose": Whole(0, 2**31), "blas_threads": Maybe(Whole(1, 2**31)),
    },
)  # fmt: skip
SPECIFICATION = Record(
    SavedSpecification,
    {
        "formula": Text(), "family": Text(), "link": Text(), "ziformula": Maybe(Text()), "dispformula": Maybe(Text()),
        "reml": Flag(), "fixed": Maybe(Named(Number())), "method": Text(("laplace", "pql")),
        "vcov": Maybe(Text(("expected", "observed"))), "control": _CONTROL, "functions": Row(Text()),
    },
)  # fmt: skip
TIMINGS = Named(Number())
_PARAMETERS = Row(
    Record(
        Parameter,
        {
            "name": Text(), "kind": Text(("beta", "sd", "cor")), "component": Text(COMPONENTS), "group": Maybe(Text()),
            "term": Text(), "owner": Whole(), "row": Whole(-1), "col": Whole(-1),
        },
    )
)  # fmt: skip
_FINDINGS = Row(
    Record(
        Finding,
        {"kind": Text(), "problem": Flag(), "parameters": Row(Text()), "message": Text(), "remedy": Text()},
    )
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many there are of what.

    Attributes
    ----------
    coefficients : of each linear predictor
    terms : levels, and effects a level, of each random term
    parameters : of the criterion
    outside : coefficients that are none of its parameters
    """

    coefficients: tuple[int, ...]
    terms: tuple[tuple[int, int], ...]
    parameters: int
    outside: int

    @property
    def effects(self) -> int:
        """Random effects of all terms."""
        return sum(levels * width for levels, width in self.terms)


def sizes_of(design: Design, parameters: Sequence[Parameter]) -> Sizes:
    """The sizes of a model."""
    coefficients = tuple(len(p.fixed.names) for p in design.predictors)
    inside = any(p.kind == "beta" and p.owner == 0 for p in parameters)
    return Sizes(
        coefficients=coefficients,
        terms=tuple((len(t.labels), len(t.term_names)) for t in design.terms),
        parameters=len(parameters),
        outside=0 if inside else sum(coefficients[:1]),
    )


def estimate_form(sizes: Sizes) -> Record:
    """What was found; covariances that the data do not determine are NaN."""
    coefficients = sum(sizes.coefficients)
    places = Row(Whole(0, sizes.parameters))
    looks = Row(Record(Look, {"kind": Text(tuple(LOOKS)), "places": places, "gained": Number(finite=False)}))
    return Record(
        Estimate,
        {
            "values": Array(FLOAT, (sizes.parameters,), finite=False),
            "loglik": Number(),
            "beta": Rows(tuple(Array(FLOAT, (count,)) for count in sizes.coefficients)),
            "beta_vcov": Array(FLOAT, (coefficients, coefficients), finite=False),
            "modes": Rows(tuple(Array(FLOAT, shape) for shape in sizes.terms)),
            "eta": Row(Array(FLOAT, (0,)), len(sizes.coefficients)),
            "converged": Flag(), "reason": Text(), "iterations": Whole(), "evaluations": Whole(),
            "inner_iterations": Whole(), "gradient": Array(FLOAT, (range(sizes.parameters + 1),), finite=False),
            "expected_gain": Number(finite=False), "residual_error": Number(finite=False), "tiny_residual": Flag(),
            "singular": Flag(), "at_zero": places, "at_bound": places, "deficient": Row(Whole(0, len(sizes.terms))),
            "looks": looks,
        },
    )  # fmt: skip


def stored_form(design: Design, recipes: tuple[Recipe, ...]) -> Record:
    """What stands in place of the data of a design."""

    def sized(form: Any) -> Given:
        return Given(lambda read: form(sizes_of(design, read["parameters"])))

    return Record(
        Stored,
        {
            "parameters": _PARAMETERS,
            "recipes": Known(recipes),
            "nobs": Number(),
            "row_counts": Rows((Whole(), Whole())),
            "uncertainty": sized(_uncertainty_form),
            "parameter_vcov": sized(_vcov_form),
            "conditional_covariance": sized(_conditional_form),
            "joint": sized(_joint_form),
            "findings": _FINDINGS,
            "converged": Flag(),
        },
    )


def _uncertainty_form(sizes: Sizes) -> Form:
    count = sizes.parameters

    def spectrum(rows: int | None) -> Given:
        def shaped(read: Mapping[str, Any]) -> Array:
            free = len(read["eigenvalues"])
            return Array(FLOAT, (free if rows is None else rows, free), finite=False)

        return Given(shaped)

    return Record(
        Uncertainty,
        {
            "eigenvalues": Array(FLOAT, (range(count + 1),), finite=False),
            "eigenvectors": spectrum(count),
            "hessian": spectrum(None),
            "vcov": Array(FLOAT, (count, count), finite=False),
            "units": Array(FLOAT, (count,), finite=False),
            "unidentified": Row(Whole(0, count)),
        },
    )


def _vcov_form(sizes: Sizes) -> Form:
    count = sizes.parameters + sizes.outside
    return Array(FLOAT, (count, count), finite=False)


def _conditional_form(sizes: Sizes) -> Form:
    return Rows(tuple(Array(FLOAT, (levels, width, width), finite=False) for levels, width in sizes.terms))


def _joint_form(sizes: Sizes) -> Form:
    effects = sizes.effects

    def entries(read: Mapping[str, Any]) -> int:
        return min(max(int(read["indptr"][-1]), 0), effects**2)

    columns = Array(FLOAT, (effects, sizes.parameters + sizes.outside), finite=False)
    joint = Record(
        JointPrecision,
        {
            "indptr": Array(INT, (effects + 1,)),
            "data": Given(lambda read: Array(FLOAT, (entries(read),))),
            "indices": Given(lambda read: Array(INT, (entries(read),))),
            "mode_derivatives": columns,
        },
    )
    return joint if sizes.terms else Maybe(joint)
