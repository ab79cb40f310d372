#include "ranef/optimize/bounds.hpp"

#include <algorithm>
#include <limits>

namespace ranef {

Bounds Bounds::wide(Index size) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {Vector::Constant(size, -kInfinity), Vector::Constant(size, kInfinity)};
}

Vector Bounds::clamp(const Vector& point) const {
  if (empty()) return point;
  return point.cwiseMax(lower).cwiseMin(upper);
}

Eigen::Array<bool, Eigen::Dynamic, 1> Bounds::blocked(const Vector& point, const Vector& gradient) const {
  using Mask = Eigen::Array<bool, Eigen::Dynamic, 1>;
  if (empty()) return Mask::Constant(point.size(), false);
  const auto x = point.array(), g = gradient.array();
  return (x <= lower.array() && g > 0.0) || (x >= upper.array() && g < 0.0);
}

double Bounds::room(const Vector& point, const Vector& direction) const {
  double room = std::numeric_limits<double>::infinity();
  if (empty()) return room;
  for (Index i = 0; i < point.size(); ++i) {
    if (direction[i] == 0.0) continue;
    room = std::min(room, ((direction[i] < 0.0 ? lower[i] : upper[i]) - point[i]) / direction[i]);
  }
  return room;
}

}  // namespace ranef
