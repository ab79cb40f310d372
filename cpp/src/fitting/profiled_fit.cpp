#include <cmath>
#include <limits>

#include "looks.hpp"
#include "ranef/objective/grouped_gaussian.hpp"
#include "ranef/objective/profiled_gaussian.hpp"
#include "report.hpp"

namespace ranef {

namespace {

std::unique_ptr<ProfiledObjective> profiled_objective(const Model& model, Layouts& layouts) {
  if (auto grouped = make_grouped_gaussian(model)) return grouped;
  return std::make_unique<ProfiledGaussian>(model, layouts.profiled(model));
}

Vector first_start(const ProfiledObjective& objective, const Model& model, const ParameterMap& map,
                   const FitRequest& request) {
  Vector start = objective.moment_start();
  if (request.start.size() == 0) return start;
  const LinearPredictor& dispersion = model.predictors()[1];
  const Vector point = map.to_point(request.start);
  const double sigma = std::exp(dispersion.matrix(0, 0) * point[map.coefficient_offset(1)] + dispersion.level);
  Index at = 0;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Covariance& covariance = *model.terms()[t].covariance;
    const Index count = covariance.parameter_count();
    start.segment(at, count) = covariance.rescaled(point.segment(map.term_offset(t), count), 1.0 / sigma);
    at += count;
  }
  return start;
}

BoundaryReport search(ProfiledObjective& objective, const Model& model, const FitRequest& request, const Vector& start,
                      const Rival& rival = {}) {
  OptimizerOptions options = request.options.optimizer;
  options.rival = rival;
  return minimise_with_boundary(objective, model, AffineSpace::everything(objective.size()), start, 0, 1.0, options,
                                request.progress);
}

bool has_few_digits(ProfiledObjective& objective, const BoundaryReport& found) {
  if (found.optimizer.termination == Termination::no_start) return true;
  return !std::isfinite(objective.value(found.point)) || objective.residual_share() < kFewDigits;
}

/// Root mean squares of a term's conditional modes, a column of its block each.
Vector mode_sizes(const RandomTerm& term, const Vector& effects) {
  const Eigen::Map<const Matrix> blocks(effects.data(), term.width, effects.size() / term.width);
  return blocks.rowwise().norm() / std::sqrt(static_cast<double>(blocks.cols()));
}

/// Where scales are large the conditional modes are as good as known: from scales that are larger still, a few times.
Vector start_from_modes(ProfiledObjective& objective, const Model& model) {
  constexpr double kLargest = 1e8, kSmallest = 0.05;
  constexpr int kTimes = 3;
  Vector theta(objective.size());
  std::vector<Vector> sds;
  for (const RandomTerm& term : model.terms()) sds.push_back(Vector::Constant(term.width, kLargest));
  for (int time = 0; time <= kTimes; ++time) {
    Index at = 0;
    for (std::size_t t = 0; t < sds.size(); ++t) {
      const Vector own = model.terms()[t].covariance->start(sds[t]);
      theta.segment(at, own.size()) = own;
      at += own.size();
    }
    if (time == kTimes || !std::isfinite(objective.value(theta))) break;
    objective.coefficients();
    const TermVectors effects = objective.effects();
    const double sigma = std::sqrt(objective.residual_variance());
    for (std::size_t t = 0; t < sds.size(); ++t)
      sds[t] = (mode_sizes(model.terms()[t], effects[t]) / sigma).cwiseMax(kSmallest).cwiseMin(kLargest);
  }
  return theta;
}

/// The search again with an objective that can do without cross products.
BoundaryReport search_by_rows(std::unique_ptr<ProfiledObjective>& objective, const Model& model, Layouts& layouts,
                              const FitRequest& request, BoundaryReport found) {
  auto by_rows = std::make_unique<ProfiledGaussian>(model, layouts.profiled(model));
  BoundaryReport again = search(*by_rows, model, request, start_from_modes(*by_rows, model));
  const bool none = again.optimizer.termination == Termination::no_start;
  if (none || !std::isfinite(by_rows->value(again.point))) return found;
  objective = std::move(by_rows);
  return again;
}

/// The best of `found` and what looks from there come to.
BoundaryReport look_around(ProfiledObjective& objective, const Model& model, const FitRequest& request,
                           BoundaryReport found, std::vector<Look>& record) {
  if (found.optimizer.termination != Termination::converged || objective.size() == 0) return found;
  int evaluations = found.optimizer.evaluations, iterations = found.optimizer.iterations;
  const auto value = [&](const Vector& point) {
    ++evaluations;
    return objective.value(point);
  };
  const auto run = [&](const Vector& start, const Rival& rival) {
    BoundaryReport out = search(objective, model, request, start, rival);
    evaluations += out.optimizer.evaluations;
    iterations += out.optimizer.iterations;
    return out;
  };
  found = look_around({model, 0, {-1, -1}, 1.0, Vector::Zero(objective.size()), value, run}, std::move(found), record);
  found.optimizer.evaluations = evaluations;
  found.optimizer.iterations = iterations;
  return found;
}

}  // namespace

FitReport fit_profiled(const Model& model, Layouts& layouts, const FitRequest& request) {
  std::unique_ptr<ProfiledObjective> objective = profiled_objective(model, layouts);
  const ParameterMap map(model);
  const LinearPredictor& dispersion = model.predictors()[1];
  FitReport out;
  BoundaryReport found = search(*objective, model, request, first_start(*objective, model, map, request));
  if (has_few_digits(*objective, found)) found = search_by_rows(objective, model, layouts, request, std::move(found));
  found = look_around(*objective, model, request, std::move(found), out.looks);
  for (Look& look : out.looks)
    for (Index& place : look.moved) place += map.theta_offset();
  copy_optimizer(found, out);
  if (found.optimizer.termination == Termination::no_start) {
    out.failure = objective->failure();
    return out;
  }
  out.loglik = -objective->value(found.point);
  out.residual_error = objective->residual_error();
  out.tiny_residual = objective->residual_share() < kFewDigits;
  Index at = 0;
  const double sigma = std::sqrt(objective->residual_variance());
  std::vector<Vector> coefficients{objective->coefficients(),
                                   Vector::Constant(1, (std::log(sigma) - dispersion.level) / dispersion.matrix(0, 0))};
  out.point.resize(map.size());
  for (std::size_t k = 0; k < 2; ++k)
    if (map.coefficient_offset(k) >= 0)
      out.point.segment(map.coefficient_offset(k), coefficients[k].size()) = coefficients[k];
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Index count = model.terms()[t].covariance->parameter_count();
    out.point.segment(map.term_offset(t), count) =
        model.terms()[t].covariance->rescaled(found.point.segment(at, count), sigma);
    at += count;
  }
  out.values = map.to_values(out.point);
  out.coefficients = user_coefficients(model, coefficients);
  const Index p = coefficients[0].size();
  out.coefficient_covariance = Matrix::Constant(p + 1, p + 1, std::numeric_limits<double>::quiet_NaN());
  const Matrix& to_user = model.predictors()[0].to_user;
  out.coefficient_covariance.topLeftCorner(p, p) = to_user * objective->coefficient_covariance() * to_user.transpose();

  out.effects = user_effects(model, objective->effects());
  std::vector<Index> held = found.at_zero;
  for (Index& h : held) h += map.theta_offset();
  out.at_zero = reported_zeros(model, map, out.point, held);
  out.at_limit = reported_limits(model, map, out.point);
  out.deficient = deficient_terms(model, map, out.point);
  out.search_point = std::move(found.optimizer.point);
  out.search_information = std::move(found.optimizer.curvature);
  return out;
}

}  // namespace ranef
