#pragma once
// Covariance of the linear predictors of rows, fitted or new: J H^-1 J' + D V D' + the prior variance of new levels.
//
// D V D' needs per row only its nodes' part of  Z (S dv^/dp + dS/dp v),  which is tabulated node by node beforehand.

#include <map>

#include "ranef/fitted_model.hpp"
#include "ranef/linalg/inverse_products.hpp"

namespace ranef {

class RowCovariance {
 public:
  /// `objective` at the fit, inverted with its border; `mode_derivatives` (parameters x coordinates); `parameters`:
  /// covariance of the point. All outlive this.
  RowCovariance(const Model& model, const ParameterMap& map, const LaplaceObjective& objective,
                const Matrix& mode_derivatives, const Matrix& parameters, const std::vector<Matrix>& matrices,
                const std::vector<NewTerm>& terms);

  /// Row i of `out` (rows x packed K).
  void fill(Index i, Matrix& out);

 private:
  /// What a term contributes: tables over its nodes, in the user's columns.
  struct Term {
    const RandomTerm* design;
    const NewTerm* rows;
    const std::vector<int>* start;  ///< first coordinate of every node
    Matrix scale;                   ///< to_user S
    Matrix effect_derivatives;      ///< (parameters x nodes width): of the effects of the user's columns
    Matrix prior;                   ///< covariance of a new level's effects
  };

  Term make_term(const RandomTerm& design, std::size_t t, const NewTerm& rows, const ParameterMap& map) const;
  void add_fixed(int k, Index i);
  void add_term(const Term& term, Index i);
  void add_node(const Term& term, int node, const Vector& z);
  /// J H^-1 J' of the collected columns; rows that need a solve are remembered, since many rows may be equal.
  void add_random(Matrix& sum);

  const LaplaceObjective* objective_;
  const Matrix* parameters_;
  std::vector<Matrix> fixed_;  ///< in the model's columns
  std::vector<Index> coefficient_offset_;
  const Matrix* mode_derivatives_;
  std::vector<Term> terms_;
  InverseProducts inverse_;
  std::map<std::vector<double>, Matrix> solved_;

  // Of the current row.
  std::vector<SparseColumn> columns_;
  Matrix derivative_;  ///< parameters x K
  Vector prior_;
};

}  // namespace ranef
