"""Adjustments, the studentized range, the multivariate t, contrasts by name, compact letters."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.stats import multivariate_normal, norm, studentized_range
from scipy.stats import t as student

from ranef.means.adjust import ADJUSTMENTS, FamilyOfTests, adjusted_p_values, critical_values
from ranef.means.contrasts import METHODS, contrast_set, integer_polynomials
from ranef.means.letters import compact_letters
from ranef.means.multivariate_t import largest_t
from ranef.means.studentized_range import range_tail


def family(statistics, df=np.inf, means=None, correlation=None):
    values = np.asarray(statistics, dtype=float)
    n = len(values)
    return FamilyOfTests(
        values, np.full(n, df, dtype=float), means, n, np.eye(n) if correlation is None else correlation
    )


@pytest.mark.parametrize(
    ("q", "means", "df"), [(1.0, 3, 5), (3.5, 3, 10), (10, 4, 2), (30, 3, 1), (6, 8, 100), (4, 20, 40)]
)
def test_studentized_range_equals_scipys(q, means, df):
    assert range_tail(q, means, df) == pytest.approx(studentized_range.sf(q, means, df), rel=1e-8)


def test_studentized_range_of_two_means_is_a_t_test():
    for t, df in itertools.product([0.1, 1.0, 4.0, 40.0], [1.0, 2.5, 30.0, 1e6]):
        assert range_tail(np.sqrt(2) * t, 2, df) == pytest.approx(2 * student.sf(t, df), rel=1e-9)


def test_studentized_range_keeps_its_digits_in_the_tail():
    """Far out the pairs exclude each other: k (k - 1) / 2 times the tail of one."""
    for t in (8.0, 15.0, 30.0):
        assert range_tail(np.sqrt(2) * t, 4, np.inf) == pytest.approx(6 * 2 * norm.sf(t), rel=1e-4)


def test_largest_t_equals_the_normal_integral_of_two_dimensions():
    for rho, t in itertools.product([-0.9, 0.0, 0.5, 0.99], [0.5, 1.5, 3.0]):
        correlation = np.array([[1.0, rho], [rho, 1.0]])
        inside = multivariate_normal(cov=correlation).cdf([t, t], lower_limit=[-t, -t])
        assert largest_t(correlation).tail(t, np.inf) == pytest.approx(1 - inside, abs=2e-5)


def test_largest_t_equals_the_bivariate_t_integral():
    rho, df = 0.6, 5.0
    scale = 1 / (2 * np.pi * np.sqrt(1 - rho**2))

    def density(y, x):
        return scale * (1 + (x * x - 2 * rho * x * y + y * y) / (df * (1 - rho**2))) ** (-df / 2 - 1)

    inside, _ = dblquad(density, -2.0, 2.0, -2.0, 2.0)
    correlation = np.array([[1.0, rho], [rho, 1.0]])
    assert largest_t(correlation).tail(2.0, df) == pytest.approx(1 - inside, abs=2e-5)


def test_largest_t_of_all_pairs_is_the_studentized_range():
    """Singular: 45 comparisons of 10 means span 9 dimensions. Within four of its own standard errors."""
    pairs = contrast_set("pairwise", [f"m{k}" for k in range(10)]).weights / np.sqrt(2)
    largest = largest_t(pairs @ pairs.T)
    assert largest.rank == 9
    for t, df in itertools.product([1.0, 2.0, 3.0, 4.0], [8.0, np.inf]):
        exact = range_tail(np.sqrt(2) * t, 10, df)
        assert abs(largest.tail(t, df) - exact) < max(4 * largest.error(t, df), 1e-6)
        assert largest.error(t, df) < 5e-4


def test_tukey_of_two_means_is_no_adjustment():
    one = family([2.1], df=12.0, means=2)
    np.testing.assert_allclose(adjusted_p_values("tukey", one), adjusted_p_values("none", one), rtol=1e-9)
    np.testing.assert_allclose(critical_values("tukey", one, 0.9), critical_values("none", one, 0.9), rtol=1e-8)


def test_tukey_critical_values_are_tabulated_ones():
    """q(0.05; 3, 10) = 3.877 and q(0.05; 5, 20) = 4.232 of every table of the studentized range."""
    for means, df, q in [(3, 10.0, 3.877), (5, 20.0, 4.232)]:
        crit = critical_values("tukey", family([1.0], df=df, means=means), 0.95)[0]
        assert crit * np.sqrt(2) == pytest.approx(q, abs=6e-4)


@pytest.mark.parametrize("method", ["tukey", "dunnettx", "scheffe", "mvt"])
def test_critical_values_of_many_degrees_of_freedom_are_those_of_each(method):
    df = np.array([3.0, 4.5, *np.geomspace(5, 500, 30), np.inf])
    correlation = 0.5 * np.eye(len(df)) + 0.5
    many = critical_values(method, FamilyOfTests(np.ones(len(df)), df, 4, 3, correlation), 0.95)
    for place in (0, 1, 10, len(df) - 1):
        one = np.full(len(df), df[place])
        alone = critical_values(method, FamilyOfTests(np.ones(len(df)), one, 4, 3, correlation), 0.95)
        assert many[place] == pytest.approx(alone[0], rel=2e-6)


@pytest.mark.parametrize("method", ADJUSTMENTS)
def test_intervals_and_p_values_agree_at_the_critical_value(method):
    """A statistic at the edge of its interval has the p-value 1 - level (Bonferroni's for step-wise methods)."""
    start = family([2.0, 1.0, 0.5], df=14.0, means=3, correlation=0.5 * np.eye(3) + 0.5)
    crit = critical_values(method, start, 0.95)[0]
    at_edge = family([crit, 0.1, 0.1], df=14.0, means=3, correlation=0.5 * np.eye(3) + 0.5)
    step = {"holm", "hochberg", "fdr"}
    expected = 0.05 * (1 + 1 / 2 + 1 / 3) if method == "by" else 0.05
    if method not in step:
        assert adjusted_p_values(method, at_edge)[0] == pytest.approx(expected, abs=1e-6)
    else:
        assert adjusted_p_values(method, at_edge)[0] == pytest.approx(0.05, abs=1e-6)


@given(st.lists(st.floats(0.0, 6.0), min_size=2, max_size=8), st.sampled_from([3.0, 20.0, np.inf]))
@settings(max_examples=15, deadline=None)
def test_adjusted_p_values_keep_their_order_and_bounds(statistics, df):
    tests = family(statistics, df=df, means=4, correlation=0.3 * np.eye(len(statistics)) + 0.7)
    plain = adjusted_p_values("none", tests)
    order = np.argsort(plain)
    for method in ADJUSTMENTS:
        adjusted = adjusted_p_values(method, tests)
        assert (adjusted >= plain - 1e-12).all()
        assert (adjusted <= 1.0).all()
        assert (np.diff(adjusted[order]) >= -1e-12).all()
        if method in ("holm", "hochberg", "sidak", "mvt", "fdr"):
            assert (adjusted <= adjusted_p_values("bonferroni", tests) + 1e-9).all()


def test_stepwise_p_values_of_a_worked_example():
    """P-values 0.01, 0.02, 0.03, 0.04: Holm 4p, 3p, then no less; Hochberg and FDR 0.04; BY 25/12 of that."""
    p = np.array([0.01, 0.02, 0.03, 0.04])
    tests = family(norm.isf(p / 2))
    np.testing.assert_allclose(adjusted_p_values("holm", tests), [0.04, 0.06, 0.06, 0.06])
    np.testing.assert_allclose(adjusted_p_values("hochberg", tests), [0.04] * 4)
    np.testing.assert_allclose(adjusted_p_values("fdr", tests), [0.04] * 4)
    np.testing.assert_allclose(adjusted_p_values("by", tests), [0.04 * 25 / 12] * 4)


def test_polynomial_contrasts_are_the_tabulated_integers():
    """Fisher and Yates' table for 5 and 6 levels."""
    assert integer_polynomials(5, 4).tolist() == [
        [-2, -1, 0, 1, 2], [2, -1, -2, -1, 2], [-1, 2, 0, -2, 1], [1, -4, 6, -4, 1],
    ]  # fmt: skip
    assert integer_polynomials(6, 3).tolist() == [
        [-5, -3, -1, 1, 3, 5], [5, -1, -4, -4, -1, 5], [-5, 7, 4, -4, -7, 5],
    ]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_method_compares(method):
    made = contrast_set(method, ["a", "b", "c", "d"])
    assert made.sums_to_zero
    assert len(made.labels) == len(made.weights)
    assert len(set(made.labels)) == len(made.labels)


def test_reversed_methods_turn_their_signs():
    names = ["a", "b", "c"]
    forward, backward = contrast_set("pairwise", names), contrast_set("pairwise", names, reverse=True)
    assert backward.labels == (("b", "a"), ("c", "a"), ("c", "b"))
    np.testing.assert_array_equal(np.sort(backward.weights, axis=0), np.sort(-forward.weights, axis=0))
    control = contrast_set("trt.vs.ctrl", names, ref="b", reverse=True)
    assert control.labels == (("b", "a"), ("b", "c"))


@st.composite
def differences(draw):
    count = draw(st.integers(2, 7))
    flags = draw(st.lists(st.booleans(), min_size=count * (count - 1) // 2, max_size=count * (count - 1) // 2))
    matrix = np.zeros((count, count), dtype=bool)
    matrix[np.triu_indices(count, 1)] = flags
    return matrix | matrix.T


@given(differences())
@settings(max_examples=200, deadline=None)
def test_means_share_a_letter_if_and_only_if_they_do_not_differ(different):
    letters = compact_letters(different, range(len(different)))
    for i, j in itertools.combinations(range(len(different)), 2):
        assert bool(set(letters[i]) & set(letters[j])) == (not different[i, j])
    assert all(letters)


def test_letters_start_at_the_first_mean_of_the_order():
    different = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]], dtype=bool)
    assert compact_letters(different, [1, 2, 0]) == ["b", "a", "a"]
    assert compact_letters(different, [0, 1, 2], "xyz") == ["x", "y", "y"]


@pytest.mark.parametrize("df", [5.0, np.inf])
def test_no_range_exceeds_infinity(df):
    assert range_tail(np.inf, 3, df) == 0.0
