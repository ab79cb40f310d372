#pragma once
// One random term: its columns of Z, its covariance structure, its nodes.
//
// A node is a block of `width` random effects that share a row's design: a level of the grouping factor, or, for a
// serial structure, one time of one level. Row i touches exactly one node of each term, with the values z_i:
// 1 (intercept), one indicator, or a row of a dense basis.

#include <memory>
#include <string>
#include <vector>

#include "ranef/covariance/covariance.hpp"
#include "ranef/types.hpp"

namespace ranef {

enum class BasisKind { intercept, indicator, dense };

/// A random term as the caller describes it.
struct RandomTermInput {
  int predictor = 0;
  std::string structure = "us";
  std::vector<int> levels;  ///< of every row
  int level_count = 0;
  RowMatrix basis;          ///< n x q, or empty
  std::vector<int> column;  ///< the one column that is 1 in a row, or empty
  int column_count = 1;
};

struct RandomTerm {
  int predictor = 0;
  std::shared_ptr<const Covariance> covariance;
  BasisKind kind = BasisKind::intercept;
  int width = 1;
  int level_count = 0;
  int series = 1;
  std::vector<int> node;    ///< of every row
  std::vector<int> column;  ///< indicator only
  RowMatrix basis;          ///< dense only; columns transformed by `to_user`
  Matrix to_user;           ///< random effects of the user's columns = to_user * ours

  int node_count() const { return level_count * series; }
  /// Columns of the user's block.
  int user_width() const { return series > 1 ? series : width; }
};

/// Vectors over the nodes of each term: effects, gradients.
using TermVectors = std::vector<Vector>;

/// A row's values of a term: pointer to `count` values, the first belonging to column `first`.
struct RowValues {
  const double* values;
  int first;
  int count;
};

inline constexpr double kIndicatorValue = 1.0;

inline RowValues row_values(const RandomTerm& term, Index row) {
  switch (term.kind) {
    case BasisKind::intercept:
      return {&kIndicatorValue, 0, 1};
    case BasisKind::indicator:
      return {&kIndicatorValue, term.column[row], 1};
    default:
      return {term.basis.data() + row * term.width, 0, term.width};
  }
}

/// Chooses the internal columns (orthogonal, scaled or as given, by the structure's freedom) and the nodes.
/// `keep_basis`: leave the user's columns as they are.
RandomTerm make_random_term(RandomTermInput input, bool keep_basis = false);

/// The same effects with order[k] of the user's in place k. Internal columns are orthogonalised from the last to the
/// first, so that `to_user` takes lower triangular S to a lower triangular factor of the reordered covariance.
RandomTerm with_effect_order(RandomTerm term, const std::vector<int>& order);

/// eta[i - begin] += z_i' b for rows begin..end, with b the term's effects (node by node).
void add_random_effects(const RandomTerm& term, const double* b, Index begin, Index end, double* eta);

/// out += Z' r over rows begin..end; r[i - begin], out node by node.
void accumulate_transpose(const RandomTerm& term, const double* r, Index begin, Index end, double* out);

}  // namespace ranef
