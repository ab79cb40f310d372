#pragma once
// Poisson.
//
//     P(Y = y) = mu^y e^-mu / y!,   y = 0, 1, 2, ...,   E Y = Var Y = mu
//
// Reference: McCullagh & Nelder (1989), Generalized Linear Models, 6.2.

#include "ranef/family/family.hpp"
#include "ranef/family/large_count.hpp"
#include "ranef/random/counts.hpp"

namespace ranef {

struct Poisson : CountDefaults {
  template <class T>
  using Mean = PositiveMean<T>;
  static constexpr bool can_truncate = true;
  static constexpr bool is_log_concave(Link) { return true; }

  static FamilyInfo info() {
    FamilyInfo out;
    out.name = "poisson";
    out.support = "counts 0, 1, 2, ...";
    out.links = {Link::log, Link::identity, Link::sqrt};
    out.zero_in_support = out.is_count = true;
    return out;
  }

  static double constant(const Observation& o) { return count_constant(o.y); }

  template <class M>
  static auto nll(const Observation& o, const Mean<M>& mean, NoDispersion) {
    return mean.mu - o.y * mean.log_mu;
  }

  template <class M>
  static auto large_nll(const Observation& o, const Mean<M>& mean, NoDispersion) {
    return large_poisson_nll(o.y, mean.log_mu);
  }

  template <class M>
  static auto log_prob_zero(const Observation&, const Mean<M>& mean, NoDispersion) {
    return -mean.mu;
  }

  template <class M>
  static auto mean(const Observation&, const Mean<M>& mean, NoDispersion) {
    return mean.mu;
  }

  static double variance(const Observation&, const Mean<double>& mean, NoDispersion) { return mean.mu; }

  static double deviance(const Observation& o, const Mean<double>& mean, NoDispersion) {
    const double log_part = o.y > 0.0 ? o.y * (std::log(o.y) - mean.log_mu) : 0.0;
    return 2.0 * (log_part - (o.y - mean.mu));
  }

  static double draw(const Observation&, const Mean<double>& mean, NoDispersion, Rng& rng) {
    return draw_poisson(mean.mu, rng);
  }

  static double draw_cluster(const Mean<double>&, NoDispersion, Rng&) { return 1.0; }
};

}  // namespace ranef
