"""Pictures show the numbers they should, stay legible for any data, and refuse what cannot be drawn."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from support.reference_cases import REFERENCE

import ranef
from ranef.errors import DataError
from ranef.plots import effects, grid, lines, shrinkage
from ranef.plots.correlations import ellipse

SLEEP = pd.read_csv(REFERENCE / "data" / "sleepstudy.csv", dtype={"Subject": str})
FROGS = ranef.demo_data()


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def sleep():
    return ranef.fit("Reaction ~ Days + (Days | Subject)", SLEEP, reml=True)


@pytest.fixture(scope="module")
def frogs():
    return ranef.fit("count ~ shore * cover + (1 | pond)", FROGS, family="poisson")


@pytest.fixture(scope="module")
def crowded():
    """Three hundred groups with long names, two random effects, a factor of many long levels."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(300), 6)
    x = rng.normal(size=group.size)
    treatment = rng.integers(0, 14, size=group.size)
    y = x + rng.normal(size=300)[group] + 0.5 * rng.normal(size=300)[group] * x + rng.normal(size=group.size)
    data = pd.DataFrame(
        {
            "y": y,
            "a_covariate_with_a_very_long_name_indeed": x,
            "group": [f"experimental station number {g:03d} of the northern province" for g in group],
            "treatment": [f"combination of fertiliser and irrigation no. {t:02d}" for t in treatment],
        }
    )
    return ranef.fit(
        "y ~ a_covariate_with_a_very_long_name_indeed + treatment + (a_covariate_with_a_very_long_name_indeed | group)",
        data,
    )


def tick_labels(axis):
    """Labels of the ticks inside the axis' limits: matplotlib keeps others that it does not draw."""
    low, high = sorted(axis.get_view_interval())
    return [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high and t.label1.get_text()]


def texts(ax):
    """Tick labels, axis labels and title that are shown."""
    parts = [*tick_labels(ax.xaxis), *tick_labels(ax.yaxis), ax.xaxis.label, ax.yaxis.label, ax.title]
    return [t for t in parts if t.get_text()]


def overlapping(labels, renderer):
    """Neighbouring labels whose boxes intersect, turned ones judged by their distance along the axis."""
    boxes = [t.get_window_extent(renderer) for t in labels]
    found = []
    for first, second in pairwise(boxes):
        apart = second.x0 >= first.x1 or second.y0 >= first.y1 or first.y0 >= second.y1 or first.x0 >= second.x1
        turned = labels[0].get_rotation() not in (0.0, 90.0) and abs(second.x1 - first.x1) > 12
        if not (apart or turned):
            found.append((first, second))
    return found


def assert_legible(ax):
    """No tick label over its neighbour, no text below 7 points, nothing beyond the figure's edge."""
    for panel in np.atleast_1d(ax):
        figure = panel.figure
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        assert not overlapping(tick_labels(panel.xaxis), renderer)
        assert not overlapping(tick_labels(panel.yaxis), renderer)
        assert all(t.get_fontsize() >= 7 for t in texts(panel))
        inside = figure.bbox
        legend = [] if panel.get_legend() is None else panel.get_legend().get_texts()
        for text in [*texts(panel), *legend]:
            box = text.get_window_extent(renderer)
            assert box.x0 >= -1, text
            assert box.x1 <= inside.x1 + 1, text
            assert box.y0 >= -1, text
            assert box.y1 <= inside.y1 + 1, text


PICTURES = {
    "ranef": lambda fit, x, factor, **given: fit.plot_ranef(**given),
    "shrinkage": lambda fit, x, factor, **given: fit.plot_shrinkage(**given),
    "lines": lambda fit, x, factor, **given: fit.plot_lines(x, **given),
    "effects of numbers": lambda fit, x, factor, **given: fit.plot_effects(x, **given),
    "effects of factors": lambda fit, x, factor, **given: fit.plot_effects(factor, **given),
    "effects of both": lambda fit, x, factor, **given: fit.plot_effects(f"{x}:{factor}", **given),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_are_legible_with_their_defaults(picture, frogs):
    assert_legible(PICTURES[picture](frogs, "cover", "shore"))


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_of_hundreds_of_levels_and_long_names_are_legible(picture, crowded):
    assert_legible(PICTURES[picture](crowded, "a_covariate_with_a_very_long_name_indeed", "treatment"))


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_draw_on_the_axes_given(picture, frogs):
    _, ax = plt.subplots()
    assert PICTURES[picture](frogs, "cover", "shore", ax=ax) is ax
    assert ax.lines


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_leave_the_callers_data_alone(picture, frogs):
    before = FROGS.copy(deep=True)
    PICTURES[picture](frogs, "cover", "shore")
    pd.testing.assert_frame_equal(FROGS, before)


def test_a_caterpillar_shows_modes_and_intervals_in_order(sleep):
    first, second = sleep.plot_ranef(level=0.9)
    modes = sleep.ranef(condvar=True)["Subject"]
    ordered = modes.sort_values("Intercept")
    shown = first.lines[-1].get_xdata()
    np.testing.assert_allclose(shown, ordered["Intercept"])
    np.testing.assert_allclose(second.lines[-1].get_xdata(), ordered["Days"])
    ends = np.array([s[:, 0] for s in first.collections[0].get_segments()])
    np.testing.assert_allclose((ends[:, 1] - ends[:, 0]) / 2, 1.6448536 * ordered["Intercept_sd"], rtol=1e-6)
    assert [t.get_text() for t in first.get_yticklabels()] == list(ordered.index)


def test_an_unsorted_caterpillar_has_the_levels_own_order_from_the_top(sleep):
    first, _ = sleep.plot_ranef(sort=False)
    assert [t.get_text() for t in first.get_yticklabels()] == list(sleep.ranef()["Subject"].index)[::-1]


def test_own_estimates_of_a_gaussian_model_are_least_squares(sleep):
    made = shrinkage.shrinkage(sleep, None)
    for subject, rows in SLEEP.groupby("Subject"):
        slope, intercept = np.polyfit(rows["Days"], rows["Reaction"], 1)
        np.testing.assert_allclose(made.own.loc[subject], [intercept, slope], rtol=1e-6)
    pd.testing.assert_frame_equal(made.pooled, sleep.coef()["Subject"], check_names=False)
    np.testing.assert_allclose(made.population, sleep.fixef())


def test_own_estimates_of_counts_hold_the_rest_of_the_model(frogs):
    """A Poisson intercept with offset o: log(sum y / sum exp(o))."""
    made = shrinkage.shrinkage(frogs, "pond")
    beta = frogs.fixef()
    rest = frogs.predict(FROGS, type="link", re_form="~0") - beta["Intercept"]
    for pond, rows in FROGS.groupby("pond"):
        expected = np.log(rows["count"].sum() / np.exp(rest[rows.index]).sum())
        # A fit stops within 1e-8 of the largest log-likelihood: within 1.4e-4 standard errors of its place.
        assert made.own.loc[pond, "Intercept"] == pytest.approx(expected, abs=5e-5)


def test_groups_that_determine_nothing_are_left_without_an_own_estimate():
    data = FROGS.assign(count=FROGS["count"].where(FROGS["pond"] != "P01", 0))
    fit = ranef.fit("count ~ cover + (1 | pond)", data, family="poisson")
    own = shrinkage.shrinkage(fit, None).own["Intercept"]
    assert own.index[own.isna()].tolist() == ["P01"]
    assert "1 of 30 levels have no estimate of their own" in fit.plot_shrinkage().get_xlabel()


def test_zero_inflation_and_dispersion_are_held_in_own_estimates():
    data = FROGS.assign(count=FROGS["count"].where(FROGS["visit"] != 3, 0))
    fit = ranef.fit("count ~ cover + (1 | pond)", data, family="nbinom2", ziformula="~ 1", dispformula="~ shore")
    made = shrinkage.shrinkage(fit, None)
    spread = made.own["Intercept"].std(), made.pooled["Intercept"].std()
    assert made.own["Intercept"].notna().sum() > 25
    assert spread[0] > spread[1]


def test_effects_average_over_other_factors_on_the_link_scale(frogs):
    known = grid.variables(frogs)
    values = [-1.0, 0.0, 2.0]
    rows = grid.average_rows(frogs, pd.DataFrame({"cover": values}), grid.held_values(known, ["cover"], None))
    made = grid.predict_rows(frogs, rows, "response", 0.95)
    each = [
        frogs.predict(pd.DataFrame({"cover": values, "shore": shore}), type="link", re_form="~0").to_numpy()
        for shore in ("natural", "mown")
    ]
    np.testing.assert_allclose(made["estimate"], np.exp(np.mean(each, axis=0)))


def test_effects_hold_numeric_variables_at_their_means_and_intervals_are_predicts(frogs):
    panel = frogs.plot_effects("shore", level=0.8, partial_residuals=False)
    newdata = pd.DataFrame({"shore": ["natural", "mown"], "cover": FROGS["cover"].mean()})
    expected = frogs.predict(newdata, re_form="~0", interval="confidence", level=0.8)
    np.testing.assert_allclose(panel.lines[-1].get_ydata(), expected["estimate"])
    ends = np.array([s[:, 1] for s in panel.collections[-1].get_segments()])
    np.testing.assert_allclose(ends, expected[["conf_low", "conf_high"]])


def test_effects_hold_variables_where_they_are_told_to(frogs):
    panel = frogs.plot_effects("cover", at={"shore": "mown"}, partial_residuals=False)
    line = panel.lines[-1]
    newdata = pd.DataFrame({"cover": line.get_xdata(), "shore": "mown"})
    np.testing.assert_allclose(line.get_ydata(), frogs.predict(newdata, re_form="~0"))


def test_partial_residuals_of_a_gaussian_model_lie_their_residual_off_the_curve(sleep):
    rows = np.arange(20)
    mean = sleep.predict(re_form="~0").to_numpy()[rows]
    made = effects.moved_observations(sleep, rows, mean, "response")
    np.testing.assert_allclose(made - mean, sleep.residuals().to_numpy()[rows])


def test_partial_residuals_of_counts_keep_zeros_and_ratios(frogs):
    rows = np.arange(len(FROGS))
    made = effects.moved_observations(frogs, rows, np.full(rows.size, 3.0), "response")
    np.testing.assert_allclose(made, 3.0 * FROGS["count"] / frogs.fitted())


def test_partial_residuals_of_proportions_keep_their_odds_ratio():
    data = FROGS.assign(other=12)
    fit = ranef.fit("cbind(count, other) ~ cover + (1 | pond)", data, family="binomial")
    rows = np.flatnonzero(data["count"] > 0)
    mean = np.full(rows.size, 0.3)
    made = effects.moved_observations(fit, rows, mean, "response")

    def logit(p):
        return np.log(p / (1 - p))

    share = (data["count"] / (data["count"] + 12)).to_numpy()[rows]
    np.testing.assert_allclose(logit(made) - logit(mean), logit(share) - logit(fit.fitted().to_numpy()[rows]))


def test_lines_are_the_groups_predictions_with_other_groups_at_zero():
    data = FROGS.assign(year=[f"y{v % 4}" for v in FROGS["visit"]])
    fit = ranef.fit("count ~ cover + (1 | pond) + (1 | year)", data, family="poisson")
    panel = fit.plot_lines("cover", "pond")
    ponds = [line for line in panel.lines if len(line.get_xdata()) == lines.LINE_POINTS][:-1]
    assert len(ponds) == 30
    third = ponds[2]
    newdata = pd.DataFrame({"cover": third.get_xdata(), "pond": "P03", "year": "y0"})
    expected = fit.predict(newdata, random={"year": "zero"})
    np.testing.assert_allclose(third.get_ydata(), expected)


def test_lines_of_nested_groups_keep_the_outer_groups_effect():
    data = FROGS.assign(half=np.where(FROGS["visit"] > 4, "late", "early"))
    fit = ranef.fit("count ~ cover + (1 | pond/half)", data, family="poisson")
    panel = fit.plot_lines("cover", "half:pond", type="link")
    drawn = next(line for line in panel.lines if len(line.get_xdata()) == lines.LINE_POINTS)
    label = fit.ranef()["half:pond"].index[0]
    half, pond = label.split(":")
    newdata = pd.DataFrame({"cover": drawn.get_xdata(), "pond": pond, "half": half})
    np.testing.assert_allclose(drawn.get_ydata(), fit.predict(newdata, type="link"))


def test_a_few_groups_have_colours_markers_and_a_legend():
    data = FROGS[FROGS["pond"].isin(["P01", "P02", "P03", "P04", "P05"])].assign(count=lambda d: d["count"] + 1.0)
    fit = ranef.fit("count ~ cover + (1 | pond)", data)
    panel = fit.plot_lines("cover")
    assert [t.get_text() for t in panel.get_legend().get_texts()] == ["P01", "P02", "P03", "P04", "P05", "population"]
    assert_legible(panel)


def test_offsets_given_as_an_array_are_held_at_their_mean():
    offset = np.linspace(-1.0, 1.0, len(FROGS)) + 0.3
    fit = ranef.fit("count ~ cover + (1 | pond)", FROGS, family="poisson", offset=offset)
    line = fit.plot_effects("cover", partial_residuals=False).lines[-1]
    newdata = pd.DataFrame({"cover": line.get_xdata()})
    expected = fit.predict(newdata, re_form="~0", offset=np.full(len(newdata), 0.3))
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert fit.plot_lines("cover").lines


def test_covariance_ellipses_hold_the_probability_they_say():
    covariance = np.array([[2.0, 0.9], [0.9, 1.0]])
    outline = ellipse(covariance, 0.9)
    distance = np.einsum("ik,ij,jk->k", outline, np.linalg.inv(covariance), outline)
    np.testing.assert_allclose(distance, chi2.ppf(0.9, 2))


def test_correlations_name_their_value(sleep):
    panel = sleep.plot_correlations()
    expected = sleep.varcorr().to_frame().query("var2 == 'Days'")["sdcor"].item()
    assert f"correlation {expected:.2f}" in panel.get_xlabel()
    assert_legible(panel)


def test_other_prediction_types_have_their_own_axis():
    fit = ranef.fit("count ~ cover + (1 | pond)", FROGS, family="nbinom2", ziformula="~ shore")
    panel = fit.plot_effects("shore", type="zprob")
    assert panel.get_ylabel() == "probability of a structural zero"
    expected = fit.predict(pd.DataFrame({"shore": ["natural", "mown"], "cover": 0.0}), type="zprob", re_form="~0")
    np.testing.assert_allclose(panel.lines[-1].get_ydata(), expected)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda fit: fit.plot_effects("covr"), "no variable of the fixed effects 'covr'; did you mean 'cover'"),
        (lambda fit: fit.plot_effects("cover:shore:pond"), "one variable, or two.*has 3"),
        (lambda fit: fit.plot_effects("cover", at={"cover": 1}), "cover is what the picture runs over"),
        (lambda fit: fit.plot_effects("cover", at={"shore": "mwn"}), "no level of 'shore' called 'mwn'.*'mown'"),
        (lambda fit: fit.plot_effects("shore", at={"cover": "high"}), r"at\['cover'\] must be a number, got 'high'"),
        (lambda fit: fit.plot_lines("shore"), "'shore' is a factor: lines need a numeric variable"),
        (lambda fit: fit.plot_lines("cover", "lake"), "no grouping factor 'lake'; there are: pond"),
        (lambda fit: fit.plot_ranef("pnd"), "no grouping factor 'pnd'; did you mean 'pond'"),
        (lambda fit: fit.plot_ranef(component="zi"), "no component 'zi'"),
        (lambda fit: fit.plot_ranef(level=95), "must lie between 0 and 1, got 95"),
        (lambda fit: fit.plot_shrinkage(x="cover"), "no random effect 'cover'; there are: Intercept"),
        (lambda fit: fit.plot_correlations(), "no random term has two effects"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_can(draw, message, frogs):
    with pytest.raises(DataError, match=message):
        draw(frogs)


def test_pictures_of_the_data_need_the_data(frogs, tmp_path):
    frogs.save(tmp_path / "fit.ranef")
    loaded = ranef.load(tmp_path / "fit.ranef")
    assert loaded.plot_ranef().lines
    with pytest.raises(DataError, match="needs the data"):
        loaded.plot_effects("cover")
