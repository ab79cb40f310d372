#pragma once
// mu = eta^2 for eta > 0; a negative eta is outside the link (NaN), else two predictors would have one mean.

#include "ranef/ad/jet_math.hpp"
#include "ranef/link/mean.hpp"

namespace ranef {

struct SqrtLink {
  static double link(double mu) { return std::sqrt(mu); }

  template <class T>
  static PositiveMean<T> positive(const T& eta) {
    return {real(eta), 2.0 * log(eta)};
  }
  template <class T>
  static T real(const T& eta) {
    return value_of(eta) >= 0.0 ? square(eta) : T(NAN);
  }
};

}  // namespace ranef
