"""Pictures of marginal means."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from support.factorial import two_way

import ranef


@pytest.fixture(scope="module")
def counts():
    return ranef.fit("n ~ a * b + x + (1 | g)", two_way(), family="poisson")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def texts(ax):
    return [t.get_text() for t in ax.texts]


def test_a_plot_is_drawn_on_the_callers_axes_and_returns_them(counts):
    _, ax = plt.subplots()
    assert counts.emmeans("~ a").plot(ax) is ax
    assert [t.get_text() for t in ax.get_xticklabels()] == ["low", "mid", "high"]
    assert ax.get_xlabel() == "a"
    assert "log scale" in ax.get_ylabel()


def test_points_and_interval_ends_are_those_of_the_table(counts):
    means = counts.emmeans("~ a", type="response")
    table = means.to_frame()
    container = means.plot().containers[0]
    np.testing.assert_allclose(container.lines[0].get_ydata(), table["response"])
    ends = np.array([segment[:, 1] for segment in container.lines[2][0].get_segments()])
    np.testing.assert_allclose(ends, table[["conf_low", "conf_high"]])


def test_levels_of_by_are_series_of_a_legend_with_markers_of_their_own(counts):
    ax = counts.emmeans("~ a | b", type="response").plot()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["u", "v"]
    markers = {container.lines[0].get_marker() for container in ax.containers}
    assert len(markers) == 2


def test_letters_are_those_of_the_compact_display(counts):
    means = counts.emmeans("~ a", type="response")
    assert texts(means.plot(letters=True)) == list(means.cld().letters)
    assert texts(means.plot()) == []


def test_ratios_are_drawn_on_a_logarithmic_axis_beside_one(counts):
    ax = counts.emmeans("~ a", type="response").pairs().plot()
    assert ax.get_xscale() == "log"
    assert any(np.allclose(line.get_xdata(), 1.0) for line in ax.lines)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["low / mid", "low / high", "mid / high"]


def test_a_covariate_is_an_axis_with_lines_and_bands(counts):
    ax = counts.emmeans("~ x * b", at={"x": [4, 1, 2]}, type="response").plot()
    assert ax.get_xlabel() == "x"
    assert ax.containers[0].lines[0].get_xdata().tolist() == [1.0, 2.0, 4.0]
    assert len(ax.collections) >= 2


def test_a_factor_whose_levels_are_numbers_is_drawn_as_a_factor():
    data = two_way()
    data["dose"] = data["a"].map({"low": 1, "mid": 2, "high": 10}).astype("category")
    ax = ranef.fit("n ~ dose + (1 | g)", data, family="poisson").emmeans("~ dose").plot()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "10"]


def test_trends_and_one_mean_are_drawn_too(counts):
    assert counts.emtrends("~ a", "x").plot().get_ylabel().startswith("x trend")
    assert counts.emmeans("~ 1").plot(horizontal=True).get_xlabel().startswith("marginal mean")
