#pragma once
// mu = 1 / eta.

#include "ranef/ad/jet_math.hpp"
#include "ranef/link/mean.hpp"

namespace ranef {

struct InverseLink {
  static double link(double mu) { return 1.0 / mu; }

  template <class T>
  static PositiveMean<T> positive(const T& eta) {
    return {reciprocal(eta), -log(eta)};
  }
  template <class T>
  static T real(const T& eta) {
    return reciprocal(eta);
  }
};

}  // namespace ranef
