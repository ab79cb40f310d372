"""Keeping fits: a small versioned file (JSON and plain arrays in a zip archive) that predicts without the data."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.control import Control
from ranef.design import design, fixed, general, plain, predictor, random
from ranef.diagnose import all_findings
from ranef.errors import DataError
from ranef.estimate import Estimate, Look
from ranef.finding import Finding
from ranef.formula import algebra, expression, random_terms
from ranef.formula.functions import UserFunction, user_functions
from ranef.joint import JointPrecision, joint_precision
from ranef.modelspec import Recipe
from ranef.parameters import Parameter
from ranef.plainform import Encoder
from ranef.storage.stored import FORMAT, TEXT, VERSION, SavedSpecification, Stored
from ranef.uncertainty import Uncertainty

if TYPE_CHECKING:
    from ranef.result import Fit


_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        Control, Estimate, Finding, JointPrecision, Look, Parameter, Recipe, SavedSpecification, Stored, Uncertainty,
        algebra.Terms, predictor.OffsetSource, design.Design, design.FixedDesign, design.PredictorDesign,
        design.RandomDesign, design.ResponseDesign, design.WeightsDesign, expression.Expression, fixed.FixedSpec,
        fixed.MatrixSpec, general.Coding, general.GeneralSpec, plain.PlainFactor, plain.PlainSpec, random.ColumnSpec,
        random.GroupSpec, random.TermSpec, random_terms.RandomTerm,
    )
}  # fmt: skip


def save(fit: Fit, path: str | os.PathLike[str]) -> None:
    """Write `fit` to `path`; see `Fit.save`."""
    specification = fit.model.specification
    encoder = Encoder(_CLASSES, {UserFunction: ("UserFunction", lambda function: function.name)})
    body = {
        "specification": encoder.encode(
            SavedSpecification(
                specification.formula, fit.family.name, fit.family.link, specification.ziformula,
                specification.dispformula, specification.reml, dict(specification.fixed or {}), specification.control,
                specification.method, specification.vcov, tuple(specification.functions or ()),
            )
        ),
        "design": encoder.encode(without_rows(fit.design)),
        "estimate": encoder.encode(dataclasses.replace(fit.estimate, eta=tuple(np.zeros(0) for _ in fit.estimate.eta))),
        "timings": encoder.encode(dict(fit.timings)),
    }  # fmt: skip
    body["stored"] = encoder.encode(_stored(fit))
    header = {"format": FORMAT, "version": VERSION}
    _write(path, header | body, encoder.arrays)


def _stored(fit: Fit) -> Stored:
    if fit.stored is not None:
        return dataclasses.replace(fit.stored, recipes=())
    return Stored(
        nobs=float(fit.nobs),
        row_counts=fit.row_counts,
        parameters=fit.model.parameter_info,
        uncertainty=fit.uncertainty,
        parameter_vcov=fit.observed_vcov,
        conditional_covariance=fit.conditional_covariance,
        joint=joint_precision(fit) if fit.design.terms else None,
        findings=all_findings(fit),
        converged=fit.converged,
    )


def without_rows(full: design.Design) -> design.Design:
    """The design with every array that has an entry a row emptied: names and memory for new data are left."""
    none = np.zeros(0)
    predictors = tuple(
        dataclasses.replace(
            p,
            fixed=dataclasses.replace(p.fixed, matrix=np.zeros((0, len(p.fixed.names)), order="F")),
            offset=None if p.offset is None else none,
        )
        for p in full.predictors
    )
    terms = tuple(
        dataclasses.replace(
            t,
            levels=np.zeros(0, dtype=np.int32),
            basis=None if t.basis is None else np.zeros((0, len(t.term_names))),
            column=None if t.column is None else np.zeros(0, dtype=np.int32),
        )
        for t in full.terms
    )
    response = dataclasses.replace(full.response, values=none, trials=None if full.response.trials is None else none)
    weights = None if full.weights is None else dataclasses.replace(full.weights, values=none)
    return dataclasses.replace(
        full,
        response=response,
        weights=weights,
        predictors=predictors,
        terms=terms,
        index=pd.RangeIndex(0),
        kept=np.zeros(0, dtype=np.bool_),
    )


def _write(path: str | os.PathLike[str], body: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(TEXT, json.dumps(body, allow_nan=False))
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(f"{key}.npy", buffer.getvalue())


def load(path: str | os.PathLike[str], *, functions: Mapping[str, Callable[..., Any]] | None = None) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Parameters
    ----------
    path : the file
    functions : the functions of your own that the fit's formulas call, by name; a file holds only their names

    Returns
    -------
    Fit, which prints, tabulates and predicts for new data; what needs the data (residuals, simulate, refit, update)
    raises DataError.

    Raises
    ------
    DataError
        If the file is no saved fit, is damaged, was written by a later version, or calls a function that was not given.

    Notes
    -----
    A file may come from anyone: nothing in it is run. Every part is checked for its type, shape and range, and its
    size before it is read; expressions of the formula are read again by the reader of formulas.

    Examples
    --------
    >>> import pathlib, tempfile, ranef
    >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(pathlib.Path(folder) / "frogs.ranef")
    ...     again = ranef.load(pathlib.Path(folder) / "frogs.ranef")
    >>> again.loglik == fit.loglik
    True
    """
    from ranef.result import Fit
    from ranef.storage.read import LackingFunctionError, read_fit  # deferred: only files need the forms of all parts

    given = user_functions(functions)
    with open(path, "rb") as file:
        try:
            model, estimate, timings, stored = read_fit(file, given)
        except LackingFunctionError:
            raise
        except DataError as error:
            raise DataError(f"{os.fspath(path)!r} is no fit saved by this package, or is damaged: {error}") from error
    return Fit(model, estimate, timings=timings, stored=stored)
