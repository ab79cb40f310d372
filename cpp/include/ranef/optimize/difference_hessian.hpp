#pragma once
// Second derivatives of an objective by differences of its gradient.

#include "ranef/objective/objective.hpp"

namespace ranef {

/// Forward differences (`size` gradients), or central ones (twice as many).
enum class Differences { forward, central };

struct DifferencedHessian {
  bool ok = false;  ///< false: the objective has no value near the point
  Matrix hessian;
};

/// `scale`: for each coordinate, the length over which the objective changes by about one half (a standard error). A
/// coordinate whose curvature turns out to be far larger than that says is differenced again over a shorter step.
DifferencedHessian difference_hessian(Objective& objective, const Vector& point, const Vector& gradient,
                                      const Vector& scale, Differences kind);

}  // namespace ranef
