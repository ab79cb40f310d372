"""Pictures of residuals: what they draw, where, and from what."""

import numpy as np
import pytest

import ranef

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(scope="module")
def fit():
    return ranef.fit("count ~ shore + cover + (1 | pond)", ranef.demo_data(), family="poisson")


@pytest.fixture(scope="module")
def residuals(fit):
    return fit.simulate_residuals(100, seed=1)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def texts(ax):
    return " ".join(t.get_text() for t in ax.texts)


def test_the_page_has_two_panels_with_the_tests(fit):
    left, right = fit.plot_diagnostics(n=100, seed=1)
    assert "uniformity: p <= 0.0099 *" in texts(left)
    assert "dispersion: p <= 0.02 *" in texts(left)
    assert "outliers: p" in texts(left)
    assert "quartiles" in right.get_title()
    assert len(right.get_lines()) == 6


def test_panels_are_drawn_where_asked(residuals):
    figure, axes = plt.subplots(1, 2)
    made = residuals.plot(axes)
    assert list(made) == list(axes)
    assert residuals.plot_qq(axes[0]) is axes[0]
    with pytest.raises(ranef.DataError, match="2 panels"):
        residuals.plot(axes[0])
    assert figure is axes[0].figure


def test_the_qq_plot_shows_the_ordered_residuals(residuals):
    line = residuals.plot_qq().get_lines()[1]
    np.testing.assert_allclose(line.get_ydata(), np.sort(residuals.values))
    np.testing.assert_allclose(line.get_xdata(), (np.arange(240) + 0.5) / 240)


def test_a_factor_gets_boxes_and_a_number_curves(residuals):
    by_shore = residuals.plot_residuals("shore")
    assert [t.get_text() for t in by_shore.get_xticklabels()] == ["natural", "mown"]
    assert "shore" in by_shore.get_title()
    assert residuals.plot_residuals("cover").get_xlabel() == "cover"


def test_rows_outside_their_simulations_are_marked(residuals):
    stars = residuals.plot_residuals().collections[1]
    outside = ((residuals.values == 0) | (residuals.values == 1)).sum()
    assert len(stars.get_offsets()) == outside > 0


def test_a_statistic_is_shown_among_its_simulations(residuals):
    ax = residuals.plot_statistic("max")
    assert ax.get_lines()[0].get_xdata()[0] == residuals.observed.max()
    assert sum(patch.get_height() for patch in ax.patches) == 100


def test_a_model_with_one_fitted_value_has_a_picture():
    fit = ranef.fit("count ~ 1", ranef.demo_data(), family="poisson")
    assert fit.simulate_residuals(50, seed=1).plot_residuals().get_ylabel() == "residual"
