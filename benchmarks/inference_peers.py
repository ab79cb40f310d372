"""Inference beside its peers: the same designs, the same answers, the seconds of each."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from measure import Figure, timing

import ranef
from ranef.inference.small_sample import small_sample

WORKER = Path(__file__).parent / "workers" / "kenward_roger.R"
# How many times faster Kenward and Roger's tests are than pbkrtest's, on 5,000 rows.
TIMES_FASTER = 20.0


@dataclass(frozen=True, slots=True)
class Design:
    """A linear mixed model of 5,000 rows, and the term that is tested."""

    name: str
    formula: str
    term: str
    data: pd.DataFrame


def designs() -> list[Design]:
    """A split plot and random slopes."""
    rng = np.random.default_rng(20)
    plots = pd.DataFrame([(b, v, n) for b in range(334) for v in "abc" for n in "01234"], columns=["block", "v", "n"])
    plots = plots.iloc[rng.permutation(len(plots))[:5000]].reset_index(drop=True)
    plots["plot"] = plots["block"].astype("str") + plots["v"]
    plots["y"] = _effects(rng, plots["block"], 2.0) + _effects(rng, plots["plot"], 1.0) + rng.normal(size=5000)
    slopes = pd.DataFrame({"g": np.repeat(np.arange(250), 20), "x": rng.normal(size=5000)})
    slopes["y"] = _effects(rng, slopes["g"], 1.0) + (0.3 + _effects(rng, slopes["g"], 0.5)) * slopes["x"]
    slopes["y"] += rng.normal(size=5000)
    return [
        Design("split plot", "y ~ v * n + (1 | block) + (1 | plot)", "v:n", plots),
        Design("random slopes", "y ~ x + (x | g)", "x", slopes),
    ]


def _effects(rng: np.random.Generator, group: pd.Series, sd: float) -> np.ndarray:
    codes, levels = pd.factorize(group)
    return rng.normal(0.0, sd, len(levels))[codes]


def kenward_roger() -> list[Figure]:
    """Kenward and Roger's covariance and one F test, from a fit: how many times as long the peer takes.

    Raises
    ------
    AssertionError
        If the answers differ.
    """
    peer = "pbkrtest" if _has_pbkrtest() else "dense formulas"
    return [_against(peer, design) for design in designs()]


def _against(peer: str, design: Design) -> Figure:
    columns = {name: "str" for name in design.data if design.data[name].dtype != np.float64}
    fit = ranef.fit(design.formula, design.data.astype(columns), reml=True)
    ours = timing(lambda: _afresh(fit, design.term), repeats=10).median
    made = fit.test(design.term, ddf="kenward-roger")
    theirs = _pbkrtest(design, list(columns)) if peer == "pbkrtest" else _dense(fit)
    np.testing.assert_allclose(small_sample(fit, "kenward-roger").vcov.trace(), theirs["trace"], rtol=1e-3)
    if "df_den" in theirs:
        answer = [theirs["statistic"], theirs["df_den"]]
        np.testing.assert_allclose([made.statistic, made.df_den], answer, rtol=2e-3)
    return {
        "name": f"{design.name}, {len(design.data):,} rows",
        "seconds": ours,
        "peer": peer,
        "peer_seconds": theirs["seconds"],
        "asked": TIMES_FASTER,
    }


def _afresh(fit: ranef.Fit, term: str) -> None:
    fit.small_samples.clear()
    fit.test(term, ddf="kenward-roger")


def _has_pbkrtest() -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = subprocess.run(["Rscript", "-e", "library(pbkrtest)"], capture_output=True, check=False)
    return asked.returncode == 0


def _pbkrtest(design: Design, factors: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "data.csv"
        design.data.to_csv(table, index=False)
        job = {"data": str(table), "formula": design.formula, "term": design.term, "factors": factors}
        done = subprocess.run(["Rscript", str(WORKER), json.dumps(job)], capture_output=True, text=True, check=True)
    return {key: float(value) for key, value in json.loads(done.stdout.splitlines()[-1]).items()}


def _dense(fit: ranef.Fit) -> dict[str, float]:
    """The formulas as they are printed, with n x n matrices: the covariance, without an F test."""
    from ranef.inference.gaussian_system import term_columns

    design = fit.design
    z, x = term_columns(design.terms, design.n_rows).toarray(), design.predictors[0].fixed.matrix
    pieces: list[np.ndarray] = []
    total = fit.sigma**2 * np.eye(design.n_rows)
    start = 0
    for term, block in zip(design.terms, fit.covariance_blocks, strict=True):
        q = len(term.term_names)
        own = z[:, start : start + q * len(term.labels)]
        start += q * len(term.labels)
        for i in range(q):
            for j in range(i + 1):
                outer = own[:, i::q] @ own[:, j::q].T
                pieces.append(outer if i == j else outer + outer.T)
                total += block.covariance[i, j] * pieces[-1]
    began = time.process_time()
    inverse = np.linalg.inv(total)
    pieces.append(np.eye(design.n_rows))
    c = np.linalg.inv(x.T @ inverse @ x)
    turned = [inverse @ piece for piece in pieces]
    p = [-x.T @ t @ inverse @ x for t in turned]
    q_ = [[x.T @ a @ b @ inverse @ x for b in turned] for a in turned]
    k = np.array([[np.sum(a * b.T) for b in turned] for a in turned])
    information = np.array(
        [
            [0.5 * (k[i, j] - 2 * np.trace(c @ q_[i][j]) + np.trace(c @ p[i] @ c @ p[j])) for j in range(len(p))]
            for i in range(len(p))
        ]
    )
    w = np.linalg.inv(information)
    middle = sum(w[i, j] * (q_[i][j] - p[i] @ c @ p[j]) for i in range(len(p)) for j in range(len(p)))
    adjusted = c + 2 * c @ middle @ c
    return {"seconds": time.process_time() - began, "trace": float(np.trace(adjusted))}
