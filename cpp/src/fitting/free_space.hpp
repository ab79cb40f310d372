#pragma once
// What a fit is free to change.

#include <vector>

#include "ranef/model/parameters.hpp"
#include "ranef/optimize/free_coordinates.hpp"

namespace ranef {

/// What stays free when the parameters in `fixed` keep their place in `values`.
/// Throws std::invalid_argument for a joint covariance held in part.
AffineSpace free_space(const Model& model, const ParameterMap& map, const Vector& point, const Vector& values,
                       const std::vector<bool>& fixed);

}  // namespace ranef
