#pragma once
// phi log(1 + mu / phi): minus the log of P(Y = 0) of a gamma-Poisson count, mu in the limit phi -> infinity.
//
// Differentiated directly in log(phi), log(1 + u) - u / (1 + u) cancels for small u = mu / phi. With t = log u,
//
//     phi log(1 + u) = mu q(t) + phi r(t),      q = 1 / (1 + e^t),   r = log(1 + e^t) - e^t q,
//
// and both terms keep their digits in every derivative. With phi fixed nothing cancels.

#include "ranef/special/log1p_exp.hpp"

namespace ranef {

template <class M, class D>
inline auto scaled_log1p(const M& mu, const M& log_mu, const D& phi, const D& log_phi) {
  if constexpr (is_jet_v<D>) {
    const auto t = log_mu - log_phi;
    return mu * logistic(-t) + phi * log1p_exp_remainder(t);
  } else {
    return phi * log1p_exp_given(log_mu - log_phi, value_of(mu) / phi);
  }
}

}  // namespace ranef
