#pragma once
// p = 1 / (1 + e^-eta). All four forms come from one exponential; with p' = p q
//
//     (log p)' = q,  (log q)' = -p,  and both have second and third derivatives -p q and -p q (q - p).

#include <algorithm>

#include "ranef/ad/seed.hpp"
#include "ranef/link/mean.hpp"
#include "ranef/special/log1p_exp.hpp"

namespace ranef {

struct LogitLink {
  static double link(double p) { return std::log(p) - std::log1p(-p); }

  /// The exponential that the rest is arithmetic of; the table of means takes it in a loop of its own.
  static double exponential(double eta) { return std::exp(-std::abs(eta)); }

  template <class Eta>
  static Probability<Expanded<Eta>> probability(const Eta& eta) {
    return probability(eta, exponential(value_of(eta)));
  }

  template <class Eta>
  static Probability<Expanded<Eta>> probability(const Eta& eta, double e) {
    constexpr int order = order_of<Eta>;
    const double x = value_of(eta);
    const LogisticParts parts(x, e);
    const double p = parts.p, q = parts.q, pq = p * q, d3 = pq * (q - p), d4 = pq * (1.0 - 6.0 * pq);
    return {compose(eta, from_derivatives<order>(p, pq, d3, d4)),
            compose(eta, from_derivatives<order>(q, -pq, -d3, -d4)),
            compose(eta, from_derivatives<order>(std::min(x, 0.0) - parts.log1p_e, q, -pq, -d3)),
            compose(eta, from_derivatives<order>(std::min(-x, 0.0) - parts.log1p_e, -p, -pq, -d3))};
  }
};

}  // namespace ranef
