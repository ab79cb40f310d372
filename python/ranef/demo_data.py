"""The data set that ships with the package: frogs counted in ponds, simulated by data/make_demo.py."""

from __future__ import annotations

from importlib import resources

import pandas as pd


def demo_data() -> pd.DataFrame:
    """Counts of frogs in 30 ponds, 8 visits each.

    Returns
    -------
    DataFrame with columns ``pond`` (text), ``shore`` (``natural`` or ``mown``, a property of the pond), ``visit``
    (1 to 8), ``cover`` (share of the shore under reeds, centred, in tenths) and ``count``.

    Examples
    --------
    >>> import ranef
    >>> ranef.demo_data().shape
    (240, 5)
    """
    with resources.files("ranef").joinpath("data/frogs.csv").open("r", encoding="utf-8") as file:
        data = pd.read_csv(file, dtype={"pond": str})
    data["shore"] = pd.Categorical(data["shore"], categories=["natural", "mown"])
    return data
