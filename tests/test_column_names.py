"""A column's name is data: whatever is in it, the model is that of the same column under a plain name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef.formula.tokens import quoted

RNG = np.random.default_rng(4)
N = 90
DATA = pd.DataFrame(
    {
        "y": RNG.normal(size=N),
        "x": RNG.uniform(1, 3, N),
        "z": RNG.normal(size=N),
        "f": RNG.choice(list("abc"), N),
        "g": np.repeat(list("klmnopqrs"), 10),
    }
)
DATA["y"] += 0.5 * DATA["x"] + RNG.normal(size=9).repeat(10)

NAMES = [
    "1", "0", "", " ", ".", "..", "TRUE", "False", "None", "NULL", "pi", "np.pi", "np.e", "np.log", "np.x", "np",
    "contr.sum", "contr", "I", "C", "c", "factor", "log", "poly", "offset", "cbind", "us", "lambda", "class", "if",
    "_v0", "_v1", "_f0", "_column_x", "Intercept2", "x[T.a]", "poly(z, 2)", "poly(z, 2)[1]", "log(x)", "I(x)", "a+b",
    "a:b", "a*b", "a|b", "a||b", "a/b", "a-b", "a^2", "a~b", "a,b", "a=b", "x)", "(x", "[", "]", "{x}", "{0}", "%s",
    "a\\b", "\\", "'", '"', "'''", "`", "a`b", "``", "#", "$x", "a\nb", "\t", "a\x00b", "\xb5g", "\u03bcg", "n\xba",
    "\ufb01", "\xe9", "e\u0301", "\xc5", "\xc5", "\uff41", "\U0001d4b3", "\u0661", "\u30c7\u30fc\u30bf", "\u202e",
    "\ufeffx", "\U0001f4a1", "x" * 300, "estimate", "level", "T", "sigma", "2nd", "sd(Intercept|g)",
]  # fmt: skip


def forms(name: str, factor: str) -> list[str]:
    """Formulas in which the name stands alone, in functions, in random terms and beside its own likeness."""
    n, f = quoted(name), quoted(factor)
    return [
        f"y ~ {n} + {f} + (1 | g)",
        f"y ~ poly({n}, 2) + {n}:{f} + C({f}, contr.sum) + (1 | g)",
        f"log({n}) ~ I({n}^2) + poly(z, 2):{f} + ({n} || g)",
        f"y ~ 0 + {f} + offset({n}) + (0 + {f} | g)",
    ]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_model_is_that_of_a_plain_name(name: str, tmp_path: Path) -> None:
    """Numbers and factors of that name; the coefficients are called as the plain ones, with the name in its place."""
    data = DATA.rename(columns={"x": name})
    labels = DATA.rename(columns={"f": name})
    for plain, number, factor in zip(forms("x", "f"), forms(name, "f"), forms("x", name), strict=True):
        expected = ranef.model(plain, DATA)
        for formula, table in ((number, data), (factor, labels)):
            made = ranef.model(formula, table)
            assert len(made.names) == len(expected.names)
            for mine, theirs in zip(made.design.predictors, expected.design.predictors, strict=True):
                np.testing.assert_array_equal(mine.fixed.matrix, theirs.fixed.matrix)
            np.testing.assert_array_equal(made.design.response.values, expected.design.response.values)
            for mine, theirs in zip(made.design.terms, expected.design.terms, strict=True):
                np.testing.assert_array_equal(mine.levels, theirs.levels)
    assert ranef.model(f"y ~ {quoted(name)} + z", data).names[1] == name


def answers(fit: ranef.Fit, data: pd.DataFrame, x: str, f: str) -> list[Any]:
    """What a fit says after it was made, names left out."""
    fit.summary()
    return [
        fit.loglik, *fit.fixef(), *fit.predict(data.head(9)), *numbers(fit.anova(type=3)), *numbers(fit.emmeans([f])),
        *numbers(fit.emmeans(f"~ {quoted(f)}")), *numbers(fit.emtrends("1", x)), *numbers(fit.emtrends("1", quoted(x))),
        *numbers(fit.drop1()), *numbers(fit.test(f"{quoted(x)} = 0")), *numbers(fit.joint_tests()),
        fit.update(f". ~ . - {quoted(x)}").loglik, fit.update(". ~ . + z").loglik, *fit.confint().to_numpy().ravel(),
    ]  # fmt: skip


def numbers(table: Any) -> list[float]:
    """The numbers of a table, row by row."""
    frame = table.to_frame() if hasattr(table, "to_frame") else table
    return frame.select_dtypes("number").to_numpy(dtype=float).ravel().tolist()


@pytest.mark.parametrize(
    "name", ["np.e", "a:b", "x*`y", ".", "1", "\u00b5g", "", "a~b|c", "True", "x\ny", "estimate"], ids=ascii
)
def test_everything_after_the_fit_knows_the_name(name: str, tmp_path: Path) -> None:
    expected = ranef.fit("y ~ x + f + (1 | g)", DATA)
    plain = answers(expected, DATA, "x", "f")
    data = DATA.rename(columns={"x": name, "f": f"{name}2"})
    fit = ranef.fit(f"y ~ {quoted(name)} + {quoted(name + '2')} + (1 | g)", data)
    np.testing.assert_allclose(answers(fit, data, name, f"{name}2"), plain, rtol=1e-6, atol=1e-9)
    fit.save(tmp_path / "fit")
    loaded = ranef.load(tmp_path / "fit")
    np.testing.assert_array_equal(loaded.predict(data.head(9)), fit.predict(data.head(9)))
    assert list(loaded.fixef().index)[:2] == ["Intercept", name]


def test_two_spellings_of_a_letter_are_two_names() -> None:
    names = ("\u00b5g", "\u03bcg"), ("\u00e9", "e\u0301")
    data = DATA.assign(**{name: DATA[column] for pair in names for name, column in zip(pair, "xz", strict=True)})
    for one, other in names:
        made = ranef.model(f"y ~ {one} + I({other}^2) + log({one})", data)
        np.testing.assert_array_equal(made.design.predictors[0].fixed.matrix[:, 2], DATA["z"] ** 2)
        assert made.names[1:4] == (one, f"I({other} ** 2)", f"log({one})")


def test_a_level_may_be_called_as_a_placeholder_is() -> None:
    data = DATA.assign(f=DATA["f"].map({"a": "_v0", "b": "_v1", "c": "[T._v0]"}))
    made = ranef.model("y ~ C(f, contr.treatment('_v0')) + x:C(f, levels=['_v1', '_v0', '[T._v0]'])", data)
    assert made.names[1:3] == ("C(f, contr.treatment('_v0'))[T.[T._v0]]", "C(f, contr.treatment('_v0'))[T._v1]")


def test_names_that_two_coefficients_would_share_are_refused() -> None:
    data = DATA.assign(**{"Intercept": DATA["x"], "x:z": DATA["x"], "f[T.b]": DATA["x"], "poly(z, 2)[1]": DATA["x"]})
    for formula in ("Intercept", "x*z + `x:z`", "f + `f[T.b]`", "poly(z, 2) + `poly(z, 2)[1]`"):
        with pytest.raises(ranef.DataError, match="would be called"):
            ranef.model(f"y ~ {formula}", data)
