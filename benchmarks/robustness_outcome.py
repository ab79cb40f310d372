"""What became of one problem: the fit as a user would call it, judged against its rivals."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from kinds.kind import Call, Kind, Problem
from robustness_after import raw_exceptions
from robustness_poles import is_true_pole
from robustness_rivals import best_of_starts, best_special_case, twin_value, unit

import ranef
from ranef.diagnose import Diagnosis

BETTER, FAR_BETTER = 1e-3, 0.5
# A special case of the model, a value at the estimates and a zero are held to the rounding of an optimum.
ROUNDING = 1e-6
SMALL_SDS = (0.01, 0.03, 0.1)


@dataclass(slots=True)
class Outcome:
    """What became of one problem; log-likelihoods are -infinity where nobody found an optimum."""

    kind: str
    number: int
    loglik: float = float("nan")
    converged: bool = False
    best_start: float = -np.inf
    start: str = ""
    special_case: float = -np.inf
    case: str = ""
    twin: float = -np.inf
    crash: str = ""
    refused: str = ""
    not_finite: bool = False
    warned: str = ""
    excused: bool = False
    verdicts: str = ""
    drift: float = 0.0
    pole: bool = False
    true_pole: bool = False
    zeros: int = 0
    false_zeros: int = 0
    seconds: float = 0.0
    peer_loglik: float | None = None
    peer_trouble: str = ""

    @property
    def peer(self) -> float:
        """What glmmTMB found, if it did not complain."""
        return -np.inf if self.peer_loglik is None or self.peer_trouble else self.peer_loglik

    @property
    def best(self) -> float:
        """The highest log-likelihood of an optimum that anyone found."""
        return float(np.nanmax([self.loglik, self.best_start, self.special_case, self.twin, self.peer]))

    @property
    def short(self) -> float:
        """What the user's fit misses."""
        return 0.0 if self.refused or self.crash else self.best - self.loglik

    @property
    def below_special_case(self) -> bool:
        """Whether a model that this one contains is better."""
        return self.special_case - self.loglik > ROUNDING * max(1.0, abs(self.loglik) * 1e-3)

    @property
    def false_warning(self) -> bool:
        """A warning although nobody found better, nothing that excuses it is found and no pole is confirmed."""
        return bool(self.warned) and self.short <= BETTER and not self.excused and not self.true_pole

    @property
    def faults(self) -> dict[str, bool]:
        """What must not happen, by the name of its column."""
        return {
            "crash": bool(self.crash),
            "not finite": self.not_finite,
            "false warning": self.false_warning,
            "missed": self.short > BETTER,
            "false zero": self.false_zeros > 0,
            "below a special case": self.below_special_case,
            "verdicts differ": bool(self.verdicts),
            "not its own value": self.drift > ROUNDING * max(1.0, abs(self.loglik) * 1e-3),
        }


def assess(kind: Kind, number: int) -> Outcome:
    """Fit one problem and judge it."""
    outcome = Outcome(kind.name, number)
    problem = kind.problem(number)
    began = time.process_time()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit = ranef.fit(**problem.call)
            told = [warning for warning in caught if warning.category is not ranef.DesignWarning or not kind.may_refuse]
            outcome.seconds = time.process_time() - began
            outcome.warned = "; ".join(str(warning.message) for warning in told)
            judge(fit, outcome, kind)
            compare(fit, outcome, kind, problem)
    except Exception as error:
        # A crash of any kind is a result of this benchmark: it is counted and printed, and the run goes on.
        said = f"{type(error).__name__}: {error}"
        if kind.may_refuse and isinstance(error, ranef.RanefError) and np.isnan(outcome.loglik):
            outcome.refused = said
        else:
            outcome.crash = said
    return outcome


def judge(fit: ranef.Fit, outcome: Outcome, kind: Kind) -> None:
    """Finite numbers, one verdict, the value at the estimates, and the one-sided test of every zero."""
    outcome.loglik, outcome.converged = fit.loglik, fit.converged
    diagnosis = fit.diagnose()
    named = {word: names_in(diagnosis, word) for word in ("separation", "pole")}
    outcome.pole = bool(named["pole"])
    outcome.excused = bool(named["separation"]) or (kind.may_refuse and names_a_reason(diagnosis))
    verdicts = {"converged": fit.converged, "silent": not outcome.warned, "sound": diagnosis.ok}
    outcome.verdicts = "" if len(set(verdicts.values())) == 1 else str(verdicts)
    outcome.not_finite = not np.isfinite(fit.loglik) or not all_finite(fit.tidy(), named["separation"])
    if kind.may_refuse:
        outcome.not_finite = fit.converged and diagnosis.ok and outcome.not_finite
        outcome.crash = raw_exceptions(fit)
    count_false_zeros(fit, outcome, named["pole"])


def count_false_zeros(fit: ranef.Fit, outcome: Outcome, at_pole: set[str]) -> None:
    """Deviations estimated as zero of which a small value raises the log-likelihood; the value at the estimates."""
    estimates = fit.parameters()["estimate"].reindex(list(fit.model.names)).fillna(0.0)
    zeros = [name for name in estimates.index if "sd(" in name and estimates[name] == 0.0 and name not in at_pole]
    outcome.zeros = len(zeros)
    if fit.converged:
        outcome.drift = abs(fit.model.loglik(estimates) - fit.loglik)
    for name in zeros:
        gains = [fit.model.loglik(raised(estimates, name, s * unit(fit))) - fit.loglik for s in SMALL_SDS]
        outcome.false_zeros += max(gains) > ROUNDING


def compare(fit: ranef.Fit, outcome: Outcome, kind: Kind, problem: Problem) -> None:
    """Everything that could be better than this fit, unless it does not claim an optimum of a thorough kind."""
    call: Call = problem.call
    if kind.thorough and not fit.converged:
        return
    outcome.best_start, outcome.start = best_of_starts(kind, call, fit, outcome.number)
    outcome.special_case, outcome.case = best_special_case(kind, call, fit)
    outcome.twin = twin_value(problem.twin)
    outcome.true_pole = outcome.pole and kind.name == "zero-inflated nbinom2" and is_true_pole(fit, call)


def names_in(diagnosis: Diagnosis, kind: str) -> set[str]:
    """The parameters that findings of one kind name."""
    return {name for finding in diagnosis.findings if finding.kind == kind for name in finding.parameters}


def names_a_reason(diagnosis: Diagnosis) -> bool:
    """Whether a problem is named that lies in the data, not only a search that stopped."""
    return any(finding.problem and finding.kind != "convergence" for finding in diagnosis.findings)


def all_finite(fixed: pd.DataFrame, infinite: set[str]) -> bool:
    """Whether the table holds finite numbers; a coefficient said to run to infinity has an infinite standard error."""
    prefix = fixed["component"].map(lambda component: "" if component == "cond" else f"{component}:")
    endless = (prefix + fixed["term"]).isin(infinite) & np.isposinf(fixed["std_error"])
    return bool(np.isfinite(fixed["estimate"]).all() and (np.isfinite(fixed["std_error"]) | endless).all())


def raised(estimates: pd.Series, name: str, value: float) -> pd.Series:
    """The estimates with one standard deviation away from zero."""
    moved = estimates.copy()
    moved[name] = value
    return moved
