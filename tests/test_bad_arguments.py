"""Wrong arguments and hopeless data: refused before any fitting, in words that name what is wrong and the remedy."""

import numpy as np
import pandas as pd
import pytest

import ranef
from ranef.errors import DataError, DesignWarning

FROGS = ranef.demo_data()
FORMULA = "count ~ cover + (1 | pond)"
SLOPES = "count ~ cover + (cover | pond)"


def refused(message, formula=FORMULA, data=FROGS, **arguments):
    before = data.copy(deep=True)
    with pytest.raises(DataError, match=message):
        ranef.fit(formula, data, **{"family": "poisson", **arguments})
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "foo"}, "method must be 'laplace'.*'foo'"),
        ({"n_agq": 0}, "n_agq must be a whole number of at least 1, got 0"),
        ({"n_agq": "3"}, "n_agq must be a whole number"),
        ({"reml": "no"}, "reml must be True or False, got 'no'"),
        ({"contrasts": "sum"}, "contrasts must be a dict"),
        ({"control": 3}, r"control must be a ranef\.Control, got 3"),
        ({"fixed": [1.0]}, r"fixed must be a dict"),
        ({"fixed": {"cover": "a"}}, r"fixed\['cover'\] is 'a'; parameters are numbers"),
        ({"fixed": {"cover": np.inf}}, r"fixed\['cover'\] is inf; parameters must be finite"),
        ({"start": {"cover": "a"}}, r"start\['cover'\] is 'a'; parameters are numbers"),
        ({"start": ["a", 1, 2]}, "start must be a dict of numbers by parameter name, or an array"),
    ],
)
def test_an_argument_of_the_wrong_type_is_named_with_what_it_must_be(arguments, message):
    refused(message, **arguments)


@pytest.mark.parametrize("option", [{"verbose": "a"}, {"gain_tolerance": None}, {"max_iterations": 2.5}])
def test_control_refuses_what_is_no_number(option):
    with pytest.raises(ValueError, match=next(iter(option)) + ".*must be a"):
        ranef.Control(**option)


def test_an_unstructured_term_of_three_effects_held_in_part_is_named_with_what_is_missing():
    refused(
        r"is unstructured.*'sd\(cover\|pond\)'.*'cor\(year,cover\|pond\)' too",
        "count ~ cover + (cover + year | pond)",
        FROGS.assign(year=np.arange(len(FROGS)) % 7),
        fixed={"sd(Intercept|pond)": 0.5},
    )


def test_an_unstructured_term_can_be_held_as_a_whole():
    held = {"sd(Intercept|pond)": 0.5, "sd(cover|pond)": 0.1, "cor(cover,Intercept|pond)": 0.2}
    fit = ranef.fit(SLOPES, FROGS, family="poisson", fixed=held)
    for name, value in held.items():
        assert fit.parameters().loc[name, "estimate"] == pytest.approx(value, abs=1e-12)
    assert fit.df == 2


def test_everything_can_be_held():
    held = {"Intercept": 0.5, "cover": 0.2, "sd(Intercept|pond)": 0.5}
    fit = ranef.fit(FORMULA, FROGS, family="poisson", fixed=held)
    assert fit.df == 0
    assert fit.loglik == pytest.approx(ranef.model(FORMULA, FROGS, family="poisson").loglik(held), abs=1e-8)


@pytest.mark.parametrize("size", [1e120, 1e300])
def test_values_whose_squares_overflow_are_refused(size):
    refused("the term 'cover' is .* in row.*: rescale it", data=FROGS.assign(cover=FROGS["cover"] * size))
    grown = FROGS.assign(y=FROGS["cover"] * size)
    refused("the response 'y' has .* as its largest value .*: rescale it", "y ~ 1", grown, family="gaussian")


def test_a_large_but_ordinary_covariate_is_not_refused():
    grown = FROGS.assign(cover=FROGS["cover"] * 1e9)
    fit = ranef.fit(FORMULA, grown, family="poisson")
    plain = ranef.fit(FORMULA, FROGS, family="poisson")
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-6)


def test_a_factor_with_too_many_levels_for_a_dense_matrix_is_refused():
    many = pd.DataFrame({"y": np.arange(1e5) % 7, "g": np.arange(100_000).astype(str)})
    refused(r"100000 coefficients, a dense matrix of 80 GB.*a random effect", "y ~ g", many, family="gaussian")


def test_a_column_called_like_the_intercept_is_refused():
    refused("would be called 'Intercept'", "count ~ Intercept", FROGS.rename(columns={"cover": "Intercept"}))


def test_a_response_among_its_own_terms_is_refused():
    refused("the response 'count' stands among the fixed effects", "count ~ cover + count + (1 | pond)")


def test_the_first_text_among_numbers_is_shown():
    mixed = FROGS.assign(cover=FROGS["cover"].astype(object))
    mixed.loc[3, "cover"] = "oops"
    refused("'cover' mixes values of type float and str .*'oops', at position 3", data=mixed)


def test_a_random_slope_of_zeros_is_refused():
    zeros = FROGS.assign(cover=0.0)
    refused(r"\(0 \+ cover \| pond\): 'cover' is zero in every row", "count ~ 1 + (0 + cover | pond)", zeros)


def test_linearly_dependent_random_slopes_are_warned_about():
    twice = FROGS.assign(twice=2 * FROGS["cover"])
    with pytest.warns(DesignWarning, match=r"\(cover \+ twice \| pond\).*linearly dependent"):
        ranef.model("count ~ cover + (cover + twice | pond)", twice, family="poisson")


def test_correlated_but_independent_random_slopes_are_not_warned_about():
    shifted = FROGS.assign(near=FROGS["cover"] + 1e-3 * np.arange(len(FROGS)) / len(FROGS))
    ranef.model("count ~ cover + (cover + near | pond)", shifted, family="poisson")


def test_data_that_is_a_path_is_answered_with_how_to_read_it():
    with pytest.raises(DataError, match=r"got str; read a file first, for example with pandas\.read_csv"):
        ranef.fit(FORMULA, "frogs.csv")


def test_an_unfitted_model_says_what_it_is():
    assert repr(ranef.model(FORMULA, FROGS, family="poisson")) == (
        "<ranef.Model 'count ~ cover + (1 | pond)', poisson(link='log'), nobs 240, not fitted>"
    )


@pytest.fixture(scope="module")
def fit():
    return ranef.fit(FORMULA, FROGS, family="poisson")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: fit.predict(type="foo"), "type must be one of 'response'.*got 'foo'"),
        (lambda fit: fit.predict(interval="confidence", level=95), "level must lie between 0 and 1, got 95"),
        (lambda fit: fit.confint(level="0.9"), "level must lie between 0 and 1, got '0.9'"),
        (lambda fit: fit.predict(random=["pond"]), "random must be a dict"),
        (lambda fit: fit.predict(random={"pond": "foo"}), r"random\['pond'\] must be one of include"),
        (lambda fit: fit.simulate(1.5), "n must be a whole number of at least 1, got 1.5"),
        (lambda fit: fit.simulate(0), "n must be a whole number of at least 1, got 0"),
        (lambda fit: fit.simulate(seed=-1), "seed must be None or a whole number of at least 0, got -1"),
        (lambda fit: fit.simulate(seed="a"), "seed must be None or a whole number of at least 0, got 'a'"),
        (lambda fit: fit.refit(["a"] * 240), "refit needs a response of numbers"),
        (lambda fit: fit.confint("foo"), "method must be 'wald', 'profile' or 'boot', got 'foo'"),
        (lambda fit: fit.confint(parm=3), "parm must be a parameter name or a list of them, got 3"),
        (lambda fit: fit.tidy("foo"), "effects must be one of 'fixed'"),
        (lambda fit: fit.residuals("foo"), "type must be one of 'response'"),
    ],
)
def test_a_question_that_a_fit_cannot_answer_is_refused(fit, call, message):
    with pytest.raises(DataError, match=message):
        call(fit)


def test_a_change_of_the_formula_that_is_no_text_is_refused(fit):
    with pytest.raises(ranef.FormulaError, match="a change of the formula is text"):
        fit.update(3)
