"""Readable names of parameters, and vectors given by name."""

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef.parameters import values_by_name


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    n = 240
    return pd.DataFrame(
        {
            "y": rng.poisson(2.0, n),
            "z": rng.normal(size=n),
            "x": rng.normal(size=n),
            "f": np.array(["a", "b", "c"])[np.arange(n) % 3],
            "t": np.arange(n) % 4 + 1,
            "g": np.repeat(np.arange(20), 12),
            "h": np.arange(n) % 7,
        }
    )


CASES = {
    "slope": (
        "z ~ x + (x | g)", {}, ["Intercept", "x", "log_sigma", "sd(Intercept|g)", "sd(x|g)", "cor(x,Intercept|g)"],
    ),
    "components": (
        "y ~ x + (1 | g)",
        {"family": "nbinom2", "ziformula": "~ f + (1 | h)", "dispformula": "~ x"},
        [
            "Intercept", "x", "disp:Intercept", "disp:x", "zi:Intercept", "zi:f[T.b]", "zi:f[T.c]",
            "sd(Intercept|g)", "zi:sd(Intercept|h)",
        ],
    ),
    "constant dispersion": ("y ~ 1", {"family": "nbinom2"}, ["Intercept", "log_phi"]),
    "autoregression": ("z ~ 1 + ar1(0 + factor(t) | g)", {}, None),
    "homogeneous": ("z ~ 1 + homdiag(0 + f | g)", {}, ["Intercept", "log_sigma", "sd(f|g)"]),
    "compound symmetry": (
        "z ~ 1 + cs(0 + f | g)", {}, ["Intercept", "log_sigma", "sd(f[a]|g)", "sd(f[b]|g)", "sd(f[c]|g)", "cor(f|g)"],
    ),
    "independent": ("z ~ x + (x || g)", {}, ["Intercept", "x", "log_sigma", "sd(Intercept|g)", "sd(x|g)"]),
    "twice": (
        "y ~ 1 + (1 | g) + diag(1 + x | g)", {"family": "poisson"},
        ["Intercept", "sd(Intercept|g)", "sd(Intercept|g)#2", "sd(x|g)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", [k for k, v in CASES.items() if v[2] is not None])
def test_names_are_readable(case, data):
    formula, options, names = CASES[case]
    assert sorted(ranef.model(formula, data, **options).parameters.index) == sorted(names)


def test_an_autoregression_has_one_sd_and_one_correlation(data):
    names = list(ranef.model(CASES["autoregression"][0], data).parameters.index)
    assert len(names) == 4
    assert sum(n.startswith("sd(") for n in names) == sum(n.startswith("cor(") for n in names) == 1


def test_the_table_of_parameters_shows_starts_and_what_is_held(data):
    model = ranef.model("z ~ x + (1 | g)", data, start={"x": 0.25}, fixed={"sd(Intercept|g)": 0.5})
    table = model.parameters
    assert list(table.columns) == ["component", "kind", "group", "start", "fixed"]
    assert table.loc["x", "start"] == 0.25
    assert table.loc["sd(Intercept|g)", ["start", "fixed"]].tolist() == [0.5, True]
    assert not table.drop("sd(Intercept|g)")["fixed"].any()


def test_loglik_takes_dict_series_and_array_alike(data):
    model = ranef.model("z ~ x + (1 | g)", data)
    values = {"Intercept": 0.1, "x": 0.2, "log_sigma": 0.0, "sd(Intercept|g)": 0.4}
    ordered = [values[name] for name in model.names]
    expected = model.loglik(values)
    assert model.loglik(pd.Series(values)) == expected
    assert model.loglik(np.array(ordered)) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Intercept": 0, "X": 0, "log_sigma": 0, "sd(Intercept|g)": 1}, "no parameter 'X'; did you mean 'x'"),
        ({"Intercept": 0, "x": 0}, r"lacks 'log_sigma', 'sd\(Intercept\|g\)'"),
        ({"Intercept": 0, "x": np.nan, "log_sigma": 0, "sd(Intercept|g)": 1}, r"values\['x'\] is nan"),
        ({"Intercept": 0, "x": 0, "log_sigma": 0, "sd(Intercept|g)": -1}, "a standard deviation is at least 0"),
        ([1.0, 2.0], r"shape \(2,\) but the model has 4 parameters"),
    ],
    ids=["unknown", "missing", "not finite", "negative sd", "length"],
)
def test_wrong_values_are_refused_by_name(values, message, data):
    with pytest.raises(ranef.DataError, match=message):
        ranef.model("z ~ x + (1 | g)", data).loglik(values)


def test_correlations_beyond_one_are_refused(data):
    model = ranef.model("z ~ x + (x | g)", data)
    values = dict(zip(model.names, [1.0] * 6, strict=True)) | {"cor(x,Intercept|g)": 1.5}
    with pytest.raises(ranef.DataError, match=r"is 1.5; a correlation lies in \[-1, 1\]"):
        model.loglik(values)


def test_defaults_fill_what_a_mapping_leaves_out():
    vector = values_by_name({"b": 2.0}, ["a", "b"], "start", default=np.array([7.0, 8.0]))
    assert vector.tolist() == [7.0, 2.0]


def test_the_gradient_is_named_and_matches_differences(data):
    model = ranef.model("y ~ x + (1 | g)", data, family="poisson")
    values = pd.Series({"Intercept": 0.5, "x": 0.1, "sd(Intercept|g)": 0.3})
    gradient = model.gradient(values)
    for name in values.index:
        step = 1e-4
        up, down = values.copy(), values.copy()
        up[name] += step
        down[name] -= step
        assert gradient[name] == pytest.approx((model.loglik(up) - model.loglik(down)) / (2 * step), rel=1e-5, abs=1e-5)


def test_a_coefficient_held_at_a_value_has_no_error_and_no_test(data):
    held = ranef.fit("z ~ x + (1 | g)", data, fixed={"x": 0.25})
    row = held.tidy(conf_int=True).set_index("term").loc["x"]
    assert row["estimate"] == 0.25
    assert row[["std_error", "statistic", "p_value", "conf_low", "conf_high"]].isna().all()
    assert held.confint().loc["x", ["conf_low", "conf_high"]].isna().all()
    line = next(line for line in str(held.summary()).splitlines() if line.startswith("x "))
    assert line.split() == ["x", "0.25000", "NA", "NA", "NA"]
    assert "0.250*" not in str(ranef.etable(held, stars=True))


def test_a_report_of_a_model_whose_only_term_is_held_has_no_tests_of_terms(data, tmp_path):
    held = ranef.fit("z ~ x + (1 | g)", data, fixed={"x": 0.25})
    page = held.report(tmp_path / "held.html", plots=False).read_text(encoding="utf-8")
    assert "Type II Wald" not in page
    assert "0.25" in page
