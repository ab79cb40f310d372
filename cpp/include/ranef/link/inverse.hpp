#pragma once
// mu = 1 / eta; as a positive mean for eta > 0 alone.

#include "ranef/ad/seed.hpp"
#include "ranef/link/mean.hpp"

namespace ranef {

struct InverseLink {
  static double link(double mu) { return 1.0 / mu; }

  template <class Eta>
  static PositiveMean<Expanded<Eta>> positive(const Eta& eta) {
    if (!(value_of(eta) > 0.0)) return no_positive_mean<Expanded<Eta>>();
    return {reciprocal(eta), -log(eta)};
  }
  template <class Eta>
  static Expanded<Eta> real(const Eta& eta) {
    return reciprocal(eta);
  }
};

}  // namespace ranef
