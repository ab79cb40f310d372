"""A saved fit from its file: the parts in the order in which their sizes become known."""

from __future__ import annotations

from typing import IO, Any

from ranef import families
from ranef.design.design import Design
from ranef.errors import DataError, FamilyError, FormulaError
from ranef.estimate import Estimate
from ranef.formula.functions import UserFunction
from ranef.formula.parse import has_dot, parse_formula
from ranef.modelspec import Recipe
from ranef.parameters import Parameter
from ranef.storage.agreement import check_design, check_result
from ranef.storage.archive import Archive
from ranef.storage.design_forms import RECIPES, design_form
from ranef.storage.result_forms import SPECIFICATION, TIMINGS, estimate_form, sizes_of, stored_form
from ranef.storage.schema import fields_of
from ranef.storage.stored import FORMAT, VERSION, SavedSpecification, Stored
from ranef.unfitted import Model, Specification

_PARTS = {"format", "version", "specification", "design", "estimate", "timings", "stored"}


class LackingFunctionError(DataError):
    """A sound file whose formulas call functions of the user that were not given."""


def read_fit(file: IO[bytes], functions: tuple[UserFunction, ...]) -> tuple[Model, Estimate, dict[str, float], Stored]:
    """The parts of a saved fit, each by its form, and as they belong together.

    Raises
    ------
    LackingFunctionError
        If its formulas call functions that are not given.
    DataError
        If the file is no saved fit, or is damaged.
    """
    with Archive(file) as archive:
        body = _body(archive)
        saved: SavedSpecification = SPECIFICATION.read(body["specification"], "specification", archive)
        recipes = _recipes(body, archive)
        own = _functions_of(saved, functions)
        built: Design = design_form(recipes, own).read(body["design"], "design", archive)
        stored: Stored = stored_form(built, recipes).read(body["stored"], "stored", archive)
        sizes = sizes_of(built, stored.parameters)
        estimate: Estimate = estimate_form(sizes).read(body["estimate"], "estimate", archive)
        timings = TIMINGS.read(body["timings"], "timings", archive)
        archive.expect_end()
    model = _model(saved, built, stored.parameters, own)
    check_design(built, model.family)
    check_result(built, saved, estimate, stored)
    return model, estimate, timings, stored


def _recipes(body: dict[str, Any], archive: Archive) -> tuple[Recipe, ...]:
    """What files with formulaic's memory keep of it: designs refer to it."""
    written = fields_of(body["stored"], "Stored", "stored").get("recipes", {"tuple": []})
    recipes: tuple[Recipe, ...] = RECIPES.read(written, "stored.recipes", archive)
    return recipes


def _functions_of(saved: SavedSpecification, given: tuple[UserFunction, ...]) -> tuple[UserFunction, ...]:
    """The functions that the formulas of a file call, from those that were given."""
    own = {function.name: function for function in given}
    if lacking := [name for name in saved.functions if name not in own]:
        raise LackingFunctionError(
            f"the formulas of this fit call {', '.join(map(repr, lacking))}, which a file cannot hold: "
            f"ranef.load(path, functions={{{lacking[0]!r}: ...}})"
        )
    return tuple(own[name] for name in saved.functions)


def _body(archive: Archive) -> dict[str, Any]:
    """The text, of a version that this package reads."""
    body = archive.text()
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise DataError(f"its text is not that of a {FORMAT}")
    version = body.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DataError(f"it has the format version {version!r:.60}")
    if version > VERSION:
        raise DataError(
            f"it has format version {version}, this version of ranef reads up to {VERSION}: install a newer one"
        )
    if body.keys() != _PARTS:
        raise DataError(f"it has the parts {', '.join(sorted(body))}, not {', '.join(sorted(_PARTS))}"[:400])
    return body


def _model(
    saved: SavedSpecification, built: Design, parameters: tuple[Parameter, ...], own: tuple[UserFunction, ...]
) -> Model:
    try:
        family = families.make(saved.family, saved.link)
        parse_formula(saved.formula, tuple(built.columns) if has_dot(saved.formula) else None, own)
    except (FamilyError, FormulaError) as error:
        raise DataError(str(error)) from error
    specification = Specification(
        formula=saved.formula,
        data=None,
        family=family,
        ziformula=saved.ziformula,
        dispformula=saved.dispformula,
        reml=saved.reml,
        method=saved.method,
        fixed=saved.fixed or None,
        vcov=saved.vcov,
        functions={function.name: function.call for function in own} or None,
        control=saved.control,
    )
    return Model(specification, built, parameter_info=parameters)
