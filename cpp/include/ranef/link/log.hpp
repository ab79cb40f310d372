#pragma once
// mu = e^eta.

#include "ranef/ad/jet_math.hpp"
#include "ranef/link/mean.hpp"
#include "ranef/special/log1m_exp.hpp"

namespace ranef {

struct LogLink {
  static double link(double mu) { return std::log(mu); }

  template <class T>
  static PositiveMean<T> positive(const T& eta) {
    return {exp(eta), eta};
  }
  template <class T>
  static T real(const T& eta) {
    return exp(eta);
  }
  /// As a probability: eta < 0.
  template <class T>
  static Probability<T> probability(const T& eta) {
    return {exp(eta), -expm1(eta), eta, log1m_exp(eta)};
  }
};

}  // namespace ranef
