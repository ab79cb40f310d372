#pragma once
// A Gaussian model's penalised least-squares problem solved from its rows, where cross products have lost the digits.
//
//     [ W^1/2 Z S   W^1/2 X   W^1/2 y ]
//     [   Q^1/2        0         0    ]   =   orthogonal * L',       L the factor of profiled_gaussian.hpp
//
// y is the least-squares residual. An evaluation costs a pass over the rows.

#include <memory>

#include "ranef/linalg/row_rotation.hpp"
#include "ranef/model/model.hpp"
#include "ranef/objective/scaled_system.hpp"

namespace ranef {

/// Whether a pass over the rows is affordable: crossed factors fill the tail, and every row is rotated into all of it.
bool rotations_are_affordable(const CrossProductLayout& layout, Index rows);

/// Leaves in the system's factor that of the rows root_weight [Z S, border] below those of the prior; false if the
/// prior has none.
bool factor_rows(const std::vector<RandomTerm>& terms, const CrossProductLayout& layout, const Vector& root_weight,
                 const RowMatrix& border, ScaledSystem& system);

class GaussianRows {
 public:
  GaussianRows(const Model& model, const CrossProductLayout& layout, const Vector& least_squares);

  /// Leaves L in the system's factor; false if its prior precision has none.
  bool factor(ScaledSystem& system) const;
  /// Z'W (y - X beta - Z b), node by node.
  TermVectors residual_products(const TermVectors& effects, const Vector& coefficients) const;

 private:
  const Model* model_;
  const CrossProductLayout* layout_;
  Vector root_weight_;
  RowMatrix border_;  // [X y]
};

}  // namespace ranef
