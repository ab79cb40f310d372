#pragma once
// Beta-binomial: y successes in n trials whose probability is beta with mean p and precision phi; dispersion log(phi).
//
//     P(Y = y) = binomial(n, y) B(y + a, n - y + b) / B(a, b),   a = p phi,  b = q phi,   y = 0 .. n
//     E Y = n p,   Var Y = n p q (phi + n) / (phi + 1)
//
// With D(x, n) = log(Gamma(x + n) / (Gamma(x) x^n)) the negative log-density is
// -y log p - (n - y) log q - D(a, y) - D(b, n - y) + D(phi, n) - log binomial(n, y), the binomial's as phi -> infinity.
//
// Reference: Morris (1997), American Naturalist 150, 299 (this parameterisation).

#include "ranef/family/binomial.hpp"
#include "ranef/random/gamma.hpp"
#include "ranef/special/rising_ratio_table.hpp"

namespace ranef {

struct Betabinomial : TrialsDefaults {
  template <class T>
  using Mean = LogProbability<T>;
  static constexpr bool has_dispersion = true;

  static FamilyInfo info() {
    FamilyInfo out;
    out.name = "betabinomial";
    out.support = "successes 0 .. trials";
    out.links = {Link::logit, Link::probit, Link::cloglog, Link::cauchit, Link::log};
    out.dispersion = "log_phi";
    out.zero_in_support = out.has_trials = true;
    return out;
  }

  template <class T>
  struct Dispersion {
    T log_phi;
    RisingRatioTable<T> rising;
    void set(const T& value) {
      log_phi = at_most(value, LogRisingRatio::kLargestLog);  // there it is the binomial
      rising.set(log_phi);
    }
  };

  static double constant(const Observation& o) { return Binomial::constant(o); }

  template <class M, class D>
  static auto nll(const Observation& o, const Mean<M>& mean, Dispersion<D>& d) {
    return Binomial::nll(o, mean, NoDispersion()) + excess(o, mean, d);
  }

  template <class M, class D>
  static auto large_nll(const Observation& o, const Mean<M>& mean, Dispersion<D>& d) {
    return Binomial::large_nll(o, mean, NoDispersion()) + excess(o, mean, d);
  }

  /// What the mixture adds to the binomial.
  template <class M, class D>
  static auto excess(const Observation& o, const Mean<M>& mean, Dispersion<D>& d) {
    return d.rising(o.trials) - log_rising_ratio(mean.log_p + d.log_phi, o.y) -
           log_rising_ratio(mean.log_q + d.log_phi, o.trials - o.y);
  }

  template <class M, class D>
  static auto mean(const Observation& o, const Mean<M>& mean, const Dispersion<D>&) {
    return o.trials * exp(mean.log_p);
  }

  static double variance(const Observation& o, const Mean<double>& mean, const Dispersion<double>& d) {
    const double phi = std::exp(d.log_phi);
    return o.trials * std::exp(mean.log_p + mean.log_q) * (phi + o.trials) / (phi + 1.0);
  }

  static double draw(const Observation& o, const Mean<double>& mean, const Dispersion<double>& d, Rng& rng) {
    const double phi = std::exp(d.log_phi);
    const double p = draw_beta(std::exp(mean.log_p) * phi, std::exp(mean.log_q) * phi, rng);
    return draw_binomial(o.trials, p, rng);
  }
};

}  // namespace ranef
