#pragma once
// mu = eta.

#include "ranef/ad/seed.hpp"
#include "ranef/link/mean.hpp"

namespace ranef {

struct IdentityLink {
  static double link(double mu) { return mu; }

  template <class Eta>
  static PositiveMean<Expanded<Eta>> positive(const Eta& eta) {
    return {expand(eta), log(eta)};
  }
  template <class Eta>
  static Expanded<Eta> real(const Eta& eta) {
    return expand(eta);
  }
};

}  // namespace ranef
