"""Fits made from a fit: another response, changed arguments, the same estimates after unpickling."""

from __future__ import annotations

import dataclasses
import difflib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranef import _core
from ranef.admissible import check_admissible
from ranef.errors import ConvergenceError, DataError
from ranef.estimate import estimate_from_core
from ranef.formula.functions import user_functions
from ranef.formulas import updated_formula, updated_one_sided
from ranef.parameters import Values, values_by_name

if TYPE_CHECKING:
    from ranef.fitstate import FitState
    from ranef.result import Fit
    from ranef.unfitted import Model

Floats = NDArray[np.float64]


def refit(fit: Fit, y: ArrayLike) -> Fit:
    """The same model for the response `y`; see `Fit.refit`."""
    from ranef.result import Fit as FitClass
    from ranef.unfitted import Model, no_start_message

    fit.require_data("refit()")
    try:
        values = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"refit needs a response of numbers: {error}") from error
    response = checked_response(fit, values)
    began = time.perf_counter()
    held = fit.held[fit.outside_count :] if fit.held.any() else None
    start = None if fit.singular and held is None else np.asarray(fit.estimate.values)
    options = fit.model.specification.control.options()
    with fit.model.computing():
        result = fit.model.core.refit(response, options, start, held)
    if not result.started:
        raise ConvergenceError(no_start_message(str(result.reason)))
    timings = {"parse": 0.0, "design": 0.0, "fit": time.perf_counter() - began}
    design = dataclasses.replace(fit.design, response=dataclasses.replace(fit.design.response, values=response))
    model = Model(fit.model.specification, design, timings, parameter_info=fit.model.parameter_info)
    return FitClass(model, estimate_from_core(result), core_result=result, timings=timings)


def checked_response(fit: Fit, y: Floats) -> Floats:
    """A response of the rows that entered the fit, from one value for each of them or for each row of the data.

    Raises
    ------
    DataError
        For a wrong length, missing values, or values outside the family's support.
    """
    kept = fit.design.kept
    if y.ndim != 1 or y.size not in (fit.design.n_rows, kept.size):
        raise DataError(
            f"y has shape {y.shape}; refit needs one value for each of the {fit.design.n_rows} rows that entered the "
            f"fit, or for each of the {kept.size} rows of the data"
        )
    used = y if y.size == fit.design.n_rows else y[kept]
    bad = np.flatnonzero(~np.isfinite(used))
    if bad.size:
        row = fit.design.index[np.flatnonzero(kept)[bad[0]]]
        raise DataError(f"y is {used[bad[0]]} in row {row}: refit needs a finite response in every row of the fit")
    check_support(fit, used)
    return np.ascontiguousarray(used)


def check_support(fit: Fit, y: Floats) -> None:
    """Refuse a response that the family cannot have: its log-likelihood is not finite there.

    Raises
    ------
    DataError
        Naming the first offending row and value.
    """
    likelihood = fit.family.likelihood(any(p.component == "zi" for p in fit.design.predictors))
    whole = fit.family.is_count or fit.family.has_trials
    logs = likelihood.loglik(y, list(fit.estimate.eta), fit.design.response.trials)
    outside = ~np.isfinite(logs)
    if whole:
        outside |= y != np.floor(y)
    if outside.any():
        place = int(np.flatnonzero(outside)[0])
        row = fit.design.index[np.flatnonzero(fit.design.kept)[place]]
        raise DataError(
            f"y is {y[place]:g} in row {row}, outside the support of {fit.family.name}: {fit.family.support}"
        )


def at(fit: Fit, values: Values) -> Fit:
    """The model at given parameters; see `Fit.at`."""
    from ranef.result import Fit as FitClass

    fit.require_data("at()")
    vector = values_by_name(values, fit.parameter_names, "values", default=np.asarray(fit.parameter_values))
    check_admissible(fit.parameter_info, vector, fit.design)
    model = fit.ml_model
    try:
        with model.computing():
            held = np.ones(vector.size, dtype=np.bool_)
            result = model.core.fit(model.specification.control.options(), vector, held, None)
    except ValueError as error:
        raise DataError(f"no model has these values: {error}") from error
    if not result.started:
        raise ConvergenceError(f"the log-likelihood has no value at the given parameters ({result.reason})")
    made = FitClass(model, estimate_from_core(result))
    made._core_result = result
    return made


def model_without_reml(model: Model) -> Model:
    """The same model by Laplace's approximation of the likelihood: all coefficients are parameters."""
    from ranef.unfitted import Model as ModelClass

    return ModelClass(dataclasses.replace(model.specification, reml=False, method="laplace", start=None), model.design)


def evaluate_at(fit: FitState, values: Floats) -> _core.FitResult:
    """The core's record of the model with all parameters held at `values`."""
    held = np.ones(values.size, dtype=np.bool_)
    options = fit.model.specification.control.options()
    with fit.model.computing():
        return fit.model.core.fit(options, values, held, None)


def update(fit: Fit, formula: str | None, changes: Mapping[str, Any]) -> Fit:
    """Fit again with changed arguments; see `Fit.update`."""
    from ranef.fitting import fit as fit_function

    specification = fit.model.specification
    if "data" not in changes:
        fit.require_data("update()")
    arguments: dict[str, Any] = {
        field.name: getattr(specification, field.name) for field in dataclasses.fields(specification)
    }
    for name, value in changes.items():
        if name not in arguments:
            close = difflib.get_close_matches(name, arguments, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; it takes: {', '.join(arguments)}"
            raise TypeError(f"update() has no argument {name!r}{hint}")
        arguments[name] = value
    arguments["start"] = changes.get("start")
    functions = user_functions(arguments["functions"])
    if formula is not None:
        arguments["formula"] = updated_formula(specification.formula, formula, functions)
    for name in ("ziformula", "dispformula"):
        if isinstance(changes.get(name), str) and getattr(specification, name):
            arguments[name] = updated_one_sided(getattr(specification, name), changes[name], functions)
    text, data = arguments.pop("formula"), arguments.pop("data")
    return fit_function(text, data, **arguments)
