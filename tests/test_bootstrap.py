"""The parametric bootstrap."""

import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest
from support.reference_cases import load_case

import ranef
from ranef.progress import ProgressBar

HAS_JOBLIB = importlib.util.find_spec("joblib") is not None
HAS_DASK = importlib.util.find_spec("distributed") is not None


@pytest.fixture(scope="module")
def sleep():
    return ranef.fit(**load_case("sleepstudy-ml").arguments())


@pytest.fixture(scope="module")
def counts():
    return ranef.fit("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson")


def test_replicates_are_the_same_for_any_number_of_threads_and_any_batch(counts):
    one = counts.bootstrap(24, seed=7)
    three = counts.bootstrap(24, seed=7, threads=3)
    first = counts.bootstrap(10, seed=7)
    np.testing.assert_array_equal(one.to_frame(), three.to_frame())
    np.testing.assert_array_equal(one.to_frame().head(10), first.to_frame())
    assert not np.array_equal(one.to_frame(), counts.bootstrap(24, seed=8).to_frame())


def test_a_seed_that_was_not_given_is_told(counts):
    made = counts.bootstrap(3)
    np.testing.assert_array_equal(made.to_frame(), counts.bootstrap(3, seed=made.seed).to_frame())


def test_a_statistic_sees_the_fit_of_its_replicate(counts):
    """Parameters by the core and as a statistic of the fits are the same numbers."""
    parameters = counts.bootstrap(70, seed=3)
    statistic = counts.bootstrap(70, lambda fit: fit.fixef(), seed=3)
    np.testing.assert_array_equal(statistic.to_frame(), parameters.to_frame()[["Intercept", "cover"]])


def test_a_statistic_may_refit_and_predict(counts):
    made = counts.bootstrap(4, lambda fit: fit.refit(fit.design.response.values).loglik - fit.loglik, seed=1)
    np.testing.assert_allclose(made.to_frame().iloc[:, 0], 0.0, atol=1e-6)


@pytest.mark.parametrize("reml", [False, True])
def test_standard_errors_of_a_linear_model_are_those_of_theory(reml):
    """Of a gaussian model the fixed effects' bootstrap distribution is normal with the GLS covariance (to 1/n)."""
    fit = ranef.fit(**load_case("sleepstudy-reml" if reml else "sleepstudy-ml").arguments())
    made = fit.bootstrap(2000, seed=11)
    table = made.summary()
    names = ["Intercept", "Days"]
    expected = np.sqrt(np.diag(fit.vcov()))
    # Four standard deviations of a standard error estimated from 2000 draws.
    np.testing.assert_allclose(table.loc[names, "std_error"], expected, rtol=4 / np.sqrt(4000))
    assert np.all(np.abs(table.loc[names, "bias"]) < 4 * expected / np.sqrt(2000))
    assert list(table.index) == list(fit.parameter_names)


MOMENTS = {
    "poisson": ("count ~ cover + (1 | pond)", {}),
    "nbinom2": ("count ~ cover + (1 | pond)", {}),
    "zero-inflated poisson": ("count ~ cover + (1 | pond)", {"family": "poisson", "ziformula": "~ 1"}),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_bootstrap_errors_agree_with_curvature(name):
    """With 240 rows the coefficient of a covariate is nearly normal: two estimates of one standard error."""
    formula, extra = MOMENTS[name]
    fit = ranef.fit(formula, ranef.demo_data(), **({"family": name} | extra))
    made = fit.bootstrap(400, seed=5)
    assert made.summary().loc["cover", "std_error"] == pytest.approx(np.sqrt(fit.vcov().loc["cover", "cover"]), rel=0.2)


def test_serial_effects_are_drawn_with_their_correlation():
    fit = ranef.fit(**load_case("cov-ar1-poisson").arguments())
    rho = next(n for n in fit.parameter_names if n.startswith("cor("))
    made = fit.bootstrap(60, seed=2)
    error = made.summary().loc[rho, "std_error"] / np.sqrt(60)
    assert made.summary().loc[rho, "median"] == pytest.approx(fit.parameters().loc[rho, "estimate"], abs=8 * error)


def test_conditional_simulation_keeps_the_random_effects(sleep):
    """Mean intercepts over the replicates are a linear function of the modes, the same for all subjects of a balanced
    design (the modes shrunken once more, slopes drawing on intercepts); drawn anew they are near the mean."""

    def intercepts(fit):
        return fit.coef()["Subject"]["Intercept"]

    kept = sleep.bootstrap(60, intercepts, seed=1, use_re="conditional").to_frame().mean()
    anew = sleep.bootstrap(60, intercepts, seed=1).to_frame().mean()
    modes = np.column_stack([np.ones(18), sleep.ranef()["Subject"]])
    left = kept - modes @ np.linalg.lstsq(modes, kept, rcond=None)[0]
    assert left.var() < 0.05 * kept.var()
    assert 0.5 * intercepts(sleep).std() < kept.std() < intercepts(sleep).std()
    assert anew.std() < 0.3 * intercepts(sleep).std()


def test_a_singular_fit_is_bootstrapped_from_ordinary_starts():
    fit = ranef.fit(**load_case("dyestuff2-singular-ml").arguments())
    made = fit.bootstrap(200, seed=1)
    sds = made.to_frame()["sd(Intercept|Batch)"]
    assert 0.3 < np.mean(sds == 0.0) < 0.9
    assert made.singular.sum() == np.sum(sds == 0.0)
    assert "replicates have a variance of zero; they are valid" in repr(made)
    assert made._repr_html_().startswith("<pre>Parametric bootstrap: 200 replicates, seed 1")
    assert made.confint(0.9).loc["sd(Intercept|Batch)", "conf_low"] == 0.0


def test_held_parameters_stay_held(sleep):
    held = ranef.fit(sleep.formula, sleep.data, fixed={"Days": 10.0})
    table = held.bootstrap(5, seed=1).to_frame()
    assert (table["Days"] == 10.0).all()
    assert table["Intercept"].nunique() == 5


@pytest.mark.parametrize("change", [{"reml": True}, {"fixed": {"Days": 10.0}}], ids=["reml", "held"])
def test_a_refit_to_the_same_response_is_the_same_fit(sleep, change):
    """A REML refit had lost its parameters' names, and a refit with held parameters had let them go."""
    fit = ranef.fit(sleep.formula, sleep.data, **change)
    again = fit.refit(sleep.data["Reaction"])
    pd.testing.assert_frame_equal(again.parameters(), fit.parameters(), rtol=1e-4)


def test_intervals_are_their_definitions(counts):
    made = counts.bootstrap(199, seed=1)
    draws, estimate = made.to_frame()["cover"].to_numpy(), counts.fixef()["cover"]
    low, high = np.sort(draws)[[4, 194]]
    percentile = made.confint(0.95, parm="cover").iloc[0]
    assert (percentile["conf_low"], percentile["conf_high"]) == pytest.approx((low, high))
    basic = made.confint(0.95, "basic", parm="cover").iloc[0]
    assert (basic["conf_low"], basic["conf_high"]) == pytest.approx((2 * estimate - high, 2 * estimate - low))
    normal = made.confint(0.95, "normal", parm="cover").iloc[0]
    centre = estimate - (draws.mean() - estimate)
    assert normal["conf_high"] == pytest.approx(centre + 1.959964 * draws.std(ddof=1))
    assert (made.confint(0.95, "basic")["conf_low"].loc[["sd(Intercept|pond)"]] >= 0).all()


def test_confint_by_bootstrap(counts):
    table = counts.confint("boot", "cover", n=99, seed=4)
    pd.testing.assert_frame_equal(table, counts.bootstrap(99, seed=4).confint(parm="cover"))


def test_derived_quantities_by_bootstrap(counts):
    table = counts.derive({"ratio": "exp(cover)"}, method="boot", n=199, seed=4)
    expected = np.exp(counts.confint("boot", "cover", n=199, seed=4))
    np.testing.assert_allclose(table[["estimate", "conf_low", "conf_high"]], expected)


def test_mistakes_are_named(counts):
    with pytest.raises(ranef.DataError, match="n must be a whole number of at least 1, got 0"):
        counts.bootstrap(0)
    with pytest.raises(ranef.DataError, match="seed must be None or a whole number"):
        counts.bootstrap(3, seed=-1)
    with pytest.raises(ranef.DataError, match="threads must be a whole number of at least 1"):
        counts.bootstrap(3, threads=0)
    with pytest.raises(ranef.DataError, match="use_re must be 'simulate' or 'conditional'"):
        counts.bootstrap(3, use_re="none")
    with pytest.raises(ranef.DataError, match="at least 39 replicates, there are 10"):
        counts.bootstrap(10, seed=1).confint()
    with pytest.raises(ranef.DataError, match="no parameter 'covr'; did you mean 'cover'"):
        counts.confint("boot", "covr")


def test_a_statistic_that_raises_names_its_replicate(counts):
    seen = []

    def fragile(fit):
        seen.append(fit)
        if len(seen) == 4:
            raise ZeroDivisionError("no water")
        return fit.loglik

    with pytest.raises(ranef.DataError, match="replicate 2: the statistic raised ZeroDivisionError: no water"):
        counts.bootstrap(10, fragile, seed=1)


@pytest.mark.skipif(not HAS_JOBLIB, reason="needs joblib")
def test_processes_give_the_same_replicates(counts):
    here = counts.bootstrap(12, seed=9)
    there = counts.bootstrap(12, seed=9, n_jobs=2)
    np.testing.assert_array_equal(here.to_frame(), there.to_frame())


@pytest.mark.skipif(HAS_JOBLIB, reason="joblib is here")
def test_without_joblib_the_extra_is_named(counts):
    with pytest.raises(ranef.errors.MissingExtraError, match=r"ranef\[parallel\]"):
        counts.bootstrap(4, n_jobs=2)


@pytest.mark.slow
@pytest.mark.skipif(not (HAS_JOBLIB and HAS_DASK), reason="needs joblib and distributed")
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_gives_the_same_replicates(counts):
    import joblib
    from distributed import Client, LocalCluster

    here = counts.bootstrap(12, seed=9)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = counts.bootstrap(12, seed=9, n_jobs=2)
    np.testing.assert_array_equal(here.to_frame(), there.to_frame())


def test_the_bar_is_drawn_where_it_is_seen(monkeypatch, capsys):
    monkeypatch.setattr("ranef.progress._PATIENCE", 0.0)
    monkeypatch.setattr("ranef.progress._watched", lambda: True)
    with ProgressBar("bootstrap", 10) as bar:
        bar.update(5)
        bar.update(10)
    assert "10/10" in capsys.readouterr().err
    with ProgressBar("bootstrap", 10, enabled=False) as bar:
        bar.update(5)
    assert capsys.readouterr().err == ""


def test_an_interrupt_ends_it_and_leaves_the_fit_usable(counts):
    def interrupt(_):
        raise KeyboardInterrupt

    core, estimate = counts.model.core, counts.estimate
    options = counts.model.specification.control.options()
    arguments = (options, estimate.values, list(estimate.beta), list(estimate.modes), 1, 0, 100_000)
    with pytest.raises(KeyboardInterrupt):
        core.bootstrap(*arguments, threads=2, progress=interrupt)
    assert counts.bootstrap(2, seed=1).to_frame().shape == (2, 3)
    assert sys.getrefcount(interrupt) < 10
