#pragma once
// Binomial: y successes in n trials (Bernoulli where n = 1).
//
//     P(Y = y) = binomial(n, y) p^y q^(n-y),   y = 0 .. n,   E Y = n p,   Var Y = n p q
//
// Reference: McCullagh & Nelder (1989), Generalized Linear Models, 4.2.

#include "ranef/family/family.hpp"
#include "ranef/family/large_count.hpp"
#include "ranef/random/counts.hpp"
#include "ranef/special/lgamma.hpp"

namespace ranef {

/// -log binomial(n, y)
inline double minus_log_choose(double n, double y) {
  if (y == 0.0 || y == n) return 0.0;
  return log_gamma(y + 1.0) + log_gamma(n - y + 1.0) - log_gamma(n + 1.0);
}

/// Successes of many trials, neither none nor all, are relative to their saturated value (large_count.hpp).
struct TrialsDefaults : FamilyDefaults {
  static constexpr bool has_large_form = true;
  static bool is_large(const Observation& o) { return o.trials > kLargeCount && o.y > 0.0 && o.y < o.trials; }
};

/// x log(x / m), 0 at x = 0
inline double x_log_ratio(double x, double log_m) { return x > 0.0 ? x * (std::log(x) - log_m) : 0.0; }

struct Binomial : TrialsDefaults {
  template <class T>
  using Mean = LogProbability<T>;

  static constexpr bool is_log_concave(Link link) { return link != Link::cauchit; }

  static FamilyInfo info() {
    FamilyInfo out;
    out.name = "binomial";
    out.support = "successes 0 .. trials";
    out.links = {Link::logit, Link::probit, Link::cloglog, Link::cauchit, Link::log, Link::identity};
    out.zero_in_support = out.has_trials = true;
    return out;
  }

  static double constant(const Observation& o) {
    if (!is_large(o)) return minus_log_choose(o.trials, o.y);
    return saturated_constant(o.y) + saturated_constant(o.trials - o.y) - saturated_constant(o.trials);
  }

  template <class M>
  static auto nll(const Observation& o, const Mean<M>& mean, NoDispersion) {
    return M(-o.y * mean.log_p - (o.trials - o.y) * mean.log_q);
  }

  /// As y (p/p^ - 1) + (n - y) (q/q^ - 1) = 0.
  template <class M>
  static auto large_nll(const Observation& o, const Mean<M>& mean, NoDispersion) {
    const double failures = o.trials - o.y;
    return M(o.y * expm1_minus(M(mean.log_p - std::log(o.y / o.trials))) +
             failures * expm1_minus(M(mean.log_q - std::log(failures / o.trials))));
  }

  template <class M>
  static auto mean(const Observation& o, const Mean<M>& mean, NoDispersion) {
    return o.trials * exp(mean.log_p);
  }

  static double variance(const Observation& o, const Mean<double>& mean, NoDispersion) {
    return o.trials * std::exp(mean.log_p + mean.log_q);
  }

  static double deviance(const Observation& o, const Mean<double>& mean, NoDispersion) {
    const double log_n = std::log(o.trials);
    return 2.0 * (x_log_ratio(o.y, log_n + mean.log_p) + x_log_ratio(o.trials - o.y, log_n + mean.log_q));
  }

  static double draw(const Observation& o, const Mean<double>& mean, NoDispersion, Rng& rng) {
    return draw_binomial(o.trials, std::exp(mean.log_p), rng);
  }
};

}  // namespace ranef
