"""The formulas of all components of a model, parsed together because each leans on the conditional one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ranef.design.response import FamilyTraits
from ranef.errors import FormulaError
from ranef.formula.functions import UserFunction
from ranef.formula.parse import Formula, RightSide, has_dot, parse_formula, parse_one_sided


@dataclass(frozen=True, slots=True)
class ModelFormulas:
    """The parsed formulas of all components; None for a component that the model does not have."""

    cond: Formula
    disp: RightSide | None
    zi: RightSide | None

    @property
    def components(self) -> list[tuple[str, RightSide]]:
        """Right sides in the core's order of predictors."""
        sides = [("cond", self.cond.right), ("disp", self.disp), ("zi", self.zi)]
        return [(name, side) for name, side in sides if side is not None]

    @property
    def variables(self) -> tuple[str, ...]:
        """Every column that a formula reads."""
        return tuple(self.owners)

    @property
    def owners(self) -> dict[str, str]:
        """For every column that a formula reads: the first formula that does, as messages show it."""
        owners = dict.fromkeys(self.cond.response.variables, self.cond.text)
        for component, side in self.components:
            text = self.cond.text if component == "cond" else f"{component}formula ~ {side.text}"
            for name in side.variables:
                owners.setdefault(name, text)
        return owners


def parse_formulas(
    formula: str,
    ziformula: str | None,
    dispformula: str | None,
    family: FamilyTraits,
    columns: tuple[str, ...],
    functions: tuple[UserFunction, ...] = (),
) -> ModelFormulas:
    """Parse the formulas of all components.

    Parameters
    ----------
    formula, ziformula, dispformula : as in ``ranef.fit``
    family : says whether there is a dispersion
    columns : columns of the data, which a ``.`` in `formula` stands for
    functions : functions of the user that formulas may call

    Raises
    ------
    FormulaError
        If a formula cannot be read, or the family has no such component.
    """
    given: tuple[Any, ...] = (formula, ziformula or "", dispformula or "")
    for text in given:
        if not isinstance(text, str):
            raise FormulaError(f"a formula is text such as 'y ~ x + (1 | g)', got {text!r}")
    cond = parse_formula(formula, columns if has_dot(formula) else None, functions)
    zi = None if ziformula is None else parse_one_sided(ziformula, cond.right, functions)
    disp = parse_one_sided("~ 1" if dispformula is None else dispformula, cond.right, functions)
    return ModelFormulas(cond, _dispersion(disp, family, dispformula), None if zi is None or _is_empty(zi) else zi)


def _dispersion(side: RightSide, family: FamilyTraits, written: str | None) -> RightSide | None:
    """The dispersion's side, None for a family that has none."""
    if family.dispersion:
        if _is_empty(side) and family.name != "gaussian":
            raise FormulaError(f"dispformula '~ 0' is for gaussian; {family.name} needs its dispersion", written)
        return side
    if side.fixed.terms or side.random or side.offsets or not side.fixed.intercept:
        raise FormulaError(f"family {family.name} has no dispersion parameter: leave out dispformula", written)
    return None


def _is_empty(side: RightSide) -> bool:
    return not (side.fixed.intercept or side.fixed.terms or side.random or side.offsets)
