#pragma once
// What a fit asks of the profiled criterion of a Gaussian model, whichever way it is computed:
// profiled_gaussian.hpp for any random terms, grouped_gaussian.hpp for one grouping factor.

#include "ranef/model/cross_products.hpp"
#include "ranef/objective/objective.hpp"

namespace ranef {

/// theta is relative to the residual standard deviation.
class ProfiledObjective : public Objective {
 public:
  /// Where a search may start.
  virtual Vector moment_start() const = 0;

  // At the last point.
  virtual double residual_variance() const = 0;
  /// Fixed effects of the model's orthogonal columns, and their covariance given theta.
  virtual Vector coefficients() = 0;
  virtual Matrix coefficient_covariance() const = 0;
  /// Conditional modes; after `coefficients`.
  virtual TermVectors effects() const = 0;
};

}  // namespace ranef
