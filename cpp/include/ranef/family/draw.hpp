#pragma once
// Draws that the families share, safe at the ends of their parameters; of NaN parameters the draw is NaN.

#include <algorithm>
#include <cmath>
#include <random>

namespace ranef {

/// A gamma variate; zero where it underflows.
inline double draw_gamma(double shape, double scale, std::mt19937_64& rng) {
  if (std::isnan(shape) || std::isnan(scale)) return NAN;
  if (!(shape > 0.0) || !(scale > 0.0)) return 0.0;
  return std::gamma_distribution<double>(shape, scale)(rng);
}

/// A Poisson count; above 1e9 the rounded normal approximation, whose error is below the spacing that matters.
inline double draw_poisson(double mean, std::mt19937_64& rng) {
  if (std::isnan(mean)) return NAN;
  if (!(mean > 0.0)) return 0.0;
  if (mean > 1e9) return std::round(mean + std::sqrt(mean) * std::normal_distribution<double>()(rng));
  return double(std::poisson_distribution<long long>(mean)(rng));
}

inline double draw_binomial(double trials, double p, std::mt19937_64& rng) {
  if (std::isnan(p) || std::isnan(trials)) return NAN;
  return double(std::binomial_distribution<long long>(static_cast<long long>(trials), std::clamp(p, 0.0, 1.0))(rng));
}

/// A Poisson count given that it is positive; for small means, by summing probabilities.
inline double draw_positive_poisson(double mean, std::mt19937_64& rng) {
  double rest = std::uniform_real_distribution<double>()(rng);
  double count = 1.0;
  for (double p = mean > 0.0 ? mean / std::expm1(mean) : 1.0; (rest -= p) > 0.0 && p > 0.0; p *= mean / count)
    count += 1.0;
  return count;
}

/// A count of the logarithmic distribution P(y) = q^y / (L y), q = 1 - e^-L (Kemp 1981, Applied Statistics 30, 249).
inline double draw_log_series(double L, std::mt19937_64& rng) {
  std::uniform_real_distribution<double> uniform;
  const double v = uniform(rng);
  if (v >= -std::expm1(-L)) return 1.0;
  const double q = -std::expm1(-L * uniform(rng));
  if (v <= q * q && v > 0.0) return std::max(1.0, std::floor(1.0 + std::log(v) / std::log(q)));
  return v >= q ? 1.0 : 2.0;
}

/// A beta variate, kept inside (0, 1). Where both gammas underflow the distribution is at its ends.
inline double draw_beta(double a, double b, std::mt19937_64& rng) {
  constexpr double smallest = 1e-300, largest = 1.0 - 1.2e-16;
  const double x = draw_gamma(a, 1.0, rng);
  const double y = draw_gamma(b, 1.0, rng);
  if (std::isnan(x + y)) return NAN;
  if (x + y > 0.0) return std::clamp(x / (x + y), smallest, largest);
  return std::uniform_real_distribution<double>()(rng) * (a + b) < a ? largest : smallest;
}

}  // namespace ranef
