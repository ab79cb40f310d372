#pragma once
// Looks for better optima beside the one that a search has found.
//
// The likelihood of a mixed model has several maxima: at a variance of zero and at a large one, at a dispersion in the
// interior and at the limit of its family, with zero inflation and without, at correlations of either sign. Each look
// starts where another maximum would be, the other parameters held, and is given up as soon as it no longer promises
// more than what is known. Parameters that are several standard errors away from such a place need no look: a usual
// fit takes none.

#include <functional>

#include "ranef/fit.hpp"

namespace ranef {

/// What looks need to know of a fit's objective.
struct Landscape {
  const Model& model;
  Index theta_first;  ///< where the terms' parameters start in a point
  std::vector<Index>
      coefficient_offset;  ///< by predictor: where its coefficients start; -1 where they are not in a point
  double unit;             ///< an ordinary scale of the mean's random effects
  Vector without_effects;  ///< the best point without random effects
  std::function<double(const Vector&)> value;
  /// A search in the fit's own space, given up when it does not promise to beat the rival.
  std::function<BoundaryReport(const Vector& start, const Rival& rival)> search;
};

/// The best of `found` and what looks from there come to; what was tried is added to `record`.
BoundaryReport look_around(const Landscape& landscape, BoundaryReport found, std::vector<Look>& record);

}  // namespace ranef
