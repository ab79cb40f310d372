#pragma once
// What stays free while one reported parameter is held, in the coordinates of an objective.

#include "ranef/fit.hpp"
#include "ranef/objective/gaussian_likelihood.hpp"

namespace ranef {

class HeldParameter {
 public:
  /// `theta_first`: where the terms start in the objective's point. The model's term is the one that
  /// `with_leading_effects` made, where the parameter belongs to an unstructured covariance of several effects.
  HeldParameter(const Model& model, const ParameterMap& map, Index parameter, Index theta_first);

  /// Order of the term's effects that makes the parameter a matter of the first one or two; empty: as they are.
  static std::vector<int> effect_order(const Model& model, const Parameter& parameter);

  /// Ends of the parameter's range that a fit may be held at.
  double lowest() const { return lowest_; }
  double highest() const { return highest_; }

  /// Restricts `space`, in which the term is free, to points at which the covariance parameter is `value`.
  AffineSpace restrict(const AffineSpace& space, double value) const;
  /// The point with the other scales of the term away from zero, where the likelihood is stationary whatever the data.
  Vector away_from_zero(Vector point, double unit) const;
  /// Correlations only: whether the scales of the two effects have opposite signs, which turns r into -r.
  bool reversed(const Vector& point, double value) const;
  /// The two parts of the restricted space in which one of the two effects has no scale.
  std::vector<AffineSpace> without_scale(const AffineSpace& space, double value) const;

 private:
  bool joint() const;
  AffineSpace hold_correlation(AffineSpace space, double value, bool first, bool second) const;

  const Model* model_;
  const ParameterMap* map_;
  Parameter parameter_;
  Index first_ = 0;  // of the term, in the objective's point
  double lowest_, highest_;
};

}  // namespace ranef
