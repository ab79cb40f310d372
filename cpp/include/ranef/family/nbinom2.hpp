#pragma once
// Negative binomial with quadratic variance, a Poisson whose rate is gamma with shape phi; dispersion log(phi).
//
//     P(Y = y) = Gamma(y + phi) / (Gamma(phi) y!) (mu / (mu + phi))^y (phi / (mu + phi))^phi,   y = 0, 1, 2, ...
//     E Y = mu,   Var Y = mu + mu^2 / phi
//
// With D = log(Gamma(y + phi) / (Gamma(phi) phi^y)) the negative log-density is
// -D - y log(mu) + y log(1 + mu/phi) + phi log(1 + mu/phi) + log y!, the Poisson's as phi -> infinity.
//
// Reference: Hilbe (2011), Negative Binomial Regression, 8.2 (NB2).

#include "ranef/family/family.hpp"
#include "ranef/family/large_count.hpp"
#include "ranef/random/counts.hpp"
#include "ranef/random/gamma.hpp"
#include "ranef/special/rising_ratio_table.hpp"
#include "ranef/special/scaled_log1p.hpp"

namespace ranef {

struct Nbinom2 : CountDefaults {
  template <class T>
  using Mean = PositiveMean<T>;
  static constexpr bool has_dispersion = true;
  static constexpr bool can_truncate = true;
  static constexpr bool is_log_concave(Link link) { return link == Link::log; }

  static FamilyInfo info() {
    FamilyInfo out;
    out.name = "nbinom2";
    out.support = "counts 0, 1, 2, ...";
    out.links = {Link::log, Link::identity, Link::sqrt, Link::inverse};
    out.dispersion = "log_phi";
    out.zero_in_support = out.is_count = true;
    return out;
  }

  template <class T>
  struct Dispersion {
    T log_phi, phi;
    RisingRatioTable<T> rising;
    void set(const T& value) {
      log_phi = at_most(value, LogRisingRatio::kLargestLog);  // there it is the Poisson
      phi = exp(log_phi);
      rising.set(log_phi);
    }
  };

  static double constant(const Observation& o) { return count_constant(o.y); }

  template <class M, class D>
  static auto nll(const Observation& o, const Mean<M>& mean, Dispersion<D>& d) {
    const double u = value_of(mean.mu) / value_of(d.phi);
    if constexpr (is_jet_v<D>) {
      const auto zero = scaled_log1p(mean.mu, mean.log_mu, d.phi, d.log_phi);
      if (o.y == 0.0) return zero;
      const auto t = mean.log_mu - d.log_phi;
      return zero + o.y * (log1p_exp_given(t, u) - mean.log_mu) - d.rising(o.y);
    } else {
      const M all = (o.y + d.phi) * log1p_exp_given(M(mean.log_mu - d.log_phi), u);
      return o.y == 0.0 ? all : M(all - o.y * mean.log_mu - d.rising(o.y));
    }
  }

  template <class M, class D>
  static auto large_nll(const Observation& o, const Mean<M>& mean, const Dispersion<D>& d) {
    return large_gamma_poisson_nll(o.y, mean.log_mu, d.log_phi);
  }

  template <class M, class D>
  static auto log_prob_zero(const Observation&, const Mean<M>& mean, const Dispersion<D>& d) {
    return -scaled_log1p(mean.mu, mean.log_mu, d.phi, d.log_phi);
  }

  template <class M, class D>
  static auto mean(const Observation&, const Mean<M>& mean, const Dispersion<D>&) {
    return mean.mu;
  }

  static double variance(const Observation&, const Mean<double>& mean, const Dispersion<double>& d) {
    return mean.mu * (1.0 + mean.mu / d.phi);
  }

  /// Against the best mean at the same phi.
  static double deviance(const Observation& o, const Mean<double>& mean, const Dispersion<double>& d) {
    const double log_part = o.y > 0.0 ? o.y * (std::log(o.y) - mean.log_mu) : 0.0;
    return 2.0 * (log_part - (o.y + d.phi) * std::log1p((o.y - mean.mu) / (mean.mu + d.phi)));
  }

  static double draw(const Observation&, const Mean<double>& mean, const Dispersion<double>& d, Rng& rng) {
    return draw_poisson(draw_gamma(d.phi, mean.mu, rng), rng);
  }

  static double draw_cluster(const Mean<double>& mean, const Dispersion<double>& d, Rng& rng) {
    return draw_log_series(std::log1p(mean.mu / d.phi), rng);
  }
};

}  // namespace ranef
