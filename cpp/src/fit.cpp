#include "ranef/fit.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "fitting/report.hpp"
#include "fitting/start.hpp"

namespace ranef {

std::shared_ptr<const CrossProductLayout> Layouts::profiled(const Model& model) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!profiled_)
    profiled_ = std::make_shared<CrossProductLayout>(model.terms(), model.rows(),
                                                     static_cast<int>(model.predictors()[0].columns()) + 1);
  return profiled_;
}

std::shared_ptr<const CrossProductLayout> Layouts::laplace(const Model& model) {
  const auto same_order = model.profiled() ? profiled(model) : nullptr;
  const int border = model.mean_in_mode() ? static_cast<int>(model.predictors()[0].columns()) : 0;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!laplace_)
    laplace_ = same_order ? std::make_shared<CrossProductLayout>(model.terms(), *same_order, border)
                          : std::make_shared<CrossProductLayout>(model.terms(), model.rows(), border);
  return laplace_;
}

FitReport fit(const Model& model, Layouts& layouts, const FitRequest& request) {
  const bool any_fixed = std::any_of(request.fixed.begin(), request.fixed.end(), [](bool f) { return f; });
  return model.profiled() && !any_fixed ? fit_profiled(model, layouts, request) : fit_laplace(model, layouts, request);
}

Vector starting_values(const Model& model, Layouts&) {
  const ParameterMap map(model);
  return map.to_values(starting_point(model, map, fit_fixed_effects(model), kStartScales[0]));
}

double log_likelihood(const Model& model, Layouts& layouts, const Vector& values, const InnerOptions& options,
                      const std::function<void()>& poll) {
  LaplaceObjective objective(model, layouts.laplace(model), options, poll);
  return -objective.precise_value(ParameterMap(model).to_point(values));
}

Vector log_likelihood_gradient(const Model& model, Layouts& layouts, const Vector& values, const InnerOptions& options,
                               const std::function<void()>& poll) {
  const ParameterMap map(model);
  LaplaceObjective objective(model, layouts.laplace(model), options, poll);
  const Vector point = map.to_point(values);
  if (!std::isfinite(objective.precise_value(point)))
    throw std::domain_error("the log-likelihood has no value there: " + objective.failure());
  return -map.jacobian(point).transpose().partialPivLu().solve(objective.gradient());
}

}  // namespace ranef
