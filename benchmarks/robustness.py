"""Hundreds of simulated fits of each model kind: crashes, false warnings, missed optima, false zeros.

    python benchmarks/robustness.py [--sets 200] [--kinds WORD ...] [--no-peer] [--json FILE]

Every data set is fitted once as a user would and from 8 dispersed starts (standard deviations 0.01 to 10 times the
usual start); glmmTMB fits the same data where it is installed. Prints a table in Markdown; the exit status is 1 if a
column that must be zero is not.

Only optima count as better: starts that converged, fits of glmmTMB without a complaint, and fits of special cases of
the model, which it must not be worse than. A search that ends at a pole of the Laplace approximation has found none:
there the Hessian of the random effects becomes singular and -1/2 log|H| runs to infinity, while the integral that it
stands for does not. A fit that reports a pole warns; the warning is true if brute-force integration confirms it
(robustness_poles.py).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from engines import ONE_THREAD, is_installed
from robustness_kinds import KINDS, Kind
from robustness_planted import PLANTED
from robustness_poles import is_true_pole

import ranef

STARTS = 8
BETTER = 1e-3
# A zero is false if a small standard deviation raises the log-likelihood by more than its rounding.
ROUNDING = 1e-7
SMALL_SDS = (0.01, 0.03, 0.1)
HERE = Path(__file__).resolve().parent


@dataclass(slots=True)
class Outcome:
    """What became of one data set."""

    kind: str
    number: int
    loglik: float = float("nan")
    best_start: float = float("nan")
    special_case: float = float("nan")
    crash: str = ""
    not_finite: bool = False
    warned: str = ""
    separated: bool = False
    pole: bool = False
    true_pole: bool = False
    zeros: int = 0
    false_zeros: int = 0
    peer_loglik: float | None = None
    peer_trouble: str = ""

    @property
    def best(self) -> float:
        """The highest log-likelihood of an optimum that anyone found."""
        peer = -np.inf if self.peer_loglik is None or self.peer_trouble else self.peer_loglik
        return float(np.nanmax([self.loglik, self.best_start, self.special_case, peer]))

    @property
    def short(self) -> float:
        """What the user's fit misses."""
        return self.best - self.loglik

    @property
    def false_warning(self) -> bool:
        """A warning although nobody found better, no coefficient runs to infinity and no pole is confirmed."""
        return bool(self.warned) and self.short <= BETTER and not self.separated and not self.true_pole


def arguments(kind: Kind, data: pd.DataFrame) -> dict[str, Any]:
    """The call of a kind."""
    return {
        "formula": kind.formula,
        "data": data,
        "family": kind.family,
        "ziformula": kind.ziformula,
        "dispformula": kind.dispformula,
    }


def assess(kind: Kind, number: int) -> Outcome:
    """Fit one data set and judge it."""
    outcome = Outcome(kind.name, number)
    call = arguments(kind, kind.data(number))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit = ranef.fit(**call)
            judge(fit, outcome)
            outcome.warned = "; ".join(str(warning.message) for warning in caught)
            outcome.best_start = best_of_starts(call, number)
            outcome.special_case = best_special_case(kind, call["data"])
            outcome.true_pole = outcome.pole and is_true_pole(fit, call)
    except Exception as error:
        # A crash of any kind is a result of this benchmark: it is counted and printed, and the run goes on.
        outcome.crash = f"{type(error).__name__}: {error}"
    return outcome


def judge(fit: ranef.Fit, outcome: Outcome) -> None:
    """Finite numbers, separation, poles, and the one-sided test of every zero."""
    outcome.loglik = fit.loglik
    named = {kind: names_in(fit, kind) for kind in ("separation", "pole")}
    outcome.separated, outcome.pole = bool(named["separation"]), bool(named["pole"])
    outcome.not_finite = not all_finite(fit.tidy(), named["separation"])
    estimates = fit.parameters()["estimate"]
    zeros = [name for name in estimates.index if "sd(" in name and estimates[name] == 0.0]
    at_zero = [name for name in zeros if name not in named["pole"]]
    outcome.zeros = len(at_zero)
    scale = fit.sigma if fit.family.name == "gaussian" else 1.0
    for name in at_zero:
        gains = [fit.model.loglik(raised(estimates, name, s * scale)) - fit.loglik for s in SMALL_SDS]
        outcome.false_zeros += max(gains) > ROUNDING


def names_in(fit: ranef.Fit, kind: str) -> set[str]:
    """The parameters that findings of one kind name."""
    return {name for finding in fit.diagnose().findings if finding.kind == kind for name in finding.parameters}


def all_finite(fixed: pd.DataFrame, infinite: set[str]) -> bool:
    """Whether the table holds finite numbers; a coefficient said to run to infinity has an infinite standard error."""
    prefix = fixed["component"].map(lambda component: "" if component == "cond" else f"{component}:")
    endless = (prefix + fixed["term"]).isin(infinite) & np.isposinf(fixed["std_error"])
    return bool(np.isfinite(fixed["estimate"]).all() and (np.isfinite(fixed["std_error"]) | endless).all())


def raised(estimates: pd.Series, name: str, value: float) -> pd.Series:
    """The estimates with one standard deviation away from zero; correlations that do not exist are zero."""
    moved = estimates.fillna(0.0).copy()
    moved[name] = value
    return moved


def best_of_starts(call: dict[str, Any], number: int) -> float:
    """The best log-likelihood of dispersed starts that converged."""
    rng = np.random.default_rng([number, STARTS])
    start = ranef.model(**call).parameters["start"]
    sds = [name for name in start.index if "sd(" in name]
    best = -np.inf
    for _ in range(STARTS):
        scattered = {name: float(start[name] * 10.0 ** rng.uniform(-2, 1)) for name in sds}
        fit = ranef.fit(**call, start=scattered)
        best = max(best, fit.loglik if fit.converged else -np.inf)
    return best


def best_special_case(kind: Kind, data: pd.DataFrame) -> float:
    """The best log-likelihood of models that the kind's contains."""
    best = -np.inf
    for case in kind.special_cases:
        fit = ranef.fit(kind.formula, data, family=kind.family, **case)
        best = max(best, fit.loglik if fit.converged else -np.inf)
    return best


def run_peer(kind: Kind, outcomes: list[Outcome]) -> None:
    """glmmTMB on the same data sets, in one R process."""
    with tempfile.TemporaryDirectory() as folder:
        for outcome in outcomes:
            kind.data(outcome.number).to_csv(Path(folder) / f"{outcome.number}.csv", index=False, float_format="%.17g")
        job = {
            "folder": folder,
            "numbers": [outcome.number for outcome in outcomes],
            "formula": kind.formula,
            "family": kind.family.split("(")[0],
            "link": "log" if kind.family.endswith("(log)") else None,
            "ziformula": kind.ziformula,
            "dispformula": kind.dispformula,
        }
        command = ["Rscript", str(HERE / "workers" / "robustness.R"), json.dumps(job)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
    answers = json.loads(next(line[2:] for line in done.stdout.splitlines() if line.startswith("@@")))
    for outcome, answer in zip(outcomes, answers, strict=True):
        outcome.peer_loglik = answer.get("loglik")
        outcome.peer_trouble = answer.get("trouble") or ""


HEAD = (
    "| model | data sets | crashes | not finite | warned | of a true pole | false warnings | missed by > 1e-3 (worst) "
    "| zero sds | false zeros | glmmTMB: warned or failed | glmmTMB: missed by > 1e-3 |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def row(kind: Kind, outcomes: list[Outcome]) -> str:
    """One kind's line of the table."""
    missed = [o.short for o in outcomes if o.short > BETTER]
    worst = f" ({max(missed):.2g})" if missed else ""
    peers = [o for o in outcomes if o.peer_loglik is not None or o.peer_trouble]
    peer_missed = sum(o.peer_loglik is not None and o.best - o.peer_loglik > BETTER for o in peers)
    peer = f"{sum(bool(o.peer_trouble) for o in peers)} | {peer_missed}" if peers else "- | -"
    cells = (
        kind.name,
        len(outcomes),
        sum(bool(o.crash) for o in outcomes),
        sum(o.not_finite for o in outcomes),
        sum(bool(o.warned) for o in outcomes),
        sum(o.true_pole for o in outcomes),
        sum(o.false_warning for o in outcomes),
        f"{len(missed)}{worst}",
        sum(o.zeros for o in outcomes),
        sum(o.false_zeros for o in outcomes),
        peer,
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def is_bad(outcome: Outcome) -> bool:
    """Whether anything happened that must not."""
    crashed = bool(outcome.crash) or outcome.not_finite
    return crashed or outcome.false_warning or outcome.short > BETTER or outcome.false_zeros > 0


def main() -> int:
    """Run all kinds, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--kinds", nargs="*", default=[""], help="only kinds whose name contains one of these")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    peer = not options.no_peer and is_installed("glmmTMB")
    everything: list[Outcome] = []
    sys.stdout.write(HEAD + "\n")
    for kind in KINDS:
        if not any(word in kind.name for word in options.kinds):
            continue
        outcomes = [assess(kind, number) for number in range(options.sets)]
        if peer:
            run_peer(kind, outcomes)
        everything += outcomes
        sys.stdout.write(row(kind, outcomes) + "\n")
        sys.stdout.flush()
        if options.json is not None:
            options.json.write_text(json.dumps([asdict(outcome) for outcome in everything], indent=1))
    silent = [(planted.name, planted.missing()) for planted in PLANTED]
    sys.stdout.write("\n| planted failure | reported |\n|---|---|\n")
    sys.stdout.writelines(f"| {name} | {f'NOT NAMED: {words}' if words else 'yes'} |\n" for name, words in silent)
    return 1 if any(map(is_bad, everything)) or any(words for _, words in silent) else 0


if __name__ == "__main__":
    sys.exit(main())
