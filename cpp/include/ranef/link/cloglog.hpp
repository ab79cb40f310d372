#pragma once
// p = 1 - exp(-e^eta): the probability of at least one event of a Poisson process with mean e^eta.

#include "ranef/ad/seed.hpp"
#include "ranef/link/mean.hpp"
#include "ranef/special/log1m_exp.hpp"

namespace ranef {

struct CloglogLink {
  static double link(double p) { return std::log(-std::log1p(-p)); }

  template <class Eta>
  static Probability<Expanded<Eta>> probability(const Eta& eta) {
    const Expanded<Eta> log_q = -exp(eta);
    return {-expm1(log_q), exp(log_q), log1m_exp(log_q), log_q};
  }
};

}  // namespace ranef
