#pragma once
// Beta with mean mu and precision phi, a = mu phi, b = (1 - mu) phi; dispersion log(phi).
//
//     f(y) = Gamma(phi) / (Gamma(a) Gamma(b)) y^(a-1) (1 - y)^(b-1),   0 < y < 1
//     E Y = mu,   Var Y = mu (1 - mu) / (1 + phi)
//
// With p = mu, q = 1 - mu and S the error of Stirling's formula, the negative log-density is
//
//     phi [p (log p - log y) + q (log q - log(1 - y))] - 1/2 (log phi + log p + log q) + 1/2 log(2 pi)
//         + S(a) + S(b) - S(phi) + log y + log(1 - y)
//
// Reference: Ferrari & Cribari-Neto (2004), Journal of Applied Statistics 31, 799.

#include "ranef/family/family.hpp"
#include "ranef/random/gamma.hpp"
#include "ranef/special/stirling_error_exp.hpp"

namespace ranef {

struct Beta : FamilyDefaults {
  template <class T>
  using Mean = Probability<T>;
  static constexpr bool has_dispersion = true;
  static constexpr bool zero_has_probability = false;
  static constexpr int kept = 2;

  static FamilyInfo info() {
    FamilyInfo out;
    out.name = "beta";
    out.support = "numbers between 0 and 1, the ends excluded";
    out.links = {Link::logit, Link::probit, Link::cloglog, Link::cauchit, Link::log};
    out.dispersion = "log_phi";
    return out;
  }

  template <class T>
  struct Dispersion {
    T log_phi, phi, normaliser;
    void set(const T& value) {
      log_phi = value;
      phi = exp(value);
      normaliser = -0.5 * value - stirling_error_exp(value);
    }
  };

  static void keep(Observation& o) {
    o.kept[0] = std::log(o.y);
    o.kept[1] = std::log1p(-o.y);
  }
  static double constant(const Observation& o) { return o.kept[0] + o.kept[1] + kHalfLog2Pi; }

  template <class M, class D>
  static auto nll(const Observation& o, const Mean<M>& mean, const Dispersion<D>& d) {
    const M divergence = mean.p * (mean.log_p - o.kept[0]) + mean.q * (mean.log_q - o.kept[1]);
    const M half_logs = 0.5 * (mean.log_p + mean.log_q);
    return d.phi * divergence - half_logs + stirling_error_exp(mean.log_p + d.log_phi) +
           stirling_error_exp(mean.log_q + d.log_phi) + d.normaliser;
  }

  template <class M, class D>
  static auto mean(const Observation&, const Mean<M>& mean, const Dispersion<D>&) {
    return mean.p;
  }

  static double variance(const Observation&, const Mean<double>& mean, const Dispersion<double>& d) {
    return mean.p * mean.q / (1.0 + d.phi);
  }

  static double draw(const Observation&, const Mean<double>& mean, const Dispersion<double>& d, Rng& rng) {
    return draw_beta(mean.p * d.phi, mean.q * d.phi, rng);
  }
};

}  // namespace ranef
