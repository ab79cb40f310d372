"""The command line."""

import json

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef.cli import main


@pytest.fixture
def frogs_file(tmp_path):
    path = tmp_path / "frogs.csv"
    ranef.demo_data().to_csv(path, index=False)
    return path


FORMULA = "count ~ shore + cover + (1 | pond)"


def test_fit_prints_the_summary(frogs_file, capsys):
    assert main(["fit", FORMULA, str(frogs_file), "--family", "nbinom2"]) == 0
    printed = capsys.readouterr().out
    fit = ranef.fit(FORMULA, pd.read_csv(frogs_file), family="nbinom2")
    assert printed == str(fit.summary()) + "\n"


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_out_writes_the_tidy_tables(kind, frogs_file, tmp_path, capsys):
    out = tmp_path / "tables"
    assert main(["fit", FORMULA, str(frogs_file), "--family", "poisson", "--out", str(out), "--format", kind]) == 0
    capsys.readouterr()
    assert {p.name for p in out.iterdir()} == {f"{n}.{kind}" for n in ("fixed", "ran_pars", "ran_vals", "glance")}
    fit = ranef.fit(FORMULA, pd.read_csv(frogs_file), family="poisson")
    path = out / f"fixed.{kind}"
    table = pd.read_csv(path) if kind == "csv" else pd.DataFrame(json.loads(path.read_text()))
    assert table["estimate"].tolist() == pytest.approx(fit.fixef().tolist(), rel=1e-12)
    assert "conf_low" in table.columns


def test_parquet_is_read(tmp_path, capsys):
    pytest.importorskip("pyarrow")
    path = tmp_path / "frogs.parquet"
    ranef.demo_data().to_parquet(path)
    assert main(["fit", FORMULA, str(path), "--family", "poisson"]) == 0
    assert "Number of obs: 240, groups:  pond, 30" in capsys.readouterr().out


def test_options_reach_the_fit(frogs_file, capsys):
    arguments = ["--family", "nbinom2(log)", "--ziformula", "~ 1", "--dispformula", "~ shore", "--factor", "visit"]
    assert main(["fit", "count ~ visit + (1 | pond)", str(frogs_file), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "Zero-inflation model:" in printed
    assert "Dispersion model:" in printed
    assert "visit[T.8]" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["count ~ coverr", "{file}"], "did you mean 'cover'"),
        (["count ~ cover +* shore", "{file}"], "^"),
        (["count ~ cover", "absent.csv"], "there is no file 'absent.csv'"),
        (["count ~ cover", "{file}", "--family", "poison"], "did you mean 'poisson'"),
        (["count ~ cover", "{file}", "--factor", "nothing"], "no such column"),
    ],
    ids=["column", "formula", "file", "family", "factor"],
)
def test_bad_input_ends_with_one_message_and_code_2(arguments, message, frogs_file, capsys):
    assert main(["fit", *(a.format(file=frogs_file) for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ranef: ")
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_files_of_other_kinds_are_refused(tmp_path, capsys):
    path = tmp_path / "data.xlsx"
    path.write_bytes(b"PK")
    assert main(["fit", "y ~ x", str(path)]) == 2
    assert "give a .csv" in capsys.readouterr().err


def test_demo_prints_the_summary_and_shows_the_fit(capsys):
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    assert "shore[T.mown]" in printed
    assert "Mean count by pond: o observed, * fitted" in printed
    assert sum(line.startswith("P") for line in printed.splitlines()) == 30


def test_demo_draws_a_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["demo", "--png", str(tmp_path / "demo.png")]) == 0
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_the_shipped_data_are_those_of_their_script():
    """python/ranef/data/make_demo.py makes frogs.csv, number for number."""
    import importlib.util
    from importlib import resources

    script = resources.files("ranef").joinpath("data/make_demo.py")
    spec = importlib.util.spec_from_file_location("make_demo", str(script))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shipped = ranef.demo_data()
    made = module.simulate()
    pd.testing.assert_frame_equal(shipped.astype({"shore": str}), made, check_dtype=False)


def test_out_with_a_suffix_is_one_file(frogs_file, tmp_path, capsys):
    for name in ("all.json", "estimates.csv"):
        assert main(["fit", FORMULA, str(frogs_file), "--family", "poisson", "--out", str(tmp_path / name)]) == 0
    capsys.readouterr()
    tables = json.loads((tmp_path / "all.json").read_text())
    estimates = pd.read_csv(tmp_path / "estimates.csv")
    assert list(tables) == ["fixed", "ran_pars", "ran_vals", "glance"]
    assert set(estimates["effect"]) == {"fixed", "ran_pars"}
    fixed = estimates[estimates["effect"] == "fixed"]
    assert list(fixed["term"]) == [row["term"] for row in tables["fixed"]]
    np.testing.assert_allclose(fixed["estimate"], [row["estimate"] for row in tables["fixed"]], rtol=1e-12)
