"""Tests of the model against the data, with verdicts for all of them together.

Each p-value is the share of simulated data sets with a statistic as extreme (pooled.py). Where that share is so small
that the verdict hangs on it, more draws refine it. Refits make it exact: the whole test is repeated on responses
simulated from the fit, each with its own fit, and its p-value is compared with theirs (Beran 1988, JASA 83, 687-697).
Verdicts go by Holm's adjustment over the tests, so that a right model is seldom noted however many there are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranef.checks.data_sets import DataSets
from ranef.checks.groups import holm
from ranef.checks.matched import Matched
from ranef.checks.planned import PlannedTest, planned_tests
from ranef.checks.probes import Finding
from ranef.checks.result import SIGNIFICANT
from ranef.checks.row import STRONG, CheckRow, verdict_of
from ranef.checks.simulators import columns_of, simulator_of
from ranef.errors import RanefError

if TYPE_CHECKING:
    from ranef.result import Fit

Floats = NDArray[np.float64]

# P-values that more draws refine, and how many times the draws then.
_REFINED_BELOW = 0.02
_FIRST_GAIN = 8
# Draws that tell whether the smallest p-value of so many tests is a problem after Holm's adjustment, in units of these.
_PER_TEST = 2.5
# Rows and effects times draws of a refinement, at most; and how many times the draws it must have to be worth it.
_MOST_NUMBERS = 20_000_000
_LEAST_GAIN = 2
# Streams of draws of their own.
_REFINING, _REFITTING = 1 << 32, 1 << 33


def test_rows(fit: Fit, draws: int, seed: int, *, refit: bool) -> list[CheckRow]:
    """One row a test.

    Parameters
    ----------
    draws : simulations, and refits
    refit : whether p-values come from refits
    """
    simulator = simulator_of(fit, draws, seed, "unconditional")
    observed = np.asarray(fit.design.response.values)
    sets = DataSets(observed, simulator, seed, fit)
    plan, findings = _found(sets, fit)
    if not plan:
        return []
    refined = _refined(sets, fit, findings)
    findings = _by_refits(sets, fit, plan, findings, refined) if refit else refined
    adjusted = holm(np.array([found.p_value for found in findings]))
    return [_row(*one) for one in zip(plan, findings, adjusted.tolist(), strict=True)]


def _found(sets: DataSets, fit: Fit) -> tuple[list[PlannedTest], list[Finding]]:
    """The tests and their findings, of one pass over the draws."""
    matched = Matched(fit, sets.simulator)
    plan = planned_tests(fit, sets.simulator, matched)
    values = sets.run([test.probe for test in plan], matched)
    return plan, [test.probe.finding(values) for test in plan]


def _refined(sets: DataSets, fit: Fit, findings: list[Finding]) -> list[Finding]:
    """Findings with small p-values from more draws, and from many more where a verdict hangs on them."""
    first = _with_more(sets, fit, findings, _REFINED_BELOW, _FIRST_GAIN * sets.simulator.draws)
    enough = int(np.ceil(_PER_TEST * len(findings) / STRONG))
    return _with_more(sets, fit, first, SIGNIFICANT / len(findings), enough)


def _with_more(sets: DataSets, fit: Fit, findings: list[Finding], below: float, draws: int) -> list[Finding]:
    """The findings with p-values below a limit, by so many draws, or as many as are to be had."""
    if not any(found.p_value < below for found in findings):
        return findings
    effects = sum(len(term.labels) * len(term.term_names) for term in fit.design.terms)
    possible = min(draws, _MOST_NUMBERS // (fit.design.n_rows + effects))
    if possible < _LEAST_GAIN * sets.simulator.draws:
        return findings
    _, better = _found(replace(sets, simulator=sets.simulator.more(possible, _REFINING + possible)), fit)
    return [b if f.p_value < below else f for f, b in zip(findings, better, strict=True)]


def _by_refits(
    sets: DataSets, fit: Fit, plan: list[PlannedTest], findings: list[Finding], refined: list[Finding]
) -> list[Finding]:
    """Findings whose p-values are their rank among those of refits; one beyond all refits keeps the refined one."""
    others: dict[str, list[float]] = {test.quantity: [] for test in plan}
    for response in columns_of(sets.simulator.more(sets.simulator.draws, _REFITTING)):
        try:
            again = fit.refit(np.ascontiguousarray(response))
        except RanefError:
            continue
        simulator = simulator_of(again, sets.simulator.draws, sets.seed, "unconditional")
        for test, one in zip(*_found(DataSets(response, simulator, sets.seed, again), again), strict=True):
            if test.quantity in others:
                others[test.quantity].append(one.p_value)
    made = []
    for test, found, better in zip(plan, findings, refined, strict=True):
        p_values = np.array(others[test.quantity])
        smallest = 1.0 / (p_values.size + 1)
        p_value = float(np.count_nonzero(p_values <= found.p_value) * smallest + smallest)
        beyond = p_value <= smallest and better.p_value < p_value
        made.append(better if beyond else replace(found, p_value=p_value, resolution=smallest))
    return made


def _row(test: PlannedTest, found: Finding, adjusted: float) -> CheckRow:
    words = test.words(found)
    # What draws cannot tell apart from zero is as small as it is large an effect.
    at_end = found.p_value <= found.resolution and words.large
    verdict = verdict_of(adjusted, words.large, at_end)
    noted = verdict != "ok"
    return CheckRow(
        test.check,
        test.quantity,
        found.statistic,
        found.p_value,
        verdict,
        words.meaning if noted else test.fine,
        words.advice if noted else "",
        found.resolution,
        adjusted,
    )
