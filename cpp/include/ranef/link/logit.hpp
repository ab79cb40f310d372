#pragma once
// p = 1 / (1 + e^-eta). All four forms come from one exponential and one logarithm; with p' = p q
//
//     (log p)' = q,  (log q)' = -p,  and both have second and third derivatives -p q and -p q (q - p).

#include "ranef/link/mean.hpp"
#include "ranef/special/log1p_exp.hpp"

namespace ranef {

struct LogitLink {
  static double link(double p) { return std::log(p) - std::log1p(-p); }

  template <class T>
  static Probability<T> probability(const T& eta) {
    const double x = value_of(eta);
    const LogisticParts parts(x);
    const double log_p = (x < 0.0 ? x : 0.0) - parts.log1p_e;
    const double log_q = (x > 0.0 ? -x : 0.0) - parts.log1p_e;
    if constexpr (is_jet_v<T>) {
      constexpr int order = T::order;
      const double p = parts.p, q = parts.q, pq = p * q, d3 = pq * (q - p);
      const T probability = compose(eta, from_derivatives<order>(p, pq, d3, pq * (1.0 - 6.0 * pq)));
      T complement = -probability;
      complement[0] = q;
      return {probability, complement, compose(eta, from_derivatives<order>(log_p, q, -pq, -d3)),
              compose(eta, from_derivatives<order>(log_q, -p, -pq, -d3))};
    } else {
      return {parts.p, parts.q, log_p, log_q};
    }
  }
};

}  // namespace ranef
