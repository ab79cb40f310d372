#include "ranef/optimize/difference_hessian.hpp"

#include <cmath>

namespace ranef {

namespace {

/// Steps are expressed in standard errors; a difference of this many is small against the curvature's own change.
constexpr double kStep = 1e-3;
/// A curvature this many times the one that the scale supposes asks for a scale of its own.
constexpr double kSteep = 25.0;

/// The gradient's derivative along coordinate j over `step`; empty if the objective has no value there.
Vector column(Objective& objective, const Vector& point, const Vector& gradient, Index j, double step,
              Differences kind) {
  Vector moved = point;
  moved[j] = point[j] + step;
  if (!std::isfinite(objective.value(moved))) return {};
  const Vector ahead = objective.gradient();
  if (kind == Differences::forward) return (ahead - gradient) / step;
  moved[j] = point[j] - step;
  if (!std::isfinite(objective.value(moved))) return {};
  return (ahead - objective.gradient()) / (2.0 * step);
}

}  // namespace

DifferencedHessian difference_hessian(Objective& objective, const Vector& point, const Vector& gradient,
                                      const Vector& scale, Differences kind) {
  const Index size = point.size();
  DifferencedHessian out{true, Matrix(size, size)};
  for (Index j = 0; j < size; ++j) {
    double step = kStep * scale[j];
    Vector derivative = column(objective, point, gradient, j, step, kind);
    if (derivative.size() == 0) return {};
    if (const double steepness = std::abs(derivative[j]) * scale[j] * scale[j]; steepness > kSteep) {
      step /= std::sqrt(steepness);
      derivative = column(objective, point, gradient, j, step, kind);
      if (derivative.size() == 0) return {};
    }
    out.hessian.col(j) = derivative;
  }
  out.hessian = (0.5 * (out.hessian + out.hessian.transpose())).eval();
  return out;
}

}  // namespace ranef
