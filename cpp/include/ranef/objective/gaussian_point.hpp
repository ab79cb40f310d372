#pragma once
// The likelihood of a Gaussian model in all parameters of a point, from cross products.
//
// What LaplaceObjective computes row by row for any family costs nothing that grows with the rows where the family is
// gaussian: gaussian_likelihood.hpp has the likelihood in theta and log sigma with the coefficients beta held, and
//
//     d(-log L)/dbeta = X'V^-1X (beta - beta^),       -d2(log L)/dbeta2 = X'V^-1X.
//
// Its second derivatives, by differences of the gradient, are those of the fit.

#include <functional>
#include <memory>

#include "ranef/model/parameters.hpp"
#include "ranef/objective/gaussian_likelihood.hpp"

namespace ranef {

/// Point: as in ParameterMap. For models that are `profiled`.
class GaussianPoint final : public Objective {
 public:
  GaussianPoint(const Model& model, std::shared_ptr<const CrossProductLayout> layout, std::function<void()> poll = {});

  Index size() const override { return map_.size(); }
  double value(const Vector& point) override;
  Vector gradient() override;
  Matrix approximate_hessian() override;
  std::string failure() const override { return likelihood_.failure(); }

  /// Whether differences of the gradient over ordinary steps have digits at a point.
  bool has_digits(const Vector& point);

 private:
  Index coefficients_;  // free ones
  const LinearPredictor* dispersion_;
  ParameterMap map_;
  GaussianLikelihood likelihood_;
  std::function<void()> poll_;
};

}  // namespace ranef
