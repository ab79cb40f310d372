"""What all pictures share: axes given or made, labels that stay legible, a clear error without matplotlib."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ranef.errors import DataError, MissingExtraError, RanefError
from ranef.plots import style


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def relative_luminance(colour):
    """Of sRGB, by WCAG 2's definition."""
    channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255.0
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_given_axes_are_the_ones_that_come_back():
    _, ax = plt.subplots()
    assert style.axes(ax) is ax
    assert not ax.spines["top"].get_visible()


def test_new_axes_have_the_size_asked_for():
    ax = style.axes(None, 5.0, 3.0)
    np.testing.assert_allclose(ax.figure.get_size_inches(), [5.0, 3.0])


def test_panels_fill_rows_and_leave_no_empty_axes():
    axes = style.panels(None, 4, columns=3)
    assert axes.shape == (4,)
    assert len(axes[0].figure.axes) == 4


def test_panels_take_the_callers_axes():
    _, given = plt.subplots(1, 2)
    assert list(style.panels(given, 2)) == list(given)


def test_a_wrong_number_of_axes_is_refused_with_both_numbers():
    _, ax = plt.subplots()
    with pytest.raises(DataError, match="ax has 1 axes, but the picture has 3 panels"):
        style.panels(ax, 3)


def test_a_few_levels_are_named_each():
    ax = style.axes()
    style.level_ticks(ax, ["a", "b", "c"], "site")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylabel() == "site"


def test_hundreds_of_levels_are_counted_rather_than_printed_over_each_other():
    ax = style.axes()
    style.level_ticks(ax, list(range(300)), "site")
    assert ax.get_yticklabels() == []
    assert ax.get_ylabel() == "300 levels of site"


def test_long_names_keep_both_ends():
    short = style.shorten("a" * 30 + "middle" + "z" * 30, 21)
    assert short == "a" * 10 + "…" + "z" * 10
    assert style.shorten("site") == "site"


def test_the_colours_of_lines_stand_out_from_white():
    """Contrast of at least 2 to 1: what is below, such as yellow, vanishes on paper."""
    contrast = [1.05 / (relative_luminance(c) + 0.05) for c in style.PALETTE]
    assert min(contrast) > 2.0


def test_series_differ_by_more_than_colour():
    looks = [(style.marker(k), style.color(k)) for k in range(7)]
    assert len({m for m, _ in looks}) == len({c for _, c in looks}) == 7


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(style, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"plot_ranef: needs matplotlib.*pip install 'ranef\[plot\]'") as caught:
        style.require_matplotlib("plot_ranef")
    assert isinstance(caught.value, RanefError)
    assert isinstance(caught.value, ImportError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("make", [style.axes, lambda ax: style.panels(ax, 1)])
def test_what_are_no_axes_is_refused_by_a_sentence(make):
    with pytest.raises(DataError, match="ax must be axes of matplotlib"):
        make(3)
