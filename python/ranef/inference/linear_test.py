"""Joint Wald tests of linear hypotheses about the coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ranef.errors import DataError
from ranef.inference.linear_hypotheses import LinearHypothesis, linear_hypothesis
from ranef.inference.small_sample import METHOD_NAMES, Ddf
from ranef.inference.wald_tests import Test, check_component, checked_test, component_sample
from ranef.textgrid import p_value_texts, text_grid

if TYPE_CHECKING:
    from ranef.result import Fit


@dataclass(frozen=True, slots=True, repr=False)
class LinearTest:
    """A joint test of linear hypotheses about coefficients.

    Attributes
    ----------
    estimates : one row a hypothesis: ``estimate`` (of left side less right side), ``std_error``
    statistic : chi-square or F
    df, df_den : its degrees of freedom; `df_den` infinite for chi-square
    p_value : upper tail
    scale : what multiplies F in Kenward and Roger's test, else 1
    test : ``"chisq"`` or ``"F"``
    method : of the degrees of freedom
    """

    estimates: pd.DataFrame
    statistic: float
    df: int
    df_den: float
    p_value: float
    scale: float
    test: Test
    method: Ddf

    def to_frame(self) -> pd.DataFrame:
        """One row: ``statistic``, ``df``, ``df_den``, ``scale``, ``p_value``."""
        facts = [(self.statistic, self.df, self.df_den, self.scale, self.p_value)]
        return pd.DataFrame(facts, columns=["statistic", "df", "df_den", "scale", "p_value"])

    def __str__(self) -> str:
        table = self.estimates
        columns = [
            ["", *(f"{name} = 0" if "=" not in name else name for name in map(str, table.index))],
            ["Estimate", *(f"{v:.5g}" for v in table["estimate"])],
            ["Std. Error", *(f"{v:.5g}" for v in table["std_error"])],
        ]
        p_value = p_value_texts([self.p_value])[0]
        relation = p_value if p_value.startswith("<") else f"= {p_value}"
        if self.test == "F":
            result = (
                f"F({self.df}, {self.df_den:.2f}) = {self.statistic:.4f}, p {relation} ({METHOD_NAMES[self.method]})"
            )
        else:
            result = f"Chisq({self.df}) = {self.statistic:.4f}, p {relation}"
        return "\n".join(["Linear hypothesis test", text_grid(columns, left=(0,)), result])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _check_consistent(asked: LinearHypothesis) -> None:
    """Raise where some equations contradict others, which no coefficients fulfil."""
    solution = np.linalg.lstsq(asked.rows, asked.values, rcond=None)[0]
    left = np.abs(asked.rows @ solution - asked.values)
    if left.max(initial=0.0) > 1e-8 * max(1.0, np.abs(asked.values).max(initial=0.0)):
        raise DataError(
            f"the equations contradict each other, no coefficients fulfil all: {', '.join(asked.names)}; "
            "test them one at a time"
        )


def linear_test(
    fit: Fit, hypothesis: object, value: object, test: Test | None, ddf: Ddf | None, component: str
) -> LinearTest:
    """A joint test of linear hypotheses; see `Fit.test`."""
    chosen, method = checked_test(test, ddf)
    check_component(fit, component, chosen)
    asked = linear_hypothesis(fit, component, hypothesis, value)
    sample = component_sample(fit, component, method)
    _check_consistent(asked)
    result = sample.f_test(asked.rows, asked.values)
    variances = np.einsum("ka,ab,kb->k", asked.rows, sample.vcov, asked.rows)
    estimates = pd.DataFrame(
        {"estimate": asked.rows @ sample.beta - asked.values, "std_error": np.sqrt(variances)},
        index=pd.Index(asked.names, name="hypothesis"),
    )
    factor = 1 if chosen == "F" else result.df_num
    return LinearTest(
        estimates, result.statistic * factor, result.df_num, result.df_den, result.p_value, result.scale, chosen, method
    )
