"""A fit for the Python package marginaleffects: predictions, comparisons and slopes of ranef's models.

The package takes models through its `ModelAbstract`; `adapt` makes one. Its standard errors are by the delta method
over the fixed effects of all components, with the covariance that `Fit.predict` uses; random effects that are kept are
taken as known. Intervals use the normal distribution, as ranef's own tables do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.coefficient_predictor import CoefficientPredictor
from ranef.design.frame import open_table
from ranef.errors import DataError, MissingExtraError, NotAvailableError
from ranef.keepterms import treatments
from ranef.parameters import coefficient_parameters
from ranef.plots.grid import observed
from ranef.predict import Request, target_of

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]


def adapt(
    fit: Fit,
    *,
    type: str = "response",  # noqa: A002 - as in Fit.predict
    re_form: str | None = "~0",
    random: Mapping[str, str] | None = None,
) -> Any:
    """The fit as a model of the package marginaleffects.

    Parameters
    ----------
    fit : a fit that has its data
    type : what is predicted, as in `Fit.predict`
    re_form : random terms kept; by default none: population level
    random : ``{"site": "integrate"}`` averages over a grouping factor's distribution, as in `Fit.predict`

    Returns
    -------
    marginaleffects.classes.ModelAbstract, for ``predictions``, ``comparisons``, ``slopes`` and their averages.

    Raises
    ------
    MissingExtraError
        If marginaleffects is not installed.
    DataError
        If the fit was loaded from a file, or an argument is not one of `Fit.predict`'s.

    Examples
    --------
    >>> import ranef
    >>> from ranef.marginaleffects import adapt
    >>> fit = ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")
    >>> from marginaleffects import avg_slopes  # doctest: +SKIP
    >>> avg_slopes(adapt(fit), variables="cover")  # doctest: +SKIP
    """
    _require()
    fit.require_data("marginaleffects")
    request = Request(type=type, re_form=re_form, random=random or {})
    chosen = treatments(fit, request.re_form, request.random)
    return _adapter_class()(fit, CoefficientPredictor(fit, target_of(fit, type), chosen))


def _require() -> None:
    for package in ("marginaleffects", "polars"):
        if find_spec(package) is None:
            raise MissingExtraError("ranef.marginaleffects.adapt", package, "marginaleffects")
    if runs_not_with_polars(version("marginaleffects"), version("polars")):
        raise NotAvailableError(
            f"marginaleffects {version('marginaleffects')} does not run with polars {version('polars')}: "
            f"pip install 'ranef[marginaleffects]', or 'polars<2'"
        )


def runs_not_with_polars(marginaleffects: str, polars: str) -> bool:
    """Whether a version of marginaleffects calls what a version of polars has removed.

    Examples
    --------
    >>> runs_not_with_polars("0.6.0", "2.1.0")
    True
    """
    return _numbers(marginaleffects) <= (0, 6) and _numbers(polars) >= (2, 0)


def _numbers(text: str) -> tuple[int, ...]:
    """Major and minor number of a version."""
    return tuple(int(part) for part in text.split(".")[:2])


@dataclass(frozen=True, slots=True)
class _Labels:
    """The levels of a factor, which polars holds as texts."""

    levels: tuple[Any, ...]

    def texts(self) -> list[str]:
        return [str(level) for level in self.levels]

    def restore(self, texts: Sequence[Any]) -> NDArray[Any]:
        """The levels as the model knows them; what is none of them stays as it is."""
        known = dict(zip(self.texts(), self.levels, strict=True))
        made = np.empty(len(texts), dtype=object)
        made[:] = [known.get(str(text), text) for text in texts]
        return made


def _model_data(fit: Fit, used: Sequence[str]) -> tuple[Any, dict[str, _Labels]]:
    """The data of the fit's rows as a polars table, factors as enums; and the factors' levels.

    Columns that the model does not use come along, to group results by, unless a value is missing in them.
    """
    import polars as pl

    source = open_table(fit.data)
    factors: set[str] = {name for p in fit.design.predictors for name in p.fixed.spec.matrix.levels}
    factors |= {name for term in fit.design.terms for name in term.spec.term.groups}
    columns: dict[str, Any] = {}
    labels: dict[str, _Labels] = {}
    for name in source.names:
        column = source.read(name).take(fit.design.kept)
        if column.missing is not None and name not in used:
            continue
        if column.is_factor or name in factors:
            codes, levels = column.factor()
            labels[name] = _Labels(tuple(levels))
            texts = labels[name].texts()
            columns[name] = pl.Series(name, [texts[code] for code in codes], dtype=pl.Enum(texts))
        else:
            columns[name] = pl.Series(name, column.values)
    columns[fit.design.response.name] = pl.Series(fit.design.response.name, observed(fit))
    return pl.DataFrame(columns), labels


def _coefficient_names(fit: Fit) -> list[str]:
    return [
        p.name
        for place in range(len(fit.design.predictors))
        for p in coefficient_parameters(place, fit.design, fit.family)
    ]


def _adapter_class() -> Any:
    """The adapter, made when marginaleffects is there to inherit from."""
    import polars as pl
    from marginaleffects.classes import ModelAbstract, ModelVault

    class ModelRanef(ModelAbstract):  # type: ignore[misc]  # without types
        """A ranef fit as marginaleffects takes models."""

        df_resid = float("inf")  # normal intervals; a number here would mean t

        def __init__(self, fit: Fit, predictor: CoefficientPredictor) -> None:
            self.predictor = predictor
            used = predictor.columns()
            data, self.labels = _model_data(fit, used)
            vault = ModelVault(
                coef=np.concatenate(fit.estimate.beta),
                coefnames=np.array(_coefficient_names(fit)),
                formula=self.matrices,
                modeldata=data,
                package="ranef",
                variable_names=[fit.design.response.name, *used],
            )
            super().__init__(fit, vault)

        def validation(self) -> None:
            """Nothing to check: coefficients, data and types come from a fit."""
            self.coef = self.vault.coef
            self.response_name = self.find_response()
            self.vault.variables_type = {name: kind(self.vault.modeldata[name].dtype) for name in self.find_variables()}

        def matrices(self, newdata: Any) -> tuple[None, Floats]:
            """No response, and the rows' array; marginaleffects calls it in place of reading a formula."""
            return None, self.get_exog(newdata)

        def get_exog(self, newdata: Any) -> Floats:
            """The rows' array of a polars table."""
            frame = {}
            for name in predictor_columns(self.predictor, newdata.columns):
                values = newdata[name].to_list()
                frame[name] = self.labels[name].restore(values) if name in self.labels else newdata[name].to_numpy()
            return self.predictor.rows(pd.DataFrame(frame, index=range(newdata.height)))

        def get_predict(self, params: Floats, newdata: Any) -> Any:
            """Predictions at the coefficients `params`: a table with ``rowid`` and ``estimate``."""
            estimate = self.predictor(np.asarray(params, dtype=np.float64), np.asarray(newdata))
            rowid = pl.Series("rowid", range(len(estimate)), dtype=pl.Int32)
            return pl.DataFrame([rowid, pl.Series("estimate", estimate)])

        def get_vcov(self, vcov: Any = True) -> Floats | None:
            """Covariance of the coefficients of all components."""
            if vcov is False or vcov is None:
                return None
            if vcov is not True:
                raise NotAvailableError(
                    f"vcov={vcov!r}: give True, False, or a matrix of all {len(self.vault.coef)} coefficients"
                )
            return np.asarray(self.model.fixed_vcov)

    return ModelRanef


def kind(dtype: Any) -> str:
    """marginaleffects' word for a column's type."""
    import polars as pl

    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_integer():
        return "integer"
    return "numeric" if dtype.is_numeric() else "character"


def predictor_columns(predictor: CoefficientPredictor, given: Sequence[str]) -> list[str]:
    """The columns that predictions read, all of which must be given.

    Raises
    ------
    DataError
        Naming those that are not.
    """
    wanted = predictor.columns()
    missing = [name for name in wanted if name not in given]
    if missing:
        raise DataError(
            f"newdata lacks the column {', '.join(map(repr, missing))}; the model needs: {', '.join(wanted)}"
        )
    return wanted
