#include "ranef/optimize/free_coordinates.hpp"

#include <algorithm>

namespace ranef {

AffineSpace AffineSpace::without(const std::vector<Index>& coordinates) const {
  AffineSpace out{base, directions, whole && coordinates.empty()};
  for (const Index c : coordinates) out.base[c] = 0.0;
  Index kept = 0;
  for (Index j = 0; j < directions.cols(); ++j) {
    const bool dropped =
        std::any_of(coordinates.begin(), coordinates.end(), [&](Index c) { return directions(c, j) != 0.0; });
    if (!dropped) out.directions.col(kept++) = directions.col(j);
  }
  out.directions.conservativeResize(Eigen::NoChange, kept);
  return out;
}

}  // namespace ranef
