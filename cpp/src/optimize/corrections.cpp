#include "ranef/optimize/corrections.hpp"

#include <algorithm>
#include <vector>

namespace ranef {

namespace {

/// Pairs kept: at least some, and with many parameters several for each. Fewer pairs than parameters never learn a
/// Hessian that the approximation has wrong everywhere.
constexpr Index kLeastPairs = 12, kPairsPerParameter = 4;
/// A pair whose curvature differs from the approximation's by more than this factor belongs to another region.
constexpr double kComparable = 1e6;

}  // namespace

Corrections::Corrections(Index size)
    : capacity_(static_cast<std::size_t>(std::max(kLeastPairs, kPairsPerParameter * size))) {}

void Corrections::add(const Vector& step, const Vector& change, const Matrix& approximation) {
  const double product = step.dot(change), expected = step.dot(approximation * step);
  if (!(product > expected / kComparable && product < expected * kComparable)) return;
  pairs_.push_back({step, change, 1.0 / product});
  if (pairs_.size() > capacity_) pairs_.pop_front();
}

Vector Corrections::apply(const Eigen::LLT<Matrix>& hessian, Vector g) const {
  std::vector<double> alpha(pairs_.size());
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    alpha[i] = pairs_[i].weight * pairs_[i].step.dot(g);
    g -= alpha[i] * pairs_[i].change;
  }
  g = hessian.solve(g);
  for (std::size_t i = 0; i < pairs_.size(); ++i)
    g += (alpha[i] - pairs_[i].weight * pairs_[i].change.dot(g)) * pairs_[i].step;
  return g;
}

}  // namespace ranef
