"""Printed reports against their texts in tests/printed, and how the pieces are laid out."""

import re

import numpy as np
import pytest
from support.printed_cases import TEXTS, printed_path
from support.reference_cases import load_case

import ranef
from ranef.textgrid import p_value_texts, significant, stars, text_grid

# The texts guard the layout; numbers have their own tests, and their last digits are the optimiser's.
DIGITS = re.compile(r"\d")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


@pytest.mark.parametrize("name", TEXTS)
def test_the_report_prints_as_it_did(name):
    printed, expected = f"{TEXTS[name]()}\n", printed_path(name).read_text(encoding="utf-8")
    assert DIGITS.sub("0", printed) == DIGITS.sub("0", expected)
    now, before = ([float(number) for number in NUMBER.findall(text)] for text in (printed, expected))
    np.testing.assert_allclose(now, before, rtol=0.02, atol=2e-3)


def test_every_printed_text_has_its_case():
    assert {path.stem for path in printed_path("x").parent.glob("*.txt")} == set(TEXTS)


@pytest.fixture(scope="module")
def fit():
    return ranef.fit(**load_case("cbpp-laplace").arguments())


def test_the_notebook_shows_the_same_text_escaped(fit):
    html = fit.summary()._repr_html_()
    assert html.startswith("<pre>")
    assert "&lt; 2e-16" in html or "Pr(&gt;|z|)" in html
    assert fit._repr_html_() == html


def test_the_coefficient_tables_are_there_as_frames(fit):
    table = fit.summary().coefficients["cond"]
    assert list(table.columns) == ["estimate", "std_error", "statistic", "p_value"]
    assert table["estimate"].tolist() == fit.fixef().tolist()


# What R 4.2.2 prints for the same numbers: format(x, digits = 4).
@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([612.0997, 35.07166, 654.9410], ["612.10", " 35.07", "654.94"]),
        ([24.740658, 5.922138, 25.591816], ["24.741", " 5.922", "25.592"]),
        ([0.17859], ["0.1786"]),
        ([-0.076686, 0.533441, -3.482788, 3.014373], ["-0.07669", " 0.53344", "-3.48279", " 3.01437"]),
        ([0.0, 13.345], [" 0.00", "13.35"]),
        ([100.0, 20.0], ["100", " 20"]),
        ([np.nan, 1.5], ["nan", "1.5"]),
    ],
    ids=["variances", "sds", "one", "coefficients", "zero", "whole", "missing"],
)
def test_numbers_are_rounded_together_as_r_does(values, texts):
    assert significant(values) == texts


def test_very_small_numbers_are_printed_in_scientific_notation():
    assert significant([1.5, 1.49e-8]) == ["1.500e+00", "1.490e-08"]


def test_p_values_are_printed_as_r_does():
    """The column of the salamanders' summary in R."""
    p = [0.026203878, 1.4889079e-06, 0.17662766, 0.0031615788, 0.012389127, 0.00094795070, 0.45212744, 1.85159e-05]
    assert p_value_texts(p) == [
        "0.026204", "1.49e-06", "0.176628", "0.003162", "0.012389", "0.000948", "0.452127", "1.85e-05",
    ]  # fmt: skip
    assert p_value_texts([0.0, float("nan")]) == ["< 2e-16", "NA"]


def test_stars_mark_levels():
    assert [stars(p) for p in (0.0005, 0.005, 0.03, 0.07, 0.5)] == ["***", "**", "*", ".", ""]


def test_a_grid_aligns_its_columns():
    assert text_grid([["", "long"], ["head", "1"]], left=[0]) == "     head\nlong    1"
