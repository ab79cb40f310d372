#pragma once
// Constant linear predictors from which fitting starts: the link at the response's mean, a moment estimate of the
// dispersion where the family has one, half the zeros taken as inflation.

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "ranef/family/likelihood.hpp"
#include "ranef/link/link.hpp"

namespace ranef {

struct ResponseMoments {
  double mean = 0.0;  ///< of the response; of the proportion where there are trials
  double variance = 0.0;
  double zeros = 0.0;  ///< share of zeros
};

inline ResponseMoments response_moments(const RowBlock& block) {
  ResponseMoments out;
  double total = 0.0;
  const auto weight = [&](Index i) {
    return (block.weights == nullptr ? 1.0 : block.weights[i]) * (block.trials == nullptr ? 1.0 : block.trials[i]);
  };
  const auto value = [&](Index i) {
    return block.trials == nullptr || block.trials[i] == 0.0 ? block.response[i] : block.response[i] / block.trials[i];
  };
  for (Index i = 0; i < block.size; ++i) {
    total += weight(i);
    out.mean += weight(i) * value(i);
    if (block.response[i] == 0.0) out.zeros += weight(i);
  }
  if (total > 0.0) {
    out.mean /= total;
    out.zeros /= total;
  }
  for (Index i = 0; i < block.size; ++i) out.variance += weight(i) * (value(i) - out.mean) * (value(i) - out.mean);
  if (total > 0.0) out.variance /= total;
  return out;
}

/// The mean, moved inside the range that the family's form of the mean and the link allow.
template <class MeanForm>
double admissible_mean(Link link, const ResponseMoments& moments) {
  if constexpr (std::is_same_v<MeanForm, PositiveMean<double>>) return std::max(moments.mean, 1e-3);
  if constexpr (!std::is_same_v<MeanForm, RealMean<double>>) return std::clamp(moments.mean, 0.01, 0.99);
  if (link == Link::identity) return moments.mean;
  return std::max(moments.mean, 1e-3 * (1.0 + std::sqrt(moments.variance)));
}

/// Predictors of the family's model at the moments: mean, dispersion, zero inflation.
template <class Model>
std::array<double, kMaxPredictors> start_predictors(Link link, const RowBlock& block) {
  using F = typename Model::Family;
  const ResponseMoments moments = response_moments(block);
  std::array<double, kMaxPredictors> eta{};
  int next = 0;
  eta[next++] = link_function(link, admissible_mean<typename F::template Mean<double>>(link, moments));
  if constexpr (F::has_dispersion) eta[next++] = F::start_dispersion(moments.mean, moments.variance);
  if constexpr (Model::zero_inflated) {
    const double share = std::clamp(F::zero_has_probability ? 0.5 * moments.zeros : moments.zeros, 0.02, 0.98);
    eta[next++] = std::log(share / (1.0 - share));
  }
  return eta;
}

}  // namespace ranef
