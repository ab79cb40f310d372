"""Formulas of any length and depth end in a model or a short message, within two seconds of the processor."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef.formula.parse import parse_formula

LETTERS = "abcdefhijlmnopqrstuvw"
DATA = pd.DataFrame(
    {name: np.random.default_rng(k).normal(size=24) for k, name in enumerate(["y", "x", "z", *LETTERS])}
)
DATA["g"] = np.repeat(list("abcd"), 6)

LONG = {
    "brackets": "y ~ " + "(" * 10_000 + "x" + ")" * 10_000,
    "brackets in I": "y ~ I(" + "(" * 300 + "x" + ")" * 300 + ")",
    "calls in calls": "y ~ " + "log(" * 1000 + "x" + ")" * 1000,
    "lists in lists": "y ~ bs(x, knots=" + "[" * 1000 + "1" + "]" * 1000 + ")",
    "signs": "y ~ I(" + "-" * 900 + "x)",
    "signs between terms": "y ~ " + "+-" * 20_000 + "x",
    "a long sum": "y ~ I(" + "+".join(["x"] * 900) + ")",
    "a longer sum": "y ~ I(" + "+".join(["x"] * 20_000) + ")",
    "powers": "y ~ I(" + "^".join(["x"] * 500) + ")",
    "comparisons": "y ~ I(" + "==".join(["x"] * 900) + ")",
    "a response of signs": "-" * 40_000 + "y ~ x",
    "terms": "y ~ " + " + ".join(["x"] * 12_000),
    "terms taken away": "y ~ " + " - ".join(["x", "z"] * 6000),
    "an interaction": "y ~ " + ":".join(["x"] * 20_000),
    "an interaction of unknown columns": "y ~ " + ":".join(f"v{k}" for k in range(6000)),
    "products": "y ~ " + "*".join(LETTERS),
    "products in products": "y ~ (" + "*".join(LETTERS[:12]) + ")^2",
    "a power of a sum": "y ~ (" + "+".join(LETTERS) + ")^21",
    "a large power": "y ~ (x + z)^1000000000",
    "a power of many digits": "y ~ (x + z)^" + "9" * 5000,
    "nested groups": "y ~ x + (1 | " + "/".join(["g"] * 10_000) + ")",
    "nested groups of unknown columns": "y ~ x + (1 | " + "/".join(f"v{k}" for k in range(5000)) + ")",
    "random terms": "y ~ " + "+".join(["(1|g)"] * 8000),
    "different random terms": "y ~ " + "+".join(f"(1|g{k})" for k in range(5000)),
    "double bars": "y ~ (" + "+".join(f"v{k}" for k in range(3000)) + " || g/x/z)",
    "a name": "y ~ " + "q" * 1_000_000,
    "a quoted name": "y ~ `" + "q" * 40_000 + "`",
    "a function": "y ~ " + "q" * 40_000 + "(x)",
    "a text": "y ~ I('" + "q" * 1_000_000 + "')",
    "a number": "y ~ I(x * " + "9" * 40_000 + ")",
    "digits and a letter": "y ~ " + "1" * 40_000 + "a",
    "dots": "y ~ " + "." * 40_000,
    "spaces": "y ~ " + " " * 1_000_000 + "x",
    "commas": "y ~ C(" + "," * 40_000 + ")",
    "arguments": "y ~ pmin(" + ",".join(["x"] * 900) + ")",
    "backticks": "y ~ " + "`" * 40_001,
    "powers of numbers": "y ~ I(x + 9^9^9^9)",
    "a wide basis": "y ~ poly(x, 1000000000)",
    "a wide spline": "y ~ bs(x, df=1000000)",
    "places after the point": "y ~ round(x, 1000000000)",
    "null": "y ~ I('\0') + `\0`",
    "surrogates": "y ~ `\ud800` + I('\ud800')",
}


@contextlib.contextmanager
def own_errors() -> Iterator[None]:
    """Let pass an error of this package, if it is short."""
    try:
        yield
    except ranef.RanefError as error:
        if len(str(error)) > 2000:
            pytest.fail(f"a message of {len(str(error))} characters")


@pytest.mark.parametrize("formula", LONG.values(), ids=LONG)
def test_any_length_and_depth_ends_soon_with_few_words(formula: str) -> None:
    began = time.process_time()
    with own_errors():
        ranef.model(formula, DATA)
    assert time.process_time() - began < 2.0


def test_a_design_too_large_is_refused_before_it_is_built() -> None:
    many = pd.DataFrame({"y": np.arange(3e4) % 7, "x": np.arange(3e4)})
    for name in "fgh":
        many[name] = np.random.default_rng(ord(name)).integers(0, 300, 30_000).astype(str)
    for formula in ("f * g * h", "f:g:h", "f:g + poly(x, 2)", "f:g:poly(x, 2)"):
        with pytest.raises(ranef.DataError, match="coefficients"):
            ranef.model(f"y ~ {formula}", many)


def test_a_message_shows_the_place_in_a_long_formula() -> None:
    with pytest.raises(ranef.FormulaError) as caught:
        parse_formula("y ~ " + " + ".join(f"column{k}" for k in range(500)) + " + lgo(x) + " + "z" * 3000)
    _, shown, caret = str(caught.value).splitlines()
    assert shown[caret.index("^") :].startswith("lgo(x)")


PIECES = [
    "y", "x", "z", "g", "~", "+", "-", "*", "/", ":", "^", "|", "||", "(", ")", "[", "]", ",", "=", "==", "<", "%in%",
    "%%", "0", "1", "2", "1e400", "2L", "'a'", '"', "`", "`a b`", "I(", "log(", "poly(", "C(", "c(", "offset(", "cut(",
    "np.log(", "us(", "ar1(", ".", "TRUE", "pi", "_v0", "np.", "lambda", "\n", "\0", "\ud800", "\u202e", "\u00b2",
    "cbind(", "\u0663", "$", "{", ";",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_no_text_raises_anything_else(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(150):
        text = draw.choice(["", "y ~ x + ", "y ~ (x | g) + "]) + "".join(draw.choices(PIECES, k=draw.randint(1, 12)))
        with own_errors():
            ranef.model(text, DATA)
