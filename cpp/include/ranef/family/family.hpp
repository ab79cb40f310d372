#pragma once
// The contract: what a family must provide. The Poisson in full:
//
//     struct Poisson : FamilyDefaults {
//       template <class T> using Mean = PositiveMean<T>;              // the form of the mean it computes from
//       static FamilyInfo info();                                     // name, support, links, flags
//       static double constant(const Observation& o);                 // part of the nll that is data alone
//       template <class M, class D>                                   // the rest, at jets or doubles
//       static auto nll(const Observation& o, const Mean<M>& mean, D&) { return mean.mu - o.y * mean.log_mu; }
//       template <class M, class D> static auto mean(const Observation& o, const Mean<M>& mean, D&);
//       template <class D> static double variance(const Observation& o, const Mean<double>& mean, D&);
//       template <class D> static double draw(const Observation& o, const Mean<double>& mean, D&, Rng& rng);
//       // optional (FamilyDefaults has the rest: no dispersion, no deviance, no columns kept)
//       template <class D> static double deviance(const Observation& o, const Mean<double>& mean, D&);
//       // for zero truncation: log P(Y = 0), and a draw of one cluster of the sum that Y is (family/truncated.hpp)
//       template <class M, class D> static auto log_prob_zero(const Observation& o, const Mean<M>& mean, D&);
//       template <class D> static double draw_cluster(const Mean<double>& mean, D&, Rng& rng);
//     };
//
// A family with a dispersion parameter defines a class template `Dispersion<T>`: default constructible, with
// `void set(const T&)` that receives the predictor and computes what depends on it alone. It is set again only where
// the predictor's value changes, so a constant dispersion costs nothing a row; `start_dispersion` says where a fit
// starts. M and T are jets or double,
// independently: an inner Newton pass differentiates in the mean alone. `auto` results take the union of the
// predictors.
//
// nll + constant is the whole negative log-density. Whether y is in the support was checked when the data entered.
// On a trial step gone wrong (a negative mean) let infinities and NaN through, the caller turns them into +inf.

#include <cmath>

#include "ranef/ad/jet_math.hpp"
#include "ranef/family/info.hpp"
#include "ranef/link/mean.hpp"
#include "ranef/random/generator.hpp"

namespace ranef {

/// The data of one row; `kept` are the columns that the family prepared from it.
struct Observation {
  double y = 0.0;
  double trials = 1.0;
  double kept[2] = {0.0, 0.0};
};

struct NoDispersion {
  void set(double) {}
};

struct FamilyDefaults {
  template <class T>
  using Dispersion = NoDispersion;
  static constexpr bool has_dispersion = false;
  static constexpr bool zero_has_probability = true;  ///< P(Y = 0) > 0: false for densities and truncated counts
  static constexpr bool can_truncate = false;
  static constexpr bool has_large_form = false;  ///< another form for large counts (family/large_count.hpp)
  /// Whether the density is log-concave in the mean's predictor, whatever the dispersion: then a mode is the only one.
  static constexpr bool is_log_concave(Link) { return false; }
  static constexpr bool has_unit = false;  ///< the response can be measured in any unit: it has a scale of its own
  /// What a response in multiples of `unit` takes off the dispersion predictor.
  static double dispersion_origin(double) { return 0.0; }
  static constexpr int kept = 0;  ///< columns filled by `keep`
  static void keep(Observation&) {}
  /// Dispersion predictor to start a fit from, given the response's mean and variance.
  static double start_dispersion(double, double) { return 0.0; }
  template <class M, class D>
  static double deviance(const Observation&, const M&, D&) {
    return NAN;
  }
};

}  // namespace ranef
