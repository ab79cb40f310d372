#pragma once
// What a fit asks of the profiled criterion of a Gaussian model, whichever way it is computed:
// profiled_gaussian.hpp for any random terms, grouped_gaussian.hpp for one grouping factor.

#include "ranef/model/cross_products.hpp"
#include "ranef/objective/objective.hpp"

namespace ranef {

/// Shares of y'Wy that a residual sum of squares must have to be computed from cross products: ten digits are left.
inline constexpr double kFewDigits = 1e-6;

/// theta is relative to the residual standard deviation.
class ProfiledObjective : public Objective {
 public:
  /// Where a search may start.
  virtual Vector moment_start() const = 0;

  // At the last point.
  virtual double residual_variance() const = 0;
  /// What the penalised residual sum of squares is of y'Wy, y the least-squares residual.
  virtual double residual_share() const = 0;
  /// By how much that sum is off for rounding, relative to itself.
  virtual double residual_error() const { return std::numeric_limits<double>::epsilon() / residual_share(); }
  /// Fixed effects of the model's orthogonal columns, and their covariance given theta.
  virtual Vector coefficients() = 0;
  virtual Matrix coefficient_covariance() const = 0;
  /// Conditional modes; after `coefficients`.
  virtual TermVectors effects() const = 0;
};

}  // namespace ranef
