#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "certificate.hpp"
#include "free_space.hpp"
#include "report.hpp"
#include "start.hpp"

namespace ranef {

namespace {

/// A fit is certified when the exact curvature predicts less gain than this.
constexpr double kCertifiedGain = 1e-6;
constexpr int kMaxPolish = 4;

Index total_columns(const Model& model) {
  Index total = 0;
  for (const LinearPredictor& p : model.predictors()) total += p.columns();
  return total;
}

/// A fit with the random effects outside the mean held at zero, then those given a small standard deviation.
Vector start_from_mean_terms(LaplaceObjective& objective, const Model& model, const ParameterMap& map,
                             const FixedEffectsStart& fixed_start, const FitRequest& request) {
  constexpr StartScale kSmall{1.0, 0.1};
  const Vector start = starting_point(model, map, fixed_start, kSmall);
  std::vector<Index> held;
  for (std::size_t t = 0; t < model.terms().size(); ++t)
    for (int p = 0; model.terms()[t].predictor != 0 && p < model.terms()[t].covariance->parameter_count(); ++p)
      held.push_back(map.term_offset(t) + p);
  const AffineSpace space = AffineSpace::everything(map.size()).without(held);
  RestrictedObjective restricted(objective, space);
  const OptimizerReport found =
      minimise(restricted, space.coordinates(start), request.options.optimizer, request.progress);
  Vector point = space.point(found.point);
  for (const Index h : held) point[h] = start[h];
  return point;
}

/// From the caller's start, if any, then from ordinary ones of different sizes, until one converges; in the end from
/// the fit without random effects outside the mean.
BoundaryReport search(LaplaceObjective& objective, const Model& model, const ParameterMap& map,
                      const FixedEffectsStart& fixed_start, const FitRequest& request) {
  std::vector<Vector> starts;
  if (request.start.size() > 0) starts.push_back(map.to_point(request.start));
  if (request.fixed.empty()) {
    for (const StartScale& factor : kStartScales) starts.push_back(starting_point(model, map, fixed_start, factor));
    if (model.active() == Active::all) starts.emplace_back();
  }
  BoundaryReport found;
  for (Vector& start : starts) {
    objective.reset_mode();
    if (start.size() == 0) start = start_from_mean_terms(objective, model, map, fixed_start, request);
    BoundaryReport attempt = minimise_with_boundary(
        objective, model, free_space(model, map, start, request.start, request.fixed), start, map.theta_offset(),
        ordinary_scale(fixed_start, 0), request.options.optimizer, request.progress);
    const Termination end = attempt.optimizer.termination;
    const bool better = found.optimizer.termination == Termination::no_start ||
                        (end != Termination::no_start && attempt.optimizer.value < found.optimizer.value);
    attempt.optimizer.evaluations += found.optimizer.evaluations;
    attempt.optimizer.iterations += found.optimizer.iterations;
    if (end == Termination::converged || better) found = std::move(attempt);
    if (end == Termination::converged || end == Termination::max_iterations) break;
  }
  return found;
}

/// Newton steps with the exact curvature until it certifies the optimum. Moves `free` along.
Certificate polish(RestrictedObjective& objective, Vector& free, const Vector& units, bool may_move, int& evaluations) {
  Certificate certificate = certify(objective, free, units, Differences::forward);
  evaluations += static_cast<int>(free.size());
  for (int step = 0;
       may_move && step < kMaxPolish && certificate.ok && certificate.positive && certificate.gain > kCertifiedGain;
       ++step) {
    const double before = objective.precise_value(free);
    const Vector trial = free - certificate.covariance * objective.gradient();
    if (!(objective.precise_value(trial) < before)) break;
    free = trial;
    certificate = certify(objective, free, units, Differences::forward);
    evaluations += 2 + static_cast<int>(free.size());
  }
  return certificate;
}

/// Covariance of the coefficients of all predictors, for the user's columns; NaN for what the data leave open.
Matrix coefficient_covariance(const Model& model, const ParameterMap& map, LaplaceObjective& objective,
                              const AffineSpace& space, const Certificate& certificate, const Vector& units,
                              const Vector& point) {
  const double open = std::numeric_limits<double>::quiet_NaN();
  const Index total = total_columns(model), outside = model.mean_in_mode() ? model.predictors()[0].columns() : 0;
  if (!certificate.ok || !certificate.positive) return Matrix::Constant(total, total, open);
  const Matrix parameters = space.directions * certificate.covariance * space.directions.transpose();
  Matrix covariance = Matrix::Zero(total, total);
  covariance.bottomRightCorner(total - outside, total - outside) =
      parameters.topLeftCorner(total - outside, total - outside);
  if (outside > 0) {
    covariance.topLeftCorner(outside, outside) = objective.border_covariance();
  }
  if (model.reml()) {
    // Integrated coefficients: beside their variance given the rest, how they move with the rest. Those of a joint mode
    // are reported given the rest, as lme4's.
    Matrix movement(outside, space.directions.cols());
    for (Index j = 0; j < movement.cols(); ++j)
      movement.col(j) = objective.mode_derivative(space.directions.col(j)).tail(outside);
    covariance.topLeftCorner(outside, outside) += movement * certificate.covariance * movement.transpose();
  }
  Matrix to_user = Matrix::Zero(total, total);
  Index at = 0;
  for (const LinearPredictor& predictor : model.predictors()) {
    to_user.block(at, at, predictor.columns(), predictor.columns()) = predictor.to_user;
    at += predictor.columns();
  }
  covariance = (to_user * covariance * to_user.transpose()).eval();
  for (const Index f : flat_parameters(map.jacobian(point), space.directions * certificate.flat, units)) {
    if (f >= map.theta_offset()) continue;
    covariance.row(outside + f).setConstant(open);
    covariance.col(outside + f).setConstant(open);
  }
  return covariance;
}

/// Held parameters as they were given, not as the orthogonal columns round them.
void restore_held(const ParameterMap& map, const FitRequest& request, FitReport& out) {
  for (std::size_t i = 0; i < request.fixed.size(); ++i) {
    if (!request.fixed[i]) continue;
    const Parameter& parameter = map.parameters()[i];
    out.values[static_cast<Index>(i)] = request.start[static_cast<Index>(i)];
    if (parameter.kind == Parameter::Kind::coefficient)
      out.coefficients[parameter.owner][parameter.row] = request.start[static_cast<Index>(i)];
  }
}

/// The value and the derivatives at the end, from scratch if the way there no longer leads there.
bool settle(LaplaceObjective& objective, const Vector& point, double& value) {
  value = objective.precise_value(point);
  if (std::isfinite(value)) return true;
  objective.reset_mode();
  value = objective.value(point);
  return std::isfinite(value);
}

}  // namespace

FitReport fit_laplace(const Model& model, Layouts& layouts, const FitRequest& request) {
  const ParameterMap map(model);
  LaplaceObjective objective(model, layouts.laplace(model), request.options.inner, request.poll);
  const FixedEffectsStart fixed_start = fit_fixed_effects(model);
  const BoundaryReport found = search(objective, model, map, fixed_start, request);

  FitReport out;
  copy_optimizer(found, out);
  if (found.optimizer.termination == Termination::no_start) {
    out.failure = objective.failure();
    return out;
  }
  RestrictedObjective restricted(objective, found.space);
  const Vector units = natural_units(model, map, ordinary_scale(fixed_start, 0));
  Vector free = found.optimizer.point;
  const Certificate certificate = polish(restricted, free, found.space.directions.transpose().cwiseAbs() * units,
                                         out.termination != Termination::max_iterations, out.evaluations);
  const bool certified = certificate.ok && certificate.positive;
  if (certified && certificate.gain <= kCertifiedGain && out.termination == Termination::stalled)
    out.termination = Termination::converged;

  double value = 0.0;
  out.point = found.space.point(free);
  if (!settle(objective, out.point, value)) {
    out.termination = Termination::no_start;
    out.failure = objective.failure();
    return out;
  }
  out.loglik = -value;
  out.gradient = found.space.directions.transpose() * objective.gradient();
  out.curvature_positive = certified;
  if (certified) out.expected_gain = certificate.gain;
  out.inner_iterations = objective.inner_iterations();
  out.values = map.to_values(out.point);
  out.coefficient_covariance =
      coefficient_covariance(model, map, objective, found.space, certificate, units, out.point);
  std::vector<Vector> coefficients;
  for (std::size_t k = 0; k < model.predictors().size(); ++k)
    coefficients.push_back(map.coefficient_offset(k) >= 0
                               ? Vector(out.point.segment(map.coefficient_offset(k), model.predictors()[k].columns()))
                               : objective.border_coefficients());
  out.coefficients = user_coefficients(model, coefficients);
  restore_held(map, request, out);
  out.effects = user_effects(model, objective.effects());
  out.linear_predictors = objective.linear_predictors();
  out.at_zero = reported_zeros(model, map, out.point, found.at_zero);
  out.at_limit = reported_limits(model, map, out.point);
  return out;
}

}  // namespace ranef
