"""A fit does not depend on the units of its response, weights, covariates and offsets."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ranef

LINKS = [
    ("gaussian", "identity"),
    ("gaussian", "log"),
    ("gaussian", "inverse"),
    ("gaussian", "sqrt"),
    ("gamma", "identity"),
    ("gamma", "log"),
    ("gamma", "inverse"),
]
SCALED_LINKS = [pair for pair in LINKS if pair[1] != "log"]
FORMULAS = ["y ~ x", "y ~ x + (1 | g)", "y ~ x + (x | g)", "y ~ x + (1 | g) + (1 | h)"]
SCALES = [1e-12, 1e12]
REML_RESPONSE = [
    2.59,
    5.26,
    6.67,
    8.57,
    4.74,
    5.39,
    7.61,
    9.8,
    3.56,
    5.87,
    6.83,
    9.68,
    5.7,
    7.73,
    10.05,
    11.93,
    1.07,
    3.69,
    4.5,
    5.78,
    6.66,
    8.62,
    8.82,
    13.53,
]
REML_LOGLIK = -36.776144135


def response_of(mean: np.ndarray, family: str, rng: np.random.Generator) -> np.ndarray:
    if family == "gamma":
        return rng.gamma(8.0, mean / 8.0)
    return mean + 0.1 * mean.mean() * rng.normal(size=mean.size)


def data_for(family: str, link: str, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g, h = np.repeat(np.arange(24), 10), rng.integers(0, 8, 240)
    x, z = rng.normal(size=(2, 240))
    b, w = rng.normal(size=(24, 2)), rng.normal(size=8)
    effect = 0.2 * x + 0.3 * b[g, 0] + 0.15 * b[g, 1] * x + 0.2 * w[h]
    mean = {
        "identity": 8.0 + 2.0 * effect,
        "log": np.exp(1.0 + effect),
        "inverse": 1.0 / np.maximum(1.0 + 0.4 * effect, 0.15),
        "sqrt": (3.0 + effect) ** 2,
    }[link]
    return pd.DataFrame({"y": response_of(mean, family, rng), "x": x, "z": z, "g": g, "h": h})


def fitted(
    formula: str, data: pd.DataFrame, family: str, link: str, **options: Any
) -> tuple[ranef.Fit, tuple[Any, ...]]:
    """A fit and its verdict: converged, singular, sound, warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = ranef.fit(formula, data, family=getattr(ranef.families, family)(link=link), **options)
    return fit, (fit.converged, fit.singular, fit.diagnose().ok, len(caught))


def deviations(fit: ranef.Fit) -> np.ndarray:
    """Standard deviations of the random effects."""
    values = fit.parameters().estimate
    return values[values.index.str.startswith("sd(")].to_numpy()


def predictor_factor(link: str, scale: float) -> float:
    """What multiplies the mean's linear predictor where the response is multiplied by `scale`."""
    return {"identity": scale, "inverse": 1.0 / scale, "sqrt": scale**0.5, "log": 1.0}[link]


@pytest.mark.parametrize("scale", SCALES, ids="{:g}".format)
@pytest.mark.parametrize("dispformula", [None, "~ z"], ids=["constant", "disp~z"])
@pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])
@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(("family", "link"), LINKS, ids=["-".join(pair) for pair in LINKS])
def test_fit_does_not_depend_on_the_unit_of_the_response(
    family: str, link: str, formula: str, reml: bool, dispformula: str | None, scale: float
) -> None:
    """The density of scale * y is that of y over scale.

    gamma(inverse) of y * 1e-12 used to end 232 short, gaussian(inverse) of y * 1e12 159, gamma(identity) 62, all
    without a warning; REML with a log link and a mean of 1e12 found no start.
    """
    data = data_for(family, link)
    options: dict[str, Any] = {"reml": reml, "dispformula": dispformula}
    fit, verdict = fitted(formula, data, family, link, **options)
    other, other_verdict = fitted(formula, data.assign(y=data.y * scale), family, link, **options)
    factor = predictor_factor(link, scale)
    shift = -fit.nobs * np.log(scale) + (2 * np.log(factor) if reml else 0.0)
    assert other.loglik - shift == pytest.approx(fit.loglik, abs=1e-5)
    assert other_verdict == verdict
    if link != "log":
        np.testing.assert_allclose(other.fixef() / factor, fit.fixef(), rtol=1e-4)
        np.testing.assert_allclose(other.fitted() / scale, fit.fitted(), rtol=1e-4)


@pytest.mark.parametrize("scale", SCALES, ids="{:g}".format)
@pytest.mark.parametrize("column", ["x", "z"])
@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(("family", "link"), LINKS, ids=["-".join(pair) for pair in LINKS])
def test_fit_does_not_depend_on_the_unit_of_a_covariate(
    family: str, link: str, formula: str, column: str, scale: float
) -> None:
    data = data_for(family, link, seed=2)
    fit, verdict = fitted(formula, data, family, link, dispformula="~ z")
    scaled = data.assign(**{column: data[column] * scale})
    other, other_verdict = fitted(formula, scaled, family, link, dispformula="~ z")
    assert other.loglik == pytest.approx(fit.loglik, abs=1e-5)
    assert other_verdict == verdict


@pytest.mark.parametrize("scale", [1e-16, 1e-12, 1e-9, 1e12, 1e16], ids="{:g}".format)
@pytest.mark.parametrize("dispformula", [None, "~ z"], ids=["constant", "disp~z"])
@pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_fit_does_not_depend_on_the_unit_of_precision_weights(
    formula: str, reml: bool, dispformula: str | None, scale: float
) -> None:
    """Equal weights of 1e-9 used to end 44 to 52 short of the optimum, without a warning; those of 1e16 did not end."""
    data = data_for("gaussian", "identity", seed=3)
    options: dict[str, Any] = {"reml": reml, "dispformula": dispformula}
    weights = np.random.default_rng(3).uniform(0.5, 2.0, len(data))
    fit, verdict = fitted(formula, data, "gaussian", "identity", weights=weights, **options)
    other, other_verdict = fitted(formula, data, "gaussian", "identity", weights=weights * scale, **options)
    assert other.loglik == pytest.approx(fit.loglik, abs=1e-5)
    assert other_verdict == verdict
    np.testing.assert_allclose(deviations(other), deviations(fit), rtol=1e-3)


@pytest.mark.parametrize("scale", SCALES, ids="{:g}".format)
@pytest.mark.parametrize(("family", "link"), SCALED_LINKS, ids=["-".join(pair) for pair in SCALED_LINKS])
def test_offset_has_the_unit_of_the_linear_predictor(family: str, link: str, scale: float) -> None:
    data = data_for(family, link, seed=4).assign(o=lambda d: 0.1 * d.z)
    formula = "y ~ x + offset(o) + (1 | g)"
    fit, verdict = fitted(formula, data, family, link)
    scaled = data.assign(y=data.y * scale, o=data.o * predictor_factor(link, scale))
    other, other_verdict = fitted(formula, scaled, family, link)
    assert other.loglik + fit.nobs * np.log(scale) == pytest.approx(fit.loglik, abs=1e-5)
    assert other_verdict == verdict


@pytest.mark.parametrize("structure", ["ar1(0 + t | g)", "cs(0 + f | g)", "homdiag(0 + f | g)", "(0 + f | g)"])
@pytest.mark.parametrize("scale", SCALES, ids="{:g}".format)
@pytest.mark.parametrize(("family", "link"), [("gaussian", "identity"), ("gamma", "inverse")])
def test_every_structure_is_free_of_the_unit(family: str, link: str, structure: str, scale: float) -> None:
    rng = np.random.default_rng(5)
    g, t = np.repeat(np.arange(30), 12), np.tile(np.arange(12), 30)
    b = rng.normal(size=(30, 3)) + rng.normal(size=(30, 1))
    walk = np.stack([np.convolve(rng.normal(size=14), [1.0, 0.8, 0.6], mode="valid") for _ in range(30)])
    effect = 0.3 * (walk[g, t] if "ar1" in structure else b[g, t % 3])
    mean = 8.0 + effect if link == "identity" else 1.0 / np.maximum(2.0 + effect, 0.2)
    data = pd.DataFrame({"y": response_of(mean, family, rng), "g": g, "t": t, "f": np.array(list("abc"))[t % 3]})
    formula = f"y ~ 1 + {structure}"
    dispformula = "~ f"
    fit, verdict = fitted(formula, data, family, link, dispformula=dispformula)
    other, other_verdict = fitted(formula, data.assign(y=data.y * scale), family, link, dispformula=dispformula)
    assert other.loglik + fit.nobs * np.log(scale) == pytest.approx(fit.loglik, abs=1e-5)
    assert other_verdict == verdict
    np.testing.assert_allclose(deviations(other) / predictor_factor(link, scale), deviations(fit), rtol=1e-3)


@pytest.mark.parametrize("scale", SCALES, ids="{:g}".format)
@pytest.mark.parametrize(("family", "link"), SCALED_LINKS, ids=["-".join(pair) for pair in SCALED_LINKS])
def test_what_follows_a_fit_has_its_units(family: str, link: str, scale: float) -> None:
    data = data_for(family, link, seed=6)
    factor = predictor_factor(link, scale)
    made = []
    for unit, predictor in ((1.0, 1.0), (scale, factor)):
        fit, _ = fitted("y ~ x + (1 | g)", data.assign(y=data.y * unit), family, link)
        interval = fit.predict(type="link", interval="confidence").to_numpy() / predictor
        profile = fit.confint(method="profile", parm=["x", "sd(Intercept|g)"])[["conf_low", "conf_high"]] / predictor
        made.append(
            {
                "standard errors": fit.tidy().std_error[:2].to_numpy() / predictor,
                "p-values": fit.tidy().p_value[:2].to_numpy(),
                "intervals": interval,
                "profile": profile.to_numpy(),
                "modes": fit.ranef(condvar=True)["g"].to_numpy() / predictor,
                "simulated": fit.simulate(2, seed=1).to_numpy() / unit,
                "Pearson": fit.residuals("pearson").to_numpy(),
                "Cook": fit.cooks_distance().to_numpy(),
                "bootstrap": fit.bootstrap(2, seed=1, progress=False).replicates["x"].to_numpy() / predictor,
            }
        )
    for name, value in made[0].items():
        np.testing.assert_allclose(made[1][name], value, rtol=2e-3, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("family_link", [("gaussian", "identity"), ("gamma", "inverse")])
def test_refit_takes_a_response_in_another_unit(family_link: tuple[str, str]) -> None:
    data = data_for(*family_link, seed=7)
    fit, _ = fitted("y ~ x + (1 | g)", data, *family_link, dispformula="~ z")
    other = fit.refit(data.y * 1e12)
    assert other.loglik + fit.nobs * np.log(1e12) == pytest.approx(fit.loglik, abs=1e-5)
    factor = predictor_factor(family_link[1], 1e12)
    np.testing.assert_allclose(other.tidy().std_error[:2] / factor, fit.tidy().std_error[:2], rtol=1e-3)


def test_reml_finds_a_start_under_every_link() -> None:
    """REML used to look for the coefficients from a linear predictor of zero, where sqrt and inverse have no mean.

    The value is glmmTMB 1.1.5's: glmmTMB(y ~ x + (1 | g), family = gaussian("sqrt"), REML = TRUE).
    """
    data = pd.DataFrame(
        {
            "g": np.repeat(np.arange(6), 4),
            "x": np.tile([-1.0, 0.0, 1.0, 2.0], 6),
            "y": REML_RESPONSE,
        }
    )
    fit = ranef.fit("y ~ x + (1 | g)", data, family=ranef.families.gaussian(link="sqrt"), reml=True)
    assert fit.loglik == pytest.approx(REML_LOGLIK, abs=1e-5)
