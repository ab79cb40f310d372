"""Arrays of wrong shapes are refused at the border of the compiled core, with both sizes."""

import numpy as np
import pytest

import ranef
from ranef import _core


def parts(**changed: object) -> dict[str, object]:
    """Arguments of a small gaussian model with slopes in three groups."""
    rng = np.random.default_rng(1)
    design = np.asfortranarray(np.column_stack([np.ones(12), rng.normal(size=12)]))
    likelihood = ranef.families.resolve("gaussian").likelihood(False)
    made: dict[str, object] = {
        "likelihood": likelihood,
        "response": rng.normal(size=12),
        "predictors": [_core.Predictor(design, None), _core.Predictor(np.ones((12, 1), order="F"), None)],
        "terms": [_core.Term(0, "us", np.repeat(np.arange(3, dtype=np.int32), 4), 3, np.ascontiguousarray(design))],
    }
    return made | changed


def model(**changed: object) -> _core.Model:
    return _core.Model(**parts(**changed))


def term(**changed: object) -> _core.Term:
    made: dict[str, object] = {
        "predictor": 0, "structure": "us", "levels": np.repeat(np.arange(3, dtype=np.int32), 4), "n_levels": 3,
    }  # fmt: skip
    return _core.Term(**(made | changed))


def matrix(rows: int, columns: int) -> np.ndarray:
    return np.asfortranarray(np.random.default_rng(2).normal(size=(rows, columns)))


@pytest.mark.parametrize("rows", [11, 13, 1])
def test_a_matrix_of_other_rows_is_refused_with_its_own_count(rows: int):
    """One row short, it would be read beyond its end."""
    predictors = [_core.Predictor(matrix(rows, 2), None), _core.Predictor(np.ones((12, 1), order="F"), None)]
    with pytest.raises(ValueError, match=f"matrix has length {rows}, the response 12"):
        model(predictors=predictors)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"trials": np.ones(11)}, "trials has length 11"),
        ({"weights": np.ones(13)}, "weights has length 13"),
        ({"predictors": [_core.Predictor(matrix(12, 1), None)]}, "predictors has length 1"),
        ({"response": np.zeros(0)}, "needs rows"),
        ({"terms": [term(levels=np.zeros(11, np.int32))]}, "levels has length 11"),
        ({"terms": [term(levels=np.full(12, 3, np.int32))]}, "level out of range"),
        ({"terms": [term(levels=np.full(12, -1, np.int32))]}, "level out of range"),
        ({"terms": [term(predictor=2)]}, "predictor 2 of 2"),
        ({"terms": [term(column=np.full(12, 2, np.int32), n_columns=2)]}, "column out of range"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_the_response_is_refused(changed: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        model(**changed)


@pytest.mark.parametrize("size", [0, 3, 8])
def test_parameter_vectors_of_another_length_are_refused(size: int):
    """Start and fixed of another length used to be read beyond their end."""
    made, options = model(), _core.Options()
    count = len(made.parameters)
    assert size != count
    for call in (
        lambda: made.fit(options, np.zeros(size)),
        lambda: made.fit(options, None, np.zeros(size, np.bool_)),
        lambda: made.refit(np.zeros(12), options, np.zeros(size)),
        lambda: made.profile(options, np.zeros(count), 0.0, 0, 1.0, np.zeros(size, np.bool_)),
        lambda: made.loglik(np.zeros(size)),
    ):
        with pytest.raises(ValueError, match=f"has length {size}, the parameters {count}"):
            call()


def test_a_response_of_another_length_is_refused_by_refit():
    with pytest.raises(ValueError, match="response has length 11, the rows 12"):
        model().refit(np.zeros(11), _core.Options())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vcov": np.zeros((2, 2))}, "parameter_vcov is 2 x 2"),
        ({"predictors": [_core.Predictor(matrix(4, 2), None)]}, "predictors has length 1"),
        (
            {"predictors": [_core.Predictor(matrix(4, 3), None), _core.Predictor(matrix(4, 1), None)]},
            "matrix 0 is 4 x 3, not 4 x 2",
        ),
        (
            {"predictors": [_core.Predictor(matrix(4, 2), None), _core.Predictor(matrix(3, 1), None)]},
            "matrix 1 is 3 x 1, not 4 x 1",
        ),
        ({"terms": []}, "terms has length 0"),
        ({"terms": [term(levels=np.full(4, 3, np.int32), basis=np.ones((4, 2)))]}, "level out of range"),
        ({"terms": [term(levels=np.full(4, -3, np.int32), basis=np.ones((4, 2)))]}, "level out of range"),
        ({"terms": [term(levels=np.zeros(4, np.int32), basis=np.ones((4, 1)))]}, "basis is 4 x 1, not 4 x 2"),
        ({"terms": [term(levels=np.zeros(4, np.int32))]}, "basis is 0 x 0, not 4 x 2"),
        ({"terms": [term(levels=np.zeros(4, np.int32), column=np.full(4, 2, np.int32))]}, "column out of range"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_new_rows_that_do_not_fit_the_model_are_refused(changed: dict[str, object], message: str):
    made = model()
    result = made.fit(_core.Options())
    count = len(made.parameters)
    given: dict[str, object] = {
        "vcov": np.zeros((count, count)),
        "predictors": [_core.Predictor(matrix(4, 2), None), _core.Predictor(matrix(4, 1), None)],
        "terms": [None],
    }
    given |= changed
    with pytest.raises(ValueError, match=message):
        made.predictor_covariance(result, given["vcov"], given["predictors"], given["terms"])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: _core.Predictor(np.ones(3)), "matrix must have two dimensions"),
        (lambda: _core.Predictor(matrix(12, 2), np.ones(11)), "offset has length 11, the matrix 12"),
        (lambda: _core.Predictor(matrix(12, 2), np.zeros(0)), "offset has length 0"),
        (lambda: term(levels=np.zeros((12, 1), np.int32)), "levels must have one dimension"),
        (lambda: term(basis=np.ones(12)), "basis must have two dimensions"),
        (lambda: term(basis=np.ones((11, 2))), "basis is 11 x 2 beside 12 levels"),
        (lambda: term(column=np.zeros(11, np.int32), n_columns=2), "column has length 11, levels 12"),
        (lambda: term(basis=np.ones((12, 0))), "basis is 12 x 0 beside 12 levels"),
        (lambda: term(basis=np.ones((12, 2)), column=np.zeros(12, np.int32)), "a basis or a column, not both"),
        (lambda: term(column=np.zeros((12, 1), np.int32)), "column must have one dimension"),
        (lambda: term(n_levels=0), "a term of 0 levels"),
        (lambda: term(n_levels=2**20, column=np.zeros(12, np.int32), n_columns=2**20), "levels and 1048576 columns"),
        (lambda: model(response=np.zeros((12, 1))), "response must have one dimension"),
        (lambda: model(trials=np.zeros(0)), "trials has length 0"),
        (lambda: model(weights=np.ones((12, 1))), "weights must have one dimension"),
        (lambda: model(terms=[term(structure="cube")]), "covariance structure 'cube'"),
        (lambda: model(terms=[term(structure="ar1", basis=matrix(12, 2))]), "needs one indicator column a row"),
        (lambda: _core.covariance_parameters("us", 0), "1 to 30000 columns, not 0"),
        (lambda: _core.independent_columns(np.ones(3)), "matrix must have two dimensions"),
    ],
)
def test_parts_of_other_shapes_are_refused(build, message: str):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("levels", [np.full(12, 0.5), np.zeros(12, np.int64), np.full(12, np.nan)])
def test_numbers_are_no_levels(levels):
    """They used to be cast by force: 0.5 and 2^32 to zero."""
    with pytest.raises(TypeError):
        term(levels=levels)


def test_a_model_needs_a_likelihood():
    with pytest.raises(TypeError):
        model(likelihood=None)


def test_flags_are_read_where_they_stand():
    """Every second flag of an array, which used to be read as if they stood side by side."""
    made = model()
    flags = np.zeros((len(made.parameters), 2), np.bool_)
    flags[:, 1] = True
    start = made.start()
    np.testing.assert_array_equal(made.fit(_core.Options(), start, flags[:, 1]).values, start)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_iterations": -1}, "max_iterations is -1"),
        ({"max_inner_iterations": 0}, "max_inner_iterations 0"),
        ({"gain_tolerance": np.nan}, "must be positive"),
        ({"inner_tolerance": 0.0}, "must be positive"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], message: str):
    made = _core.Options()
    for name, value in options.items():
        setattr(made, name, value)
    with pytest.raises(ValueError, match=message):
        model().fit(made)


def test_a_fit_of_another_model_is_refused():
    """Its vectors used to be read beyond their ends."""
    whole, part = model(), model(terms=[term()])
    result = part.fit(_core.Options())
    for ask in (
        whole.curvature,
        whole.row_scores,
        whole.conditional_covariance,
        lambda fit: whole.parameter_covariance(fit, np.zeros((len(whole.parameters),) * 2)),
    ):
        with pytest.raises(ValueError, match="the fit has length"):
            ask(result)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"values": np.zeros(2)}, "values has length 2"),
        ({"beta": [np.zeros(2)]}, "beta has length 1, the predictors 2"),
        ({"beta": [np.zeros(3), np.zeros(1)]}, "beta has length 3, the columns 2"),
        ({"modes": []}, "modes has length 0, the terms 1"),
        ({"modes": [np.zeros((3, 3))]}, "modes has length 9, the effects 6"),
        ({"count": 0}, "count is 0"),
        ({"first": -1}, "first -1"),
        ({"threads": 0}, "threads 0"),
        ({"keep": np.zeros(2, np.bool_)}, "keep has length 2, the terms 1"),
        ({"fixed": np.zeros(2, np.bool_)}, "fixed has length 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_replicates_of_another_truth_are_refused(changed: dict[str, object], message: str):
    made = model()
    result = made.fit(_core.Options())
    given: dict[str, object] = {
        "values": result.values, "beta": result.beta, "modes": result.modes, "seed": 1, "first": 0, "count": 1,
    }  # fmt: skip
    made.bootstrap(_core.Options(), **given)
    with pytest.raises(ValueError, match=message):
        made.bootstrap(_core.Options(), **(given | changed))


def test_profiles_of_other_parameters_are_refused():
    made = model()
    estimate = made.fit(_core.Options()).values
    for parameter in (-1, len(estimate)):
        with pytest.raises(ValueError, match=f"parameter {parameter} of {len(estimate)}"):
            made.profile(_core.Options(), estimate, 0.0, parameter, 1.0)
    with pytest.raises(ValueError, match="zeta_step is"):
        made.profile(_core.Options(), estimate, 0.0, 0, 1.0, cutoff=1.0, zeta_step=np.nan)
