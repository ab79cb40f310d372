#pragma once
// Negative binomial with linear variance, a Poisson whose rate is gamma with shape r = mu / phi; dispersion log(phi).
//
//     P(Y = y) = Gamma(y + r) / (Gamma(r) y!) (phi / (1 + phi))^y (1 + phi)^-r,   y = 0, 1, 2, ...
//     E Y = mu,   Var Y = mu (1 + phi)
//
// With D = log(Gamma(y + r) / (Gamma(r) r^y)) the negative log-density is
// -D - y log(mu) + y log(1 + phi) + mu log(1 + phi) / phi + log y!, the Poisson's as phi -> 0.
//
// Reference: Hilbe (2011), Negative Binomial Regression, 10.2 (NB1).

#include "ranef/family/family.hpp"
#include "ranef/family/large_count.hpp"
#include "ranef/random/counts.hpp"
#include "ranef/random/gamma.hpp"
#include "ranef/special/log_rising_ratio.hpp"

namespace ranef {

struct Nbinom1 : CountDefaults {
  template <class T>
  using Mean = PositiveMean<T>;
  static constexpr bool has_dispersion = true;
  static constexpr bool can_truncate = true;

  static FamilyInfo info() {
    FamilyInfo out;
    out.name = "nbinom1";
    out.support = "counts 0, 1, 2, ...";
    out.links = {Link::log, Link::identity, Link::sqrt, Link::inverse};
    out.dispersion = "log_phi";
    out.zero_in_support = out.is_count = true;
    return out;
  }

  /// `rate` is log(1 + phi) / phi = 1 / (1 + phi) + r(log phi) / phi (special/log1p_exp.hpp): no cancellation.
  template <class T>
  struct Dispersion {
    T log_phi, log1p_phi, rate;
    void set(const T& value) {
      log_phi = at_least(value, -LogRisingRatio::kLargestLog);  // there it is the Poisson
      log1p_phi = log1p_exp(log_phi);
      rate = logistic(-log_phi) + exp(-log_phi) * log1p_exp_remainder(log_phi);
    }
  };

  static double constant(const Observation& o) { return count_constant(o.y); }

  template <class M, class D>
  static auto nll(const Observation& o, const Mean<M>& mean, const Dispersion<D>& d) {
    const auto zero = mean.mu * d.rate;
    if (o.y == 0.0) return zero;
    return zero - o.y * mean.log_mu + o.y * d.log1p_phi - log_rising_ratio(mean.log_mu - d.log_phi, o.y);
  }

  template <class M, class D>
  static auto large_nll(const Observation& o, const Mean<M>& mean, const Dispersion<D>& d) {
    const auto log_shape = at_most(mean.log_mu - d.log_phi, LogRisingRatio::kLargestLog);
    return large_gamma_poisson_nll(o.y, mean.log_mu, log_shape);
  }

  template <class M, class D>
  static auto log_prob_zero(const Observation&, const Mean<M>& mean, const Dispersion<D>& d) {
    return -(mean.mu * d.rate);
  }

  template <class M, class D>
  static auto mean(const Observation&, const Mean<M>& mean, const Dispersion<D>&) {
    return mean.mu;
  }

  static double variance(const Observation&, const Mean<double>& mean, const Dispersion<double>& d) {
    return mean.mu * std::exp(d.log1p_phi);
  }

  static double draw(const Observation&, const Mean<double>& mean, const Dispersion<double>& d, Rng& rng) {
    const double phi = std::exp(d.log_phi);
    return draw_poisson(draw_gamma(mean.mu / phi, mean.mu, rng), rng);
  }

  static double draw_cluster(const Mean<double>&, const Dispersion<double>& d, Rng& rng) {
    return draw_log_series(d.log1p_phi, rng);
  }
};

}  // namespace ranef
