#include "profiler.hpp"

#include <algorithm>
#include <cmath>

#include "../fitting/free_space.hpp"
#include "../fitting/start.hpp"

namespace ranef {

namespace {

/// A held fit whose log-likelihood is above the estimate's by more than this has found a better optimum.
constexpr double kBetter = 1e-4;

bool gaussian_applies(const Model& model, const ProfileRequest& request) {
  const bool any_fixed = std::any_of(request.fixed.begin(), request.fixed.end(), [](bool f) { return f; });
  return model.profiled() && !any_fixed;
}

}  // namespace

Model Profiler::arranged(const Model& model, const ProfileRequest& request) {
  const Parameter parameter = ParameterMap(model).parameters()[static_cast<std::size_t>(request.parameter)];
  const std::vector<int> order = HeldParameter::effect_order(model, parameter);
  return order.empty() ? model : model.with_leading_effects(static_cast<std::size_t>(parameter.owner), order);
}

Profiler::Profiler(const Model& model, Layouts& layouts, const ProfileRequest& request)
    : request_(request),
      model_(arranged(model, request)),
      map_(model_),
      parameter_(map_.parameters()[static_cast<std::size_t>(request.parameter)]),
      held_(model_, map_, request.parameter, gaussian_applies(model, request) ? 0 : map_.theta_offset()) {
  if (gaussian_applies(model, request)) {
    gaussian_ = std::make_unique<GaussianLikelihood>(model_, layouts.profiled(model_));
    scale_unit_ = std::exp(from_values(request_.estimate)[gaussian_->size() - 1]);
  } else {
    laplace_ = std::make_unique<LaplaceObjective>(model_, layouts.laplace(model_), request.options.inner, request.poll);
    scale_unit_ = ordinary_scale(fit_fixed_effects(model_), 0);
  }
  ProfilePoint centre;
  centre.ok = true;
  centre.loglik = request_.loglik;
  centre.values = request_.estimate;
  solved_[request_.estimate[request_.parameter]] = {from_values(request_.estimate), centre};
}

Objective& Profiler::objective() {
  if (gaussian_) return *gaussian_;
  return *laplace_;
}

Vector Profiler::from_values(const Vector& values) const {
  const Vector point = map_.to_point(values);
  if (!gaussian_) return point;
  Vector out(point.size() - map_.theta_offset() + 1);
  out.head(out.size() - 1) = point.tail(out.size() - 1);
  const LinearPredictor& dispersion = model_.predictors()[1];
  out[out.size() - 1] = dispersion.matrix(0, 0) * point[map_.coefficient_offset(1)] + dispersion.level;
  return out;
}

/// Of the objective's last point.
Vector Profiler::to_values(const Vector& point) {
  if (!gaussian_) return map_.to_values(point);
  Vector full(map_.size());
  const Vector coefficients = gaussian_->coefficients();
  full.segment(map_.coefficient_offset(0), coefficients.size()) = coefficients;
  const LinearPredictor& dispersion = model_.predictors()[1];
  full[map_.coefficient_offset(1)] = (point[point.size() - 1] - dispersion.level) / dispersion.matrix(0, 0);
  full.tail(point.size() - 1) = point.head(point.size() - 1);
  return map_.to_values(full);
}

AffineSpace Profiler::space(double value) {
  const bool coefficient = parameter_.kind == Parameter::Kind::coefficient;
  if (gaussian_) {
    AffineSpace all = AffineSpace::everything(gaussian_->size());
    if (!coefficient) return held_.restrict(all, value);
    if (parameter_.owner == 0) {
      gaussian_->hold(model_.predictors()[0].to_user.row(parameter_.row).transpose(), value);
      return all;
    }
    const LinearPredictor& dispersion = model_.predictors()[1];
    AffineSpace out = all.without({gaussian_->size() - 1});
    out.base[gaussian_->size() - 1] = dispersion.matrix(0, 0) * value / dispersion.to_user(0, 0) + dispersion.level;
    return out;
  }
  Vector values = request_.estimate;
  std::vector<bool> fixed = request_.fixed;
  fixed.resize(static_cast<std::size_t>(map_.size()), false);
  if (coefficient) {
    values[request_.parameter] = value;
    fixed[static_cast<std::size_t>(request_.parameter)] = true;
  }
  const AffineSpace free = free_space(model_, map_, map_.to_point(values), values, fixed);
  return coefficient ? free : held_.restrict(free, value);
}

/// Straight lines through the two nearest points.
Vector Profiler::predicted(double value) const {
  auto right = solved_.lower_bound(value);
  if (right == solved_.end()) --right;
  auto left = right;
  if (left != solved_.begin() && left->first > value) --left;
  if (left == right) {
    if (std::next(right) != solved_.end() && right->first < value) {
      ++right;
    } else if (left != solved_.begin()) {
      --left;
    } else if (std::next(right) != solved_.end()) {
      ++right;
    } else {
      return left->second.point;
    }
  }
  const double share = (value - left->first) / (right->first - left->first);
  // Further out than the points are apart a straight line is no guide.
  const double bounded = std::clamp(share, -1.0, 2.0);
  return left->second.point + bounded * (right->second.point - left->second.point);
}

bool Profiler::search(const AffineSpace& space, const Vector& start, BoundaryReport& best) {
  const Index theta_first = gaussian_ ? 0 : map_.theta_offset();
  const BoundaryReport found = minimise_with_boundary(objective(), model_, space, start, theta_first, scale_unit_,
                                                      request_.options.optimizer, [this](int, double, double) {
                                                        if (request_.poll) request_.poll();
                                                      });
  if (found.optimizer.termination == Termination::no_start) return false;
  if (best.point.size() == 0 || found.optimizer.value < best.optimizer.value) best = found;
  return true;
}

ProfilePoint Profiler::at(double value) {
  if (const auto known = solved_.find(value); known != solved_.end()) return known->second.report;
  if (request_.poll) request_.poll();
  const AffineSpace free = space(value);
  Vector start = predicted(value);
  if (parameter_.kind == Parameter::Kind::sd && value == 0.0) {
    Vector values = solved_.begin()->second.report.values;
    values[request_.parameter] = 0.0;
    start = from_values(values);
  }
  start = held_.away_from_zero(std::move(start), scale_unit_);
  BoundaryReport best;
  if (!search(free, start, best)) {
    if (laplace_) laplace_->reset_mode();
    if (!search(free, from_values(request_.estimate), best)) {
      failure_ = objective().failure();
      return {};
    }
  }
  if (held_.reversed(best.point, value)) {
    // The two scales have opposite signs there: the fit belongs to the opposite correlation, and the best one with
    // this correlation has lost one of the scales.
    const BoundaryReport beyond = best;
    best = {};
    for (const AffineSpace& edge : held_.without_scale(free, value)) search(edge, beyond.point, best);
    if (best.point.size() == 0) return {};
  }
  const double objective_value = objective().precise_value(best.point);
  if (!std::isfinite(objective_value)) {
    failure_ = objective().failure();
    return {};
  }
  return record(value, best.point, -objective_value);
}

ProfilePoint Profiler::record(double value, const Vector& point, double loglik) {
  ProfilePoint out;
  out.ok = true;
  out.loglik = loglik;
  if (gaussian_) gaussian_->gradient();  // the joint solution that `to_values` reads
  out.values = to_values(point);
  out.values[request_.parameter] = value;
  const double side = value < request_.estimate[request_.parameter] ? -1.0 : 1.0;
  out.zeta = side * std::sqrt(2.0 * std::max(0.0, request_.loglik - loglik));
  if (loglik > request_.loglik + kBetter && (!better_.ok || loglik > better_.loglik)) better_ = out;
  solved_[value] = {point, out};
  return out;
}

std::vector<ProfilePoint> Profiler::known(double sign) const {
  const double centre = request_.estimate[request_.parameter];
  std::vector<ProfilePoint> out;
  for (const auto& [value, solved] : solved_)
    if ((value - centre) * sign > 0.0) out.push_back(solved.report);
  if (sign < 0.0) std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace ranef
