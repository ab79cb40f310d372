"""The model before it is fitted: its parameters by name, its log-likelihood at any of their values."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef import _core
from ranef.admissible import check_admissible
from ranef.assemble import core_model, has_component, observations
from ranef.control import Control
from ranef.design.build import NaAction
from ranef.design.design import Design
from ranef.errors import ConvergenceError, DataError
from ranef.estimate import estimate_from_core
from ranef.families import Family
from ranef.formula.functions import UserFunction, user_functions
from ranef.parameters import Parameter, Values, check_name, name_parameters, number, pair_names, values_by_name
from ranef.progress import print_progress
from ranef.result import Fit

Floats = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Specification:
    """The arguments of `ranef.fit`, as given; what `update` changes."""

    formula: str
    data: Any = field(repr=False)
    family: Family
    ziformula: str | None = None
    dispformula: str | None = None
    weights: Any = field(default=None, repr=False)
    offset: Any = field(default=None, repr=False)
    reml: bool = False
    method: str = "laplace"
    contrasts: Mapping[str, Any] | None = None
    na_action: NaAction = "drop"
    start: Values | None = None
    fixed: Mapping[str, float] | None = None
    vcov: str | None = None
    functions: Mapping[str, Callable[..., Any]] | None = None
    control: Control = field(default_factory=Control)

    @property
    def formula_functions(self) -> tuple[UserFunction, ...]:
        """The user's functions as formulas call them."""
        return user_functions(self.functions)


class Model:
    """A model and its data, not fitted yet; made by `ranef.model`.

    Examples
    --------
    >>> import ranef
    >>> model = ranef.model("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
    >>> list(model.parameters.index)
    ['Intercept', 'cover', 'sd(Intercept|pond)']
    """

    def __init__(
        self,
        specification: Specification,
        design: Design,
        timings: dict[str, float] | None = None,
        parameter_info: tuple[Parameter, ...] | None = None,
    ) -> None:
        self.specification = specification
        self.design = design
        self.timings = dict(timings or {})
        self._parameter_info = parameter_info

    def __repr__(self) -> str:
        return f"<ranef.Model {self.specification.formula!r}, {self.family}, nobs {self.nobs:g}, not fitted>"

    @property
    def family(self) -> Family:
        """Family and link."""
        return self.specification.family

    @property
    def has_joint_mode(self) -> bool:
        """Whether the mean's coefficients are found with the random effects' mode (``method="pql"``).

        Not where that changes nothing, and the fit is the ordinary one: without random effects, and for a gaussian
        response with identity link, for which the determinant of the random effects does not depend on the mean.
        """
        exact = (
            self.family.name == "gaussian" and self.family.link == "identity" and not has_component(self.design, "zi")
        )
        return self.specification.method == "pql" and bool(self.design.terms) and not exact

    @cached_property
    def core(self) -> _core.Model:
        """The compiled model.

        Raises
        ------
        DataError
            If the model was loaded from a file, which holds no data.
        """
        if self.design.n_rows == 0:
            raise DataError(
                "this fit was loaded from a file, and such files hold no data; what needs the data (residuals, "
                "simulate, refit, update) is available from ranef.fit or a pickled fit"
            )
        fixed = self.specification.fixed or {}
        pairs = partly_held_pairs(self.design, fixed)
        return core_model(self.design, self.family, self.specification.reml, pairs, self.has_joint_mode)

    @cached_property
    def parameter_info(self) -> tuple[Parameter, ...]:
        """The parameters, in the core's order."""
        if self._parameter_info is not None:
            return self._parameter_info
        return name_parameters(self.core.parameters, self.design, self.family)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the core's order."""
        return tuple(p.name for p in self.parameter_info)

    @property
    def nobs(self) -> float:
        """Observations: rows used, or the sum of frequency weights."""
        return observations(self.design)

    @property
    def parameters(self) -> pd.DataFrame:
        """The parameters by name.

        Returns
        -------
        DataFrame indexed by ``parameter``, with columns ``component``, ``kind`` (``beta``, ``sd``, ``cor``), ``group``,
        ``start`` (where a fit starts) and ``fixed`` (whether it is held there).
        """
        start, held = self.starting_point()
        columns = {
            "component": [p.component for p in self.parameter_info],
            "kind": [p.kind for p in self.parameter_info],
            "group": [p.group for p in self.parameter_info],
            "start": start,
            "fixed": held,
        }
        return pd.DataFrame(columns, index=pd.Index(self.names, name="parameter"))

    def starting_point(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Starting values of all parameters, and which of them are held."""
        with self.computing():
            start = np.asarray(self.core.start(), dtype=np.float64).copy()
        if self.specification.start is not None:
            start = values_by_name(self.specification.start, self.names, "start", default=start)
        held = np.zeros(start.size, dtype=np.bool_)
        for name, value in (self.specification.fixed or {}).items():
            check_name(name, self.names, "fixed")
            held[self.names.index(name)] = True
            start[self.names.index(name)] = number(value, name, "fixed")
        check_admissible(self.parameter_info, start, self.design)
        check_held(self.parameter_info, held, self.design)
        return start, held

    def loglik(self, values: Values) -> float:
        """Log-likelihood (REML criterion) at a parameter vector.

        Parameters
        ----------
        values : dict or Series by parameter name, or array in the order of `parameters`
            Coefficients on their linear predictor's scale, standard deviations and correlations as they are.

        Returns
        -------
        float, with all constants.

        Raises
        ------
        DataError
            For an unknown or missing name, or a value that no model has (a correlation of 2).
        ConvergenceError
            If the log-likelihood has no value there: the random effects have no mode, or a row no probability.
        """
        return self.evaluate(self.core.loglik, self.vector(values))

    def gradient(self, values: Values) -> pd.Series:
        """Gradient of the log-likelihood in the parameters, by name; `values` as for `loglik`."""
        gradient = np.asarray(self.evaluate(self.core.gradient, self.vector(values)), dtype=np.float64)
        return pd.Series(gradient, index=pd.Index(self.names, name="parameter"), name="gradient")

    def vector(self, values: Values) -> Floats:
        """A checked parameter vector."""
        vector = values_by_name(values, self.names, "values")
        check_admissible(self.parameter_info, vector, self.design)
        return vector

    def fit(self) -> Fit:
        """Fit the model.

        Returns
        -------
        Fit

        Raises
        ------
        ConvergenceError
            If the likelihood has no value where the fit starts.
        DataError
            If `start` or `fixed` hold values that no model has.

        Warns
        -----
        ConvergenceWarning
            If no optimum could be certified; `Fit.diagnose` says what to do.
        """
        began = time.perf_counter()
        control = self.specification.control
        start, held = self._explicit_start()
        try:
            with self.computing():
                result = self.core.fit(control.options(), start, held, progress_callback(control))
        except ValueError as error:
            raise DataError(f"start= or fixed=: no model has these values: {error}") from error
        if not result.started:
            raise ConvergenceError(no_start_message(str(result.reason)))
        timings = self.timings | {"fit": time.perf_counter() - began}
        return Fit(self, estimate_from_core(result), core_result=result, timings=timings)

    def _explicit_start(self) -> tuple[Floats | None, NDArray[np.bool_] | None]:
        """None where the user asked for nothing: the core then finds its own start."""
        if self.specification.start is None and not self.specification.fixed:
            return None, None
        start, held = self.starting_point()
        return start, held if held.any() else None

    def evaluate(self, function: Callable[[Floats, _core.Options], T], vector: Floats) -> T:
        """A function of the core at a parameter vector.

        Raises
        ------
        ConvergenceError
            If it has no value there.
        """
        try:
            with self.computing():
                return function(vector, self.specification.control.options())
        except ValueError as error:
            raise ConvergenceError(str(error)) from error

    def computing(self) -> AbstractContextManager[None]:
        """Inside, the core computes with the threads that `Control` asks for."""
        return self.specification.control.limited_threads()

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "core"}


def no_start_message(reason: str) -> str:
    """What to say of a fit that could not begin."""
    return (
        f"the likelihood has no finite value where the fit starts ({reason}); give other starting values (start=), "
        f"rescale covariates that are very large, or use a link that keeps the mean in its range"
    )


def progress_callback(control: Control) -> Callable[[int, float, float, float], None] | None:
    """What the optimiser calls after every iteration."""
    return print_progress if control.verbose else None


def partly_held_pairs(design: Design, fixed: Collection[str]) -> tuple[int, ...]:
    """Places of the unstructured terms of two effects of which some but not all parameters are in `fixed`."""
    found = []
    for place, term in enumerate(design.terms):
        if term.structure == "us" and len(term.term_names) == 2:
            held = sum(name in fixed for name in pair_names(term))
            if 0 < held < 3:
                found.append(place)
    return tuple(found)


def check_held(parameters: tuple[Parameter, ...], held: NDArray[np.bool_], design: Design) -> None:
    """An unstructured term of more than two effects is held as a whole or not at all.

    Raises
    ------
    DataError
        Naming the term, and its parameters that are missing from `fixed`.
    """
    for owner, term in enumerate(design.terms):
        own = [k for k, p in enumerate(parameters) if p.kind != "beta" and p.owner == owner]
        free = [parameters[k].name for k in own if not held[k]]
        if term.structure == "us" and len(term.term_names) > 2 and 0 < len(free) < len(own):
            raise DataError(
                f"fixed: the term {term.spec.term.source} is unstructured and can only be held as a whole: give "
                f"{', '.join(map(repr, free))} too, or write it with independent effects as diag(...)"
            )
