#pragma once
// Fisher information about theta of one term of Gaussian data. With K = I - Z, Z the posterior covariance of a node's
// spherical effects (how much of them the data determine), and F_p = S^-1 dS_p + (S^-1 dS_p)',
//
//     information_pq = 1/2 sum over nodes tr(K F_p K F_q),   slope_p = 1/2 sum over nodes tr(K F_p);
//
// the latter is the information shared with a common factor of all variances.

#include <algorithm>

#include "ranef/covariance/covariance.hpp"

namespace ranef {

/// A term the data say nothing about still gets a finite first step.
inline constexpr double kLeastInformation = 1e-3;

/// The same, given the parameters of a term: information about large scales is small by nature.
inline double least_information(const Vector& theta) {
  constexpr double kLarge = 10.0;
  const double size = theta.size() > 0 ? theta.cwiseAbs().maxCoeff() / kLarge : 0.0;
  return kLeastInformation / std::max(1.0, size * size);
}

/// Sums over the nodes of a term of K and of K (x) K: w x w and, by entry pairs, w^2 x w^2.
struct ReliabilityMoments {
  Matrix first, second;
};

struct TermInformation {
  Matrix information;
  Vector slope;
};
TermInformation term_information(const Covariance& covariance, const Vector& theta, const Matrix& scale,
                                 const ReliabilityMoments& k);

}  // namespace ranef
