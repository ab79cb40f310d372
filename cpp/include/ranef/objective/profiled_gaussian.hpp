#pragma once
// ML and REML of a Gaussian model with constant dispersion, from cross products (Bates and others 2015).
//
// theta is relative to the residual standard deviation. With y replaced by its least-squares residual (so that cross
// products do not cancel), one Cholesky factor of
//
//     [ S'Z'WZS + Q   S'Z'WX   S'Z'Wy ]
//     [               X'WX     X'Wy   ]
//     [                        y'Wy   ]
//
// gives log det H (the leading block; with X for REML) and, as the square of its last pivot, the penalised residual
// sum of squares r2 at the joint solution (v, beta). After the cross products nothing grows with the rows:
//
//     ML     -2 log L = log|H| - log|Q| - log|W| + n (1 + log(2 pi r2 / n))
//     REML   the same with H including X and n - p for n.
//
// Where r2 is a small share of y'Wy, the residual sd far below the random effects', cross products have lost its
// digits: the factor then comes from the rows (gaussian_rows.hpp), if a pass over them is affordable.
//
// Prior weights: W = diag(w), w = the weights times exp(-2 offset) of the log residual sd; n becomes sum of weights.

#include <memory>
#include <optional>

#include "ranef/model/gaussian_products.hpp"
#include "ranef/objective/gaussian_rows.hpp"
#include "ranef/objective/profiled_objective.hpp"
#include "ranef/objective/scaled_system.hpp"

namespace ranef {

class ProfiledGaussian final : public ProfiledObjective {
 public:
  /// `layout` has a border of p + 1: the mean's fixed effects and the response.
  ProfiledGaussian(const Model& model, std::shared_ptr<const CrossProductLayout> layout);

  Index size() const override { return system_.theta_size(); }
  double value(const Vector& theta) override;
  Vector gradient() override;
  /// The information about theta once the residual variance is estimated with it.
  Matrix approximate_hessian() override;
  std::string failure() const override { return failure_; }

  /// Holds combination'beta, of the model's orthogonal columns, at `value` from now on (ML): the residual sum of
  /// squares grows by gap^2 / (c'Cc), gap what is missing at the free solution, C the covariance of beta / sigma^2.
  void hold(const Vector& combination, double value);
  /// Holds all of beta from now on (ML): the residual sum of squares grows by |L'(beta - beta^)|^2, with L L' the
  /// matrix X'V^-1X sigma^2.
  void hold(const Vector& coefficients);
  /// Half the derivative of the residual sum of squares in the coefficients held, L L'(beta - beta^), and L L'.
  Vector held_gradient() const { return coefficient_factor() * held_shift_; }
  Matrix coefficient_products() const;

  Vector moment_start() const override { return ranef::moment_start(*model_, layout_->pairs(), products_); }

  double residual_variance() const override { return residual_squares_ / effective_rows_; }
  double residual_share() const override { return residual_squares_ / products_.border_gram(columns_, columns_); }
  double residual_error() const override;
  double noise() const override { return by_rows_ ? 0.5 * effective_rows_ * residual_error() : 0.0; }
  /// The gradient with another residual variance than the best: of log|H| - log|Q| + r2 * inverse_variance, halved.
  Vector gradient_at(double inverse_variance);
  ScaledSystem::Information information() const { return system_.approximate_information(); }
  Vector coefficients() override;
  Matrix coefficient_covariance() const override;
  TermVectors effects() const override;

 private:
  ProfiledGaussian(const Model& model, std::shared_ptr<const CrossProductLayout> layout, GaussianProducts data);

  /// Of H at theta, if it is not at hand already; false, with the reason in `failure_`, where it has none.
  bool factor_at(const Vector& theta);
  /// Of the cross products, or of the rows where those have lost the digits; false if neither has a factor.
  bool factor();
  void invert();
  void read_residual();
  /// The joint solution: v in H's coordinates, then beta (of the least-squares residual).
  void solve();
  TermVectors residual_products() const;
  /// Moves the residual sum of squares to where what is held has its value.
  void apply_hold();
  Vector shift_to_combination() const;
  Vector shift_to_coefficients() const;
  /// The Cholesky factor of X'WX given the random effects.
  Matrix coefficient_factor() const;

  const Model* model_;
  std::shared_ptr<const CrossProductLayout> layout_;
  int columns_;            // p
  double effective_rows_;  // n, or n - p
  double constant_;        // what does not depend on theta
  Vector least_squares_;   // coefficients that y was reduced by
  CrossProducts products_;
  ScaledSystem system_;
  std::optional<GaussianRows> rows_;  // made when first needed
  bool by_rows_ = false;              // the last factor
  Vector factored_;                   // theta of the last factor, or empty
  bool inverted_ = false;             // the selected inverse is that factor's
  double residual_squares_ = 0.0;
  Vector solution_;
  Vector held_;  // combination of coefficients, or empty
  double held_value_ = 0.0;
  Vector held_coefficients_;  // or empty
  Vector held_shift_;         // of the forward-solved right-hand side
  std::string failure_;
};

}  // namespace ranef
