"""The package marginaleffects, given our fits: its numbers are predictions, differences and derivatives of ours."""

from importlib import import_module
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef import marginaleffects as adapter
from ranef.errors import DataError, FormulaError, MissingExtraError, NotAvailableError
from ranef.marginaleffects import adapt

FROGS = ranef.demo_data().assign(visit_kind=lambda d: np.where(d["visit"] < 5, "early", "late"))


@pytest.fixture(scope="module")
def package():
    made = pytest.importorskip("marginaleffects")
    if adapter.runs_not_with_polars(version("marginaleffects"), version("polars")):
        pytest.skip("this marginaleffects does not run with this polars")
    return made


# marginaleffects uses what polars 1 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def fit():
    return ranef.fit("count ~ shore * cover + (1 | pond)", FROGS, family="nbinom2", ziformula="~ shore")


@pytest.fixture(scope="module")
def linear():
    return ranef.fit("count ~ shore + poly(cover, 2) + (1 | pond)", FROGS)


def delta(fit, gradient):
    """Standard errors by the delta method over the coefficients of all components."""
    return np.sqrt(np.einsum("ij,jk,ik->i", gradient, fit.fixed_vcov, gradient))


@pytest.mark.parametrize("kind", ["response", "link", "conditional", "zprob"])
def test_predictions_are_ours(package, fit, kind):
    made = package.predictions(adapt(fit, type=kind))
    ours = fit.predict(type=kind, re_form="~0", se=True)
    np.testing.assert_allclose(made["estimate"].to_numpy(), ours["estimate"], rtol=1e-12)
    np.testing.assert_allclose(made["std_error"].to_numpy(), ours["std_error"], rtol=1e-5)


def test_predictions_keep_the_random_effects_asked_for(package, fit):
    made = package.predictions(adapt(fit, re_form=None))
    np.testing.assert_allclose(made["estimate"].to_numpy(), fit.fitted(), rtol=1e-12)


def test_predictions_integrate_over_groups(package, fit):
    made = package.predictions(adapt(fit, random={"pond": "integrate"}))
    ours = fit.predict(random={"pond": "integrate"})
    np.testing.assert_allclose(made["estimate"].to_numpy(), ours, rtol=1e-12)


def test_a_grid_of_values_is_predicted(package, fit):
    model = adapt(fit)
    grid = import_module("marginaleffects.datagrid").datagrid(model=model, cover=[-1.0, 2.0], shore=["natural", "mown"])
    made = package.predictions(model, newdata=grid)
    newdata = pd.DataFrame({"cover": made["cover"].to_list(), "shore": made["shore"].to_list()})
    np.testing.assert_allclose(made["estimate"].to_numpy(), fit.predict(newdata, re_form="~0"), rtol=1e-12)


def test_average_predictions_average_ours_by_any_column(package, fit):
    made = package.avg_predictions(adapt(fit), by="visit_kind")
    ours = fit.predict(re_form="~0").groupby(FROGS["visit_kind"]).mean()
    shown = dict(zip(made["visit_kind"].to_list(), made["estimate"].to_list(), strict=True))
    assert shown == pytest.approx(ours.to_dict())


def test_predictions_at_means_are_marginal_means(package, fit):
    model = adapt(fit, type="link")
    grid = import_module("marginaleffects.datagrid").datagrid(model=model, shore=["natural", "mown"])
    made = package.predictions(model, newdata=grid).sort("shore")
    means = fit.emmeans("~ shore").to_frame()
    np.testing.assert_allclose(made["estimate"].to_numpy(), means["emmean"], rtol=1e-10)
    np.testing.assert_allclose(made["std_error"].to_numpy(), means["std_error"], rtol=1e-3)


def test_intervals_are_normal(package, fit):
    made = package.avg_predictions(adapt(fit))
    half = (made["conf_high"] - made["conf_low"]).item() / 2
    assert half == pytest.approx(1.959963985 * made["std_error"].item())


def test_comparisons_of_a_factor_are_differences_of_predictions(package, fit):
    made = package.avg_comparisons(adapt(fit), variables="shore")
    ends = [fit.predict(FROGS.assign(shore=shore), re_form="~0") for shore in ("natural", "mown")]
    assert made["contrast"].item() == "mown - natural"
    assert made["estimate"].item() == pytest.approx((ends[1] - ends[0]).mean())


def test_comparisons_on_the_link_scale_have_the_coefficients_errors(package, linear):
    made = package.avg_comparisons(adapt(linear), variables="shore")
    row = linear.parameters().loc["shore[T.mown]"]
    assert made["estimate"].item() == pytest.approx(row["estimate"])
    assert made["std_error"].item() == pytest.approx(row["std_error"], rel=1e-6)


def test_slopes_are_derivatives_of_predictions(package, linear):
    made = package.slopes(adapt(linear), variables="cover")
    step = 1e-4
    ends = [linear.predict(FROGS.assign(cover=FROGS["cover"] + s), re_form="~0") for s in (-step, step)]
    np.testing.assert_allclose(made["estimate"].to_numpy(), (ends[1] - ends[0]) / (2 * step), atol=1e-4)


def test_slopes_on_the_link_scale_have_delta_errors(package, fit):
    made = package.avg_slopes(adapt(fit, type="link"), variables="cover", by="shore")
    names = [f"{p.name}" for p in fit.parameter_info if p.kind == "beta"]
    gradient = np.zeros((2, len(names)))
    gradient[:, names.index("cover")] = 1.0
    gradient[1, names.index("shore[T.mown]:cover")] = 1.0
    shown = made.sort("shore")
    assert shown["shore"].to_list() == ["natural", "mown"]
    beta = np.concatenate(fit.estimate.beta)
    np.testing.assert_allclose(shown["estimate"].to_numpy(), gradient @ beta, rtol=1e-6)
    # The package takes differences of differences, which are good to some 4 digits.
    np.testing.assert_allclose(shown["std_error"].to_numpy(), delta(fit, gradient), rtol=1e-3)


def test_numeric_factors_and_booleans_are_understood(package):
    data = FROGS.assign(late=FROGS["visit"] > 4)
    fit = ranef.fit("count ~ factor(visit) + late:cover + cover + (1 | pond)", data, family="poisson")
    made = package.predictions(adapt(fit))
    np.testing.assert_allclose(made["estimate"].to_numpy(), fit.predict(re_form="~0"), rtol=1e-12)
    late = package.avg_comparisons(adapt(fit), variables="late")
    ends = [fit.predict(data.assign(late=value), re_form="~0") for value in (False, True)]
    assert late["estimate"].item() == pytest.approx((ends[1] - ends[0]).mean())


def test_dropped_rows_offsets_and_proportions_are_handled(package):
    data = FROGS.assign(other=10, cover=FROGS["cover"].where(FROGS.index != 3))
    fit = ranef.fit("cbind(count, other) ~ cover + (1 | pond)", data, family="binomial")
    made = package.predictions(adapt(fit))
    np.testing.assert_allclose(made["estimate"].to_numpy(), fit.predict(re_form="~0").dropna(), rtol=1e-12)
    offset = np.linspace(0.0, 1.0, len(FROGS))
    counts = ranef.fit("count ~ cover + (1 | pond)", FROGS, family="poisson", offset=offset)
    newdata = FROGS.head(2)[["cover", "count"]].assign(pond="P01")
    shown = package.predictions(adapt(counts), newdata=newdata)
    ours = counts.predict(newdata, re_form="~0", offset=np.full(2, 0.5))
    np.testing.assert_allclose(shown["estimate"].to_numpy(), ours, rtol=1e-12)


def test_what_the_adapter_cannot_do_is_said(package, fit, tmp_path):
    with pytest.raises(NotAvailableError, match=r"vcov='HC3'.*all 7 coefficients"):
        package.predictions(adapt(fit), vcov="HC3")
    with pytest.raises(DataError, match="type must be one of"):
        adapt(fit, type="mean")
    with pytest.raises(FormulaError, match="no group"):
        adapt(fit, random={"lake": "integrate"})
    fit.save(tmp_path / "fit.ranef")
    with pytest.raises(DataError, match="needs the data"):
        adapt(ranef.load(tmp_path / "fit.ranef"))


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(adapter, "find_spec", lambda name: None)
    poisson = ranef.fit("count ~ cover + (1 | pond)", FROGS, family="poisson")
    with pytest.raises(MissingExtraError, match=r"needs marginaleffects.*ranef\[marginaleffects\]"):
        adapt(poisson)


def test_versions_that_do_not_run_together_are_named(monkeypatch):
    monkeypatch.setattr(adapter, "find_spec", lambda name: object())
    monkeypatch.setattr(adapter, "version", {"marginaleffects": "0.6.0", "polars": "2.1.0"}.__getitem__)
    poisson = ranef.fit("count ~ cover + (1 | pond)", FROGS, family="poisson")
    with pytest.raises(NotAvailableError, match=r"0\.6\.0 does not run with polars 2\.1\.0.*'polars<2'"):
        adapt(poisson)
    assert not adapter.runs_not_with_polars("0.7.0", "2.1.0")
    assert not adapter.runs_not_with_polars("0.6.0", "1.36.1")
