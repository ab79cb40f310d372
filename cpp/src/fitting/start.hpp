#pragma once
// Where a fit starts: fixed effects without random ones, ordinary standard deviations.

#include "ranef/model/fixed_effects_start.hpp"
#include "ranef/model/parameters.hpp"

namespace ranef {

/// Starting standard deviations, in multiples of the usual ones.
struct StartScale {
  double mean;   ///< for random effects in the mean
  double other;  ///< and in other predictors
};
/// The usual start, then those tried where it leads nowhere.
inline constexpr StartScale kStartScales[] = {{1.0, 1.0}, {1.0, 0.1}, {0.1, 0.1}, {4.0, 4.0}};

/// An ordinary scale for random effects in a predictor.
double ordinary_scale(const FixedEffectsStart& start, int predictor);

Vector starting_point(const Model& model, const ParameterMap& map, const FixedEffectsStart& start, StartScale factor);

/// The point with every predictor's fixed part this share of the way to a constant one: further inside the domain of
/// the mean, where fixed effects without random ones end at its edge and leave random effects no room.
Vector towards_constant(const Model& model, const ParameterMap& map, Vector point, double share);

}  // namespace ranef
