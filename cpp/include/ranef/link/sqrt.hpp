#pragma once
// mu = eta^2 for eta > 0; a negative eta is outside the link (NaN), else two predictors would have one mean.

#include "ranef/ad/seed.hpp"
#include "ranef/link/mean.hpp"

namespace ranef {

struct SqrtLink {
  static double link(double mu) { return std::sqrt(mu); }

  template <class Eta>
  static PositiveMean<Expanded<Eta>> positive(const Eta& eta) {
    if (!(value_of(eta) > 0.0)) return no_positive_mean<Expanded<Eta>>();
    return {real(eta), 2.0 * log(eta)};
  }
  template <class Eta>
  static Expanded<Eta> real(const Eta& eta) {
    const double x = value_of(eta) >= 0.0 ? value_of(eta) : NAN;
    return compose(eta, from_derivatives<order_of<Eta>>(x * x, 2.0 * x, 2.0, 0.0));
  }
};

}  // namespace ranef
