#pragma once
// All that the profiled criterion of a Gaussian model needs of its rows: [Z X y]' W [Z X y].
//
// y is replaced by its least-squares residual, so that cross products do not cancel. W = diag(w), w = the weights
// times exp(-2 offset) of the log residual sd. In `blocks` the border is X, then y.

#include "ranef/model/cross_products.hpp"
#include "ranef/model/model.hpp"

namespace ranef {

struct GaussianProducts {
  Vector least_squares;   ///< coefficients that y was reduced by
  double log_scales = 0;  ///< sum of the weights times the offsets of the log residual sd, with the response's unit
  CrossProducts blocks;
};

/// In one pass over the rows; `pairs` of terms that share rows.
GaussianProducts gaussian_products(const Model& model, const std::vector<TermPair>& pairs);

/// theta from sums of squares between the levels of each term (Henderson 1953, method 1).
Vector moment_start(const Model& model, const std::vector<TermPair>& pairs, const CrossProducts& blocks);

}  // namespace ranef
