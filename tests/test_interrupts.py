"""Ctrl-C during what follows a fit: it lands within a second or so, and the fit stays usable."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

import ranef

# Long enough for the work to have begun, and what an interrupt may take on a machine with other work to do.
DELAY, LATEST = 0.5, 2.0

LONG: dict[str, Callable[[ranef.Fit], object]] = {
    "simulate_residuals": lambda fit: fit.simulate_residuals(n=50_000, seed=1),
    "check": lambda fit: fit.check(n=50_000),
    "bootstrap": lambda fit: fit.bootstrap(100_000, seed=1, progress=False),
    "predict": lambda fit: [fit.predict(interval="confidence") for _ in range(10_000)],
    "hatvalues": lambda fit: [fit.hatvalues() for _ in range(10_000)],
    "influence": lambda fit: fit.influence(refit=True),
}


@pytest.fixture(scope="module")
def fit() -> ranef.Fit:
    rng = np.random.default_rng(3)
    group = rng.integers(0, 60, 6000)
    data = pd.DataFrame({"g": group, "x": rng.normal(size=6000)})
    data["y"] = rng.poisson(np.exp(0.5 + 0.3 * data["x"] + rng.normal(size=60)[group]))
    return ranef.fit("y ~ x + (1 | g)", data, family="poisson")


@contextmanager
def interrupt_after(seconds: float) -> Iterator[list[float]]:
    """Sends SIGINT to this process; gives when. A process in the background is born ignoring it."""
    sent: list[float] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, send)
    timer.start()
    try:
        yield sent
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("name", LONG)
def test_an_interrupt_lands_soon_and_the_fit_stays_usable(name: str, fit: ranef.Fit) -> None:
    """Simulated residuals and the checks made with them used to go on for 5 to 27 seconds."""
    before = fit.predict(interval="confidence").to_numpy()
    with interrupt_after(DELAY) as sent, pytest.raises(KeyboardInterrupt):
        LONG[name](fit)
    assert time.monotonic() - sent[0] < LATEST
    np.testing.assert_array_equal(fit.predict(interval="confidence").to_numpy(), before)
