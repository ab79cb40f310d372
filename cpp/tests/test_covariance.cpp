// Laws that every covariance structure keeps, at random parameters, those with
// negative scales included.

#include "ranef/covariance/covariance.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <cmath>
#include <random>
#include <string>

#include "support/dense_model.hpp"
#include "support/finite_difference.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr double kStep = 1e-3;
constexpr double kDifferences = 1e-8;
constexpr double kExact = 1e-11;

struct Subject {
  std::string name;
  int columns;
  std::shared_ptr<const Covariance> covariance;
  Matrix basis;  ///< a map to the user's columns that the structure allows
  std::vector<Vector> thetas;
};

/// A basis of the kind that the structure leaves the core free to choose.
Matrix random_basis(const Covariance& covariance, std::mt19937_64& rng) {
  std::uniform_real_distribution<double> uniform(0.4, 2.0);
  const Index w = covariance.width();
  Matrix basis = Matrix::Identity(w, w);
  if (covariance.basis_freedom() == BasisFreedom::common) return uniform(rng) * basis;
  for (Index i = 0; i < w; ++i)
    for (Index j = 0; j < w; ++j)
      if (i == j || covariance.basis_freedom() == BasisFreedom::full) basis(i, j) = uniform(rng) + (i == j ? 2.0 : 0.0);
  return basis;
}

std::vector<Subject> subjects() {
  std::mt19937_64 rng(41);
  std::uniform_real_distribution<double> uniform(-1.5, 1.5);
  std::vector<Subject> out;
  for (const std::string name : {"us", "diag", "homdiag", "cs", "ar1"})
    for (const int columns : {1, 2, 3, 5}) {
      if (name == "ar1" && columns == 1) continue;  // a series of one value has no correlation
      Subject subject{name + " of " + std::to_string(columns), columns, make_covariance(name, columns), {}, {}};
      subject.basis = random_basis(*subject.covariance, rng);
      const Bounds bounds = subject.covariance->bounds();
      for (int draw = 0; draw < 4; ++draw)
        subject.thetas.push_back(Vector::NullaryExpr(subject.covariance->parameter_count(), [&](Index p) {
          const double free = uniform(rng);
          return bounds.empty() || bounds.lower[p] < 0.0 ? free : std::abs(free);
        }));
      out.push_back(subject);
    }
  return out;
}

template <class Law>
void for_every_subject(const std::string& law, Law test) {
  for (const Subject& subject : subjects())
    run(subject.name + ": " + law, [&] {
      for (const Vector& theta : subject.thetas) test(subject, *subject.covariance, theta);
    });
}

/// d f / d theta_p of a matrix-valued f, entry by entry.
template <class Function>
Matrix difference(Function f, const Vector& theta, Index p) {
  const auto at = [&](double shift) -> Matrix {
    Vector moved = theta;
    moved[p] += shift;
    return f(moved);
  };
  Matrix out = at(0.0);
  for (Index i = 0; i < out.rows(); ++i)
    for (Index j = 0; j < out.cols(); ++j)
      out(i, j) = central_difference([&](double shift) { return at(shift)(i, j); }, 0.0, kStep);
  return out;
}

void derivatives_match(const Subject& subject, const Covariance& c, const Vector& theta) {
  for (int p = 0; p < c.parameter_count(); ++p) {
    const std::string by = " by parameter " + std::to_string(p);
    check_near_matrix(c.scale_derivative(theta, p), difference([&](const Vector& t) { return c.scale(t); }, theta, p),
                      kDifferences, "dS" + by);
    check_near_matrix(c.report_jacobian(theta, subject.basis).col(p),
                      difference([&](const Vector& t) { return c.report(t, subject.basis); }, theta, p), kDifferences,
                      "d report" + by);
    const Matrix log_det =
        difference([&](const Vector& t) { return Matrix::Constant(1, 1, c.log_determinant(t)); }, theta, p);
    check_near(c.log_determinant_gradient(theta)[p], log_det(0, 0), kDifferences, kDifferences, "d log det Q" + by);
    if (c.series() == 1) continue;
    check_near_matrix(c.precision_derivatives(theta).col(p),
                      difference([&](const Vector& t) { return c.precision_values(t); }, theta, p), kDifferences,
                      "dQ" + by);
  }
}

void precision_is_consistent(const Subject&, const Covariance& c, const Vector& theta) {
  const Matrix q = dense_precision(c, theta);
  check(c.valid(theta), "an ordinary point is valid");
  check(c.at_limit(theta).empty(), "and at no limit");
  check_near(c.log_determinant(theta), std::log(q.determinant()), kExact, kExact, "log det Q");
}

void marginal_is_consistent(const Subject& subject, const Covariance& c, const Vector& theta) {
  const Matrix prior = dense_prior(c, theta);
  const Matrix marginal = c.marginal(theta, subject.basis);
  const bool serial = c.series() > 1;
  const Matrix expected = serial ? Matrix(subject.basis(0, 0) * subject.basis(0, 0) * prior)
                                 : Matrix(subject.basis * prior * subject.basis.transpose());
  check_near_matrix(marginal, expected, kExact, "marginal covariance");
  check(marginal.rows() == subject.columns, "as wide as the user's block");
  check(Eigen::SelfAdjointEigenSolver<Matrix>(marginal).eigenvalues()[0] > -kExact, "positive semidefinite");
  const double factor = 1.7;
  check_near_matrix(c.marginal(c.rescaled(theta, factor), subject.basis), factor * factor * marginal, kExact,
                    "rescaled");
}

/// The reported numbers are those of the marginal covariance.
void report_describes_the_marginal(const Subject& subject, const Covariance& c, const Vector& theta) {
  const Vector values = c.report(theta, subject.basis);
  const Matrix marginal = c.marginal(theta, subject.basis);
  const auto parameters = c.reported_parameters();
  check(Index(parameters.size()) == values.size() && values.size() == c.parameter_count(), "as many as parameters");
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const ReportedParameter& parameter = parameters[k];
    const bool sd = parameter.kind == ReportedParameter::Kind::sd;
    const int row = parameter.row < 0 ? (sd ? 0 : 1) : parameter.row, col = parameter.col < 0 ? 0 : parameter.col;
    const double scale = std::sqrt(marginal(row, row) * marginal(col, col));
    check_near(values[Index(k)], sd ? std::sqrt(scale) : marginal(row, col) / scale, kExact, kExact,
               "value " + std::to_string(k));
    check(!sd || values[Index(k)] >= 0.0, "standard deviations are not negative");
  }
}

void report_can_be_undone(const Subject& subject, const Covariance& c, const Vector& theta) {
  const Vector back = c.from_report(c.report(theta, subject.basis), subject.basis);
  check_near_matrix(c.marginal(back, subject.basis), c.marginal(theta, subject.basis), 1e-9, "marginal covariance");
}

/// Starts have the standard deviations asked for, and no correlation.
void start_is_uncorrelated(const Subject&, const Covariance& c, const Vector&) {
  const Vector theta = c.start(0.7);
  const Matrix prior = dense_prior(c, theta);
  check_near_matrix(prior, 0.49 * Matrix::Identity(prior.rows(), prior.rows()), kExact, "covariance of a start");
  check(c.null_directions(theta).empty() && c.undetermined(theta).empty(), "nothing is zero at a start");
}

/// Zero in the first scale direction: what vanishes is named, the rest stays,
/// nothing depends on what is undetermined. The covariance is even in it,
/// unless zero is where its range ends.
void null_directions_vanish(const Subject& subject, const Covariance& c, const Vector& theta) {
  check(c.null_directions(theta).empty(), "none at an ordinary point");
  check_near_matrix(c.marginal(c.without_negligible(theta, 1e-12), subject.basis), c.marginal(theta, subject.basis),
                    1e-10, "an ordinary point has nothing negligible");
  Vector small = theta;
  if (subject.name.find("us") == 0) {
    for (int i = 0; i < c.width(); ++i) small[packed_index(i, 0)] *= 1e-6;
  } else {
    small[0] = 1e-6;
  }
  const Vector zero = c.without_negligible(small, 1e-4);
  check_near_matrix(c.marginal(zero, subject.basis), c.marginal(small, subject.basis), 2e-5, "what is left");
  const auto groups = c.null_directions(zero);
  check(groups.size() == 1, "one direction: " + std::to_string(groups.size()));
  for (const std::vector<int>& group : groups) {
    Vector plus = zero, minus = zero;
    for (std::size_t k = 0; k < group.size(); ++k) {
      check(zero[group[k]] == 0.0, "its parameters are zero");
      plus[group[k]] = 0.3 + double(k);
      minus[group[k]] = -plus[group[k]];
    }
    if (c.bounds().empty() || c.bounds().lower[group[0]] < 0.0)
      check_near_matrix(c.marginal(plus, subject.basis), c.marginal(minus, subject.basis), kExact, "even");
  }
  for (const int p : c.undetermined(zero)) {
    Vector moved = zero;
    moved[p] += 0.5;
    check_near_matrix(c.marginal(moved, subject.basis), c.marginal(zero, subject.basis), kExact, "undetermined");
  }
}

}  // namespace

int main() {
  for_every_subject("derivatives are those of the values", derivatives_match);
  for_every_subject("the determinant is that of Q", precision_is_consistent);
  for_every_subject("Var(b) = S Q^-1 S'", marginal_is_consistent);
  for_every_subject("reported values describe the marginal covariance", report_describes_the_marginal);
  for_every_subject("what is reported has a theta", report_can_be_undone);
  for_every_subject("a start is uncorrelated", start_is_uncorrelated);
  for_every_subject("null directions", null_directions_vanish);
  return finish();
}
