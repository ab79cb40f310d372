"""`MarginalMeans`: estimated marginal means, trends and their contrasts, as linear functions of a basis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.means.basis import Basis
from ranef.means.estimability import estimable, indicators
from ranef.means.scales import IDENTITY, Scale, log_scale
from ranef.means.specs import Names
from ranef.means.view import Facts, View, allowed_adjustment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ranef.means.contrasts import Method
    from ranef.means.letters import LetterDisplay

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Regrid = Literal["response", "log"]


@dataclass(frozen=True, slots=True)
class MarginalMeans:
    """Marginal means, trends or contrasts; made by `Fit.emmeans`, `Fit.emtrends` and `contrast`. Immutable.

    Prints as a table with notes; `to_frame` gives the numbers.

    Attributes
    ----------
    labels : one row a linear function: its levels
    functions : (m, p), linear functions of the basis; of what is not linear the derivatives, by the delta method
    offset : (m,), added to them
    defects : (m, r), zero where a function is estimable
    basis : estimates, covariance and degrees of freedom
    scale : link or transformation
    by : columns of `labels` that split tables and families of tests
    view : how the table is shown
    facts : what the functions are
    """

    labels: pd.DataFrame
    functions: Floats
    offset: Floats
    defects: Floats
    basis: Basis
    scale: Scale
    by: tuple[str, ...]
    view: View
    facts: Facts

    @property
    def estimable(self) -> Bools:
        """Which functions the data determine (m,)."""
        return estimable(self.defects)

    @property
    def estimate(self) -> Floats:
        """Estimates on the functions' own scale (m,); NaN where not estimable."""
        return np.where(self.estimable, self.functions @ self.basis.estimate + self.offset, np.nan)

    @property
    def std_error(self) -> Floats:
        """Standard errors on the functions' own scale (m,); NaN where not estimable or of unknown variance."""
        variance = np.sum((self.functions @ self.basis.covariance) * self.functions, axis=1)
        known = self.estimable & ~self.basis.unknown_in(self.functions)
        return np.where(known, np.sqrt(np.maximum(variance, 0.0)), np.nan)

    @property
    def df(self) -> Floats:
        """Degrees of freedom (m,), infinite for z; NaN where not estimable."""
        made = np.full(len(self.functions), np.nan)
        made[self.estimable] = self.basis.degrees(self.functions[self.estimable])
        return made

    def vcov(self) -> pd.DataFrame:
        """Covariance of the estimates on their own scale, by label."""
        from ranef.means.table import row_names

        names = row_names(self)
        values = self.functions @ self.basis.covariance @ self.functions.T
        unknown = ~self.estimable | self.basis.unknown_in(self.functions)
        values[unknown, :] = values[:, unknown] = np.nan
        return pd.DataFrame(values, index=names, columns=names)

    def to_frame(self) -> pd.DataFrame:
        """The table, one row a mean or contrast.

        Returns
        -------
        DataFrame with the factors (or ``contrast``), the estimate (``emmean``, ``response``, ``estimate``, ``ratio``,
        ``odds_ratio`` or ``<variable>_trend``), ``std_error``, ``df`` (infinite for z), and, as asked for,
        ``conf_low``, ``conf_high``, ``null`` (where it is not zero), ``statistic``, ``p_value``. Where something is
        not estimable there is a column ``estimable``, and its numbers are NaN.
        """
        from ranef.means.table import frame

        return frame(self)

    def __str__(self) -> str:
        from ranef.means.table import text

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def __len__(self) -> int:
        return len(self.functions)

    def contrast(
        self,
        method: Method = "pairwise",
        *,
        by: Names | None = None,
        adjust: str | None = None,
        interaction: str | Sequence[str] | Mapping[str, str] | None = None,
        simple: Names | None = None,
        ref: str | int | None = None,
        reverse: bool = False,
    ) -> MarginalMeans:
        """Contrasts between the means.

        Parameters
        ----------
        method : ``"pairwise"``, ``"revpairwise"``, ``"trt.vs.ctrl"``, ``"trt.vs.ctrlk"``, ``"consec"``,
            ``"mean_chg"``, ``"poly"``, ``"eff"``, ``"del.eff"``; ``{label: weights}``; or an array (n, k) of weights
        by : factors within whose levels to compare; None: those of the means, ``[]``: none
        adjust : see `test`; None: what goes with the method (``tukey``, ``dunnettx``, ``mvt``, ``fdr`` or none)
        interaction : a method for each factor (one for all, a list in their order, or by name): contrasts of contrasts
        simple : the factor(s) to compare within all combinations of the others; ``"each"``: every factor in turn, all
            in one table and one family
        ref : the reference of ``trt.vs.ctrl``, by name or place
        reverse : compare the other way round

        Returns
        -------
        Means shown on the response scale of a log or logit link are compared by ratios (odds ratios).

        Raises
        ------
        DataError
            If there is no such method, factor, reference or adjustment, or ``tukey`` is asked for anything but
            all pairwise comparisons.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + shore + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> list(fit.emmeans("~ shore").contrast("pairwise").to_frame()["contrast"])
        ['natural - mown']
        """
        from ranef.means.comparisons import Request, contrast

        return contrast(self, Request(method, by, adjust, interaction, simple, ref, reverse))

    def pairs(self, *, by: Names | None = None, adjust: str | None = None, reverse: bool = False) -> MarginalMeans:
        """All pairwise comparisons: ``contrast("pairwise")``."""
        return self.contrast("pairwise", by=by, adjust=adjust, reverse=reverse)

    def test(self, null: float = 0.0, adjust: str | None = None) -> MarginalMeans:
        """The table with tests in place of intervals.

        Parameters
        ----------
        null : value to test against, on the scale of the linear functions (0 on a log scale is a ratio of 1)
        adjust : ``none``, ``tukey``, ``bonferroni``, ``holm``, ``hochberg``, ``sidak``, ``fdr``, ``by``, ``dunnettx``,
            ``scheffe``, ``mvt`` (``single-step``); None: as it is
        """
        view = replace(self.view, tests=True, intervals=False, null=float(null))
        return replace(self, view=view)._adjusted(adjust)

    def confint(self, level: float | None = None, adjust: str | None = None) -> MarginalMeans:
        """The table with intervals in place of tests; see `test` for `adjust`."""
        view = replace(self.view, tests=False, intervals=True, level=self.view.level if level is None else level)
        return replace(self, view=view)._adjusted(adjust)

    def summary(self, level: float | None = None, adjust: str | None = None) -> MarginalMeans:
        """The table with intervals and tests; see `test` for `adjust`."""
        view = replace(self.view, tests=True, intervals=True, level=self.view.level if level is None else level)
        return replace(self, view=view)._adjusted(adjust)

    def _adjusted(self, adjust: str | None) -> MarginalMeans:
        if adjust is None:
            return self
        return replace(self, view=replace(self.view, adjust=allowed_adjustment(self.facts, adjust)))

    def regrid(self, scale: Regrid = "response") -> MarginalMeans:
        """The same estimates as linear functions on another scale, by the delta method.

        Parameters
        ----------
        scale : ``"response"``: contrasts are differences and averages are arithmetic means on the response scale;
            ``"log"`` of the response: contrasts of anything positive become ratios

        Raises
        ------
        DataError
            If a logarithm is asked for of something that is not positive.
        """
        return regridded(self, scale)

    def joint(self, null: float = 0.0) -> pd.DataFrame:
        """Test all of them together, within each level of `by`: are they all `null`?

        Returns
        -------
        DataFrame with the columns of `by`, ``df_num``, ``df_den``, ``statistic`` (F), ``p_value``.
        """
        from ranef.means.joint_tests import joint_table

        return joint_table(self, null)

    def rbind(self, *others: MarginalMeans, adjust: str = "bonferroni") -> MarginalMeans:
        """One table, and one family of tests, of these and others, whatever they were split by."""
        from ranef.means.comparisons import combined

        return combined([self, *others], adjust)

    def cld(
        self,
        adjust: str = "tukey",
        *,
        level: float = 0.95,
        alpha: float | None = None,
        letters: str | None = None,
        reverse: bool = False,
    ) -> LetterDisplay:
        """Means with compact letters: those that share a letter do not differ significantly.

        Parameters
        ----------
        adjust : of the pairwise comparisons; see `test`
        level : of the intervals
        alpha : significance of the comparisons; None: ``1 - level``
        letters : symbols to use; None: the alphabet
        reverse : give the first letter to the largest mean, not the smallest

        Returns
        -------
        A table, ordered by the means, with a column ``group`` of letters.

        Raises
        ------
        DataError
            If there is nothing to compare: no factor, or contrasts instead of means.

        Examples
        --------
        >>> import ranef
        >>> fit = ranef.fit("count ~ cover + shore + (1 | pond)", ranef.demo_data(), family="poisson")
        >>> fit.emmeans("~ shore").cld().to_frame()["group"].str.len().tolist()
        [1, 1]
        """
        from ranef.means.letters import letter_display

        return letter_display(self, adjust, level, alpha, letters, reverse)

    def plot(
        self, ax: Axes | None = None, *, letters: bool = False, adjust: str = "tukey", horizontal: bool = False
    ) -> Axes:
        """Estimates with their intervals, one colour a level of `by`; with `letters` the compact letters above.

        Parameters
        ----------
        ax : axes to draw on; None: a new figure
        letters : add the letters of `cld`
        adjust : of the comparisons behind the letters
        horizontal : estimates along the x axis
        """
        from ranef.means.plot import plot_means

        return plot_means(self, ax, letters, adjust, horizontal)


def regridded(means: MarginalMeans, scale: str) -> MarginalMeans:
    """See `MarginalMeans.regrid`."""
    if scale not in ("response", "log"):
        raise DataError(f"regrid must be 'response' or 'log', got {scale!r}")
    sigma = means.view.sigma
    eta = np.where(means.estimable, means.estimate, 0.0)
    value, slope = means.scale.adjusted(eta, sigma), means.scale.adjusted_derivative(eta, sigma)
    new = IDENTITY
    if scale == "log":
        if (value[means.estimable] <= 0).any():
            raise DataError("regrid='log' needs positive estimates on the response scale")
        positive = np.where(means.estimable, value, 1.0)
        value, slope, new = np.log(positive), slope / positive, log_scale()
    functions = slope[:, None] * means.functions
    facts = replace(means.facts, estimate="response" if scale == "response" else means.facts.estimate)
    view = replace(means.view, response=means.view.response or scale == "response", sigma=0.0)
    return replace(
        means,
        functions=functions,
        offset=value - functions @ means.basis.estimate,
        defects=indicators(means.defects),
        scale=new,
        facts=facts,
        view=view,
    )
