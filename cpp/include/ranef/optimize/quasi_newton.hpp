#pragma once
// BFGS with a weak Wolfe line search (Nocedal and Wright 2006, chapters 3 and 6).
//
// Limited-memory BFGS, whose initial Hessian at every iteration is the objective's own approximation at the current
// point (for variances an information matrix, which follows their scale). Convergence is judged by the gain in
// log-likelihood that a Newton step predicts, an absolute number that means the same for every model and every amount
// of data.

#include "ranef/objective/objective.hpp"
#include "ranef/optimize/options.hpp"

namespace ranef {

OptimizerReport minimise(Objective& objective, const Vector& start, const OptimizerOptions& options,
                         const Progress& progress = {});

/// Second derivatives by differences of the gradient: forward (`size` gradients), or central (twice as many).
/// `scale`: for each coordinate, the length over which the objective changes by about one half (a standard error).
enum class Differences { forward, central };
struct DifferencedHessian {
  bool ok = false;  ///< false: the objective has no value near the point
  Matrix hessian;
};
DifferencedHessian difference_hessian(Objective& objective, const Vector& point, const Vector& gradient,
                                      const Vector& scale, Differences kind);

}  // namespace ranef
