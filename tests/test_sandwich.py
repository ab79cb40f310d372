"""Cluster-robust covariances against dense formulas, other software and exact scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as api
from scipy import linalg

import ranef
from ranef.inference.clusters import independent_clusters
from ranef.inference.linearised import linearised
from ranef.inference.sandwich import _bread_and_scores, cluster_scores


@pytest.fixture(scope="module")
def frogs():
    return ranef.demo_data()


@pytest.fixture(scope="module")
def nested():
    """Pupils in classes in schools, unequal sizes, residual variance that grows with x."""
    rng = np.random.default_rng(11)
    rows = []
    for school in range(14):
        at_school = rng.normal(0, 0.7)
        for klass in range(int(rng.integers(2, 4))):
            at_class, slope = rng.normal(0, 0.5), rng.normal(0, 0.4)
            for _ in range(int(rng.integers(3, 8))):
                x = rng.normal()
                y = 1 + 0.5 * x + at_school + at_class + slope * x + rng.normal() * (0.5 + 0.3 * abs(x))
                rows.append((f"s{school}", f"s{school}c{klass}", x, y, school % 2))
    return pd.DataFrame(rows, columns=["school", "klass", "x", "y", "half"])


def dense_sandwich(fit: ranef.Fit, groups: np.ndarray, kind: str) -> np.ndarray:
    """The definitions with whole matrices: V, the hat matrix, A_g."""
    x, y = fit.design.predictors[0].fixed.matrix, fit.design.response.values
    v = fit.sigma**2 * np.eye(len(y))
    for term, block in zip(fit.design.terms, fit.covariance_blocks, strict=True):
        z = np.ones((len(y), 1)) if term.basis is None else term.basis
        v += np.equal.outer(term.levels, term.levels) * (z @ block.covariance @ z.T)
    inverse = np.linalg.inv(v)
    bread = np.linalg.inv(x.T @ inverse @ x)
    hat = x @ bread @ x.T @ inverse
    residual = y - hat @ y
    meat = np.zeros_like(bread)
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        block, adjusted = v[np.ix_(own, own)], residual[own]
        if kind == "CR2":
            upper = np.linalg.cholesky(block).T
            rest = (np.eye(len(y)) - hat)[own]
            inner = upper @ rest @ v @ rest.T @ upper.T
            adjusted = upper.T @ np.real(linalg.sqrtm(np.linalg.inv(inner))) @ upper @ adjusted
        score = x[own].T @ np.linalg.solve(block, adjusted)
        meat += np.outer(score, score)
    count = len(np.unique(groups))
    return bread @ meat @ bread * (count / (count - 1) if kind == "CR1" else 1.0)


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2"])
@pytest.mark.parametrize("reml", [False, True], ids=["ML", "REML"])
def test_linear_mixed_models_have_the_dense_formula(kind: str, reml: bool, nested) -> None:
    fit = ranef.fit("y ~ x + (1 | school) + (x | klass)", nested, reml=reml)
    dense = dense_sandwich(fit, nested["school"].to_numpy(), kind)
    assert fit.vcov(type=kind).to_numpy() == pytest.approx(dense, rel=1e-8)


def test_a_coarser_cluster_may_be_given(nested) -> None:
    fit = ranef.fit("y ~ x + (1 | klass)", nested)
    dense = dense_sandwich(fit, nested["school"].to_numpy(), "CR2")
    assert fit.vcov(type="CR2", cluster="school").to_numpy() == pytest.approx(dense, rel=1e-8)
    by_array = fit.vcov(type="CR2", cluster=nested["school"].to_numpy())
    assert by_array.to_numpy() == pytest.approx(dense, rel=1e-8)


def test_balanced_random_slopes_make_cr2_the_models_own(frogs) -> None:
    """In a balanced design in which every group has its own slope, GLS is the mean of the groups' least squares.

    CR2 is then their sample covariance, and so is what REML estimates.
    """
    rng = np.random.default_rng(5)
    x = np.tile(np.arange(8.0), 20)
    group = np.repeat(np.arange(20), 8)
    y = rng.normal(0, 2, 20)[group] + (1 + rng.normal(0, 1, 20)[group]) * x + rng.normal(0, 1, 160)
    data = pd.DataFrame({"y": y, "x": x, "g": group.astype(str)})
    fit = ranef.fit("y ~ x + (x | g)", data, reml=True)
    slopes = np.array([np.polyfit(x[group == g], y[group == g], 1)[::-1] for g in range(20)])
    assert fit.vcov(type="CR2").to_numpy() == pytest.approx(np.cov(slopes.T) / 20, rel=1e-6)
    assert fit.vcov(type="CR2").to_numpy() == pytest.approx(fit.vcov().to_numpy(), rel=1e-4)


def test_least_squares_have_the_hc_covariances_of_statsmodels(nested) -> None:
    fit = ranef.fit("y ~ x", nested)
    ols = api.OLS(nested["y"], api.add_constant(nested["x"])).fit()
    for ours, theirs in (("CR0", "HC0"), ("CR2", "HC2")):
        expected = np.asarray(ols.get_robustcov_results(theirs).cov_params())
        assert fit.vcov(type=ours).to_numpy() == pytest.approx(expected, rel=1e-9)
    codes = pd.factorize(nested["school"])[0]
    clustered = ols.get_robustcov_results("cluster", groups=codes, use_correction=False).cov_params()
    assert fit.vcov(type="CR0", cluster="school").to_numpy() == pytest.approx(np.asarray(clustered), rel=1e-9)


def test_a_random_intercept_is_gee_with_the_same_exchangeable_correlation(nested) -> None:
    fit = ranef.fit("y ~ x + (1 | school)", nested)
    structure = api.cov_struct.Exchangeable()
    structure.dep_params = fit.icc().adjusted
    gee = api.GEE(
        nested["y"], api.add_constant(nested["x"]), groups=nested["school"], cov_struct=structure, update_dep=False
    ).fit()
    assert fit.vcov(type="CR0").to_numpy() == pytest.approx(np.asarray(gee.cov_robust), rel=1e-6)


@pytest.mark.parametrize(("family", "response"), [("poisson", "count"), ("binomial", "any")])
def test_a_glm_is_gee_with_independence(family: str, response: str, frogs) -> None:
    data = frogs.assign(any=(frogs["count"] > 0).astype(int))
    fit = ranef.fit(f"{response} ~ shore + cover", data, family=family)
    theirs = {"poisson": api.families.Poisson(), "binomial": api.families.Binomial()}[family]
    gee = api.GEE(
        data[response], fit.design.predictors[0].fixed.matrix, groups=pd.factorize(data["pond"])[0], family=theirs
    ).fit()
    assert fit.vcov(type="CR0", cluster="pond").to_numpy() == pytest.approx(np.asarray(gee.cov_robust), rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"family": "poisson"},
        {"family": "nbinom2", "ziformula": "~ shore"},
        {"family": "nbinom1", "dispformula": "~ shore"},
    ],
    ids=["poisson", "zero-inflated", "dispersion modelled"],
)
def test_scores_of_clusters_are_those_of_the_marginal_likelihood(changes, frogs) -> None:
    """The log-likelihood is a sum over ponds: without one of them, its gradient lacks that pond's score."""
    formula = "count ~ shore + cover + (1 | pond)"
    fit = ranef.fit(formula, frogs, **changes)
    system = linearised(fit)
    clusters = independent_clusters(fit, None)
    scores = cluster_scores(fit, system, clusters, _bread_and_scores(fit, system)[1])
    values = dict(zip(fit.parameter_names, fit.parameter_values, strict=True))
    whole = ranef.model(formula, frogs, **changes).gradient(values)
    names = [p.name for p in fit.parameter_info if p.kind == "beta" and p.name != "log_phi"]
    for place, pond in ((0, "P01"), (16, "P17")):
        rest = ranef.model(formula, frogs[frogs["pond"] != pond], **changes).gradient(values)
        assert scores[place] == pytest.approx((whole - rest)[names].to_numpy(), abs=1e-6)


def test_the_bread_is_the_covariance_given_the_variance_parameters(frogs) -> None:
    fit = ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="nbinom2")
    bread, _ = _bread_and_scores(fit, linearised(fit))
    values = dict(zip(fit.parameter_names, fit.parameter_values, strict=True))
    held = {name: values[name] for name in ("log_phi", "sd(Intercept|pond)")}
    given = fit.update(fixed=held)
    assert bread == pytest.approx(given.vcov().to_numpy(), rel=1e-3)


def test_cr2_of_a_glmm_is_the_dense_formula_of_its_working_response(frogs) -> None:
    fit = ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="poisson", method="pql")
    system = linearised(fit)
    x, groups = fit.design.predictors[0].fixed.matrix, fit.design.terms[0].levels
    weight = system.weights[:, 0, 0]
    v = np.diag(1 / weight) + np.equal.outer(groups, groups) * fit.covariance_blocks[0].covariance[0, 0]
    bread = np.linalg.inv(x.T @ np.linalg.solve(v, x))
    residual = -v @ system.gradient[:, 0]
    meat = np.zeros((3, 3))
    for g in range(30):
        own = np.flatnonzero(groups == g)
        block = v[np.ix_(own, own)]
        upper = np.linalg.cholesky(block).T
        inner = upper @ (block - x[own] @ bread @ x[own].T) @ upper.T
        adjusted = upper.T @ np.real(linalg.sqrtm(np.linalg.inv(inner))) @ upper @ residual[own]
        score = x[own].T @ np.linalg.solve(block, adjusted)
        meat += np.outer(score, score)
    assert fit.vcov(type="CR2").to_numpy() == pytest.approx(bread @ meat @ bread, rel=1e-8)


def test_robust_errors_see_what_the_model_does_not(frogs) -> None:
    """Heteroscedastic by group: a fit that assumes one residual variance understates the error of the slope."""
    rng = np.random.default_rng(8)
    group = np.repeat(np.arange(60), 10)
    x = rng.normal(size=600) + 2.0 * (group % 2)
    spread = np.where(group % 2, 3.0, 0.3)
    y = rng.normal(size=60)[group] + x + rng.normal(size=60)[group] * x * 0.5 + spread * rng.normal(size=600)
    fit = ranef.fit("y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": group.astype(str)}))
    assert fit.vcov(type="CR2").loc["x", "x"] > 1.5 * fit.vcov().loc["x", "x"]


def test_tidy_and_summary_take_robust_errors(frogs) -> None:
    fit = ranef.fit("count ~ shore + cover + (1 | pond)", frogs, family="nbinom2", ziformula="~ shore")
    robust = fit.tidy(vcov="CR1", conf_int=True)
    conditional = robust["component"] == "cond"
    for component in ("cond", "zi"):
        expected = np.sqrt(np.diag(fit.vcov(component, type="CR1")))
        assert robust.loc[robust["component"] == component, "std_error"].to_numpy() == pytest.approx(expected)
    assert "Standard error: CR1, robust by pond (30 clusters)" in str(fit.summary(vcov="CR1"))
    by_matrix = fit.tidy(vcov=fit.vcov(type="CR1"))
    assert by_matrix.loc[conditional, "std_error"].to_numpy() == pytest.approx(
        robust.loc[conditional, "std_error"].to_numpy()
    )
    assert by_matrix.loc[~conditional, "std_error"].to_numpy() == pytest.approx(
        fit.tidy().loc[~conditional, "std_error"].to_numpy()
    )
    assert "from the covariance matrix given" in str(fit.summary(vcov=fit.vcov(type="CR1").to_numpy()))


def test_bad_requests_say_what_would_work(frogs, nested) -> None:
    fit = ranef.fit("y ~ x + (1 | klass)", nested)
    with pytest.raises(ranef.DataError, match="type must be 'CR0', 'CR1' or 'CR2'"):
        fit.vcov(type="HC3")
    with pytest.raises(ranef.DataError, match="say which"):
        fit.vcov(cluster="school")
    with pytest.raises(ranef.DataError, match="full=True"):
        fit.vcov(type="CR1", full=True)
    with pytest.raises(ranef.DataError, match="vcov has shape"):
        fit.tidy(vcov=np.eye(3))
    with pytest.raises(ranef.DataError, match="vcov must be"):
        fit.tidy(vcov="HC0")
    with pytest.raises(ranef.DataError, match="effects='fixed' only"):
        fit.tidy("ran_pars", vcov="CR1")


def test_crossed_factors_need_a_cluster_that_holds_both(frogs) -> None:
    data = frogs.assign(visit=frogs["visit"].astype(str), region=np.where(frogs["pond"] < "P16", "a", "b"))
    fit = ranef.fit("count ~ cover + (1 | pond) + (1 | visit)", data, family="poisson")
    with pytest.raises(ranef.DataError, match="pond and visit are crossed"):
        fit.vcov(type="CR1")
    with pytest.raises(ranef.DataError, match="levels of visit occur in several clusters of pond"):
        fit.vcov(type="CR1", cluster="pond")


def test_what_a_type_does_not_cover_is_refused(frogs) -> None:
    fit = ranef.fit("count ~ cover + (1 | pond)", frogs, family="nbinom2", ziformula="~ shore")
    with pytest.raises(ranef.DataError, match="CR2 is defined for models with coefficients"):
        fit.vcov(type="CR2")
    with pytest.raises(ranef.DataError, match="no coefficients but a constant"):
        fit.vcov("disp", type="CR1")
    restricted = fit.update(reml=True)
    with pytest.raises(ranef.DataError, match="the robust covariance of a REML fit"):
        restricted.vcov(type="CR1")
