"""A two-way factorial with a covariate, groups and exposure, for tests of marginal means."""

import numpy as np
import pandas as pd


def two_way(missing_cell=False, seed=3):
    """Counts and a gaussian response by two factors, a covariate and groups, unbalanced."""
    rng = np.random.default_rng(seed)
    n = 240
    data = pd.DataFrame(
        {
            "a": pd.Categorical(rng.choice(["low", "mid", "high"], n, p=[0.5, 0.3, 0.2]), ["low", "mid", "high"]),
            "b": rng.choice(["u", "v"], n),
            "x": rng.uniform(1, 5, n),
            "g": rng.choice([f"g{k}" for k in range(12)], n),
            "e": rng.uniform(1, 3, n),
            "year": rng.choice([2001, 2002, 2003], n),
        }
    )
    if missing_cell:
        data = data[~((data.a == "high") & (data.b == "u"))].reset_index(drop=True)
    effect = data["a"].cat.codes * 0.4 + (data["b"] == "v") * 0.3 + 0.1 * data["x"]
    groups = dict(zip(sorted(data["g"].unique()), rng.normal(0, 0.5, 12), strict=True))
    data["y"] = effect + data["g"].map(groups) + rng.normal(0, 0.7, len(data))
    data["n"] = rng.poisson(np.exp(effect - 0.3 + np.log(data["e"])))
    return data
