"""What the core answers at a fit: covariances of new rows, of series, of all parameters, and where there are none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ranef


def crossed(seed: int = 5, rows: int = 150, a: int = 25, b: int = 9) -> pd.DataFrame:
    """Two crossed factors, many pairs of which have no row."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"a": rng.integers(0, a, rows), "b": rng.integers(0, b, rows), "x": rng.normal(size=rows)})
    noise = rng.normal(size=rows) + rng.normal(size=a)[data["a"]] + rng.normal(size=b)[data["b"]]
    return data.assign(y=1 + data["x"] + noise, a=data["a"].map("a{:02d}".format), b=data["b"].map("b{}".format))


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize("reml", [False, True], ids=["ml", "reml"])
def test_pairs_of_levels_that_never_met_have_the_variance_of_dense_algebra(reml: bool, family: str, tmp_path: Path):
    """New pairs of crossed levels are no entries of the selected inverse and are solved for; known ones are read.

    A loaded fit computes the same from a sparse precision by other code.
    """
    data = crossed()
    data["y"] = np.random.default_rng(1).poisson(np.exp(0.2 * data["y"])) if family == "poisson" else data["y"]
    fit = ranef.fit("y ~ x + (1 | a) + (x | b)", data, family=family, reml=reml)
    levels = pd.MultiIndex.from_product([sorted(set(data["a"])), sorted(set(data["b"]))]).to_frame(index=False)
    new = pd.DataFrame({"a": levels[0], "b": levels[1], "x": np.linspace(-1, 1, len(levels))})
    fit.save(tmp_path / "fit.ranef")
    for vcov in ("expected", "observed")[family == "poisson" :]:
        ours = fit.predict(new, type="link", se=True, vcov=vcov)["std_error"]
        other = ranef.load(tmp_path / "fit.ranef").predict(new, type="link", se=True, vcov=vcov)["std_error"]
        np.testing.assert_allclose(ours, other, rtol=2e-5)
        alone = [fit.predict(new.iloc[[k]], type="link", se=True, vcov=vcov)["std_error"].iloc[0] for k in (0, 7, 100)]
        np.testing.assert_allclose(ours.iloc[[0, 7, 100]], alone, rtol=1e-10)


def test_a_series_has_covariances_between_its_times():
    """All entries beside the diagonal used to be zero."""
    rng = np.random.default_rng(2)
    groups, times = 8, 5
    g, t = np.repeat(np.arange(groups), times), np.tile(np.arange(times), groups)
    steps = np.zeros(groups * times)
    for k in range(steps.size):
        steps[k] = rng.normal() if t[k] == 0 else 0.7 * steps[k - 1] + np.sqrt(1 - 0.49) * rng.normal()
    keep = rng.random(steps.size) > 0.2
    data = pd.DataFrame({"y": 1 + steps + 0.5 * rng.normal(size=steps.size), "g": g, "t": t})[keep]
    fit = ranef.fit("y ~ 1 + ar1(0 + t | g)", data.assign(t=data["t"].astype(str)))
    block = fit.covariance_blocks[0].covariance
    for level in range(groups):
        rows = data["t"][data["g"] == level].to_numpy()
        seen = np.zeros(times)
        seen[rows] = 1.0 / fit.sigma**2
        expected = np.linalg.inv(np.linalg.inv(block) + np.diag(seen))
        np.testing.assert_allclose(fit.conditional_covariance[0][level], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("formula", ["y ~ x + (x | g)", "y ~ x + cs(0 + f | g)"])
def test_reml_at_a_bound_has_covariances_or_says_which_it_has_not(formula: str, tmp_path: Path):
    """Differences used to step over a correlation's bound: ValueError from parameters(), save() and vcov(full=True)."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        g, x = np.repeat(np.arange(15), 6), rng.normal(size=90)
        y = 1 + x + rng.normal(size=15)[g] + rng.normal(size=90)
        data = pd.DataFrame({"y": y, "x": x, "g": g.astype(str), "f": np.tile(list("abc"), 30)})
        fit = ranef.fit(formula, data, reml=True)
        fit.parameters()
        fit.save(tmp_path / "fit.ranef")
        for kind in ("expected", "observed"):
            block = fit.vcov(full=True, type=kind).loc[["Intercept", "x"], ["Intercept", "x"]].to_numpy()
            assert np.isfinite(block).all()
            assert (np.linalg.eigvalsh(block) > 0).all()


def test_the_inner_tolerance_reaches_what_follows_the_fit():
    """Curvature and predictions used to find modes by the default tolerance whatever Control said."""
    control = ranef.Control(max_inner_iterations=1)
    model = ranef.model("count ~ cover + (1 | pond)", ranef.demo_data(), family="poisson", control=control)
    with pytest.raises(ranef.ConvergenceError, match="the log-likelihood has no value"):
        model.gradient(model.parameters["start"])
