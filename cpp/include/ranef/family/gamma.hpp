#pragma once
// Gamma with shape alpha; dispersion log(alpha), so the coefficient of variation is sigma = 1 / sqrt(alpha).
//
//     f(y) = (alpha / mu)^alpha y^(alpha - 1) exp(-alpha y / mu) / Gamma(alpha),   y > 0
//     E Y = mu,   Var Y = mu^2 / alpha
//
// With z = log(y / mu) and S the error of Stirling's formula the negative log-density is
// alpha (e^z - 1 - z) - 1/2 log(alpha) + 1/2 log(2 pi) + S(alpha) + log y: nothing cancels as alpha -> infinity.
//
// Reference: McCullagh & Nelder (1989), Generalized Linear Models, 8.2.

#include "ranef/family/family.hpp"
#include "ranef/random/gamma.hpp"
#include "ranef/special/log1p_minus.hpp"
#include "ranef/special/stirling_error_exp.hpp"

namespace ranef {

struct Gamma : FamilyDefaults {
  template <class T>
  using Mean = PositiveMean<T>;
  static constexpr bool has_dispersion = true;
  static constexpr bool zero_has_probability = false;
  static constexpr bool has_unit = true;
  static constexpr bool is_log_concave(Link link) { return link != Link::identity; }
  static constexpr int kept = 1;

  static FamilyInfo info() {
    FamilyInfo out;
    out.name = "gamma";
    out.support = "positive numbers";
    out.links = {Link::inverse, Link::identity, Link::log};
    out.dispersion = "log_shape";
    return out;
  }

  template <class T>
  struct Dispersion {
    T shape, normaliser;
    void set(const T& value) {
      shape = exp(value);
      normaliser = stirling_error_exp(value) - 0.5 * value;
    }
  };

  static void keep(Observation& o) { o.kept[0] = std::log(o.y); }
  static double start_dispersion(double mean, double variance) {
    return variance > 0.0 && mean > 0.0 ? std::log(mean * mean / variance) : 0.0;
  }

  static double constant(const Observation& o) { return o.kept[0] + kHalfLog2Pi; }

  template <class M, class D>
  static auto nll(const Observation& o, const Mean<M>& mean, const Dispersion<D>& d) {
    return d.shape * expm1_minus(M(o.kept[0] - mean.log_mu)) + d.normaliser;
  }

  template <class M, class D>
  static auto mean(const Observation&, const Mean<M>& mean, const Dispersion<D>&) {
    return mean.mu;
  }

  static double variance(const Observation&, const Mean<double>& mean, const Dispersion<double>& d) {
    return square(mean.mu) / d.shape;
  }

  static double deviance(const Observation& o, const Mean<double>& mean, const Dispersion<double>&) {
    return 2.0 * expm1_minus(std::log(o.y) - mean.log_mu);
  }

  static double draw(const Observation&, const Mean<double>& mean, const Dispersion<double>& d, Rng& rng) {
    const double y = draw_gamma(d.shape, mean.mu, rng);
    return y < 1e-300 ? 1e-300 : y;  // positive where it underflows
  }
};

}  // namespace ranef
