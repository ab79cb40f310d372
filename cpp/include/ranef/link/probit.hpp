#pragma once
// p = Phi(eta), the standard normal distribution function.

#include "ranef/ad/seed.hpp"
#include "ranef/link/mean.hpp"
#include "ranef/special/log_normal_cdf.hpp"

namespace ranef {

struct NormalCdf {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double density = Order > 0 ? normal_density(x) : 0.0;
    return from_derivatives<Order>(normal_cdf(x), density, -x * density, (x * x - 1.0) * density);
  }
};

struct ProbitLink {
  static double link(double p) { return normal_quantile(p); }

  template <class Eta>
  static Probability<Expanded<Eta>> probability(const Eta& eta) {
    return {apply(NormalCdf(), eta), apply_reflected(NormalCdf(), eta), apply(LogNormalCdf(), eta),
            apply_reflected(LogNormalCdf(), eta)};
  }
};

}  // namespace ranef
