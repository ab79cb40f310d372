"""`ranef.fit`: parse, design, check, call, wrap."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ranef import families
from ranef.control import Control
from ranef.design.build import NaAction, build_design
from ranef.design.design import Design
from ranef.design.owned import owned_table, owned_values
from ranef.errors import DataError, FormulaError, NotAvailableError
from ranef.families import Family, FamilyConstructor
from ranef.formula.functions import UserFunction, user_functions
from ranef.formula.parse import has_dot, parse_formula
from ranef.information import Information, checked_information
from ranef.parameters import Values
from ranef.result import Fit
from ranef.unfitted import Model, Specification


def fit(
    formula: str,
    data: Any,
    *,
    family: str | Family | FamilyConstructor = "gaussian",
    ziformula: str | None = None,
    dispformula: str | None = None,
    weights: Any = None,
    offset: Any = None,
    reml: bool = False,
    method: str = "laplace",
    n_agq: int = 1,
    contrasts: Mapping[str, Any] | None = None,
    na_action: NaAction = "drop",
    start: Values | None = None,
    fixed: Mapping[str, float] | None = None,
    priors: Mapping[str, Any] | None = None,
    vcov: Information | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    control: Control | None = None,
) -> Fit:
    """Fit a mixed model.

    Parameters
    ----------
    formula : str
        As in lme4 or glmmTMB: ``"y ~ x + (x | g)"``; random terms may be ``us``, ``diag``, ``homdiag``, ``cs`` or
        ``ar1``.
    data : pandas, polars or pyarrow table, or dict of arrays
        Text, categoricals and truth values are factors. It is never changed, and may change after the fit.
    family : str or Family
        ``"nbinom2"``, or an object such as ``ranef.families.nbinom2(link="log")``.
    ziformula : str or None
        Zero inflation, on the logit scale; None: none.
    dispformula : str or None
        Dispersion, on the log scale; None: a constant. ``"~ 0"`` (gaussian): no residual variance to speak of.
    weights : column name, array or `ranef.weights` object
        What R means by it: trials of a binomial proportion, precision of a gaussian response, else a multiplier of
        the log-likelihood.
    offset : column name, array or expression
        Added to the conditional linear predictor.
    reml : bool
        Restricted maximum likelihood instead of maximum likelihood.
    method : ``"laplace"`` or ``"pql"``
        Laplace's approximation of the likelihood, maximised over all parameters; or coefficients of the mean found
        together with the random effects' mode (lme4's ``nAGQ = 0``): faster, a little biased, and the same for a
        gaussian response with identity link.
    n_agq : 1
    contrasts : dict
        Per factor, ``"treatment"`` (the default), ``"sum"`` ...
    na_action : ``"drop"`` or ``"raise"``
        What to do about rows with missing values.
    start : dict, Series or array
        Starting values by parameter name (see `Model.parameters`); the rest as usual.
    fixed : dict
        Parameters held at a value, by name; they do not count as estimated.
    priors : None
    vcov : ``"expected"`` or ``"observed"``
        Information that all standard errors rest on. None: expected for linear mixed models (lmer's, coefficients
        given the variances), observed information of all parameters (glmmTMB's) for the rest. Methods of the fit take
        the same words.
    functions : dict
        Functions of your own that formulas may call, by the name they have there: ``{"dose": f}`` for ``dose(x)``. They
        get arrays and return a number (or a row of numbers) for each row, the same for the same row in any table.
    control : Control

    Returns
    -------
    Fit

    Raises
    ------
    FormulaError, DataError, FamilyError
        If something in the arguments is wrong: which term, column or row, and what to do.
    NotAvailableError
        For what a later version will offer.

    Warns
    -----
    ConvergenceWarning
        If no optimum could be certified.

    Examples
    --------
    >>> import ranef
    >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="nbinom2")
    >>> fit.nobs
    240
    """
    return model(
        formula,
        data,
        family=family,
        ziformula=ziformula,
        dispformula=dispformula,
        weights=weights,
        offset=offset,
        reml=reml,
        method=method,
        n_agq=n_agq,
        contrasts=contrasts,
        na_action=na_action,
        start=start,
        fixed=fixed,
        priors=priors,
        vcov=vcov,
        functions=functions,
        control=control,
    ).fit()


def model(
    formula: str,
    data: Any,
    *,
    family: str | Family | FamilyConstructor = "gaussian",
    ziformula: str | None = None,
    dispformula: str | None = None,
    weights: Any = None,
    offset: Any = None,
    reml: bool = False,
    method: str = "laplace",
    n_agq: int = 1,
    contrasts: Mapping[str, Any] | None = None,
    na_action: NaAction = "drop",
    start: Values | None = None,
    fixed: Mapping[str, float] | None = None,
    priors: Mapping[str, Any] | None = None,
    vcov: Information | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    control: Control | None = None,
) -> Model:
    """The model without fitting it: parameter names, starting values, log-likelihood; arguments as for `fit`.

    Returns
    -------
    Model

    Examples
    --------
    >>> import ranef
    >>> model = ranef.model("count ~ cover + (1 | pond)", ranef.demo_data(), family="nbinom2")
    >>> list(model.parameters.index)
    ['Intercept', 'cover', 'log_phi', 'sd(Intercept|pond)']
    """
    check_argument_types(n_agq=n_agq, reml=reml, contrasts=contrasts, fixed=fixed, control=control)
    user_functions(functions)
    refuse_what_is_planned(method, n_agq, priors)
    check_method(method, bool(reml))
    specification = Specification(
        formula=formula,
        data=data,
        family=families.resolve(family),
        ziformula=ziformula,
        dispformula=dispformula,
        weights=weights,
        offset=offset,
        reml=bool(reml),
        method=method,
        contrasts=contrasts,
        na_action=na_action,
        start=start,
        fixed=fixed,
        vcov=vcov,
        functions=None if functions is None else dict(functions),
        control=Control() if control is None else control,
    )
    made = design_model(specification)
    checked_information(vcov, made)
    return made


def refuse_what_is_planned(method: str, n_agq: int, priors: Mapping[str, Any] | None) -> None:
    """Clear errors for arguments whose meaning is fixed but which a later version brings.

    Raises
    ------
    NotAvailableError
        For ``method="agq"``, ``n_agq > 1`` and priors.
    DataError
        For any other method.
    """
    if method not in ("laplace", "agq", "pql"):
        raise DataError(f"method must be 'laplace' or 'pql' ('agq' comes later), got {method!r}")
    if method == "agq":
        raise NotAvailableError("method='agq' comes in a later version; method='laplace' is available")
    if n_agq != 1:
        raise NotAvailableError(f"n_agq={n_agq} (adaptive quadrature) comes in a later version; use n_agq=1 (Laplace)")
    if priors:
        raise NotAvailableError("priors come in a later version; hold a parameter at a value with fixed=")


def check_method(method: str, reml: bool) -> None:
    """Refuse a criterion that contradicts itself.

    Raises
    ------
    DataError
        For REML of a joint mode.
    """
    if method == "pql" and reml:
        raise DataError(
            "method='pql' maximises over the coefficients that reml=True integrates out: give one of them "
            "(reml=True with method='laplace' is the restricted likelihood)"
        )


def check_argument_types(*, n_agq: object, reml: object, contrasts: object, fixed: object, control: object) -> None:
    """Refuse arguments of a type that would only fail, or be misread, further in.

    Raises
    ------
    DataError
        Naming the argument, what it must be and what was given.
    """
    if not isinstance(n_agq, int) or n_agq < 1:
        raise DataError(f"n_agq must be a whole number of at least 1, got {n_agq!r}")
    if not isinstance(reml, bool | np.bool_):
        raise DataError(f"reml must be True or False, got {reml!r}")
    if not isinstance(contrasts, Mapping | None):
        raise DataError(f"contrasts must be a dict such as {{'spp': 'sum'}}, got {contrasts!r}")
    if not isinstance(fixed, Mapping | pd.Series | None):
        raise DataError(f"fixed must be a dict such as {{'log_sigma': 0.0}}, got {fixed!r}")
    if not isinstance(control, Control | None):
        raise DataError(f"control must be a ranef.Control, got {control!r}")


def design_model(specification: Specification) -> Model:
    """Read formulas and data into matrices."""
    began = time.perf_counter()
    functions = specification.formula_functions
    parse_ahead(specification.formula, functions)
    parsed = time.perf_counter()
    design = build_design(
        specification.formula,
        specification.data,
        family=specification.family,
        ziformula=specification.ziformula,
        dispformula=specification.dispformula,
        weights=specification.weights,
        offset=specification.offset,
        contrasts=specification.contrasts,
        na_action=specification.na_action,
        functions=functions,
    )
    own = own_arguments(specification, design)
    return Model(own, design, {"parse": parsed - began, "design": time.perf_counter() - parsed})


def own_arguments(specification: Specification, design: Design) -> Specification:
    """The arguments as they are now: what the caller does to table, arrays and dicts later changes no answer."""
    used = {*design.columns} if design.weights is None else {*design.columns, design.weights.name}
    return replace(
        specification,
        data=owned_table(specification.data, used),
        weights=owned_values(specification.weights),
        offset=owned_values(specification.offset),
        contrasts=owned_values(specification.contrasts),
        start=owned_values(specification.start),
        fixed=owned_values(specification.fixed),
        functions=owned_values(specification.functions),
    )


def parse_ahead(formula: str, functions: tuple[UserFunction, ...] = ()) -> None:
    """Parse the formula (the parser remembers it), unless a ``.`` in it waits for the columns of the data."""
    if not isinstance(formula, str):
        raise FormulaError(f"formula must be text such as 'y ~ x + (x | g)', got {formula!r}")
    if not has_dot(formula):
        parse_formula(formula, None, functions)
