#pragma once
// Any count family given Y > 0:
//
//     P(Y = y | Y > 0) = P(Y = y) / (1 - P0),   y = 1, 2, ...,   P0 = P(Y = 0)
//     E = E[Y] / (1 - P0),   Var = E[Y^2] / (1 - P0) - E^2

#include "ranef/family/family.hpp"
#include "ranef/special/log1m_exp.hpp"

namespace ranef {

template <class F>
struct Truncated : F {
  static constexpr bool zero_has_probability = false;

  template <class Mean, class D>
  static auto nll(const Observation& o, const Mean& mean, D& d) {
    return F::nll(o, mean, d) + log1m_exp(F::log_prob_zero(o, mean, d));
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

  /// By rejection where positive draws are common, else by summing probabilities from y = 1 on: they fall off fast.
  template <class Mean, class D>
  static double draw(const Observation& o, const Mean& mean, D& d, Rng& rng) {
    const double positive = -std::expm1(F::log_prob_zero(o, mean, d));
    if (positive > 0.2) {
      double y = 0.0;
      while (!(y > 0.0)) y = F::draw(o, mean, d, rng);
      return y;
    }
    double rest = std::uniform_real_distribution<double>()(rng);
    Observation at = o;
    constexpr double longest = 1e6;
    for (at.y = 1.0; at.y < longest; at.y += 1.0) {
      rest -= std::exp(-nll(at, mean, d) - F::constant(at));
      if (!(rest > 0.0)) break;
    }
    return at.y;
  }
};

}  // namespace ranef
