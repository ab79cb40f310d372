// Profiles: the objective they hold sigma in, the reordering of effects, and that every point is a constrained optimum.

#include "ranef/profile.hpp"

#include <cmath>

#include "ranef/objective/gaussian_likelihood.hpp"
#include "support/finite_difference.hpp"
#include "support/models.hpp"
#include "support/near.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr int kGroups = 12, kPer = 8;
constexpr Index kRows = kGroups * kPer;

/// Three correlated effects in every group.
Model slopes() {
  Draws draws(5);
  const Vector x = draws.uniforms(kRows), z = draws.uniforms(kRows);
  RandomTermInput term;
  term.level_count = kGroups;
  term.basis.resize(kRows, 3);
  Vector y(kRows);
  Matrix effects(kGroups, 3);
  for (double& entry : effects.reshaped()) entry = draws.normal();
  for (Index i = 0; i < kRows; ++i) {
    const int g = static_cast<int>(i) / kPer;
    term.levels.push_back(g);
    term.basis.row(i) << 1.0, x[i], z[i];
    y[i] = 2.0 + x[i] + effects(g, 0) + (0.5 * effects(g, 0) + effects(g, 1)) * x[i] + 0.7 * effects(g, 2) * z[i] +
           0.5 * draws.normal();
  }
  ModelInput input;
  input.likelihood = likelihood("gaussian", Link::identity);
  input.response = y;
  input.predictors = {{intercept_and_slope(x), {}}, constant_predictor(kRows)};
  input.terms = {term};
  return Model(std::move(input));
}

Vector some_values() {
  Vector values(9);
  values << 1.5, 0.8, -0.4, 1.1, 0.9, 0.6, 0.3, -0.2, 0.25;
  return values;
}

void gaussian_likelihood_has_the_gradient_of_its_value() {
  const Model model = slopes();
  Layouts layouts;
  GaussianLikelihood objective(model, layouts.profiled(model));
  const ParameterMap map(model);
  Vector point(objective.size());
  point << map.to_point(some_values()).tail(6), -0.3;
  Vector combination(2);
  combination << 0.4, 1.3;
  for (const bool held : {false, true}) {
    if (held) objective.hold(combination, 2.5);
    objective.value(point);
    const Vector gradient = objective.gradient();
    for (Index j = 0; j < point.size(); ++j) {
      const auto along = [&](double x) {
        Vector moved = point;
        moved[j] = x;
        return objective.value(moved);
      };
      check_near(gradient[j], central_difference(along, point[j], 1e-3), 1e-7, 1e-8, "gradient " + std::to_string(j));
    }
    objective.value(point);
    if (held) check_near(combination.dot(objective.coefficients()), 2.5, 1e-10, 0.0, "held combination");
  }
}

/// The profiled fixed effects are the best ones: the likelihood at them, from the other objective, is the same.
void gaussian_likelihood_is_the_likelihood() {
  const Model model = slopes();
  Layouts layouts;
  GaussianLikelihood objective(model, layouts.profiled(model));
  const ParameterMap map(model);
  Vector full = map.to_point(some_values()), point(objective.size());
  point << full.tail(6), model.predictors()[1].matrix(0, 0) * full[2];
  const double value = objective.value(point);
  objective.gradient();
  full.head(2) = objective.coefficients();
  check_near(-value, log_likelihood(model, layouts, map.to_values(full)), 1e-10, 0.0, "log-likelihood");
}

void another_order_of_effects_is_the_same_model() {
  const Model model = slopes();
  Layouts layouts;
  const double expected = log_likelihood(model, layouts, some_values());
  for (const std::vector<int>& order : {std::vector<int>{2, 0, 1}, {1, 2, 0}, {0, 1, 2}}) {
    const Model other = model.with_leading_effects(0, order);
    Layouts own;
    check_near(log_likelihood(other, own, some_values()), expected, 1e-10, 0.0, "log-likelihood");
    const Vector again = ParameterMap(other).to_values(ParameterMap(other).to_point(some_values()));
    check((again - some_values()).cwiseAbs().maxCoeff() < 1e-12, "values -> point -> values");
  }
}

/// At a point of the profile the gradient in all parameters but the held one is zero.
void points_are_constrained_optima() {
  const Model model = slopes();
  Layouts layouts;
  const FitReport found = fit(model, layouts, {});
  ProfileRequest request;
  request.estimate = found.values;
  request.loglik = found.loglik;
  request.cutoff = 2.0;
  request.unit = 0.2;
  for (Index parameter = 0; parameter < found.values.size(); ++parameter) {
    request.parameter = parameter;
    request.targets = {-1.5, 1.5};
    const ProfileReport report = profile(model, layouts, request);
    check(report.points.size() > 8, "points");
    for (const ProfilePoint& point : report.points) {
      check_near(point.loglik, log_likelihood(model, layouts, point.values), 1e-9, 0.0, "log-likelihood");
      Vector gradient = log_likelihood_gradient(model, layouts, point.values);
      gradient[parameter] = 0.0;
      check(gradient.cwiseAbs().maxCoeff() < 5e-3, "a gradient of " + std::to_string(gradient.cwiseAbs().maxCoeff()));
    }
    for (const ProfileEnd& end : report.ends) check(end.kind == ProfileEnd::Kind::found, "an end");
  }
}

}  // namespace

int main() {
  run("the likelihood with sigma free has the gradient of its value",
      gaussian_likelihood_has_the_gradient_of_its_value);
  run("the likelihood with sigma free is the model's", gaussian_likelihood_is_the_likelihood);
  run("another order of effects is the same model", another_order_of_effects_is_the_same_model);
  run("points of a profile are constrained optima", points_are_constrained_optima);
  return finish();
}
