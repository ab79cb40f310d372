#pragma once
// mu = eta.

#include "ranef/ad/jet_math.hpp"
#include "ranef/link/mean.hpp"

namespace ranef {

struct IdentityLink {
  static double link(double mu) { return mu; }

  template <class T>
  static PositiveMean<T> positive(const T& eta) {
    return {eta, log(eta)};
  }
  template <class T>
  static T real(const T& eta) {
    return eta;
  }
};

}  // namespace ranef
