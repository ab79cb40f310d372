"""One engine on one case, fitted each time a line arrives on standard input.

Argument: JSON with engine, formula, family, ziformula, factors, csv. Answers are lines "@@{json}": first
``{"ready": true}``, then one a fit with CPU and wall seconds of the engine's own fit call, log-likelihood, number of
objective evaluations (null where the engine does not say), convergence, and MiB of peak memory above what was
resident before the call.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Answer = dict[str, Any]
MIB = 1024.0
# A fit of a millisecond is repeated for as long: a process that has just woken up times its caches, not the fit.
BURST_SECONDS = 0.03


def memory(key: str) -> float:
    """MiB that the kernel reports for this process: ``VmRSS`` now, ``VmHWM`` at the peak; NaN off Linux."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / MIB


def reset_peak() -> None:
    """Let the peak start again from what is resident now."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def table(job: dict[str, Any]) -> pd.DataFrame:
    """The data with factors as categoricals."""
    data = pd.read_csv(job["csv"])
    for name in job["factors"]:
        data[name] = data[name].astype("category")
    return data


def grouping(formula: str) -> list[str]:
    """Grouping factors of a formula whose random terms are all intercepts."""
    return [piece.split(")")[0].strip() for piece in formula.split("|")[1:]]


def check_standard_errors(fit: Any) -> None:
    """The conditional model's standard errors, which the fit has computed: they belong to the time."""
    count = fit.estimate.beta[0].size
    variances = np.diag(fit.estimate.beta_vcov)[:count]
    if not (variances > 0).all():
        raise ValueError(f"standard errors are missing: variances {variances}")


def prepare_ranef(job: dict[str, Any], data: pd.DataFrame) -> Callable[[], Answer]:
    """The fit with the design built, standard errors of the fixed effects included.

    A new model each time: its symbolic analysis and cross products belong to the fit.
    """
    import ranef

    built = ranef.model(job["formula"], data, family=job["family"], ziformula=job["ziformula"])

    def fit() -> Answer:
        result = ranef.Model(built.specification, built.design).fit()
        check_standard_errors(result)
        return {"loglik": result.loglik, "evaluations": result.estimate.evaluations, "converged": result.converged}

    return fit


def prepare_ranef_formula(job: dict[str, Any], data: pd.DataFrame) -> Callable[[], Answer]:
    """The whole call, formula and design included."""
    import ranef

    def fit() -> Answer:
        result = ranef.fit(job["formula"], data, family=job["family"], ziformula=job["ziformula"])
        check_standard_errors(result)
        return {"loglik": result.loglik, "evaluations": result.estimate.evaluations, "converged": result.converged}

    return fit


def prepare_glmm(job: dict[str, Any], data: pd.DataFrame) -> Callable[[], Answer]:
    """One call with formula; without the Satterthwaite pass and term tables, which no other engine here computes."""
    import glmm

    names = {"nbinom2": "negativebinomial"}
    options: dict[str, Any] = {"satterthwaite": False, "anova_test": "Wald"}
    if job["family"] == "gaussian":
        options["reml"] = False

    def fit() -> Answer:
        result = glmm.fit(data, job["formula"], names.get(job["family"], job["family"]), **options)
        return {"loglik": result.loglik, "evaluations": result.n_eval + result.n_grad, "converged": result.converged}

    return fit


def prepare_mixedlm(job: dict[str, Any], data: pd.DataFrame) -> Callable[[], Answer]:
    """One call with formula."""
    import mixedlm

    def fit() -> Answer:
        if job["family"] == "gaussian":
            result = mixedlm.lmer(job["formula"], data, REML=False)
        elif job["family"] == "nbinom2":
            result = mixedlm.glmer_nb(job["formula"], data)
        else:
            family = {"binomial": mixedlm.families.Binomial, "poisson": mixedlm.families.Poisson}[job["family"]]
            result = mixedlm.glmer(job["formula"], data, family=family())
        loglik = float(getattr(result.logLik(), "value", np.nan))
        evaluations = getattr(result, "function_evals", None)
        return {"loglik": loglik, "evaluations": evaluations, "converged": bool(result.converged)}

    return fit


def prepare_gpboost(job: dict[str, Any], data: pd.DataFrame) -> Callable[[], Answer]:
    """`GPModel` and its `fit` with exact Cholesky; the fixed-effect matrix is made before the clock starts."""
    import formulaic
    import gpboost

    fixed = job["formula"].split("~")[1]
    while "(" in fixed:
        fixed = fixed[: fixed.index("(")] + fixed[fixed.index(")") + 1 :]
    fixed = " + ".join(piece.strip() for piece in fixed.split("+") if piece.strip())
    x = np.asarray(formulaic.model_matrix(fixed or "1", data), dtype=float)
    y = data[job["formula"].split("~")[0].strip()].to_numpy(dtype=float)
    groups = data[grouping(job["formula"])].apply(lambda column: column.cat.codes)
    names = {"binomial": "bernoulli_logit", "nbinom2": "negative_binomial"}

    def fit() -> Answer:
        model = gpboost.GPModel(
            group_data=groups,
            likelihood=names.get(job["family"], job["family"]),
            num_parallel_threads=1,
            matrix_inversion_method="cholesky",
        )
        model.fit(y=y, X=x, params={"trace": False})
        return {"loglik": -float(model.get_current_neg_log_likelihood()), "evaluations": None, "converged": None}

    return fit


ENGINES = {
    "ranef": prepare_ranef,
    "ranef+formula": prepare_ranef_formula,
    "glmm": prepare_glmm,
    "mixedlm": prepare_mixedlm,
    "gpboost": prepare_gpboost,
}


def tell(answer: Answer) -> None:
    """One line to the parent."""
    sys.stdout.write("@@" + json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Fit once a line until the input ends."""
    warnings.simplefilter("ignore")
    job = json.loads(sys.argv[1])
    fit = ENGINES[job["engine"]](job, table(job))
    tell({"ready": True})
    burst = 0.0
    for _ in sys.stdin:
        reset_peak()
        before, wall, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
        count, answer = 1, fit()
        while time.process_time() - cpu < burst:
            count, answer = count + 1, fit()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        tell({**answer, "cpu": cpu / count, "wall": wall / count, "peak_mib": memory("VmHWM") - before})
        burst = BURST_SECONDS


if __name__ == "__main__":
    main()
