// Jets: arithmetic and composition against closed forms, identities and other rings.

#include <cmath>
#include <random>
#include <string>

#include "ranef/ad/jet_math.hpp"
#include "support/check.hpp"
#include "support/finite_difference.hpp"
#include "support/near.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

template <class J>
J random_jet(std::mt19937_64& rng, double value) {
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  J jet(value);
  for (int i = 1; i < J::size; ++i) jet[i] = uniform(rng);
  return jet;
}

template <class J>
void check_equal(const J& actual, const J& expected, const std::string& what) {
  for (int i = 0; i < J::size; ++i) check_near(actual[i], expected[i], 1e-13, 1e-13, what);
}

void test_sizes() {
  run("rings hold the number of monomials that their degree allows", [] {
    check(Jet<1, 3>::size == 4 && Jet<2, 3>::size == 10 && Jet<3, 3>::size == 20 && Jet<4, 3>::size == 35, "order 3");
    check(Jet<1, 2>::size == 3 && Jet<2, 2>::size == 6 && Jet<3, 2>::size == 10 && Jet<4, 2>::size == 15, "order 2");
    check(DirectionalJet<1>::size == 4 && DirectionalJet<2>::size == 7 && DirectionalJet<3>::size == 10, "direction");
    check(BasicJet<TotalDegree<4, 3>, 2U>::size == 4, "one variable of four");
    check(BasicJet<MeanDirection<3>, 2U>::size == 2, "a variable other than the direction is linear");
  });
}

/// x^a y^b z^c differentiated by hand.
void test_monomial_derivatives() {
  run("derivatives of x^3 y^2 z match the closed form", [] {
    using J = Jet<3, 3>;
    const double x = 1.3, y = -0.7, z = 2.1;
    const J jx = J::variable(0, x), jy = J::variable(1, y), jz = J::variable(2, z);
    const J f = jx * jx * jx * jy * jy * jz;
    check_near(f.value(), x * x * x * y * y * z, 1e-14, 0.0, "f");
    check_near(f.derivative(0), 3 * x * x * y * y * z, 1e-14, 0.0, "f_x");
    check_near(f.derivative(1, 1), 2 * x * x * x * z, 1e-14, 0.0, "f_yy");
    check_near(f.derivative(0, 1), 6 * x * x * y * z, 1e-14, 0.0, "f_xy");
    check_near(f.derivative(0, 0, 0), 6 * y * y * z, 1e-14, 0.0, "f_xxx");
    check_near(f.derivative(0, 0, 1), 12 * x * y * z, 1e-14, 0.0, "f_xxy");
    check_near(f.derivative(2, 0, 1), 6 * x * x * y, 1e-14, 0.0, "f_xyz in any order");
    check_near(f.derivative(1, 2, 1), 2 * x * x * x, 1e-14, 0.0, "f_yyz");
    check_near(f.derivative(2, 2, 0), 0.0, 0.0, 0.0, "f_xzz");
  });
}

template <class J>
void test_identities(const std::string& name) {
  run("functions undo each other in " + name, [] {
    std::mt19937_64 rng(7);
    for (const double value : {0.2, 1.0, 3.7}) {
      const J x = random_jet<J>(rng, value), y = random_jet<J>(rng, value + 0.5);
      check_equal(log(exp(x)), x, "log(exp(x))");
      check_equal(exp(log(x)), x, "exp(log(x))");
      check_equal(log1p(expm1(x)), x, "log1p(expm1(x))");
      check_equal(square(sqrt(x)), x, "sqrt(x)^2");
      check_equal(pow(pow(x, 3.0), 1.0 / 3.0), x, "pow");
      check_equal(x / y * y, x, "x / y * y");
      check_equal(x * y, y * x, "commutative");
      check_equal(exp(x + y), exp(x) * exp(y), "exp of a sum");
      check_equal(J(atan(x) + atan(reciprocal(x))), J(std::atan(value) + std::atan(1.0 / value)),
                  "atan(x) + atan(1/x)");
      check_equal(J((x + y) * (x - y)), J(x * x - y * y), "difference of squares");
      check_equal(J(1.0 - (2.0 - x)), J(x - 1.0), "constants");
      check_equal(J(2.0 / x), J(2.0 * pow(x, -1.0)), "constant over jet");
    }
  });
}

void test_mixed_predictors() {
  run("a product of functions of single predictors is that of full jets", [] {
    using L = TotalDegree<3, 3>;
    using Full = Jet<3, 3>;
    const auto x = BasicJet<L, 1U>::variable(0, 0.4);
    const auto z = BasicJet<L, 4U>::variable(2, -0.3);
    const auto mixed = exp(x) * z + 2.0 * x - log1p(z);
    static_assert(decltype(mixed)::variables == 5U, "the union of the predictors");
    const Full fx = Full::variable(0, 0.4), fz = Full::variable(2, -0.3);
    check_equal(Full(mixed), exp(fx) * fz + 2.0 * fx - log1p(fz), "mixed");
  });
  run("the directional ring gives the derivatives of the full ring", [] {
    const auto f = [](auto x, auto y, auto z) { return exp(x * y) * log(z + x) / (1.0 + square(y)) + sqrt(z) * x; };
    using J = Jet<3, 3>;
    using D = DirectionalJet<3>;
    const J full = f(J::variable(0, 0.4), J::variable(1, -0.8), J::variable(2, 1.7));
    const D direction = f(D::variable(0, 0.4), D::variable(1, -0.8), D::variable(2, 1.7));
    check_near(direction.value(), full.value(), 1e-15, 0.0, "value");
    for (int k = 0; k < 3; ++k) {
      check_near(direction.derivative(k), full.derivative(k), 1e-14, 0.0, "first");
      check_near(direction.derivative(0, k), full.derivative(0, k), 1e-14, 0.0, "second");
      check_near(direction.derivative(0, 0, k), full.derivative(0, 0, k), 1e-14, 0.0, "third");
    }
  });
}

void test_finite_differences() {
  run("each order matches central differences of the order below", [] {
    using J = Jet<2, 3>;
    const auto f = [](const J& x, const J& y) { return log(1.0 + exp(x * y)) * atan(x - y) + pow(2.0 + x, 1.5); };
    const auto at = [&](double x, double y) { return f(J::variable(0, x), J::variable(1, y)); };
    const double x = 0.6, y = -1.1, h = 1e-3;
    const J l = at(x, y);
    for (int a = 0; a < 2; ++a) {
      const auto shifted = [&](double s) { return a == 0 ? at(x + s, y) : at(x, y + s); };
      check_near(l.derivative(a), central_difference([&](double s) { return shifted(s).value(); }, 0.0, h), 1e-9, 1e-11,
                 "first");
      for (int b = 0; b < 2; ++b) {
        check_near(l.derivative(a, b), central_difference([&](double s) { return shifted(s).derivative(b); }, 0.0, h),
                   1e-9, 1e-11, "second");
        for (int c = 0; c < 2; ++c) {
          check_near(l.derivative(a, b, c),
                     central_difference([&](double s) { return shifted(s).derivative(b, c); }, 0.0, h), 1e-9, 1e-11,
                     "third");
        }
      }
    }
  });
}

}  // namespace

int main() {
  test_sizes();
  test_monomial_derivatives();
  test_identities<Jet<1, 3>>("Jet<1, 3>");
  test_identities<Jet<2, 2>>("Jet<2, 2>");
  test_identities<Jet<3, 3>>("Jet<3, 3>");
  test_identities<Jet<4, 3>>("Jet<4, 3>");
  test_identities<DirectionalJet<2>>("DirectionalJet<2>");
  test_mixed_predictors();
  test_finite_differences();
  return finish();
}
