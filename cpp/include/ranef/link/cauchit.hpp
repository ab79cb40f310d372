#pragma once
// p = 1/2 + atan(eta) / pi, the Cauchy distribution function, as an angle: p = atan2(1, -eta) / pi keeps its digits
// in the lower tail.

#include "ranef/ad/seed.hpp"
#include "ranef/link/mean.hpp"

namespace ranef {

inline constexpr double kPi = 3.14159265358979323846;

struct CauchyCdf {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double r = 1.0 / (1.0 + x * x);
    return from_derivatives<Order>(std::atan2(1.0, -x) / kPi, r / kPi, -2.0 * x * r * r / kPi,
                                   (6.0 * x * x - 2.0) * r * r * r / kPi);
  }
};

struct CauchitLink {
  static double link(double p) { return p < 0.5 ? -1.0 / std::tan(kPi * p) : 1.0 / std::tan(kPi * (1.0 - p)); }

  template <class Eta>
  static Probability<Expanded<Eta>> probability(const Eta& eta) {
    const Expanded<Eta> p = apply(CauchyCdf(), eta);
    const Expanded<Eta> q = apply_reflected(CauchyCdf(), eta);
    return {p, q, log(p), log(q)};
  }
};

}  // namespace ranef
