"""Requests for marginal means that cannot be met say what would work."""

import pytest
from support.factorial import two_way

import ranef
from ranef.errors import DataError


@pytest.fixture(scope="module")
def linear():
    return ranef.fit("y ~ a * b + x + (1 | g)", two_way(), reml=True)


@pytest.fixture(scope="module")
def counts():
    return ranef.fit("n ~ a * b + x + offset(log(e)) + (1 | g)", two_way(), family="poisson")


BAD_REQUESTS = {
    "an unknown factor": (lambda f: f.emmeans("~ aa"), "did you mean 'a'"),
    "an unknown by": (lambda f: f.emmeans("~ a", by="bb"), "did you mean 'b'"),
    "a grouping factor": (lambda f: f.emmeans("~ g"), "no 'g' among the predictors"),
    "an unknown level": (lambda f: f.emmeans("~ a", at={"a": ["lwo"]}), "did you mean 'low'"),
    "an unknown variable in at": (lambda f: f.emmeans("~ a", at={"z": 1}), "no 'z'"),
    "a text for a covariate": (lambda f: f.emmeans("~ a", at={"x": "low"}), "must be finite numbers"),
    "an empty at": (lambda f: f.emmeans("~ a", at={"x": []}), "is empty"),
    "an unknown component": (lambda f: f.emmeans("~ a", component="hurdle"), "component must be one of"),
    "an absent component": (lambda f: f.emmeans("~ a", component="zi"), "no component 'zi'"),
    "an unknown type": (lambda f: f.emmeans("~ a", type="resp"), "type must be"),
    "an unknown weighting": (lambda f: f.emmeans("~ a", weights="prop"), "weights must be one of"),
    "too few weights": (lambda f: f.emmeans("~ a", weights=[1.0, 2.0, 3.0]), "averaged over 2 values"),
    "weights of an absent factor": (lambda f: f.emmeans("~ a", weights={"a": [1, 1, 1]}), "not averaged over"),
    "a left side": (lambda f: f.emmeans("pairwise ~ a"), r"\.contrast\('pairwise'\)"),
    "an unknown method": (lambda f: f.emmeans("~ a").contrast("pairwize"), "did you mean 'pairwise'"),
    "an unknown adjustment": (lambda f: f.emmeans("~ a").pairs(adjust="tuckey"), "did you mean 'tukey'"),
    "tukey for other contrasts": (lambda f: f.emmeans("~ a").contrast("eff", adjust="tukey"), "all pairwise"),
    "an unknown reference": (lambda f: f.emmeans("~ a").contrast("trt.vs.ctrl", ref="hihg"), "did you mean 'high'"),
    "a reference of pairs": (lambda f: f.emmeans("~ a").contrast("pairwise", ref="low"), "belongs to 'trt.vs.ctrl'"),
    "weights of the wrong length": (lambda f: f.emmeans("~ a").contrast({"odd": [1, -1]}), "has 2 weights"),
    "letters without a factor": (lambda f: f.emmeans("~ 1").cld(), "letters need a factor"),
    "letters of contrasts": (lambda f: f.emmeans("~ a").pairs().cld(), "these are contrasts"),
    "pairs of one mean": (lambda f: f.emmeans("~ 1").pairs(), "one mean only"),
    "an unknown simple": (lambda f: f.emmeans("~ a * b").contrast(simple="c"), "names 'c'"),
    "a trend in a factor": (lambda f: f.emtrends("~ b", "a"), "it is a factor"),
    "a trend in nothing": (lambda f: f.emtrends("~ b", "xx"), "did you mean 'x'"),
    "an unknown ddf": (lambda f: f.emmeans("~ a", ddf="kenward"), "did you mean 'kenward-roger'"),
    "sigma without adjustment": (lambda f: f.emmeans("~ a", sigma=1.0), "bias_adjust=True"),
    "a level beyond 1": (lambda f: f.emmeans("~ a", level=95), "between 0 and 1"),
    "bias adjustment of responses": (lambda f: f.emmeans("~ a", component="response", bias_adjust=True), "link scale"),
    "an unknown by in joint_tests": (lambda f: f.joint_tests(by="c"), "no 'c'"),
    "an unknown scale to regrid to": (lambda f: f.emmeans("~ a").regrid("sqrt"), "regrid must be"),
}


@pytest.mark.parametrize("request_of", BAD_REQUESTS, ids=[name.replace(" ", "-") for name in BAD_REQUESTS])
def test_bad_requests_say_what_would_work(request_of, linear):
    call, message = BAD_REQUESTS[request_of]
    with pytest.raises(DataError, match=message):
        call(linear)


def test_small_samples_of_generalized_models_are_refused(counts):
    with pytest.raises(DataError, match="use ddf='asymptotic'"):
        counts.emmeans("~ a", ddf="kenward-roger")


def test_loaded_fits_without_data_are_refused(counts, tmp_path):
    counts.save(tmp_path / "fit.ranef")
    with pytest.raises(DataError, match=r"emmeans\(\) needs the data"):
        ranef.load(tmp_path / "fit.ranef").emmeans("~ a")
