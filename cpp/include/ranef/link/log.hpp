#pragma once
// mu = e^eta.

#include "ranef/ad/seed.hpp"
#include "ranef/link/mean.hpp"
#include "ranef/special/log1m_exp.hpp"

namespace ranef {

struct LogLink {
  static double link(double mu) { return std::log(mu); }

  template <class Eta>
  static PositiveMean<Expanded<Eta>> positive(const Eta& eta) {
    return {exp(eta), expand(eta)};
  }
  template <class Eta>
  static Expanded<Eta> real(const Eta& eta) {
    return exp(eta);
  }
  /// As a probability: eta < 0.
  template <class Eta>
  static Probability<Expanded<Eta>> probability(const Eta& eta) {
    return {exp(eta), -expm1(eta), expand(eta), log1m_exp(eta)};
  }
};

}  // namespace ranef
