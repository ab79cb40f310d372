#pragma once
// Gaussian with dispersion log(sigma).
//
//     f(y) = exp(-(y - mu)^2 / (2 sigma^2)) / (sigma sqrt(2 pi)),   y real,   E Y = mu,   Var Y = sigma^2
//
// Reference: McCullagh & Nelder (1989), Generalized Linear Models, 2.2.

#include "ranef/family/family.hpp"
#include "ranef/random/normal.hpp"
#include "ranef/special/lgamma.hpp"

namespace ranef {

struct Gaussian : FamilyDefaults {
  template <class T>
  using Mean = RealMean<T>;
  static constexpr bool has_dispersion = true;
  static constexpr bool zero_has_probability = false;
  static constexpr bool has_unit = true;
  static constexpr bool is_log_concave(Link link) { return link == Link::identity; }
  static double dispersion_origin(double unit) { return std::log(unit); }

  static FamilyInfo info() {
    FamilyInfo out;
    out.name = "gaussian";
    out.support = "real numbers";
    out.links = {Link::identity, Link::log, Link::inverse, Link::sqrt};
    out.dispersion = "log_sigma";
    out.zero_in_support = true;
    return out;
  }

  template <class T>
  struct Dispersion {
    T log_sigma, precision;
    void set(const T& value) {
      log_sigma = value;
      precision = exp(-2.0 * value);
    }
  };

  static double start_dispersion(double, double variance) { return variance > 0.0 ? 0.5 * std::log(variance) : 0.0; }

  static double constant(const Observation&) { return kHalfLog2Pi; }

  template <class M, class D>
  static auto nll(const Observation& o, const Mean<M>& mean, const Dispersion<D>& d) {
    return 0.5 * square(M(mean.mu - o.y)) * d.precision + d.log_sigma;
  }

  template <class M, class D>
  static auto mean(const Observation&, const Mean<M>& mean, const Dispersion<D>&) {
    return mean.mu;
  }

  static double variance(const Observation&, const Mean<double>&, const Dispersion<double>& d) {
    return 1.0 / d.precision;
  }

  static double deviance(const Observation& o, const Mean<double>& mean, const Dispersion<double>&) {
    return square(o.y - mean.mu);
  }

  static double draw(const Observation&, const Mean<double>& mean, const Dispersion<double>& d, Rng& rng) {
    return mean.mu + std::exp(d.log_sigma) * draw_normal(rng);
  }
};

}  // namespace ranef
