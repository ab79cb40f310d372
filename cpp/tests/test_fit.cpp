// Fits as a whole: closed forms, derivatives by the user's parameters, held
// parameters, refits.

#include "ranef/fitted_model.hpp"

#include <Eigen/LU>
#include <cmath>
#include <stdexcept>
#include <string>

#include "support/finite_difference.hpp"
#include "support/models.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr int kLevels = 12;
constexpr int kPerLevel = 6;
constexpr Index kRows = kLevels * kPerLevel;

std::vector<int> balanced_levels() {
  std::vector<int> out;
  for (Index i = 0; i < kRows; ++i) out.push_back(int(i) / kPerLevel);
  return out;
}

Model one_way(bool reml) {
  Draws draws(2);
  const Vector effects = draws.uniforms(kLevels, -2.0, 2.0);
  ModelInput input;
  input.likelihood = likelihood("gaussian", Link::identity);
  input.response = Vector::NullaryExpr(kRows, [&](Index i) { return 4.0 + effects[i / kPerLevel] + draws.normal(); });
  input.predictors = {constant_predictor(kRows), constant_predictor(kRows)};
  input.terms = {intercept_term(balanced_levels(), kLevels)};
  input.reml = reml;
  return Model(std::move(input));
}

Model poisson_slopes() {
  Draws draws(9);
  const Vector x = draws.uniforms(kRows), effects = draws.uniforms(kLevels), slopes = draws.uniforms(kLevels);
  ModelInput input;
  input.likelihood = likelihood("poisson", Link::log);
  input.response = Vector::NullaryExpr(kRows, [&](Index i) {
    return draws.poisson(std::exp(1.0 + effects[i / kPerLevel] + (0.4 + slopes[i / kPerLevel]) * x[i]));
  });
  input.predictors = {{intercept_and_slope(x), {}}};
  input.terms = {slope_term(balanced_levels(), kLevels, intercept_and_slope(x))};
  return Model(std::move(input));
}

/// Analysis of variance: sigma^2 = MSE, sd^2 = (MSB - MSE) / m with MSB by a
/// (ML) or a - 1 (REML).
void test_closed_form() {
  for (const bool reml : {false, true})
    run(std::string(reml ? "REML" : "ML") +
            ": a balanced one-way layout has the estimates of its analysis of "
            "variance",
        [&] {
          const Model model = one_way(reml);
          Layouts layouts;
          const FitReport report = fit(model, layouts, {});
          const Eigen::Map<const Matrix> y(model.response().data(), kPerLevel, kLevels);
          const Eigen::RowVectorXd mean = y.colwise().mean();
          const double within = (y.rowwise() - mean).squaredNorm() / (kLevels * (kPerLevel - 1));
          const double between =
              kPerLevel * (mean.array() - mean.mean()).square().sum() / (reml ? kLevels - 1 : kLevels);
          check(report.termination == Termination::converged, describe(report.termination));
          check(report.at_zero.empty() && report.at_limit.empty() && report.curvature_positive, "an interior maximum");
          check_near(report.coefficients[0][0], mean.mean(), 1e-9, 0.0, "mean");
          check_near(std::exp(2.0 * report.coefficients[1][0]), within, 1e-5, 0.0, "residual variance");
          const double sd = report.values[report.values.size() - 1];
          check_near(sd * sd, (between - within) / kPerLevel, 1e-4, 0.0, "variance");
          check_near(report.coefficient_covariance(0, 0), between / double(kRows), 1e-4, 0.0, "Var(mean)");
          const double shrinkage = 1.0 - within / between;
          check_near_matrix(report.effects[0], shrinkage * (mean.array() - mean.mean()).matrix().transpose(), 1e-4,
                            "conditional modes");
          check_near(log_likelihood(model, layouts, report.values), report.loglik, 1e-10, 0.0, "log-likelihood");
        });
}

/// At a fit the gradient is zero; elsewhere it is that of the log-likelihood.
void test_gradient() {
  run("the gradient by the user's parameters is that of the log-likelihood", [] {
    for (const Model& model : {one_way(false), one_way(true), poisson_slopes()}) {
      Layouts layouts;
      const FitReport report = fit(model, layouts, {});
      check(report.termination == Termination::converged, describe(report.termination));
      check(log_likelihood_gradient(model, layouts, report.values).norm() < 2e-2, "zero at the fit");
      Vector elsewhere = report.values;
      elsewhere.array() *= 0.9;
      const Vector gradient = log_likelihood_gradient(model, layouts, elsewhere);
      for (Index p = 0; p < elsewhere.size(); ++p) {
        const double numeric = central_difference(
            [&](double shift) {
              Vector moved = elsewhere;
              moved[p] += shift;
              return log_likelihood(model, layouts, moved);
            },
            0.0, 1e-3);
        check_near(gradient[p], numeric, 1e-5, 1e-5, "parameter " + std::to_string(p));
        check(log_likelihood(model, layouts, elsewhere) < report.loglik, "less than at the fit");
      }
    }
  });
}

void test_linear_predictors() {
  run("linear predictors are X beta + Z b of the user's columns", [] {
    const Model model = poisson_slopes();
    Layouts layouts;
    const FitReport report = fit(model, layouts, {});
    const LinearPredictor& mean = model.predictors()[0];
    const RandomTerm& term = model.terms()[0];
    const Matrix x = mean.matrix * mean.to_user.inverse(), z = term.basis * term.to_user.inverse();
    Vector expected = x * report.coefficients[0];
    for (Index i = 0; i < kRows; ++i)
      expected[i] += z.row(i).dot(report.effects[0].segment<2>(2 * term.node[std::size_t(i)]));
    check_near_matrix(linear_predictors(model, report), expected, 1e-11, "eta");
  });
}

void test_curvature() {
  run("the covariance of the parameters is the inverse of minus the "
      "differenced Hessian",
      [] {
        const Model model = poisson_slopes();
        Layouts layouts;
        const FitReport report = fit(model, layouts, {});
        const CurvatureReport found = FittedModel(model, layouts, report, {}).curvature({});
        check(found.undetermined.empty() && found.eigenvalues.minCoeff() > 0.0, "a maximum");
        const Index size = report.values.size();
        Matrix hessian(size, size);
        for (Index p = 0; p < size; ++p) {
          const auto gradient = [&](double shift) -> Vector {
            Vector moved = report.values;
            moved[p] += shift;
            return -log_likelihood_gradient(model, layouts, moved);
          };
          hessian.col(p) = (gradient(1e-4) - gradient(-1e-4)) / 2e-4;
        }
        check_near_matrix(found.covariance * hessian, Matrix::Identity(size, size), 2e-2, "covariance times Hessian");
      });
}

void test_fixed() {
  run("parameters that are fixed keep their values, the others reach the "
      "maximum given them",
      [] {
        const Model model = poisson_slopes();
        Layouts layouts;
        const FitReport free = fit(model, layouts, {});
        FitRequest request;
        request.start = free.values;
        request.start[1] += 0.3;
        request.fixed.assign(std::size_t(free.values.size()), false);
        request.fixed[1] = true;
        const FitReport held = fit(model, layouts, request);
        check(held.termination == Termination::converged, describe(held.termination));
        check_near(held.values[1], request.start[1], 1e-10, 0.0, "the fixed slope");
        check(held.loglik < free.loglik && held.loglik > log_likelihood(model, layouts, request.start), "between");
        Vector gradient = log_likelihood_gradient(model, layouts, held.values);
        check(std::abs(gradient[1]) > 0.1, "pulls at the fixed slope: " + std::to_string(gradient[1]));
        gradient[1] = 0.0;
        check(gradient.norm() < 2e-2, "and at nothing else");
        request.fixed.assign(std::size_t(free.values.size()), false);
        request.fixed[2] = true;
        check(throws<std::invalid_argument>([&] { fit(model, layouts, request); }), "part of an unstructured term");
      });
}

void test_refit() {
  run("a model with another response is fitted like a new one", [] {
    const Model model = one_way(true);
    Layouts layouts;
    const FitReport original = fit(model, layouts, {});
    const Model scaled = model.with_response(3.0 * model.response());
    const FitReport refit = fit(scaled, layouts, {});
    check_near(refit.values[1] / original.values[1], 3.0, 1e-4, 0.0, "the sd follows the response");
    check_near(original.loglik - refit.loglik, double(kRows - 1) * std::log(3.0), 1e-6, 0.0, "log-likelihood");
    check(throws<std::invalid_argument>([&] { model.with_response(Vector::Ones(3)); }), "of the same length");
  });
  run("starting values have a log-likelihood, below that of the fit", [] {
    for (const Model& model : {one_way(false), poisson_slopes()}) {
      Layouts layouts;
      const double start = log_likelihood(model, layouts, starting_values(model, layouts));
      check(std::isfinite(start) && start < fit(model, layouts, {}).loglik, "start");
    }
  });
  run("an exception thrown by the caller's progress stops the fit", [] {
    const Model model = poisson_slopes();
    Layouts layouts;
    FitRequest request;
    request.progress = [](int, double, double) { throw std::runtime_error("enough"); };
    check(throws<std::runtime_error>([&] { fit(model, layouts, request); }), "progress");
    request.progress = {};
    request.poll = [] { throw std::runtime_error("enough"); };
    check(throws<std::runtime_error>([&] { fit(model, layouts, request); }), "poll");
  });
}

}  // namespace

int main() {
  test_closed_form();
  test_gradient();
  test_linear_predictors();
  test_curvature();
  test_fixed();
  test_refit();
  return finish();
}
