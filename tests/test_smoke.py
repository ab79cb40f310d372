"""What every wheel must do, with nothing installed but its run-time dependencies and pytest."""

import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ranef

GROUPS, SIZE = 12, 5


@pytest.fixture(scope="module")
def one_way() -> pd.DataFrame:
    """A balanced one-way layout with a plain difference between groups."""
    rng = np.random.default_rng(20)
    group = np.repeat(np.arange(GROUPS), SIZE)
    y = 3.0 + rng.normal(0.0, 2.0, GROUPS)[group] + rng.normal(0.0, 1.0, GROUPS * SIZE)
    return pd.DataFrame({"y": y, "group": group})


def test_balanced_one_way_layout_gives_the_closed_form_of_maximum_likelihood(one_way):
    """sigma^2 = SSE / (m (k - 1)), sd^2 = (SSA / m - sigma^2) / k; Searle, Casella, McCulloch (1992), 3.7."""
    fit = ranef.fit("y ~ 1 + (1 | group)", one_way)

    means = one_way.groupby("group")["y"].mean()
    within = ((one_way["y"] - one_way["group"].map(means)) ** 2).sum() / (GROUPS * (SIZE - 1))
    between = (SIZE * ((means - means.mean()) ** 2).sum() / GROUPS - within) / SIZE
    assert fit.converged
    assert fit.fixef()["Intercept"] == pytest.approx(one_way["y"].mean(), rel=1e-8)
    sd = fit.varcorr().to_frame().set_index("group")["sdcor"]
    # An optimum is flat: a log-likelihood right to 1e-10 leaves about its square root in the estimates.
    assert sd["group"] == pytest.approx(np.sqrt(between), rel=1e-5)
    assert sd["Residual"] == pytest.approx(np.sqrt(within), rel=1e-5)


def test_poisson_model_without_random_effects_reproduces_the_group_means(one_way):
    data = one_way.assign(count=np.arange(len(one_way)) % 7, half=np.where(one_way["group"] < 6, "a", "b"))
    fit = ranef.fit("count ~ half", data, family="poisson")

    expected = data.groupby("half")["count"].transform("mean")
    np.testing.assert_allclose(fit.fitted(), expected, rtol=1e-7)


def test_command_line_demo_prints_a_summary():
    command = Path(sysconfig.get_path("scripts")) / "ranef"
    done = subprocess.run([command, "demo"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Random effects" in done.stdout
