#pragma once
// B' H^-1 B for a few sparse columns B, such as the random effects in one row of data.
//
// Columns that meet only entries of the selected inverse, as those of every fitted row do, are summed from it. Others
// (levels that never met) are solved on their reach: H = L L', and L^-1 b is nonzero only on the head columns that an
// entry of b leads to along the rows of L. On the tail, whose inverse Z is dense and known, no substitution is needed:
//
//     head   y = L^-1 b on the reach, t = b_tail - P y        tail   x = Z t        back   x = L^-T (y, x)
//
// Example, students (head) crossed with lecturers (tail): a new pair reaches the student's column and its lecturers.

#include <vector>

#include "ranef/linalg/selected_inverse.hpp"

namespace ranef {

/// An entry of a sparse vector in the coordinates of H.
struct SparseEntry {
  int coordinate;
  double value;
};
using SparseColumn = std::vector<SparseEntry>;

class InverseProducts {
 public:
  /// `inverse` is of `factor` with its first `border` border rows, the others cut off; both outlive this.
  InverseProducts(const Cholesky& factor, const SelectedInverse& inverse, int border);

  /// Entry (i, j) of H^-1, or null where the pattern does not hold it.
  const double* entry(int i, int j) const;

  /// Adds B' H^-1 B to the lower triangle of `out` if the pattern holds all that it needs; else leaves `out` alone.
  bool add_selected(const std::vector<SparseColumn>& columns, Matrix& out) const;

  /// B' H^-1 B, wherever the entries of B are.
  Matrix solved(const std::vector<SparseColumn>& columns);

 private:
  int row_count(int head) const { return pattern_->row_count(head) - dropped_; }
  void find_reach(const std::vector<SparseColumn>& columns);
  void include(int coordinate);
  void forward(int head);
  void invert_tail();
  void backward(int head);

  const EliminationPattern* pattern_;
  int dropped_;  // border rows cut off
  const Cholesky* factor_;
  const SelectedInverse* inverse_;
  std::vector<int> owner_;     // head coordinate -> head column
  std::vector<int> position_;  // coordinate -> row of x_, -1 outside the reach
  std::vector<int> heads_, tail_, reached_, pending_;
  RowMatrix x_;
};

}  // namespace ranef
