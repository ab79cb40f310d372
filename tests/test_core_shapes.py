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
    """A matrix one row short used to pass, and was read beyond its end; others printed a count one too large."""
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
        ({"terms": [term(basis=np.ones((11, 2)))]}, "basis is 11 x 2"),
        ({"terms": [term(column=np.zeros(11, np.int32), n_columns=2)]}, "column has length 11"),
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
