"""Simulate frogs.csv, the demonstration data: python make_demo.py writes it beside this file.

log mu = 1.2 - 0.9 mown + 0.15 cover + b_pond, b_pond ~ N(0, 0.5^2); counts are negative binomial with
Var = mu + mu^2 / 2.
"""

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20240601
PONDS, VISITS = 30, 8


def simulate() -> pd.DataFrame:
    """The data set."""
    rng = np.random.default_rng(SEED)
    pond = np.repeat(np.arange(PONDS), VISITS)
    mown = pond % 2 == 1
    cover = np.round(rng.normal(0.0, 2.0, PONDS * VISITS), 1)
    effect = rng.normal(0.0, 0.5, PONDS)[pond]
    mean = np.exp(1.2 - 0.9 * mown + 0.15 * cover + effect)
    count = rng.poisson(rng.gamma(2.0, mean / 2.0))
    return pd.DataFrame(
        {
            "pond": [f"P{k + 1:02d}" for k in pond],
            "shore": np.where(mown, "mown", "natural"),
            "visit": np.tile(np.arange(1, VISITS + 1), PONDS),
            "cover": cover,
            "count": count,
        }
    )


if __name__ == "__main__":
    simulate().to_csv(Path(__file__).with_name("frogs.csv"), index=False)
