// Variances of zero: reported exactly where the likelihood has its maximum
// there.
//
// In a balanced one-way layout of a levels with m rows the answer is known:
// with SSB and SSE the sums of squares between and within levels, the ML
// estimate of the variance is zero if SSB / a <= SSE / (a (m - 1)), the REML
// estimate if SSB / (a - 1) <= SSE / (a (m - 1)); else sd^2 / sigma^2 = (ratio
// of the two - 1) / m.

#include "ranef/optimize/boundary.hpp"

#include <cmath>
#include <string>

#include "ranef/objective/profiled_gaussian.hpp"
#include "support/models.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr int kLevels = 8;
constexpr int kPerLevel = 5;
constexpr Index kRows = kLevels * kPerLevel;

Model one_way(unsigned seed, double sd, bool reml) {
  Draws draws(seed);
  ModelInput input;
  input.likelihood = likelihood("gaussian", Link::identity);
  std::vector<int> levels;
  for (Index i = 0; i < kRows; ++i) levels.push_back(int(i) / kPerLevel);
  input.response.resize(kRows);
  double effect = 0.0;
  for (Index i = 0; i < kRows; ++i) {
    if (i % kPerLevel == 0) effect = sd * draws.normal();
    input.response[i] = 3.0 + effect + draws.normal();
  }
  input.predictors = {constant_predictor(kRows), constant_predictor(kRows)};
  input.terms = {intercept_term(levels, kLevels)};
  input.reml = reml;
  return Model(std::move(input));
}

/// (sd / sigma)^2 by the closed form.
double variance_ratio(const Model& model) {
  const Eigen::Map<const Matrix> y(model.response().data(), kPerLevel, kLevels);
  const Eigen::RowVectorXd mean = y.colwise().mean();
  const double within = (y.rowwise() - mean).squaredNorm() / (kLevels * (kPerLevel - 1));
  const double between =
      kPerLevel * (mean.array() - mean.mean()).square().sum() / (model.reml() ? kLevels - 1 : kLevels);
  return std::max(0.0, (between / within - 1.0) / kPerLevel);
}

BoundaryReport minimise(const Model& model, double start) {
  ProfiledGaussian objective(model, std::make_shared<CrossProductLayout>(model.terms(), model.rows(), 2));
  return minimise_with_boundary(objective, model, AffineSpace::everything(1), Vector::Constant(1, start), 0, 1.0, {},
                                {});
}

void test_balanced() {
  for (const bool reml : {false, true})
    run(std::string(reml ? "REML" : "ML") + ": a variance is zero where the closed form is, and else its value", [&] {
      int zeros = 0;
      constexpr int simulations = 60;
      for (unsigned seed = 1; seed <= simulations; ++seed) {
        const Model model = one_way(seed, seed % 3 == 0 ? 0.5 : 0.0, reml);
        const double expected = variance_ratio(model);
        for (const double start : {0.0, 0.5, -2.0}) {
          const BoundaryReport report = minimise(model, start);
          const std::string what = "seed " + std::to_string(seed) + " from " + std::to_string(start);
          check(report.optimizer.termination == Termination::converged, what + ": converged");
          check((report.at_zero.size() == 1) == (expected == 0.0), what + ": ratio " + std::to_string(expected));
          check((report.point[0] == 0.0) == (expected == 0.0), what + ": point");
          // A gain of 1e-8 left in a likelihood this flat (information
          // about 100) is a few 1e-5 of the ratio.
          check_near(report.point[0] * report.point[0], expected, 2e-3, 1e-4, what);
        }
        zeros += expected == 0.0;
      }
      check(zeros > simulations / 5 && zeros < 4 * simulations / 5, "both cases: " + std::to_string(zeros) + " zeros");
    });
}

/// Two crossed factors: what is reported at zero has a one-sided derivative
/// that is not negative, and no other has.
void test_one_sided_derivative() {
  run("a scale is zero only if the one-sided derivative by its variance is not "
      "negative",
      [] {
        int zeros = 0, positive = 0;
        for (unsigned seed = 1; seed <= 30; ++seed) {
          Draws draws(seed);
          const Index rows = 80;
          ModelInput input;
          input.likelihood = likelihood("gaussian", Link::identity);
          const std::vector<int> first = random_levels(rows, 10, draws), second = random_levels(rows, 7, draws);
          const Vector effects = seed % 2 == 0 ? Vector(0.6 * draws.uniforms(10)) : Vector(Vector::Zero(10));
          input.response =
              Vector::NullaryExpr(rows, [&](Index i) { return effects[first[std::size_t(i)]] + draws.normal(); });
          input.predictors = {constant_predictor(rows), constant_predictor(rows)};
          input.terms = {intercept_term(first, 10), intercept_term(second, 7)};
          const Model model(std::move(input));
          ProfiledGaussian objective(model, std::make_shared<CrossProductLayout>(model.terms(), rows, 2));
          const BoundaryReport report = minimise_with_boundary(objective, model, AffineSpace::everything(2),
                                                               Vector::Constant(2, 0.5), 0, 1.0, {}, {});
          for (Index p = 0; p < 2; ++p) {
            constexpr double kVariance = 1e-6;
            Vector probe = report.point;
            probe[p] = std::sqrt(kVariance);
            Vector zero = report.point;
            zero[p] = 0.0;
            const double slope = (objective.value(probe) - objective.value(zero)) / kVariance;
            const bool at_zero = report.point[p] == 0.0;
            if (at_zero) check(slope >= -1e-4, "seed " + std::to_string(seed) + ": slope " + std::to_string(slope));
            if (!at_zero) check(slope < 0.0, "seed " + std::to_string(seed) + ": slope " + std::to_string(slope));
            (at_zero ? zeros : positive) += 1;
          }
        }
        check(zeros > 5 && positive > 5, "both cases: " + std::to_string(zeros) + " and " + std::to_string(positive));
      });
}

/// A random slope without variance: us leaves one direction, and its covariance
/// is singular.
void test_rank_deficient() {
  run("correlated slopes of which one has no variance end on the edge of the "
      "covariances",
      [] {
        Draws draws(4);
        const Index rows = 200;
        const Vector x = draws.uniforms(rows);
        const std::vector<int> levels = random_levels(rows, 10, draws);
        const Vector effects = 2.0 * draws.uniforms(10);
        ModelInput input;
        input.likelihood = likelihood("gaussian", Link::identity);
        // Residuals orthogonal to every level's slope leave no trace of a
        // varying slope.
        input.response = Vector::NullaryExpr(rows, [&](Index) { return draws.normal(); });
        for (int g = 0; g < 10; ++g) {
          Vector own = Vector::Zero(rows);
          for (Index i = 0; i < rows; ++i)
            if (levels[std::size_t(i)] == g) own[i] = x[i];
          input.response -= own * (own.dot(input.response) / own.squaredNorm());
        }
        for (Index i = 0; i < rows; ++i) input.response[i] += effects[levels[std::size_t(i)]];
        input.predictors = {{intercept_and_slope(x), {}}, constant_predictor(rows)};
        input.terms = {slope_term(levels, 10, intercept_and_slope(x))};
        const Model model(std::move(input));
        ProfiledGaussian objective(model, std::make_shared<CrossProductLayout>(model.terms(), rows, 3));
        const BoundaryReport report = minimise_with_boundary(objective, model, AffineSpace::everything(3),
                                                             model.terms()[0].covariance->start(0.5), 0, 1.0, {}, {});
        check(report.optimizer.termination == Termination::converged, describe(report.optimizer.termination));
        check(report.at_zero == std::vector<Index>{2}, "the second column of S is zero");
        check(report.point[2] == 0.0 && report.point[0] != 0.0, "and the first is not");
      });
}

void test_no_start() {
  run("a start without a value is reported as such", [] {
    const Model model = one_way(1, 0.0, false);
    const BoundaryReport report = minimise(model, std::nan(""));
    check(report.optimizer.termination == Termination::no_start, describe(report.optimizer.termination));
  });
}

}  // namespace

int main() {
  test_balanced();
  test_one_sided_derivative();
  test_rank_deficient();
  test_no_start();
  return finish();
}
