#pragma once
// Standard normal numbers by the ziggurat: the density is covered by 256 layers of equal area, nearly all of each
// inside it, so that one multiplication and one comparison settle 99 % of the draws.
//
// Reference: Marsaglia & Tsang (2000), The ziggurat method for generating random variables, J. Stat. Softw. 5(8).

#include <array>
#include <cmath>

#include "ranef/random/generator.hpp"

namespace ranef {

namespace ziggurat {

constexpr int kLayers = 256;
/// Where the tail begins, and the area of a layer, for 256 layers.
constexpr double kTail = 3.6541528853610088, kArea = 4.92867323399e-3;

inline double density(double x) { return std::exp(-0.5 * x * x); }

/// Right ends of the layers: the base, widened to hold the tail's area, first; 0 last.
inline std::array<double, kLayers + 1> layer_ends() {
  std::array<double, kLayers + 1> x{};
  x[0] = kArea / density(kTail);
  x[1] = kTail;
  for (std::size_t i = 2; i < kLayers; ++i) {
    x[i] = std::sqrt(-2.0 * std::log(kArea / x[i - 1] + density(x[i - 1])));
  }
  return x;
}

inline const std::array<double, kLayers + 1> kEnds = layer_ends();

/// |z| > kTail, by rejection from an exponential (Marsaglia 1964).
inline double draw_tail(Rng& rng, double sign) {
  for (;;) {
    const double x = -std::log(rng.uniform()) / kTail;
    const double y = -std::log(rng.uniform());
    if (2.0 * y >= x * x) return sign * (kTail + x);
  }
}

}  // namespace ziggurat

inline double draw_normal(Rng& rng) {
  for (;;) {
    const std::uint64_t bits = rng();
    const std::size_t layer = bits & 255U;
    const double u = (double(bits >> 11U) + 0.5) * 0x1p-52 - 1.0;  // other bits than the layer's
    const double z = u * ziggurat::kEnds[layer];
    const double inner = ziggurat::kEnds[layer + 1];
    if (std::abs(z) < inner) return z;
    if (layer == 0) return ziggurat::draw_tail(rng, u < 0.0 ? -1.0 : 1.0);
    const double low = ziggurat::density(ziggurat::kEnds[layer]), high = ziggurat::density(inner);
    if (low + rng.uniform() * (high - low) < ziggurat::density(z)) return z;
  }
}

}  // namespace ranef
