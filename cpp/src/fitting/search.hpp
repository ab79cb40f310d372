#pragma once
// Where a fit looks for its optimum, and which of those it finds it believes.

#include "ranef/fit.hpp"
#include "ranef/model/fixed_effects_start.hpp"

namespace ranef {

/// From the caller's start, if any, then from ordinary ones of different sizes, until one converges.
///
/// With random effects outside the mean the Laplace approximation can have several maxima, and poles: points where the
/// Hessian of the random effects becomes singular and -1/2 log|H| runs to infinity. There the result is compared with
/// the fit of the special case without those effects, and with what a search from it finds: the optimum must not be
/// worse than that of a special case. If none is as good, and the search from the special case runs into a pole, there
/// is no optimum to be had, and the special case is returned with Termination::pole. A start from which the caller's
/// own search converges is not compared with the special case. What converges is then looked around from (looks.hpp).
struct SearchReport {
  BoundaryReport best;
  std::vector<Look> looks;
};
SearchReport search(LaplaceObjective& objective, const Model& model, const ParameterMap& map,
                    const FixedEffectsStart& fixed_start, const FitRequest& request);

}  // namespace ranef
