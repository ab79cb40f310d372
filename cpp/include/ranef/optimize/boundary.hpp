#pragma once
// Minimisation with variances that may be zero.
//
// The likelihood is even in the scale s of a random effect, so s = 0 is a stationary point whatever the data say, and
// a gradient test there proves nothing. A zero is accepted only if the one-sided derivative with respect to the
// variance, dL/d(s^2) = 1/2 d2L/ds2 at s = 0, is not negative; otherwise the search is taken up again away from zero.

#include "ranef/model/model.hpp"
#include "ranef/optimize/free_coordinates.hpp"
#include "ranef/optimize/quasi_newton.hpp"

namespace ranef {

struct BoundaryReport {
  OptimizerReport optimizer;   ///< in the free coordinates of `space`
  AffineSpace space;           ///< what stayed free
  Vector point;                ///< in the objective's coordinates
  std::vector<Index> at_zero;  ///< coordinates of `point` held at zero, and those that nothing depends on
};

/// The structures' ends, for those coordinates of the space that are single parameters.
Bounds free_bounds(const Model& model, Index theta_first, const AffineSpace& space);

/// `theta_first`: where the terms' parameters start in the objective's point; `unit`: the size of an ordinary scale.
BoundaryReport minimise_with_boundary(Objective& objective, const Model& model, AffineSpace space, const Vector& start,
                                      Index theta_first, double unit, const OptimizerOptions& options,
                                      const Progress& progress);

}  // namespace ranef
