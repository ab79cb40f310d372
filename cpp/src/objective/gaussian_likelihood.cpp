#include "ranef/objective/gaussian_likelihood.hpp"

#include <cmath>

namespace ranef {

GaussianLikelihood::GaussianLikelihood(const Model& model, std::shared_ptr<const CrossProductLayout> layout)
    : rows_(model.weight_total() - (model.reml() ? static_cast<double>(model.predictors()[0].columns()) : 0.0)),
      profiled_(model, std::move(layout)) {
  scales_with_sigma_.resize(profiled_.size());
  Index at = 0;
  for (const RandomTerm& term : model.terms()) {
    const Vector ones = Vector::Ones(term.covariance->parameter_count());
    scales_with_sigma_.segment(at, ones.size()) = term.covariance->rescaled(ones, 2.0) - ones;
    at += ones.size();
  }
}

double GaussianLikelihood::value(const Vector& point) {
  const Index count = profiled_.size();
  sigma_ = std::exp(point[count]);
  relative_ = point.head(count).array() * ((1.0 / sigma_ - 1.0) * scales_with_sigma_.array() + 1.0);
  const double at_best_sigma = profiled_.value(relative_);
  const double ratio = profiled_.residual_variance() / (sigma_ * sigma_);
  const double value = at_best_sigma + 0.5 * rows_ * (ratio - 1.0 - std::log(ratio));
  return std::isfinite(value) ? value : kNoValue;
}

Vector GaussianLikelihood::gradient() {
  const Index count = profiled_.size();
  const double ratio = profiled_.residual_variance() / (sigma_ * sigma_);
  const Vector relative = profiled_.gradient_at(1.0 / (sigma_ * sigma_));
  Vector out(count + 1);
  out.head(count) = relative.array() * ((1.0 / sigma_ - 1.0) * scales_with_sigma_.array() + 1.0);
  out[count] = rows_ * (1.0 - ratio) - relative.cwiseProduct(scales_with_sigma_).dot(relative_);
  return out;
}

/// The information about (theta~, log sigma), with 2 n for log sigma and twice the slopes between, mapped to the point.
Matrix GaussianLikelihood::approximate_hessian() {
  const Index count = profiled_.size();
  const ScaledSystem::Information at = profiled_.information();
  Matrix information(count + 1, count + 1);
  information.topLeftCorner(count, count) = at.information;
  information.col(count).head(count) = 2.0 * at.slope;
  information.row(count).head(count) = 2.0 * at.slope.transpose();
  information(count, count) = 2.0 * rows_;
  Matrix jacobian = Matrix::Identity(count + 1, count + 1);
  jacobian.diagonal().head(count) = ((1.0 / sigma_ - 1.0) * scales_with_sigma_.array() + 1.0).matrix();
  jacobian.col(count).head(count) = -relative_.cwiseProduct(scales_with_sigma_);
  return jacobian.transpose() * information * jacobian;
}

}  // namespace ranef
