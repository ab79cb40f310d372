"""The command line: ``ranef fit FORMULA FILE``, ``ranef demo``."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import pandas as pd

from ranef._core import __version__
from ranef.control import Control
from ranef.demo_data import demo_data
from ranef.demo_display import draw_png, text_display
from ranef.errors import DataError, RanefError, RanefWarning
from ranef.fitting import fit as fit_model
from ranef.result import Fit

# Exit codes: bad input; a fit that did not converge.
BAD_INPUT = 2
NOT_CONVERGED = 1

DEMO_FORMULA = "count ~ shore + cover + (1 | pond)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 where the fit did not converge, 2 for bad input."""
    parsed = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", RanefWarning)
            warnings.showwarning = _show_warning
            return _demo(parsed) if parsed.command == "demo" else _fit(parsed)
    except (RanefError, OSError, ValueError) as error:
        _say(f"ranef: {error}", sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        _say("ranef: interrupted", sys.stderr)
        return 130


def _say(text: str, stream: TextIO | None = None) -> None:
    (stream or sys.stdout).write(text + "\n")


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    _say(f"ranef: warning: {message}", sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ranef", description="Mixed models from a formula.")
    parser.add_argument("--version", action="version", version=f"ranef {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit", help="fit a model to a CSV or Parquet file")
    fit.add_argument("formula", help="as in lme4 or glmmTMB: 'y ~ x + (x | g)'")
    fit.add_argument("file", type=Path, help="data: .csv, .tsv, .csv.gz or .parquet")
    fit.add_argument("--family", default="gaussian", help="such as nbinom2 or 'binomial(probit)' (default: gaussian)")
    fit.add_argument("--ziformula", help="zero inflation, such as '~ 1'")
    fit.add_argument("--dispformula", help="dispersion, such as '~ x'")
    fit.add_argument("--weights", help="column of weights")
    fit.add_argument("--offset", help="column, or an expression such as 'log(area)'")
    fit.add_argument(
        "--factor", action="append", default=[], metavar="COLUMN", help="read a column of numbers as factor"
    )
    fit.add_argument("--reml", action="store_true", help="restricted maximum likelihood")
    fit.add_argument("--verbose", action="store_true", help="one line an iteration")
    fit.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="write the tidy tables: all into PATH.json, the estimates into PATH.csv, or a file each into a folder",
    )
    fit.add_argument(
        "--format", choices=("csv", "json"), default="csv", help="of the files in the folder (default: csv)"
    )
    fit.add_argument(
        "--report", type=Path, metavar="FILE", help="also write the fit as one HTML page (pictures need matplotlib)"
    )
    demo = commands.add_parser("demo", help="fit the data set that ships with the package, and show the fit")
    demo.add_argument("--png", type=Path, metavar="FILE", help="also draw the fit into this file (needs matplotlib)")
    return parser


def _fit(parsed: argparse.Namespace) -> int:
    data = read_table(parsed.file)
    for column in parsed.factor:
        if column not in data.columns:
            raise DataError(
                f"--factor {column}: the file has no such column; it has: {', '.join(map(str, data.columns))}"
            )
        data[column] = data[column].astype("category")
    result = fit_model(
        parsed.formula,
        data,
        family=parsed.family,
        ziformula=parsed.ziformula,
        dispformula=parsed.dispformula,
        weights=parsed.weights,
        offset=parsed.offset,
        reml=parsed.reml,
        control=Control(verbose=int(parsed.verbose)),
    )
    _say(str(result.summary()))
    if parsed.out is not None:
        for path in write_tables(result, parsed.out, parsed.format):
            _say(f"wrote {path}", sys.stderr)
    if parsed.report is not None:
        _say(f"wrote {result.report(parsed.report)}", sys.stderr)
    return 0 if result.converged else NOT_CONVERGED


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet file.

    Raises
    ------
    DataError
        If there is no such file, it is of another kind, or it is no table.
    """
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}")
    suffixes = [s.lower() for s in path.suffixes]
    try:
        if suffixes[-1:] == [".parquet"]:
            return pd.read_parquet(path)
        if suffixes[-1:] == [".tsv"] or suffixes[-2:] == [".tsv", ".gz"]:
            return pd.read_csv(path, sep="\t")
        if suffixes[-1:] == [".csv"] or suffixes[-2:] == [".csv", ".gz"]:
            return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{str(path)!r} cannot be read as a table: {error}") from error
    except ImportError as error:
        raise DataError(f"reading {str(path)!r} needs pyarrow: pip install pyarrow") from error
    raise DataError(f"{str(path)!r}: give a .csv, .tsv (or .gz of these) or .parquet file")


def write_tables(result: Fit, path: Path, kind: str) -> list[Path]:
    """Write the tidy tables and `glance`; returns the files.

    A `path` that ends in ``.json`` gets all of them, one that ends in ``.csv`` the estimates (``fixed`` and
    ``ran_pars``, told apart by a column ``effect``); any other is a folder that gets a file of `kind` for each.
    """
    tables = {
        "fixed": result.tidy(conf_int=True),
        "ran_pars": result.tidy("ran_pars", conf_int=True),
        "ran_vals": result.tidy("ran_vals", conf_int=True),
        "glance": result.glance(),
    }
    suffix = path.suffix.lower()
    if suffix in (".csv", ".json") and not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".json":
            texts = {name: json.loads(_json(table)) for name, table in tables.items()}
            path.write_text(json.dumps(texts, indent=1) + "\n", encoding="utf-8")
        else:
            estimates = [tables[name].assign(effect=name) for name in ("fixed", "ran_pars") if len(tables[name])]
            table = pd.concat(estimates, ignore_index=True)
            table.insert(0, "effect", table.pop("effect"))
            table.to_csv(path, index=False)
        return [path]
    return _write_folder(tables, path, kind)


def _json(table: pd.DataFrame) -> str:
    return str(table.to_json(orient="records", indent=1, double_precision=15))


def _write_folder(tables: dict[str, pd.DataFrame], folder: Path, kind: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables.items():
        path = folder / f"{name}.{kind}"
        if kind == "csv":
            table.to_csv(path, index=False)
        else:
            path.write_text(_json(table), encoding="utf-8")
        written.append(path)
    return written


def _demo(parsed: argparse.Namespace) -> int:
    data = demo_data()
    result = fit_model(DEMO_FORMULA, data, family="nbinom2")
    _say("Counts of frogs in 30 ponds, half of them with a mown shore (simulated; ships with the package):")
    _say(f"  ranef.fit({DEMO_FORMULA!r}, ranef.demo_data(), family='nbinom2')\n")
    _say(str(result.summary()))
    _say("")
    _say(text_display(result, data))
    if parsed.png is not None:
        draw_png(result, data, parsed.png)
        _say(f"wrote {parsed.png}", sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
