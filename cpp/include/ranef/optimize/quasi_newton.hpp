#pragma once
// BFGS with a weak Wolfe line search within bounds (Nocedal and Wright 2006, chapters 3 and 6).
//
// The inverse Hessian of an iteration is the objective's own approximation at the current point (for variances an
// information matrix, which follows their scale), corrected by what the last steps taught. A search that does not end
// so is given the exact Hessian, by differences of the gradient, in the approximation's place: with curvatures of the
// wrong sign reversed it leads away from saddles, and past the edges near which an information matrix says nothing.
//
// Convergence is judged by the gain in log-likelihood that a Newton step predicts, an absolute number that means the
// same for every model and every amount of data.

#include "ranef/objective/objective.hpp"
#include "ranef/optimize/bounds.hpp"
#include "ranef/optimize/options.hpp"

namespace ranef {

OptimizerReport minimise(Objective& objective, const Vector& start, const OptimizerOptions& options,
                         const Progress& progress = {}, const Bounds& bounds = Bounds::none());

}  // namespace ranef
