#pragma once
// Gamma and beta numbers, safe at the ends of their parameters; of NaN parameters the draw is NaN.
//
// References: Marsaglia & Tsang (2000), A simple method for generating gamma variables, ACM TOMS 26, 363 (shapes from
// 1; below, Gamma(a) = Gamma(a + 1) U^(1/a)). Beta(a, b) = X / (X + Y) of two gammas.

#include <algorithm>
#include <cmath>

#include "ranef/random/normal.hpp"

namespace ranef {

/// Gamma(shape, scale 1) for shape >= 1.
inline double draw_gamma_from_one(double shape, Rng& rng) {
  const double d = shape - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double z = draw_normal(rng);
    const double root = 1.0 + c * z;
    if (root <= 0.0) continue;
    const double v = root * root * root, u = rng.uniform(), z2 = z * z;
    if (u < 1.0 - 0.0331 * z2 * z2) return d * v;
    if (std::log(u) < 0.5 * z2 + d * (1.0 - v + std::log(v))) return d * v;
  }
}

/// Log of Gamma(shape, scale 1): finite where the number itself underflows.
inline double draw_log_gamma(double shape, Rng& rng) {
  if (shape >= 1.0) return std::log(draw_gamma_from_one(shape, rng));
  return std::log(draw_gamma_from_one(shape + 1.0, rng)) + std::log(rng.uniform()) / shape;
}

/// A gamma number of this shape and mean; zero where it underflows, the mean where the shape is too large to vary.
inline double draw_gamma(double shape, double mean, Rng& rng) {
  constexpr double no_variation = 1e17;
  if (std::isnan(shape) || std::isnan(mean)) return NAN;
  if (!(shape > 0.0) || !(mean > 0.0)) return 0.0;
  if (shape > no_variation) return mean;
  if (shape >= 1.0) return draw_gamma_from_one(shape, rng) * (mean / shape);
  const double scale = mean / shape;
  const double boosted = draw_gamma_from_one(shape + 1.0, rng);
  return boosted * std::exp(std::log(rng.uniform()) / shape) * scale;
}

/// A beta number, kept inside (0, 1).
inline double draw_beta(double a, double b, Rng& rng) {
  constexpr double smallest = 1e-300, largest = 1.0 - 1.2e-16, underflows = 0.05;
  if (std::isnan(a) || std::isnan(b)) return NAN;
  if (!(a > 0.0)) return smallest;
  if (!(b > 0.0)) return largest;
  if (std::min(a, b) < underflows) {
    const double log_odds = draw_log_gamma(a, rng) - draw_log_gamma(b, rng);
    return std::clamp(1.0 / (1.0 + std::exp(-log_odds)), smallest, largest);
  }
  const double x = draw_gamma(a, a, rng), y = draw_gamma(b, b, rng);
  return std::clamp(x / (x + y), smallest, largest);
}

}  // namespace ranef
