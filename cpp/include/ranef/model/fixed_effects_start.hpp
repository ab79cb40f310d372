#pragma once
// Fixed effects without random effects: damped Newton on the coefficients of all linear predictors together.
// Where every fit of a generalized model starts, and the whole fit of a model with no random term.

#include <vector>

#include "ranef/model/model.hpp"

namespace ranef {

struct FixedEffectsStart {
  std::vector<Vector> coefficients;  ///< per predictor, of the model's columns
  Vector scale;  ///< per predictor, standard deviation of the working residuals l'_k / W_kk: its natural unit
};

FixedEffectsStart fit_fixed_effects(const Model& model);

}  // namespace ranef
