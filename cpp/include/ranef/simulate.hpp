#pragma once
// New responses from a fitted model: random effects from the fitted covariance, then every row from its family.
//
// Replicate i of seed s is drawn by the stream Rng(s, i): it is the same whichever thread draws it, and whatever was
// drawn before.

#include <vector>

#include "ranef/fit.hpp"
#include "ranef/random/generator.hpp"

namespace ranef {

/// What responses are drawn from, as a user sees it.
struct Truth {
  Vector values;                     ///< all parameters, as in a fit's report
  std::vector<Vector> coefficients;  ///< of every linear predictor
  TermVectors effects;               ///< conditional modes; used for the terms that are kept
  std::vector<bool> keep;            ///< terms whose effects stay at their modes (one a term; empty: none)
};

class Simulator {
 public:
  Simulator(const Model& model, const Truth& truth);

  Vector draw(Rng& rng) const;

 private:
  const Model* model_;
  Matrix fixed_part_;          // n x K: offsets, fixed effects, effects that are kept
  std::vector<Matrix> roots_;  // per term: b of a level = root z, in the model's columns; empty where kept
};

}  // namespace ranef
