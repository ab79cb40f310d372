#include "line_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ranef {

namespace {

constexpr double kArmijo = 1e-4;
constexpr double kCurvature = 0.9;
constexpr int kMaxTrials = 30;
/// Value differences below this share of the value are rounding.
constexpr double kRounding = 1e-13;

}  // namespace

Step line_search(Objective& objective, const Departure& from, const Vector& direction, const Bounds& bounds,
                 int& evaluations) {
  const double slope = from.gradient.dot(direction), room = bounds.room(from.point, direction);
  const double rounding = kRounding * (1.0 + std::abs(from.value)), start_noise = objective.noise();
  double shortest = 0.0, longest = std::numeric_limits<double>::infinity(), length = std::min(1.0, room);
  Step best;
  for (int trial = 0; trial < kMaxTrials; ++trial) {
    const Vector candidate = bounds.clamp(from.point + length * direction);
    const double at = objective.value(candidate);
    ++evaluations;
    const double noise = rounding + start_noise + objective.noise();
    bool too_long = !std::isfinite(at) || at > from.value + kArmijo * length * slope + noise;
    if (!too_long && at > from.value - noise) {
      // Values this close say nothing: the slope decides (the approximate Wolfe condition, Hager and Zhang 2005).
      best = {true, at, candidate, objective.gradient()};
      if (best.gradient.dot(direction) <= (2.0 * kArmijo - 1.0) * slope) return best;
      too_long = true;
    }
    if (too_long) {
      longest = length;
      // The minimum of the parabola through the two values and the slope, kept away from the ends.
      const double parabola = std::isfinite(at) && shortest == 0.0
                                  ? -0.5 * slope * length * length / (at - from.value - slope * length)
                                  : 0.5 * (shortest + longest);
      length =
          std::min(std::max(parabola, shortest + 0.1 * (longest - shortest)), shortest + 0.6 * (longest - shortest));
      if (!std::isfinite(length)) return best;
      continue;
    }
    best = {true, at, candidate, objective.gradient()};
    if (best.gradient.dot(direction) >= kCurvature * slope || length == room) return best;
    shortest = length;
    length = std::isfinite(longest) ? 0.5 * (shortest + longest) : std::min(2.0 * length, room);
  }
  return best;
}

}  // namespace ranef
