#pragma once
// Counts: Poisson and binomial, by inversion where the mean is small, by transformed rejection where it is not; the
// logarithmic distribution. Safe at the ends of their parameters; of NaN parameters the draw is NaN.
//
// References: Hormann (1993), The transformed rejection method for generating Poisson random variables, Insurance:
// Mathematics and Economics 12, 39 (PTRS); Hormann (1993), The generation of binomial random variates, J. Stat. Comput.
// Simul. 46, 101 (BTRS); Kemp (1981), Efficient generation of logarithmically distributed pseudo-random variables,
// Applied Statistics 30, 249.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "ranef/random/normal.hpp"
#include "ranef/special/lgamma.hpp"

namespace ranef {

namespace counts {

/// Below this mean the search from 0 takes fewer steps than rejection costs.
constexpr double kSearchMean = 10.0;
/// P(Y > 200) < 1e-200 for a mean of 10: what is left then is rounding.
constexpr std::size_t kSearchEnd = 200;

/// 1 / k at place k: a division would be most of a step of the search.
constexpr std::array<double, kSearchEnd + 1> reciprocals() {
  std::array<double, kSearchEnd + 1> out{};
  for (std::size_t k = 1; k <= kSearchEnd; ++k) out[k] = 1.0 / double(k);
  return out;
}
inline constexpr std::array<double, kSearchEnd + 1> kReciprocals = reciprocals();

inline double poisson_by_search(double mean, Rng& rng) {
  double rest = rng.uniform(), p = std::exp(-mean);
  std::size_t y = 0;
  while (rest > p && y < kSearchEnd) {
    rest -= p;
    ++y;
    p *= mean * kReciprocals[y];
  }
  return double(y);
}

inline double poisson_by_rejection(double mean, Rng& rng) {
  const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
  const double squeeze = 0.9277 - 3.6224 / (b - 2.0);
  for (;;) {
    const double u = rng.uniform() - 0.5, v = rng.uniform(), s = 0.5 - std::abs(u);
    const double y = std::floor((2.0 * a / s + b) * u + mean + 0.43);
    if (s >= 0.07 && v <= squeeze) return y;
    if (y < 0.0 || (s < 0.013 && v > s)) continue;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    if (std::log(v * inverse_alpha / (a / (s * s) + b)) <= y * std::log(mean) - mean - log_gamma(y + 1.0)) return y;
  }
}

/// x^n by squaring.
inline double whole_power(double x, double n) {
  double power = 1.0;
  for (auto left = static_cast<std::uint64_t>(n); left > 0; left >>= 1U, x *= x) {
    if ((left & 1U) != 0) power *= x;
  }
  return power;
}

/// For p <= 1/2 and n p < 10: P(Y = 0) > 1e-7.
inline double binomial_by_search(double n, double p, Rng& rng) {
  const double odds = p / (1.0 - p);
  double rest = rng.uniform(), mass = whole_power(1.0 - p, n), left = n;
  std::size_t y = 0;
  while (rest > mass && left > 0.0 && y < kSearchEnd) {
    rest -= mass;
    ++y;
    mass *= odds * left * kReciprocals[y];
    left -= 1.0;
  }
  return double(y);
}

/// For p <= 1/2.
inline double binomial_by_rejection(double n, double p, Rng& rng) {
  const double sd = std::sqrt(n * p * (1.0 - p));
  const double b = 1.15 + 2.53 * sd, a = -0.0873 + 0.0248 * b + 0.01 * p, centre = n * p + 0.5;
  const double squeeze = 0.92 - 4.2 / b;
  for (;;) {
    const double u = rng.uniform() - 0.5, v = rng.uniform(), s = 0.5 - std::abs(u);
    const double y = std::floor((2.0 * a / s + b) * u + centre);
    if (y < 0.0 || y > n) continue;
    if (s >= 0.07 && v <= squeeze) return y;
    const double alpha = (2.83 + 5.1 / b) * sd, mode = std::floor((n + 1.0) * p);
    const double log_ratio = log_gamma(mode + 1.0) + log_gamma(n - mode + 1.0) - log_gamma(y + 1.0) -
                             log_gamma(n - y + 1.0) + (y - mode) * std::log(p / (1.0 - p));
    if (std::log(v * alpha / (a / (s * s) + b)) <= log_ratio) return y;
  }
}

}  // namespace counts

/// A Poisson count; above 1e9 the rounded normal approximation, whose error is below the spacing that matters.
inline double draw_poisson(double mean, Rng& rng) {
  if (std::isnan(mean)) return NAN;
  if (!(mean > 0.0)) return 0.0;
  if (mean > 1e9) return std::round(mean + std::sqrt(mean) * draw_normal(rng));
  return mean < counts::kSearchMean ? counts::poisson_by_search(mean, rng) : counts::poisson_by_rejection(mean, rng);
}

/// A binomial count; where both expected counts exceed 1e9 the rounded normal approximation, as above.
inline double draw_binomial(double trials, double p, Rng& rng) {
  if (std::isnan(p) || std::isnan(trials)) return NAN;
  const double n = std::floor(trials), inside = std::clamp(p, 0.0, 1.0), rare = std::min(inside, 1.0 - inside);
  if (n == 1.0) return rng.uniform() < inside ? 1.0 : 0.0;
  double y = 0.0;
  if (n * rare < counts::kSearchMean) {
    y = counts::binomial_by_search(n, rare, rng);
  } else if (n * rare < 1e9) {
    y = counts::binomial_by_rejection(n, rare, rng);
  } else {
    const double mean = n * rare;
    y = std::clamp(std::round(mean + std::sqrt(mean * (1.0 - rare)) * draw_normal(rng)), 0.0, n);
  }
  return inside > 0.5 ? n - y : y;
}

/// A Poisson count given that it is positive; for small means, by summing probabilities.
inline double draw_positive_poisson(double mean, Rng& rng) {
  double rest = rng.uniform();
  double count = 1.0;
  for (double p = mean > 0.0 ? mean / std::expm1(mean) : 1.0; (rest -= p) > 0.0 && p > 0.0; p *= mean / count)
    count += 1.0;
  return count;
}

/// A count of the logarithmic distribution P(y) = q^y / (L y), q = 1 - e^-L.
inline double draw_log_series(double L, Rng& rng) {
  const double v = rng.uniform();
  if (v >= -std::expm1(-L)) return 1.0;
  const double q = -std::expm1(-L * rng.uniform());
  if (v <= q * q) return std::max(1.0, std::floor(1.0 + std::log(v) / std::log(q)));
  return v >= q ? 1.0 : 2.0;
}

}  // namespace ranef
