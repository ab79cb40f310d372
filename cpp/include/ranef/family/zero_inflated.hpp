#pragma once
// Any family mixed with a point mass at zero, logit(pi) a predictor of its own:
//
//     P(Y = 0) = pi + (1 - pi) P0,    f(y) = (1 - pi) f_family(y) for y != 0
//     E = (1 - pi) m,   Var = (1 - pi) (v + pi m^2),    m and v the family's mean and variance
//
// Where the family gives zero no probability (gamma, truncated counts) the same formulas with P0 = 0 are the hurdle
// model: a zero contributes log(pi) alone.

#include "ranef/family/family.hpp"
#include "ranef/link/logit.hpp"
#include "ranef/link/mean.hpp"
#include "ranef/special/log_sum_exp.hpp"

namespace ranef {

template <class T>
struct ZeroInflation {
  T logit;
  Probability<T> pi;
  void set(const T& value) {
    logit = value;
    pi = LogitLink::probability(value);
  }
};

/// Log form: -log(pi + (1 - pi) P0) = -log(1 - pi) - log(e^logit + P0).
template <class Result, class F, class Mean, class D, class T>
Result zero_inflated_nll(const Observation& o, const Mean& mean, D& d, const ZeroInflation<T>& zero) {
  if (o.y != 0.0) return F::nll(o, mean, d) - zero.pi.log_q;
  if constexpr (F::zero_has_probability) {
    return -log_sum_exp(zero.logit, -F::nll(o, mean, d)) - zero.pi.log_q;
  } else {
    if (!is_mean(mean)) return Result(NAN);  // zeros do not ask for the mean, the model does
    return -zero.pi.log_p;
  }
}

template <class F, class Mean, class D, class T>
auto zero_inflated_mean(const Observation& o, const Mean& mean, D& d, const ZeroInflation<T>& zero) {
  return zero.pi.q * F::mean(o, mean, d);
}

template <class F, class Mean, class D>
double zero_inflated_variance(const Observation& o, const Mean& mean, D& d, const ZeroInflation<double>& zero) {
  return zero.pi.q * (F::variance(o, mean, d) + zero.pi.p * square(F::mean(o, mean, d)));
}

template <class F, class Mean, class D>
double zero_inflated_draw(const Observation& o, const Mean& mean, D& d, const ZeroInflation<double>& zero, Rng& rng) {
  if (rng.uniform() < zero.pi.p) return 0.0;
  return F::draw(o, mean, d, rng);
}

}  // namespace ranef
