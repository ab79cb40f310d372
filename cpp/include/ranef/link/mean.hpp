#pragma once
// The stable quantities of a mean, from which the families compute.
//
// A density is written on the scale on which it loses nothing: a Poisson in log(mu), a binomial in log(p) and
// log(1 - p). The link computes these from eta directly (log(p) = -log(1 + e^-eta) for the logit), so neither the
// logarithm of an underflowed mean nor 1 - p of a p near one is ever formed.

#include <array>
#include <cmath>

#include "ranef/ad/jet.hpp"

namespace ranef {

template <class T>
struct RealMean {
  T mu;
  std::array<T, 1> fields() const { return {mu}; }
};

template <class T>
struct PositiveMean {
  T mu, log_mu;
  std::array<T, 2> fields() const { return {mu, log_mu}; }
};

/// What a link makes of a predictor that no positive mean has: NaN in both forms, so that every density is zero there,
/// also one that at its limit uses neither the mean nor its logarithm.
template <class T>
PositiveMean<T> no_positive_mean() {
  return {T(NAN), T(NAN)};
}

/// The log forms alone, for families that need no more.
template <class T>
struct LogProbability {
  T log_p, log_q;  ///< q = 1 - p
  std::array<T, 2> fields() const { return {log_p, log_q}; }
};

template <class T>
struct Probability {
  T p, q, log_p, log_q;
  std::array<T, 4> fields() const { return {p, q, log_p, log_q}; }
};

/// Whether a predictor gave a mean of the wanted form.
template <class Mean>
bool is_mean(const Mean& mean) {
  for (const auto& field : mean.fields())
    if (std::isnan(value_of(field))) return false;
  return true;
}

}  // namespace ranef
