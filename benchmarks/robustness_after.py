"""What comes after a fit, called on whatever fit: only errors of ranef's own may leave it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import ranef


def saved_and_loaded(fit: ranef.Fit) -> object:
    """Predictions of the fit after a round by a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit.ranef"
        fit.save(path)
        return ranef.load(path).predict(fit.data, allow_new_levels=True)


AFTER: dict[str, Callable[[ranef.Fit], object]] = {
    "summary": lambda fit: str(fit.summary()),
    "tidy": lambda fit: fit.tidy(conf_int=True),
    "tidy ran_pars": lambda fit: fit.tidy("ran_pars", conf_int=True),
    "tidy ran_vals": lambda fit: fit.tidy("ran_vals"),
    "ranef": lambda fit: fit.ranef(condvar=True),
    "coef": lambda fit: fit.coef(),
    "vcov": lambda fit: fit.vcov(full=True),
    "predict": lambda fit: fit.predict(fit.data, interval="confidence", allow_new_levels=True),
    "residuals": lambda fit: fit.residuals("pearson"),
    "simulate": lambda fit: fit.simulate(2, seed=1),
    "check": lambda fit: fit.simulate_residuals(n=20, seed=1).test_uniformity(),
    "anova": lambda fit: fit.anova(type=2),
    "icc": lambda fit: fit.icc(),
    "r2": lambda fit: fit.r2(),
    "hatvalues": lambda fit: fit.hatvalues(),
    "bootstrap": lambda fit: fit.bootstrap(2, seed=1, progress=False),
    "drop1": lambda fit: fit.drop1(),
    "save": saved_and_loaded,
}


def raw_exceptions(fit: ranef.Fit) -> str:
    """The exceptions that are not ranef's own, by what was called; empty if there are none."""
    found = []
    for name, call in AFTER.items():
        try:
            call(fit)
        except ranef.RanefError:
            continue  # an answer in words is what a fit without an answer in numbers owes
        except Exception as error:
            # The benchmark counts raw exceptions: each is recorded, and the next call is made.
            found.append(f"{name}: {type(error).__name__}: {error}")
    return "; ".join(found)
