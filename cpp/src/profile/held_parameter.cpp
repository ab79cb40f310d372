#include "held_parameter.hpp"

#include <cmath>
#include <limits>
#include <numeric>

namespace ranef {

namespace {

/// How near to the end of an open range a structured correlation is taken.
constexpr double kOpenEnd = 1e-7;

AffineSpace append(AffineSpace space, const Matrix& columns) {
  const Index old = space.directions.cols();
  space.directions.conservativeResize(Eigen::NoChange, old + columns.cols());
  space.directions.rightCols(columns.cols()) = columns;
  return space;
}

}  // namespace

HeldParameter::HeldParameter(const Model& model, const ParameterMap& map, Index parameter, Index theta_first)
    : model_(&model),
      map_(&map),
      parameter_(map.parameters()[static_cast<std::size_t>(parameter)]),
      lowest_(-std::numeric_limits<double>::infinity()),
      highest_(std::numeric_limits<double>::infinity()) {
  if (parameter_.kind == Parameter::Kind::coefficient) return;
  const auto term = static_cast<std::size_t>(parameter_.owner);
  first_ = theta_first + map.term_offset(term) - map.theta_offset();
  if (parameter_.kind == Parameter::Kind::sd) {
    lowest_ = 0.0;
    return;
  }
  const int effects = model.terms()[term].width;
  highest_ = joint() ? 1.0 : 1.0 - kOpenEnd;
  lowest_ = joint() || effects < 2 ? -highest_ : -1.0 / (effects - 1) + kOpenEnd;
}

bool HeldParameter::joint() const {
  const Covariance& covariance = *model_->terms()[static_cast<std::size_t>(parameter_.owner)].covariance;
  return covariance.basis_freedom() == BasisFreedom::full && covariance.parameter_count() > 1;
}

std::vector<int> HeldParameter::effect_order(const Model& model, const Parameter& parameter) {
  if (parameter.kind == Parameter::Kind::coefficient) return {};
  const RandomTerm& term = model.terms()[static_cast<std::size_t>(parameter.owner)];
  if (term.covariance->basis_freedom() != BasisFreedom::full || term.width < 2) return {};
  std::vector<int> order{parameter.row};
  if (parameter.col != parameter.row) order.push_back(parameter.col);
  for (int j = 0; j < term.width; ++j)
    if (j != parameter.row && j != parameter.col) order.push_back(j);
  return order;
}

AffineSpace HeldParameter::restrict(const AffineSpace& space, double value) const {
  const auto owner = static_cast<std::size_t>(parameter_.owner);
  const RandomTerm& term = model_->terms()[owner];
  if (joint() && parameter_.kind == Parameter::Kind::correlation) return hold_correlation(space, value, true, true);
  if (joint()) {
    // Effect `row` stands first: its sd is |to_user(row, 0) S_00|. Without it the first column of S is superfluous.
    std::vector<Index> held{first_};
    for (int i = 1; value == 0.0 && i < term.width; ++i) held.push_back(first_ + packed_index(i, 0));
    AffineSpace out = space.without(held);
    out.base[first_] = value / std::abs(term.to_user(parameter_.row, 0));
    return out;
  }
  const Index count = term.covariance->parameter_count();
  const Index place = map_->term_offset(owner);
  Index inside = 0;
  while (map_->parameters()[static_cast<std::size_t>(place + inside)].kind != parameter_.kind ||
         map_->parameters()[static_cast<std::size_t>(place + inside)].row != parameter_.row)
    ++inside;
  // Only the held entry of these values matters; the others are any that the structure has.
  Vector values = term.covariance->report(term.covariance->start(1.0), term.to_user);
  values[inside] = value;
  const Vector theta = term.covariance->from_report(values, term.to_user);
  std::vector<Index> held{first_ + inside};
  Vector zeroed = Vector::Ones(count);
  zeroed[inside] = theta[inside];
  if (value == 0.0)
    for (const int u : term.covariance->undetermined(zeroed)) held.push_back(first_ + u);
  AffineSpace out = space.without(held);
  out.base[first_ + inside] = theta[inside];
  return out;
}

/// L = to_user S of the two leading effects: L_00 = T_00 S_00, L_10 = T_10 S_00 + T_11 S_10, L_11 = T_11 S_11.
AffineSpace HeldParameter::hold_correlation(AffineSpace space, double value, bool first, bool second) const {
  const Matrix& map = model_->terms()[static_cast<std::size_t>(parameter_.owner)].to_user;
  const double t10 = map(parameter_.col, 0), t11 = map(parameter_.col, 1);
  AffineSpace out = space.without({first_, first_ + 1, first_ + 2});
  Matrix columns = Matrix::Zero(out.base.size(), 2);
  Index count = 0;
  if (second) {
    columns(first_ + 1, count) = value;
    columns(first_ + 2, count) = std::sqrt(std::max(0.0, 1.0 - value * value));
    ++count;
  }
  if (first) {
    columns(first_, count) = 1.0;
    columns(first_ + 1, count) = -t10 / t11;
    if (second) columns.col(1) -= columns.col(0).dot(columns.col(1)) * columns.col(0);
    columns.col(count).normalize();
    ++count;
  }
  return append(std::move(out), columns.leftCols(count));
}

Vector HeldParameter::away_from_zero(Vector point, double unit) const {
  constexpr double kNegligible = 2e-2, kAway = 0.2;  // shares of an ordinary scale
  if (parameter_.kind == Parameter::Kind::coefficient || !joint()) return point;
  const int first_free = parameter_.kind == Parameter::Kind::sd ? 1 : 2;
  for (int k = first_free; k < model_->terms()[static_cast<std::size_t>(parameter_.owner)].width; ++k) {
    double& entry = point[first_ + packed_index(k, k)];
    if (std::abs(entry) < kNegligible * unit) entry = kAway * unit;
  }
  return point;
}

bool HeldParameter::reversed(const Vector& point, double value) const {
  if (parameter_.kind != Parameter::Kind::correlation || !joint()) return false;
  const Matrix& map = model_->terms()[static_cast<std::size_t>(parameter_.owner)].to_user;
  const double s00 = map(parameter_.row, 0) * point[first_];
  const double s = value * (map(parameter_.col, 0) * point[first_] + map(parameter_.col, 1) * point[first_ + 1]) +
                   std::sqrt(std::max(0.0, 1.0 - value * value)) * map(parameter_.col, 1) * point[first_ + 2];
  return s00 * s < 0.0;
}

std::vector<AffineSpace> HeldParameter::without_scale(const AffineSpace& space, double value) const {
  return {hold_correlation(space, value, true, false), hold_correlation(space, value, false, true)};
}

}  // namespace ranef
