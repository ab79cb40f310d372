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

/// Coefficients of every predictor, one after the other, at which it is as good as constant: at the link of the
/// response's mean, a moment estimate of the dispersion, some zeros taken as inflation.
Vector constant_predictors(const Model& model);

FixedEffectsStart fit_fixed_effects(const Model& model);

}  // namespace ranef
