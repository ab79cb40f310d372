#pragma once
// Any count family given Y > 0:
//
//     P(Y = y | Y > 0) = P(Y = y) / (1 - P0),   y = 1, 2, ...,   P0 = P(Y = 0)
//     E = E[Y] / (1 - P0),   Var = E[Y^2] / (1 - P0) - E^2

#include "ranef/family/family.hpp"
#include "ranef/random/counts.hpp"
#include "ranef/special/log1m_exp.hpp"

namespace ranef {

template <class F>
struct Truncated : F {
  static constexpr bool zero_has_probability = false;
  static constexpr bool is_log_concave(Link) { return false; }
  /// Of a positive count; below, its logarithm has no digits left and the density no value.
  static constexpr double kSmallestProbability = 1e-300;

  template <class Mean, class D>
  static auto nll(const Observation& o, const Mean& mean, D& d) {
    const auto log_zero = F::log_prob_zero(o, mean, d);
    return F::nll(o, mean, d) + log1m_exp(value_of(log_zero) < -kSmallestProbability ? log_zero : 0.0 * log_zero + NAN);
  }

  template <class Mean, class D>
  static auto mean(const Observation& o, const Mean& mean, D& d) {
    return F::mean(o, mean, d) / -expm1(F::log_prob_zero(o, mean, d));
  }

  template <class Mean, class D>
  static double variance(const Observation& o, const Mean& mean, D& d) {
    const double all = F::mean(o, mean, d);
    const double positive = -std::expm1(F::log_prob_zero(o, mean, d));
    return (F::variance(o, mean, d) + square(all)) / positive - square(all / positive);
  }

  template <class Mean, class D>
  static double deviance(const Observation&, const Mean&, D&) {
    return NAN;
  }

  /// By rejection where positive draws are common. Else by clusters: the counts here are infinitely divisible, sums
  /// of N ~ Poisson(-log P0) positive clusters, and Y > 0 is N > 0.
  template <class Mean, class D>
  static double draw(const Observation& o, const Mean& mean, D& d, Rng& rng) {
    const double log_zero = F::log_prob_zero(o, mean, d);
    double y = 0.0;
    if (log_zero < -0.2) {
      while (y == 0.0) y = F::draw(o, mean, d, rng);
      return y;
    }
    for (double n = draw_positive_poisson(-log_zero, rng); n > 0.0; n -= 1.0) y += F::draw_cluster(mean, d, rng);
    return y;
  }
};

}  // namespace ranef
