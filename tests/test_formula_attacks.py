"""What strangers may write into a formula, a header or a file leaves no trace on the machine, the data or NumPy."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef.design.frame import open_table
from ranef.design.interpreter import interpret
from ranef.formula.expression import Expression

RNG = np.random.default_rng(3)
DATA = pd.DataFrame({"y": RNG.normal(size=30), "x": RNG.normal(size=30), "g": np.repeat(list("abcde"), 6),
                     "k": RNG.poisson(3, 30)})  # fmt: skip

# Ways to a shell, a file or another state, as calls that a formula could hold; MARK is a file that must not appear.
REACHES = [
    "np.save('MARK', x)", "np.savetxt('MARK', x)", "np.savez('MARK', x)", "np.savez_compressed('MARK', x)",
    "np.memmap('MARK', dtype='f8', mode='w+', shape=30)", "np.lib.format.open_memmap('MARK', mode='w+', shape=30)",
    "np.ndarray.tofile(x, 'MARK')", "np.ndarray.dump(x, 'MARK')", "x.tofile('MARK')", "x.to_csv('MARK')",
    "np.f2py.os.system('touch MARK')", "np.lib._npyio_impl.os.system('touch MARK')", "np.os.system('touch MARK')",
    "np.testing._private.utils.os.system('touch MARK')", "np.ctypeslib.os.mkdir('MARK')", "np.sys.modules",
    "np.core.os.system('touch MARK')", "np.distutils.os.system('touch MARK')", "np.compat.os.mkdir('MARK')",
    'np.__builtins__[\'exec\'](\'open("MARK", "w")\')', 'np.__builtins__.exec(\'open("MARK", "w")\')',
    "np.__loader__.load_module('os').system('touch MARK')", "np.__dict__['save']('MARK', x)", "np.__getattr__('os')",
    "np.fromfile('/etc/hostname')", "np.loadtxt('/etc/hostname')", "np.genfromtxt('/etc/hostname')", "np.load('a')",
    "np.DataSource().open('MARK', 'w')", "np.random.seed(1)", "np.seterr(all='raise')", "np.set_printoptions(3)",
    "np.copyto(x, 5.0)", "np.put(y, 0, 99.0)", "np.place(x, x > 0, 9.0)", "np.putmask(x, x > 0, 9.0)",
    "np.ndarray.sort(x)", "np.ndarray.fill(x, 0)", "np.ndarray.__setitem__(x, 0, 9.0)", "np.random.shuffle(x)",
    "np.add(x, 100.0, out=x)", "np.add(x, 100.0, x)", "np.exp(x, x)", "np.exp(x, out=x)", "np.exp(x, where=x > 0)",
    "exp(x, x)", "sqrt(x, out=x)", "pmin(x, y, out=x)", "round(x, 2, x)", "np.round(x, 2, x)", "np.clip(x, 0, 1, x)",
    "np.where(x > 0, x, x, x)", "np.add.at(x, 0, 5.0)", "np.add.reduce(x)", "np.add.outer(x, x)", "np.exp.__call__(x)",
    'np.vectorize(exec)(\'open("MARK", "w")\')', "np.frompyfunc(eval, 1, 1)('1')", "np.apply_along_axis(exec, 0, x)",
    "np.piecewise(x, [x > 0], [exec])", "np.fromiter(x, float)", "np.nditer(x)", "np.errstate(all='raise')",
    "np.ones(400000000)", "np.zeros(1000000000000)", "np.linspace(0, 1, 30)", "np.arange(30)", "np.sort(x)",
    "np.diff(x)", "np.cumsum(x)", "np.tile(x, 1000000000)", "np.repeat(x, 1000000000)", "np.outer(x, x)",
    "np.random.normal(size=30)", "__import__('os').system('touch MARK')", "open('MARK', 'w')", "eval('1')",
    "exec('import os')", "compile('1', 'a', 'b')", "getattr(x, 'tofile')('MARK')", "globals()", "vars(np)", "type(x)",
    "breakpoint()", "input()", "print(x, file=1)", "(lambda: 1)()", "[q for q in [1]]", "(x).__class__", "x.__class__",
    "''.__class__", "().__class__.__base__", "1 .real", "(1).__class__", "x[0]", "x[0:1]", "x[[1]]",
    "{open('MARK', 'w')}", "f'{x}'", "x if x else y", "*x", "**x", "x := 2", "(yield x)", "(await x)", "x @ y", "x; y",
    "x and y", "not x", "x is y", "x in y", "~x", "x // 2", "x << 2", "x & 1", "C(g, contr.sum.__init__.__globals__)",
    "contr.__class__", "contr.sum.apply", "C(g, contr.mro())", "C(x=g)(1)",
    "C(g, contr.sum(np.os.system('touch MARK')))", "poly(x, np.os.system('touch MARK') + 1)", "poly(x, 2, _state=x)",
    "scale(x, _state=1)", "bs(x, df=4, _spec=1)", "poly(x, *[2])", "poly(x, **{'degree': 2})", "hashed(g, levels=2)",
    "Q('x')", "lag(x)", "log(np)", "log(x)(x)", "log(log)(x)", "contr.custom(open)", "cut(x, open('MARK', 'w'))",
    "relevel(g, ref=exec)", "np", "contr", "np.add", "np.log", "os.system('touch MARK')",
    "\uff45\uff58\uff45\uff43('1')", "np.\uff53ave('MARK', x)", "_v0", "_v9", "_v0(x)", "__builtins__",
    "I(__builtins__)", "`np.e if open('MARK', 'w') else 0`", '`x + __import__("os").system("touch MARK")`',
    "`np.os.system('touch MARK')`", '`{open("MARK","w")}`',
]  # fmt: skip

WRITES = {"os.system", "subprocess.Popen", "os.posix_spawn", "os.exec", "os.mkdir", "os.remove", "socket.connect"}
_seen: list[str] = []


def _watch(event: str, arguments: Any) -> None:
    """Note every start of a process and every file opened for writing; Python keeps an audit hook for good."""
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in WRITES or writes:
        _seen.append(f"{event}{arguments}")


sys.addaudithook(_watch)


def legacy_state() -> np.ndarray:
    """NumPy's global random numbers, which a formula must not turn."""
    return np.array(np.random.get_state()[1])  # noqa: NPY002


@pytest.fixture
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in; afterwards nothing is in it, and data, random numbers and settings are as before."""
    monkeypatch.chdir(tmp_path)
    before = DATA.copy(deep=True)
    state, errors, printing = legacy_state(), np.geterr(), np.get_printoptions()
    _seen.clear()
    yield tmp_path / "mark"
    assert not _seen
    assert not os.listdir(tmp_path)
    pd.testing.assert_frame_equal(DATA, before)
    np.testing.assert_array_equal(legacy_state(), state)
    assert (np.geterr(), np.get_printoptions()) == (errors, printing)


def attempt(formula: str, data: pd.DataFrame = DATA, **more: Any) -> None:
    """A model without a word, or an error of this package."""
    with contextlib.suppress(ranef.RanefError):
        ranef.model(formula, data, **more)


@pytest.mark.parametrize("text", REACHES)
def test_nothing_in_a_formula_reaches_the_machine(text: str, untouched: Path) -> None:
    code = text.replace("MARK", str(untouched))
    for formula in (
        f"y ~ {code} + (1 | g)", f"y ~ I(x + {code})", f"y + {code} ~ x", f"y ~ x + offset(0 * x + {code})",
        f"y ~ x + ({code} | g)", f"y ~ x + (1 | {code})",
    ):  # fmt: skip
        attempt(formula)
    attempt("k ~ x", family="poisson", ziformula=f"~ {code}")
    attempt("y ~ x", dispformula=f"~ {code}")
    attempt("y ~ x", offset=code)


@pytest.mark.parametrize("text", REACHES)
def test_a_header_is_never_code(text: str, untouched: Path) -> None:
    name = text.replace("MARK", str(untouched)).replace("`", "")
    data = DATA[["y", "x"]].rename(columns={"x": name})
    assert name in ranef.model("y ~ .", data).names
    assert any(name in made for made in ranef.model(f"y ~ poly(`{name}`, 2)", data).names)


@pytest.mark.parametrize("text", REACHES)
def test_code_that_no_formula_wrote_is_not_run_either(text: str, untouched: Path) -> None:
    """A file, or a pickle, may hold any text as an expression's code."""
    for code in (text.replace("MARK", str(untouched)), f"_v0 + {text.replace('MARK', str(untouched))}"):
        expression = Expression("x", "x", code, ("x",), (), 0)
        try:
            interpret(expression, open_table(DATA).columns(["x"], "x"), {}, {})
        except (ValueError, TypeError, ranef.RanefError):
            continue


def test_the_watch_sees_a_file_and_a_process(tmp_path: Path) -> None:
    _seen.clear()
    (tmp_path / "seen").write_text("")
    os.system("true")
    assert len(_seen) == 2
    _seen.clear()


def test_a_trend_is_in_an_expression_of_the_same_language() -> None:
    fit = ranef.fit("y ~ x + (1 | g)", DATA)
    with pytest.raises(ranef.FormulaError, match="no function"):
        fit.emtrends("1", "np.lib._npyio_impl.os.system('true')")
