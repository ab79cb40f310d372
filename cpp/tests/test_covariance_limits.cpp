// Covariance structures at and beyond the ends of their ranges, and the closed
// form of ar1.

#include <cmath>
#include <limits>
#include <stdexcept>

#include "ranef/covariance/covariance.hpp"
#include "support/dense_model.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr double kExact = 1e-11;

void test_ar1() {
  run("ar1: Q is the inverse of the correlations rho^|i-j|", [] {
    for (const int length : {2, 3, 7, 20})
      for (const double rho : {-0.95, -0.3, 0.0, 0.5, 0.99}) {
        const auto c = make_covariance("ar1", length);
        const Vector theta = c->from_report((Vector(2) << 1.3, rho).finished(), Matrix::Identity(1, 1));
        Matrix correlations(length, length);
        for (int i = 0; i < length; ++i)
          for (int j = 0; j < length; ++j) correlations(i, j) = std::pow(rho, std::abs(i - j));
        check_near_matrix(dense_precision(*c, theta) * correlations, Matrix::Identity(length, length), 1e-10, "Q R");
        check_near_matrix(c->marginal(theta, Matrix::Identity(1, 1)), 1.69 * correlations, 1e-10, "marginal");
      }
  });
  run("ar1: the end of the range is named, beyond it there is no value", [] {
    const auto c = make_covariance("ar1", 4);
    const Vector near_end = (Vector(2) << 1.0, 9e3).finished(), beyond = (Vector(2) << 1.0, 1.1e4).finished();
    check(c->valid(near_end) && c->at_limit(near_end) == std::vector<int>{1}, "near the end");
    check(!c->valid(beyond), "beyond");
    check(c->undetermined(Vector::Zero(2)) == std::vector<int>{1}, "without variance, no autocorrelation");
  });
}

void test_refusals() {
  run("reports that no theta has are refused", [] {
    const Matrix one = Matrix::Identity(1, 1), three = Matrix::Identity(3, 3);
    const auto refuses = [](const char* name, int columns, const Vector& values, const Matrix& basis) {
      const auto c = make_covariance(name, columns);
      return throws<std::invalid_argument>([&] { c->from_report(values, basis); });
    };
    check(refuses("us", 3, (Vector(6) << 1, 1, 1, 0.9, 0.9, -0.9).finished(), three), "us: not semidefinite");
    check(!refuses("us", 3, (Vector(6) << 1, 1, 1, 1, 1, 1).finished(), three), "us: singular is a covariance");
    check(refuses("cs", 3, (Vector(4) << 1, 1, 1, -0.51).finished(), three), "cs: below -1/(k-1)");
    check(!refuses("cs", 3, (Vector(4) << 1, 1, 1, -0.49).finished(), three), "cs: above -1/(k-1)");
    check(refuses("cs", 3, (Vector(4) << 1, 1, 1, 1.0).finished(), three), "cs: one");
    check(refuses("ar1", 5, (Vector(2) << 1, 1.0).finished(), one), "ar1: one");
    check(refuses("ar1", 5, (Vector(2) << 1, std::numeric_limits<double>::quiet_NaN()).finished(), one), "ar1: NaN");
    check(throws<std::invalid_argument>([] { make_covariance("toeplitz", 2); }), "a structure that does not exist");
  });
  run("us: all correlations one, a singular covariance, is reproduced", [] {
    const auto c = make_covariance("us", 2);
    const Vector values = (Vector(3) << 2.0, 0.5, -1.0).finished();
    const Vector theta = c->from_report(values, Matrix::Identity(2, 2));
    check_near_matrix(c->report(theta, Matrix::Identity(2, 2)), values, kExact, "report");
    check(c->null_directions(theta).size() == 1, "one null direction");
  });
}

}  // namespace

int main() {
  test_ar1();
  test_refusals();
  return finish();
}
