#pragma once
// The likelihood of a Gaussian model in its variance parameters and log sigma: what a profile holds one of.
//
// With theta~ = theta / sigma and r2 the penalised residual sum of squares of profiled_gaussian.hpp,
//
//     -2 log L(theta, sigma) = log|H| - log|Q| - log|W| + n log(2 pi sigma^2) + r2 / sigma^2
//
// so that sigma can be held as any other parameter, and a standard deviation is held as itself, not relative to sigma.
// The fixed effects stay profiled out (by REML: integrated out, n less by their number), unless they are held, one
// combination of them or all.

#include <memory>

#include "ranef/objective/profiled_gaussian.hpp"

namespace ranef {

/// Point: theta of all terms (absolute), then log sigma.
class GaussianLikelihood final : public Objective {
 public:
  GaussianLikelihood(const Model& model, std::shared_ptr<const CrossProductLayout> layout);

  Index size() const override { return profiled_.size() + 1; }
  double value(const Vector& point) override;
  Vector gradient() override;
  Matrix approximate_hessian() override;
  std::string failure() const override { return profiled_.failure(); }

  /// Holds combination'beta, of the model's orthogonal columns, at `value`.
  void hold(const Vector& combination, double value) { profiled_.hold(combination, value); }
  void hold(const Vector& coefficients) { profiled_.hold(coefficients); }
  /// Derivative in the coefficients held, and the information about them given the rest, at the last point.
  Vector coefficient_gradient() const { return profiled_.held_gradient() / (sigma_ * sigma_); }
  Matrix coefficient_information() const { return profiled_.coefficient_products() / (sigma_ * sigma_); }
  /// By how much the last value may be off for rounding of the residual sum of squares.
  double rounding() const { return 0.5 * rows_ * profiled_.residual_error(); }
  /// Fixed effects of the model's orthogonal columns, at the last point.
  Vector coefficients() { return profiled_.coefficients(); }

 private:
  double rows_;
  Vector scales_with_sigma_;  ///< one for standard deviations and Cholesky entries, zero for the rest of theta
  ProfiledGaussian profiled_;
  Vector relative_;
  double sigma_ = 1.0;
};

}  // namespace ranef
