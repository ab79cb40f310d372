"""Keeping fits: a small versioned file (JSON and plain arrays in a zip archive) that predicts without the data."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef import families
from ranef.control import Control
from ranef.design import design, fixed, general, plain, predictor, random
from ranef.diagnose import all_findings
from ranef.errors import DataError
from ranef.estimate import Estimate, Look
from ranef.families import Family
from ranef.finding import Finding
from ranef.formula import algebra, expression, random_terms
from ranef.formula.functions import UserFunction, user_functions
from ranef.joint import JointPrecision, joint_precision
from ranef.modelspec import Recipe, read_matrix_spec
from ranef.parameters import Parameter
from ranef.plainform import Decoder, Encoder
from ranef.uncertainty import Uncertainty

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

_FORMAT = "ranef-fit"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """What a loaded fit knows in place of its data.

    Attributes
    ----------
    nobs : observations
    row_counts : rows of the data, rows used
    parameters : the model's parameters
    uncertainty : curvature at the estimates
    parameter_vcov : covariance of all parameters, by the observed information
    conditional_covariance : per term (levels, q, q)
    joint : precision of the random effects and their dependence on the parameters; None without random terms
    findings : the diagnosis
    converged : whether the fit was at its optimum
    recipes : of files that kept it, what formulaic's memory was made of
    """

    nobs: float
    row_counts: tuple[int, int]
    parameters: tuple[Parameter, ...]
    uncertainty: Uncertainty
    parameter_vcov: Floats
    conditional_covariance: tuple[Floats, ...]
    joint: JointPrecision | None
    findings: tuple[Finding, ...]
    converged: bool
    recipes: tuple[Recipe, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedSpecification:
    """The arguments of a fit that a file keeps."""

    formula: str
    family: str
    link: str
    ziformula: str | None
    dispformula: str | None
    reml: bool
    fixed: dict[str, float] | None
    control: Control
    method: str = "laplace"
    vcov: str | None = None
    functions: tuple[str, ...] = ()


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
    encoder = Encoder(_CLASSES, {UserFunction: lambda function: function.name})
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
    header = {"format": _FORMAT, "version": _VERSION}
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
        If the file is no saved fit, was written by a later version, or calls a function that was not given.

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
    from ranef.unfitted import Model, Specification

    body, arrays = _read(path)
    plain_reader = Decoder(_CLASSES, arrays, {})
    stored: Stored = plain_reader.decode(body["stored"])
    saved: SavedSpecification = plain_reader.decode(body["specification"])
    own = _functions_for(saved, functions)
    special = {"ModelSpec": lambda place: stored.recipes[place], "UserFunction": lambda name: own[name]}
    decoder = Decoder({**_CLASSES, "MatrixSpec": read_matrix_spec}, arrays, special)
    specification = Specification(
        formula=saved.formula,
        data=None,
        family=_family(saved),
        ziformula=saved.ziformula,
        dispformula=saved.dispformula,
        reml=saved.reml,
        method=saved.method,
        fixed=saved.fixed or None,
        vcov=saved.vcov,
        functions={name: function.call for name, function in own.items()} or None,
        control=saved.control,
    )
    model = Model(specification, decoder.decode(body["design"]), parameter_info=stored.parameters)
    return Fit(model, decoder.decode(body["estimate"]), timings=decoder.decode(body["timings"]), stored=stored)


def _functions_for(
    saved: SavedSpecification, given: Mapping[str, Callable[..., Any]] | None
) -> dict[str, UserFunction]:
    """The functions that the formulas of a file call, from those that were given."""
    own = {function.name: function for function in user_functions(given)}
    lacking = [name for name in saved.functions if name not in own]
    if lacking:
        raise DataError(
            f"the formulas of this fit call {', '.join(map(repr, lacking))}, which a file cannot hold: "
            f"ranef.load(path, functions={{{lacking[0]!r}: ...}})"
        )
    return {name: own[name] for name in saved.functions}


def _family(saved: SavedSpecification) -> Family:
    return families.make(saved.family, saved.link)


def _write(path: str | os.PathLike[str], body: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fit.json", json.dumps(body, allow_nan=False))
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(f"{key}.npy", buffer.getvalue())


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            body = json.loads(archive.read("fit.json"))
            arrays = {
                name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise DataError(f"{os.fspath(path)!r} is no fit saved by this package: {error}") from error
    if body.get("format") != _FORMAT:
        raise DataError(f"{os.fspath(path)!r} is no fit saved by this package")
    if body["version"] > _VERSION:
        raise DataError(
            f"{os.fspath(path)!r} has format version {body['version']}, this version of ranef reads up to {_VERSION}: "
            f"install a newer one"
        )
    return body, arrays
