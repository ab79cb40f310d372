"""Derivatives of rows' log-likelihoods, for every family and link of the registry."""

from __future__ import annotations

import numpy as np
import pytest

import ranef

PAIRS = [(row.name, link) for row in ranef.families.list().itertuples() for link in row.links.split(", ")]
STEP = 1e-5


@pytest.mark.parametrize(("name", "link"), PAIRS)
def test_derivatives_are_those_of_the_log_likelihood(name: str, link: str) -> None:
    family = ranef.families.make(name, link)
    likelihood = family.likelihood()
    trials = np.full(3, 6.0) if family.has_trials else None
    unit = family.mean_range == "unit"
    response = np.array([0.2, 0.5, 0.7]) if unit and not family.has_trials else np.array([1.0, 2.0, 4.0])
    mean = np.array([0.3, 0.45, 0.6]) * (1.0 if unit else 4.0)
    eta = [family.link_function(mean)] + [np.array([0.1, 0.4, -0.2])] * bool(family.dispersion)
    gradient, hessian = likelihood.derivatives(response, eta, trials)

    def moved(place: int, shift: float) -> list[np.ndarray]:
        return [e + shift * (k == place) for k, e in enumerate(eta)]

    for place in range(len(eta)):
        values = [likelihood.loglik(response, moved(place, s), trials) for s in (-STEP, STEP)]
        slopes = [likelihood.derivatives(response, moved(place, s), trials)[0] for s in (-STEP, STEP)]
        assert gradient[:, place] == pytest.approx((values[0] - values[1]) / (2 * STEP), rel=1e-6, abs=1e-7)
        assert hessian[:, :, place] == pytest.approx((slopes[1] - slopes[0]) / (2 * STEP), rel=1e-6, abs=1e-7)
