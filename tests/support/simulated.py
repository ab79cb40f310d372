"""Small simulated data sets for tests that need a model of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import ranef
from ranef import _core

# A linear predictor well inside every link's domain, and how far it may move from there.
CENTRE = {"identity": 0.5, "inverse": 1.0, "log": 0.4, "sqrt": 1.5}
SPREAD = {"identity": 0.05, "inverse": 0.1, "sqrt": 0.2}


@dataclass(frozen=True)
class Simulated:
    """Arguments of `ranef.model`, and parameter values in the interior."""

    arguments: dict[str, Any]

    def model(self, **changes: Any) -> ranef.Model:
        """The unfitted model, some arguments changed."""
        return ranef.model(**(self.arguments | changes))


def grouped_design(seed: int, groups: int = 6, per: int = 9) -> pd.DataFrame:
    """Rows in groups: a covariate `x`, a three-level factor `f`, time points `t`, groups `g` and crossed `h`."""
    rng = np.random.default_rng(seed)
    n = groups * per
    return pd.DataFrame(
        {
            "x": np.round(rng.standard_normal(n), 3),
            "f": pd.Categorical(np.array(["a", "b", "c"])[np.arange(n) % 3]),
            "t": pd.Categorical(np.arange(n) % 3 + 1),
            "g": pd.Categorical(np.repeat(np.arange(groups), per)),
            "h": pd.Categorical(rng.integers(0, 4, n)),
        }
    )


def simulate(family: str, link: str | None = None, seed: int = 1, zero_inflated: bool = False) -> Simulated:
    """A data set of `family` with a random intercept in its mean, and the call that fits it without random terms."""
    chosen = ranef.families.make(family, link)
    data = grouped_design(seed)
    rng = np.random.default_rng(seed + 1000)
    spread = SPREAD.get(chosen.link, 0.3)
    eta = centre(chosen) + spread * (0.5 * data["x"].clip(-1, 1) + 0.5 * rng.standard_normal(6)[data["g"].cat.codes])
    likelihood = chosen.likelihood(zero_inflated)
    etas = [eta.to_numpy()]
    if chosen.dispersion:
        etas.append(np.full(len(data), np.log(3.0)))
    if zero_inflated:
        etas.append(np.full(len(data), -1.0))
    trials = np.full(len(data), 7.0) if chosen.has_trials else None
    data["y"] = np.asarray(likelihood.simulate(etas, seed, trials))
    response = "y"
    if trials is not None:
        data["failures"] = trials - data["y"]
        response = "cbind(y, failures)"
    arguments = {"formula": f"{response} ~ x", "data": data, "family": chosen}
    return Simulated(arguments | ({"ziformula": "~ 1"} if zero_inflated else {}))


def centre(family: ranef.families.Family) -> float:
    """A linear predictor whose mean every family with this link has."""
    proportion = family.name in ("binomial", "betabinomial", "beta")
    if family.link == "identity" and not proportion:
        return 3.0
    if family.link == "log" and proportion:
        return -0.8
    return CENTRE.get(family.link, 0.2)


def interior_values(model: ranef.Model) -> pd.Series:
    """Parameter values away from every boundary: small slopes, standard deviations and correlations."""
    family = model.family
    scale = SPREAD.get(family.link, 0.3)
    values = {}
    for parameter in model.parameter_info:
        if parameter.kind == "sd":
            values[parameter.name] = scale * (1.0 + 0.2 * max(parameter.row, 0))
        elif parameter.kind == "cor":
            values[parameter.name] = 0.25
        elif parameter.component == "cond":
            values[parameter.name] = centre(family) if parameter.term == "Intercept" else 0.2 * scale
        elif parameter.component == "disp":
            values[parameter.name] = 0.7 if parameter.term == "Intercept" else 0.1
        else:
            values[parameter.name] = -0.8 if parameter.term == "Intercept" else 0.1
    return pd.Series(values)


def registry() -> list[tuple[str, str]]:
    """Every family with every link it offers, truncated families included."""
    infos = {info.name: info for info in _core.families()}
    return [(name, link) for name in ranef.families.names() for link in infos[name.removeprefix("truncated_")].links]
