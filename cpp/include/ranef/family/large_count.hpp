#pragma once
// Counts so large that y log(mu) and log y! are huge and nearly equal: densities relative to the saturated Poisson.
//
//     -log P(y) = [1/2 log(2 pi y) + S(y)] + deviance / 2 + ...,      S the error of Stirling's formula
//
// The bracket is data alone. With z = log(mu / y) the Poisson's half deviance is y (e^z - 1 - z): rounding of mu or of
// log(mu) enters to second order, where mu - y log(mu) + log y! loses y log(y) / 2^53. A gamma-Poisson count of mean mu
// and gamma shape k adds 1/2 log(1 + y/k) + S(k) - S(y + k) to its own half deviance
//
//     (y + k) [log(1 + w) - w] + y (e^z - 1 - z),       w = (e^z - 1) y / (y + k)         where k > y
//     (y + k) [log(1 + w) - w] + k (e^-z - 1 + z),      w = (e^-z - 1) k / (y + k)        where k <= y
//
// Rows of both kinds would cost the ordinary ones a branch and registers: a family names the large ones (`is_large`)
// and their `large_nll`, and blocks that may have any are evaluated with the family LargeCounts<F>.
//
// (Loader 2000, Fast and accurate computation of binomial probabilities, does the same for a binomial.)

#include "ranef/family/family.hpp"
#include "ranef/special/log1p_exp.hpp"
#include "ranef/special/log1p_minus.hpp"
#include "ranef/special/log_rising_ratio.hpp"
#include "ranef/special/stirling_error_exp.hpp"

namespace ranef {

/// Above this the saturated forms are used; below, what the ordinary ones lose is less than 1e-9 of a log-likelihood.
inline constexpr double kLargeCount = 1e5;

/// The family with its other form where that is called for.
template <class F>
struct LargeCounts : F {
  template <class Mean, class D>
  static auto nll(const Observation& o, const Mean& mean, D& d) {
    using Result = decltype(F::nll(o, mean, d));
    return F::is_large(o) ? Result(F::large_nll(o, mean, d)) : F::nll(o, mean, d);
  }
};

/// A count, itself large or not: what the count families share.
struct CountDefaults : FamilyDefaults {
  static constexpr bool has_large_form = true;
  static bool is_large(const Observation& o) { return o.y > kLargeCount; }
};

/// -log of the saturated Poisson probability of a large count.
inline double saturated_constant(double y) { return kHalfLog2Pi + 0.5 * std::log(y) + stirling_error(y); }

/// log y!, or what is left of it beside the forms below.
inline double count_constant(double y) { return y > kLargeCount ? saturated_constant(y) : log_gamma(y + 1.0); }

template <class M>
M large_poisson_nll(double y, const M& log_mu) {
  return y * expm1_minus(M(log_mu - std::log(y)));
}

template <class M, class K>
auto large_gamma_poisson_nll(double y, const M& log_mu, const K& log_shape) {
  const double log_y = std::log(y);
  const M z = log_mu - log_y;
  const K shape = exp(log_shape);
  const K size = y + shape;
  const K rest = 0.5 * log1p_exp(K(log_y - log_shape)) + stirling_error_exp(log_shape) - stirling_error(size);
  if (value_of(shape) > y)
    return rest + (size * log1p_minus(logistic(K(log_y - log_shape)) * expm1(z)) + y * expm1_minus(z));
  return rest + (size * log1p_minus(logistic(K(log_shape - log_y)) * expm1(M(-z))) + shape * expm1_minus(M(-z)));
}

}  // namespace ranef
