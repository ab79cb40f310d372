"""Parameter values that no model has are refused by name, wherever a user can give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

import ranef

RNG = np.random.default_rng(8)
DATA = pd.DataFrame({"y": RNG.normal(size=120), "f": ["a", "b", "c"] * 40, "g": np.repeat(np.arange(20), 6)})

TERMS = {
    "cs below its range": ("cs(0 + f | g)", {"cor(f|g)": -0.6}, r"cor\(f\|g\) is -0.6; .*3 effects share.*\(-0.5, 1\)"),
    "cs at its lower end": ("cs(0 + f | g)", {"cor(f|g)": -0.5}, r"cor\(f\|g\) is -0.5; .*\(-0.5, 1\)"),
    "cs at one": ("cs(0 + f | g)", {"cor(f|g)": 1.0}, r"cor\(f\|g\) is 1; .*\(-0.5, 1\)"),
    "ar1 at minus one": ("ar1(0 + f | g)", {"cor(f|g)": -1.0}, r"cor\(f\|g\) is -1; the autocorrelation.*\(-1, 1\)"),
    "ar1 beyond one": ("ar1(0 + f | g)", {"cor(f|g)": 1.5}, r"cor\(f\|g\) is 1.5; a correlation lies in \[-1, 1\]"),
    "us without a matrix": (
        "(0 + f | g)",
        {"cor(f[b],f[a]|g)": 0.9, "cor(f[c],f[a]|g)": 0.9, "cor(f[c],f[b]|g)": -0.9},
        r"cor\(f\[b\],f\[a\]\|g\) = 0.9, .* no covariance matrix has these correlations together",
    ),
}

USES: dict[str, Callable[[str, Mapping[str, float]], object]] = {
    "start": lambda term, values: ranef.fit(f"y ~ 1 + {term}", DATA, start=values),
    "fixed": lambda term, values: ranef.fit(f"y ~ 1 + {term}", DATA, fixed=values),
    "loglik": lambda term, values: (m := ranef.model(f"y ~ 1 + {term}", DATA)).loglik(complete(m, values)),
    "gradient": lambda term, values: (m := ranef.model(f"y ~ 1 + {term}", DATA)).gradient(complete(m, values)),
    "at": lambda term, values: ranef.fit(f"y ~ 1 + {term}", DATA).at(values),
}


def complete(model: ranef.Model, values: Mapping[str, float]) -> dict[str, float]:
    return model.parameters["start"].to_dict() | dict(values)


@pytest.mark.filterwarnings("ignore::ranef.ConvergenceWarning")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("case", TERMS)
def test_a_correlation_that_no_covariance_matrix_has_is_refused_by_name(use: str, case: str) -> None:
    """Some of these used to raise a bare ValueError, such as "a compound-symmetry correlation out of its range"."""
    term, values, message = TERMS[case]
    with pytest.raises(ranef.DataError, match=message):
        USES[use](term, values)


def test_a_pair_held_at_a_correlation_of_one_beside_a_free_deviation_is_refused() -> None:
    """It used to raise a bare ValueError."""
    data = DATA.assign(x=np.arange(120) % 6)
    with pytest.raises(ranef.DataError, match="no model has these values"):
        ranef.fit("y ~ x + (x | g)", data, fixed={"cor(x,Intercept|g)": 1.0})


@pytest.mark.parametrize(("term", "value"), [("cs(0 + f | g)", -0.49), ("ar1(0 + f | g)", -0.999)])
def test_values_inside_the_range_are_values(term: str, value: float) -> None:
    model = ranef.model(f"y ~ 1 + {term}", DATA)
    assert np.isfinite(model.loglik(complete(model, {"cor(f|g)": value})))
