#include "ranef/objective/gaussian_point.hpp"

#include <cmath>

namespace ranef {

GaussianPoint::GaussianPoint(const Model& model, std::shared_ptr<const CrossProductLayout> layout,
                             std::function<void()> poll)
    : coefficients_(model.reml() ? 0 : model.predictors()[0].columns()),
      dispersion_(&model.predictors()[1]),
      map_(model),
      likelihood_(model, std::move(layout)),
      poll_(std::move(poll)) {}

double GaussianPoint::value(const Vector& point) {
  if (poll_) poll_();
  if (coefficients_ > 0) likelihood_.hold(point.segment(map_.coefficient_offset(0), coefficients_));
  Vector inner(likelihood_.size());
  inner.head(inner.size() - 1) = point.tail(inner.size() - 1);
  inner[inner.size() - 1] = dispersion_->matrix(0, 0) * point[map_.coefficient_offset(1)] + dispersion_->level;
  return likelihood_.value(inner);
}

Vector GaussianPoint::gradient() {
  const Vector inner = likelihood_.gradient();
  Vector out(size());
  if (coefficients_ > 0) out.segment(map_.coefficient_offset(0), coefficients_) = likelihood_.coefficient_gradient();
  out[map_.coefficient_offset(1)] = dispersion_->matrix(0, 0) * inner[inner.size() - 1];
  out.tail(inner.size() - 1) = inner.head(inner.size() - 1);
  return out;
}

Matrix GaussianPoint::approximate_hessian() {
  const Matrix inner = likelihood_.approximate_hessian();
  const Index last = inner.rows() - 1, place = map_.coefficient_offset(1);
  const double slope = dispersion_->matrix(0, 0);
  Matrix out = Matrix::Zero(size(), size());
  if (coefficients_ > 0) {
    const Index first = map_.coefficient_offset(0);
    out.block(first, first, coefficients_, coefficients_) = likelihood_.coefficient_information();
  }
  out.bottomRightCorner(last, last) = inner.topLeftCorner(last, last);
  out(place, place) = slope * slope * inner(last, last);
  out.col(place).tail(last) = slope * inner.col(last).head(last);
  out.row(place).tail(last) = out.col(place).tail(last).transpose();
  return out;
}

bool GaussianPoint::has_digits(const Vector& point) {
  constexpr double kSmallRounding = 1e-8;  // log-likelihood units; steps of a difference change it by 1e-6
  return std::isfinite(value(point)) && likelihood_.rounding() < kSmallRounding;
}

}  // namespace ranef
