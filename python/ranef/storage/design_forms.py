"""The form of a saved design: names and memory for new data, all of whose arrays of rows are empty."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ranef.design import design, fixed, general, plain, predictor, random
from ranef.errors import DataError, FormulaError
from ranef.formula import algebra, random_terms
from ranef.formula.expression import Expression
from ranef.formula.functions import UserFunction
from ranef.formula.parse import parse_expression
from ranef.modelspec import Recipe, read_matrix_spec
from ranef.storage.archive import Archive
from ranef.storage.schema import (
    Array,
    ByClass,
    Flag,
    Form,
    Given,
    Label,
    Labels,
    Maybe,
    Named,
    Number,
    Plain,
    Record,
    Row,
    Rows,
    Text,
    Whole,
    wrong,
)  # fmt: skip

COMPONENTS = ("cond", "disp", "zi")

_WORDS = Row(Text())
_NO_ROWS = Array("<f8", (0,))
_NO_CODES = Array("<i4", (0,))
_NO_MATRIX = Array("<f8", (0, range(2**31)))
_LEVELS = Labels(distinct=True)
# Transforms remember a few numbers a column and knot.
_MEMORY = Plain(most=10_000)


@dataclass(frozen=True, slots=True)
class FunctionForm:
    """A function of the user's, of which a file holds the name."""

    functions: Sequence[UserFunction]

    def read(self, value: Any, place: str, archive: Archive) -> UserFunction:
        """The function that was given for it."""
        name = _special(value, "UserFunction", place)
        for function in self.functions:
            if function.name == name:
                return function
        raise wrong(place, name, "a function that the file lists")


@dataclass(frozen=True, slots=True)
class ExpressionForm:
    """An expression of a formula, read again from its text by the reader of formulas, whatever else the file says."""

    functions: tuple[UserFunction, ...]

    def read(self, value: Any, place: str, archive: Archive) -> Expression:
        """The expression."""
        fields = self._written().entries(value, place, archive)
        try:
            made = parse_expression(fields["text"], self.functions)
        except FormulaError as error:
            raise wrong(f"{place}.text", fields["text"], f"an expression ({error.message})") from error
        if (made.variables, made.factor_variables) != (fields["variables"], fields["factor_variables"]):
            raise wrong(f"{place}.variables", ", ".join(fields["variables"]), f"those of {fields['text']!r:.60}")
        return dataclasses.replace(made, source=fields["source"], start=fields["start"])

    def _written(self) -> Record:
        return Record(
            Expression,
            {
                "source": Text(), "text": Text(), "code": Text(), "variables": _WORDS, "factor_variables": _WORDS,
                "start": Whole(), "functions": Row(FunctionForm(self.functions)),
            },
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecipeForm:
    """Of files that kept formulaic's memory, the place of a recipe."""

    recipes: Sequence[Recipe]

    def read(self, value: Any, place: str, archive: Archive) -> Recipe:
        """The recipe."""
        number = _special(value, "ModelSpec", place)
        return self.recipes[Whole(0, len(self.recipes)).read(number, place, archive)]


@dataclass(frozen=True, slots=True)
class MatrixForm:
    """The specification of a model matrix."""

    terms: Form
    recipes: Sequence[Recipe]

    def read(self, value: Any, place: str, archive: Archive) -> fixed.MatrixSpec:
        """The specification."""
        fields = Record(
            fixed.MatrixSpec,
            {
                "terms": self.terms, "names": _WORDS, "plain": Maybe(_PLAIN), "general": Maybe(_GENERAL),
                "formulaic": Maybe(RecipeForm(self.recipes)), "levels": Named(_LEVELS),
            },
            optional=("general", "formulaic"),
        ).entries(value, place, archive)  # fmt: skip
        try:
            return read_matrix_spec(**fields)
        except FormulaError as error:
            raise DataError(f"{place}: {error}") from error


def _special(value: Any, name: str, place: str) -> Any:
    if not isinstance(value, dict) or value.keys() != {"special", "value"} or value["special"] != name:
        raise wrong(place, value, f"a {name}")
    return value["value"]


def _coding_matrices(read: Mapping[str, Any]) -> Form:
    rows = 0 if read["levels"] is None else len(read["levels"])
    return Maybe(Rows(tuple(Array("<f8", (rows, len(names))) for names in read["labels"])))


_PLAIN = Record(
    plain.PlainSpec,
    {
        "terms": Row(
            Row(Record(plain.PlainFactor, {"variable": Text(), "labels": Maybe(_LEVELS), "reduced": Flag()}))
        )
    },
)  # fmt: skip
_CODING = Record(
    general.Coding,
    {
        "labels": Rows((_WORDS, _WORDS)), "levels": Maybe(_LEVELS), "matrices": Given(_coding_matrices),
        "spans_intercept": Flag(),
    },
)  # fmt: skip
_GENERAL = Record(
    general.GeneralSpec,
    {
        "labels": _WORDS, "codings": Row(_CODING), "products": Row(Row(Row(Rows((Whole(), Flag()))))),
        "memory": Named(_MEMORY),
    },
)  # fmt: skip
_COLUMN = Record(random.ColumnSpec, {"variable": Text(), "levels": _LEVELS})
_RESPONSE = Record(
    design.ResponseDesign,
    {
        "name": Text(), "values": _NO_ROWS, "trials": Maybe(_NO_ROWS),
        "form": Text(("plain", "factor", "cbind", "proportion")), "levels": Maybe(Rows((Label(), Label()))),
    },
)  # fmt: skip
_WEIGHTS = Record(
    design.WeightsDesign,
    {"kind": Text(("trials", "precision", "frequency", "likelihood")), "values": _NO_ROWS, "name": Text()},
)


def design_form(recipes: Sequence[Recipe], functions: tuple[UserFunction, ...]) -> Record:
    """A design whose formulas call these functions of the user; `recipes` are of files with formulaic's memory."""
    expression = ExpressionForm(functions)
    terms = Record(algebra.Terms, {"intercept": Flag(), "terms": Row(Row(expression))})
    matrix = MatrixForm(terms, recipes)
    return Record(
        design.Design,
        {
            "response": _RESPONSE,
            "weights": Maybe(_WEIGHTS),
            "predictors": Row(_predictor_form(matrix, expression)),
            "terms": Row(_term_form(matrix, terms)),
            "index": Labels(0),
            "kept": Array("|b1", (0,)),
            "dropped_by": Named(Whole()),
            "columns": _WORDS,
            "formula": Text(),
        },
    )


def _predictor_form(matrix: Form, expression: Form) -> Record:
    source = Record(
        predictor.OffsetSource,
        {"expression": Maybe(expression), "constant": Maybe(Number()), "memory": Named(_MEMORY)},
    )
    kept = Record(fixed.FixedSpec, {"matrix": matrix, "kept": Row(Whole())})
    return Record(
        design.PredictorDesign,
        {
            "component": Text(COMPONENTS),
            "fixed": Record(
                design.FixedDesign, {"matrix": _NO_MATRIX, "names": _WORDS, "dropped": _WORDS, "spec": kept}
            ),
            "offset": Maybe(_NO_ROWS),
            "offset_sources": Row(source),
        },
    )


def _term_form(matrix: Form, terms: Form) -> Record:
    structure = Text(random_terms.OFFERED_STRUCTURES)
    written = Record(
        random_terms.RandomTerm,
        {"source": Text(), "structure": structure, "effects": terms, "groups": _WORDS, "start": Whole()},
    )
    effects = ByClass({"MatrixSpec": matrix, "ColumnSpec": _COLUMN})

    def memory(read: Mapping[str, Any]) -> Record:
        cells = Maybe(Array("<i8", (len(read["labels"]),)))
        group = Record(random.GroupSpec, {"columns": _WORDS, "levels": Row(_LEVELS), "cells": cells})
        return Record(random.TermSpec, {"term": written, "group": group, "effects": Maybe(effects)})

    return Record(
        design.RandomDesign,
        {
            "component": Text(COMPONENTS), "group": Text(), "structure": structure, "levels": _NO_CODES,
            "labels": Labels(), "term_names": _WORDS, "basis": Maybe(_NO_MATRIX), "column": Maybe(_NO_CODES),
            "spec": Given(memory),
        },
    )  # fmt: skip


RECIPES = Row(
    Record(
        Recipe,
        {
            "text": Text(), "transform_state": Named(_MEMORY), "levels": Named(_LEVELS), "middles": Named(Number()),
            "booleans": Row(Text(), kind="list"),
        },
    )
)  # fmt: skip
