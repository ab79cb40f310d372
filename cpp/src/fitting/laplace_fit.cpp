#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "certificate.hpp"
#include "report.hpp"
#include "search.hpp"
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

/// Newton steps with the exact curvature until it certifies the optimum. Moves `free` along.
Certificate polish(RestrictedObjective& objective, Vector& free, const Bounds& bounds, const Vector& units,
                   Differences differences, bool may_move, int& evaluations) {
  Certificate certificate = certify(objective, free, units, differences);
  evaluations += static_cast<int>(free.size());
  for (int step = 0;
       may_move && step < kMaxPolish && certificate.ok && certificate.positive && certificate.gain > kCertifiedGain;
       ++step) {
    const double before = objective.precise_value(free);
    const Vector trial = bounds.clamp(free - certificate.covariance * objective.gradient());
    if (!(objective.precise_value(trial) < before)) break;
    free = trial;
    certificate = certify(objective, free, units, differences);
    evaluations += 2 + static_cast<int>(free.size());
  }
  return certificate;
}

/// Covariance of the coefficients of all predictors, for the user's columns; NaN for what the data leave open.
Matrix coefficient_covariance(const Model& model, const ParameterMap& map, LaplaceObjective& objective,
                              const AffineSpace& space, const Certificate& certificate, const Vector& point) {
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
  for (const Index f : flat_parameters(map.jacobian(point) * space.directions, certificate)) {
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

/// Where a search ended: the point on its free space, polished, and what the curvature there says.
struct Optimum {
  BoundaryReport found;
  std::vector<Look> looks;
  Certificate certificate;
  Vector free;
  double value = std::numeric_limits<double>::infinity();
  int evaluations = 0;

  bool exists() const { return found.optimizer.termination != Termination::no_start; }
  Vector point() const { return found.space.point(free); }
};

Optimum optimise(LaplaceObjective& objective, const Model& model, const ParameterMap& map,
                 const FixedEffectsStart& fixed_start, const Vector& units, const FitRequest& request) {
  Optimum out;
  SearchReport searched = search(objective, model, map, fixed_start, request);
  out.found = std::move(searched.best);
  out.looks = std::move(searched.looks);
  out.evaluations = out.found.optimizer.evaluations;
  if (!out.exists()) return out;
  RestrictedObjective restricted(objective, out.found.space);
  out.free = out.found.optimizer.point;
  // Where a variance is zero the objective is even in the standard deviation: one-sided differences would take its bend
  // for a curvature that it shares with the coefficients.
  const Differences differences = out.found.at_zero.empty() ? Differences::forward : Differences::central;
  out.certificate = polish(restricted, out.free, free_bounds(model, map.theta_offset(), out.found.space),
                           out.found.space.directions.transpose().cwiseAbs() * units, differences,
                           out.found.optimizer.termination != Termination::max_iterations, out.evaluations);
  out.value = objective.precise_value(out.point());
  return out;
}

/// Whether the search saw another mode at its end than is found from zero, as by everyone who is given the estimates
/// alone: what certifies and polishes starts there. The value counts: modes whose values differ by less are one.
bool depends_on_the_way(LaplaceObjective& objective, const Optimum& optimum) {
  constexpr double kSameValue = 1e-5;
  if (!optimum.exists() || objective.has_one_mode()) return false;
  const double seen = optimum.found.optimizer.value;
  if (std::abs(optimum.value - seen) <= kSameValue) return false;
  objective.reset_mode();
  const bool other = !(std::abs(objective.precise_value(optimum.found.point) - seen) <= kSameValue);
  objective.precise_value(optimum.point());
  return other;
}

/// The request with a start: the user's, else `point`.
FitRequest starting_at(const ParameterMap& map, const Vector& point, FitRequest request) {
  if (request.start.size() == 0) request.start = map.to_values(point);
  return request;
}

/// Gives the optimum a value. At the brink of a pole a search may end where only its own tolerance gave one: then as
/// little further towards `start` as gives one to everybody.
void settle(LaplaceObjective& objective, Optimum& optimum, const Vector& start) {
  const Vector end = optimum.free, back = optimum.found.space.coordinates(start) - end;
  for (double share = 1e-9; !std::isfinite(optimum.value) && share <= 1.0; share *= 10.0) {
    optimum.free = end + share * back;
    objective.reset_mode();
    optimum.value = objective.precise_value(optimum.point());
  }
}

}  // namespace

FitReport fit_laplace(const Model& model, Layouts& layouts, const FitRequest& request) {
  const ParameterMap map(model);
  LaplaceObjective objective(model, layouts.laplace(model), request.options.inner, request.poll);
  const FixedEffectsStart fixed_start = fit_fixed_effects(model);
  const Vector units = natural_units(model, map, ordinary_scale(fixed_start, 0));
  Optimum optimum = optimise(objective, model, map, fixed_start, units, request);
  if (depends_on_the_way(objective, optimum)) {
    objective.forget_modes();
    optimum = optimise(objective, model, map, fixed_start, units, starting_at(map, optimum.point(), request));
  }
  const BoundaryReport& found = optimum.found;
  const Certificate& certificate = optimum.certificate;

  FitReport out;
  out.looks = std::move(optimum.looks);
  copy_optimizer(found, out);
  if (!optimum.exists()) {
    out.failure = objective.failure();
    return out;
  }
  out.evaluations = optimum.evaluations;
  const bool certified = certificate.ok && certificate.positive;
  if (certified && certificate.gain <= kCertifiedGain && out.termination == Termination::stalled)
    out.termination = Termination::converged;

  settle(objective, optimum, starting_point(model, map, fixed_start, kStartScales[0]));
  out.point = optimum.point();
  if (!std::isfinite(optimum.value)) {
    out.termination = Termination::no_start;
    out.failure = objective.failure();
    return out;
  }
  out.loglik = -optimum.value;
  out.gradient = found.space.directions.transpose() * objective.gradient();
  out.curvature_positive = certified;
  if (certified) out.expected_gain = certificate.gain;
  out.inner_iterations = objective.inner_iterations();
  out.values = map.to_values(out.point);
  out.coefficient_covariance = coefficient_covariance(model, map, objective, found.space, certificate, out.point);
  std::vector<Vector> coefficients;
  for (std::size_t k = 0; k < model.predictors().size(); ++k)
    coefficients.push_back(map.coefficient_offset(k) >= 0
                               ? Vector(out.point.segment(map.coefficient_offset(k), model.predictors()[k].columns()))
                               : objective.border_coefficients());
  out.coefficients = user_coefficients(model, coefficients);
  restore_held(map, request, out);
  out.effects = user_effects(model, objective.effects());
  out.at_zero = reported_zeros(model, map, out.point, found.at_zero);
  out.at_limit = reported_limits(model, map, out.point);
  out.deficient = deficient_terms(model, map, out.point);
  out.certificate = report_curvature(map, out.point, found.space, certificate, out.at_zero);
  return out;
}

}  // namespace ranef
