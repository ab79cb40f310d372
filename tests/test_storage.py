"""Files from strangers: whatever is in them, loading gives a fit or a DataError that says what is wrong."""

import io
import itertools
import json
import pathlib
import pickle
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from support.mutated_files import array_bytes, members_of, mutations, packed

import ranef
from ranef.design import general

SAVED = sorted(pathlib.Path(__file__).with_name("saved").glob("*.ranef"))
NEW = pd.DataFrame(
    {
        "x": [0.1, -1.0], "z": [1.2, 1.9], "a": ["0", "2"], "c2": ["1", "3"], "g": [3, 4], "h": [5, 0], "t": [2, 9],
        "tz": pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("UTC"),
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def frogs(tmp_path_factory):
    """A saved fit with factors, a stateful transform and an offset."""
    data = ranef.demo_data().assign(area=2.0)
    path = tmp_path_factory.mktemp("saved") / "frogs.ranef"
    ranef.fit("count ~ shore + poly(cover, 2) + offset(log(area)) + (1 | pond)", data, family="poisson").save(path)
    return path.read_bytes()


def written(tmp_path, content):
    (tmp_path / "fit.ranef").write_bytes(content)
    return tmp_path / "fit.ranef"


def use(fit, new):
    """What a user would do first; errors of ours are answers."""
    for ask in (
        lambda: fit.predict(new, allow_new_levels=True),
        lambda: fit.predict(new, interval="confidence", allow_new_levels=True),
        lambda: f"{fit.summary()} {fit.varcorr()} {fit.diagnose()}",
        lambda: fit.tidy(conf_int=True),
    ):
        try:
            ask()
        except ranef.RanefError:
            continue


def load_and_use(contents, tmp_path, new):
    """Whether each of the files was loaded; anything but a DataError comes through."""
    for _, content in contents:
        path = written(tmp_path, content)
        try:
            fit = ranef.load(path)
        except ranef.DataError:
            yield False
        else:
            use(fit, new)
            yield True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [pytest.param(100), pytest.param(1000, marks=pytest.mark.slow)])
def test_spoilt_files_are_refused(frogs, tmp_path, count):
    new = ranef.demo_data().head(3).assign(area=2.0)
    loaded = list(load_and_use(itertools.islice(mutations(frogs, seed=count), count), tmp_path, new))
    assert sum(loaded) < 0.2 * count


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", SAVED, ids=lambda p: p.stem)
def test_fits_that_earlier_versions_saved_are_loaded(path, tmp_path):
    fit = ranef.load(path)
    assert np.isfinite(fit.predict(NEW, allow_new_levels=True)).all()
    assert str(fit.formula) in str(fit.summary())
    fit.save(tmp_path / "again.ranef")
    again = ranef.load(tmp_path / "again.ranef")
    pd.testing.assert_series_equal(again.predict(NEW, allow_new_levels=True), fit.predict(NEW, allow_new_levels=True))
    list(load_and_use(itertools.islice(mutations(path.read_bytes(), seed=1), 10), tmp_path, NEW))


def test_text_of_a_file_is_never_code(frogs, tmp_path):
    """The code of an expression is not believed, and its text is read by the reader of formulas."""
    mark = tmp_path / "mark"
    members = members_of(frogs)
    attack = f"__import__('pathlib').Path('{mark}').touch()"
    text = members["fit.json"].decode()
    coded = text.replace("log(_v0)", f"log(_v0) + 0 * {attack}")
    fit = ranef.load(written(tmp_path, packed(members | {"fit.json": coded.encode()})))
    new = ranef.demo_data().head(3).assign(area=2.0)
    pd.testing.assert_series_equal(fit.predict(new), ranef.load(written(tmp_path, frogs)).predict(new))
    spelt = text.replace("log(area)", f"log(area) + 0 * {attack}")
    with pytest.raises(ranef.DataError, match="an expression"):
        ranef.load(written(tmp_path, packed(members | {"fit.json": spelt.encode()})))
    assert coded != text != spelt
    assert not mark.exists()


def test_recipes_of_formulaic_are_never_code(tmp_path):
    """Their text used to be evaluated as Python when a file was loaded."""
    mark = tmp_path / "mark"
    members = members_of(next(p for p in SAVED if p.stem == "splines").read_bytes())
    body = json.loads(members["fit.json"])
    for recipe in body["stored"]["fields"]["recipes"]["tuple"]:
        recipe["fields"]["text"] += f" + {{__import__('pathlib').Path('{mark}').touch()}}"
    fit = ranef.load(written(tmp_path, packed(members | {"fit.json": json.dumps(body).encode()})))
    assert np.isfinite(fit.predict(NEW)).all()
    assert not mark.exists()


def test_loading_evaluates_no_term(frogs, tmp_path, monkeypatch):
    def evaluated(*_):
        raise AssertionError

    monkeypatch.setattr(general, "interpret", evaluated)
    assert ranef.load(written(tmp_path, frogs)).nobs > 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("more.npy", bytes(2**25)),
        ("a0.npy", array_bytes(np.zeros(2**22))),
        ("fit.json", b" " * 2**25),
        ("a1.npy", array_bytes(np.zeros(0)) + bytes(2**25)),
    ],
    ids=["surplus", "array", "text", "tail"],
)  # fmt: skip
def test_a_bomb_is_refused_before_it_is_read(frogs, tmp_path, name, content):
    path = written(tmp_path, packed(members_of(frogs) | {name: content}))
    del content
    tracemalloc.start()
    with pytest.raises(ranef.DataError, match="is damaged"):
        ranef.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


def test_two_members_of_one_name_are_refused(frogs, tmp_path):
    path = written(tmp_path, frogs)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("fit.json", "{}")
    with pytest.raises(ranef.DataError, match="two of its members"):
        ranef.load(path)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (("design", "fields", "terms", "tuple", 0, "fields", "structure", "diag"), "two covariance structures"),
        (("stored", "fields", "parameters", "tuple", -1, "fields", "row", 3), "not those of its structure"),
        (("stored", "fields", "nobs", -1.0), "-1.0 observations"),
        (("specification", "fields", "family", "gaussian"), "are not those of gaussian"),
        (("specification", "fields", "family", "poison"), "there is no family 'poison'"),
        (("specification", "fields", "formula", "y ~ (x"), "never closed"),
        (("estimate", "fields", "modes", "tuple", []), "estimate.modes has 0 entries, not 1"),
    ],
    ids=lambda p: p if isinstance(p, str) else p[-2],
)  # fmt: skip
def test_parts_of_another_model_are_named(frogs, tmp_path, part, message):
    members = members_of(frogs)
    body = json.loads(members["fit.json"])
    owner = body
    for key in part[:-2]:
        owner = owner[key]
    owner[part[-2]] = part[-1]
    if part[-1] == []:  # their arrays would be surplus members
        members = {n: c for n, c in members.items() if f'"{n.removesuffix(".npy")}"' in json.dumps(body)}
    with pytest.raises(ranef.DataError, match=message):
        ranef.load(written(tmp_path, packed(members | {"fit.json": json.dumps(body).encode()})))


@pytest.mark.parametrize(
    "text", ["ns(x, 3) + `a b`", "bs(`a b`, 4) + C(f, contr.sum):x", "`log` + poly(`a b`, 2)", "f*`a b`"]
)
def test_what_was_saved_can_be_loaded_whatever_the_names(tmp_path, text):
    rng = np.random.default_rng(4)
    data = pd.DataFrame(rng.normal(size=(60, 4)), columns=["y", "x", "a b", "log"]).assign(
        f=np.tile(list("abc"), 20), g=np.repeat(range(12), 5)
    )
    fit = ranef.fit(f"y ~ {text} + (1 | g)", data, contrasts={"f": "sum"} if text.startswith("f*") else None)
    fit.save(tmp_path / "fit.ranef")
    again = ranef.load(tmp_path / "fit.ranef")
    np.testing.assert_allclose(again.predict(data), fit.predict(data), rtol=1e-12)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(again)).predict(data), fit.predict(data), rtol=1e-12)


def test_constructors_of_families_can_be_pickled():
    for name in (*ranef.families.names(), "negative_binomial"):
        constructor = getattr(ranef.families, name)
        assert pickle.loads(pickle.dumps(constructor)) is constructor


def test_an_archive_that_is_none_is_refused(tmp_path):
    for content in (b"", b"x" * 1000, pickle.dumps([1, 2]), io.BytesIO().getvalue()):
        with pytest.raises(ranef.DataError, match="it is no archive"):
            ranef.load(written(tmp_path, content))
