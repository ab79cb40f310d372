"""Saved fits: they print, tabulate and predict without the data."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.reference_cases import load_case

import ranef

CASES = (
    "sleepstudy-reml",
    "cbpp-laplace",
    "salamanders-zinb2",
    "cov-ar1",
    "penicillin-crossed-ml",
    "salamanders-zip-re",
)


def saved_and_loaded(fit, folder):
    fit.save(folder / "fit.ranef")
    return ranef.load(folder / "fit.ranef")


@pytest.fixture(scope="module", params=CASES)
def pair(request, tmp_path_factory):
    case = load_case(request.param)
    fit = ranef.fit(**case.arguments())
    return case, fit, saved_and_loaded(fit, tmp_path_factory.mktemp("saved"))


def test_the_report_is_the_same(pair):
    _, fit, loaded = pair
    assert str(loaded.summary()) == str(fit.summary())
    assert str(loaded.varcorr()) == str(fit.varcorr())


def test_the_tables_are_the_same(pair):
    _, fit, loaded = pair
    for effects in ("fixed", "ran_pars", "ran_vals"):
        pd.testing.assert_frame_equal(loaded.tidy(effects, conf_int=True), fit.tidy(effects, conf_int=True))
    pd.testing.assert_frame_equal(loaded.glance(), fit.glance())
    pd.testing.assert_frame_equal(loaded.confint(), fit.confint())


def test_predictions_are_the_same(pair):
    case, fit, loaded = pair
    new = case.data.head(7)
    pd.testing.assert_series_equal(loaded.predict(new), fit.predict(new))
    pd.testing.assert_frame_equal(loaded.predict(new, re_form="~0", se=True), fit.predict(new, re_form="~0", se=True))


def test_standard_errors_of_conditional_predictions_are_the_same(pair):
    """The file keeps the joint precision of random effects and parameters, made apart from the core's own."""
    case, fit, loaded = pair
    new = case.data.head(7)
    expected = fit.predict(new, type="link", se=True)
    pd.testing.assert_frame_equal(loaded.predict(new, type="link", se=True), expected, rtol=2e-3)


def test_what_needs_the_data_says_so(pair):
    _, _, loaded = pair
    for need in (loaded.fitted, loaded.residuals, loaded.simulate, loaded.predict, lambda: loaded.refit([1.0])):
        with pytest.raises(ranef.DataError, match="needs the data, which a saved file does not hold"):
            need()
    with pytest.raises(ranef.DataError, match="needs the data"):
        loaded.update(". ~ .")


def test_a_loaded_fit_can_be_saved_again(pair, tmp_path):
    case, _, loaded = pair
    again = saved_and_loaded(loaded, tmp_path)
    pd.testing.assert_series_equal(again.predict(case.data.head(3)), loaded.predict(case.data.head(3)))


def test_the_file_is_small_and_holds_no_pickle(tmp_path):
    data = pd.DataFrame({"x": np.linspace(0, 1, 20_000), "g": np.arange(20_000) % 8})
    data["y"] = np.sin(data["x"] * 9) + data["g"]
    ranef.fit("y ~ x + (1 | g)", data).save(tmp_path / "fit.ranef")
    assert (tmp_path / "fit.ranef").stat().st_size < 20_000
    with zipfile.ZipFile(tmp_path / "fit.ranef") as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"json", "npy"}
        assert json.loads(archive.read("fit.json"))["version"] == 1


def test_stateful_transforms_and_contrasts_survive(tmp_path):
    frogs = ranef.demo_data()
    fit = ranef.fit(
        "count ~ poly(cover, 2) + bs(visit, df=4) + scale(cover):shore + C(visit > 4) + (1 | pond)",
        frogs, family="poisson", contrasts={"shore": "sum"},
    )  # fmt: skip
    loaded = saved_and_loaded(fit, tmp_path)
    new = frogs.iloc[[5, 77, 120]]
    np.testing.assert_allclose(loaded.predict(new), fit.predict(new), rtol=1e-12)
    np.testing.assert_allclose(saved_and_loaded(loaded, tmp_path).predict(new), fit.predict(new), rtol=1e-12)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ranef.DataError, match="is no fit saved by this package"):
        ranef.load(tmp_path / "text")
    with zipfile.ZipFile(tmp_path / "later", "w") as archive:
        archive.writestr("fit.json", json.dumps({"format": "ranef-fit", "version": 99}))
    with pytest.raises(ranef.DataError, match="format version 99"):
        ranef.load(tmp_path / "later")
    with pytest.raises(FileNotFoundError):
        ranef.load(tmp_path / "absent")


def test_a_file_with_the_memory_of_formulaic_predicts_as_the_fit_that_wrote_it(tmp_path):
    """Written with ``poly``, ``ns``, ``scale``, contrasts and an interaction without margins."""
    folder = Path(__file__).parent / "saved" / "formulaic"
    new = pd.read_csv(folder / "formulaic.csv")
    loaded = ranef.load(folder / "formulaic.ranef")
    np.testing.assert_allclose(loaded.predict(new), new["prediction"], rtol=1e-13)
    loaded.save(tmp_path / "again")
    np.testing.assert_array_equal(ranef.load(tmp_path / "again").predict(new.tail(3)), loaded.predict(new.tail(3)))
