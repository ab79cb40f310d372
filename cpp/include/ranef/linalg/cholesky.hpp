#pragma once
// Cholesky factor of a matrix laid out by an EliminationPattern, and what is asked of it.
//
// Right-looking: each head column is factorised, H_cc = D D', its rows become P = H_rc D^-T, and P P' is subtracted
// from the later head columns it reaches and from the tail. The tail, by then the dense Schur complement, goes to
// LAPACK. A matrix that is not positive definite is an expected outcome (a trial step) and is a status.

#include <vector>

#include "ranef/linalg/dense_kernels.hpp"
#include "ranef/linalg/pattern.hpp"

namespace ranef {

class Cholesky {
 public:
  Cholesky(const EliminationPattern& pattern, const DenseKernels& kernels)
      : pattern_(&pattern),
        kernels_(&kernels),
        values_(pattern.value_count(), 0.0),
        border_columns_(std::size_t(pattern.head_size()) * pattern.border()) {}

  /// The buffer to fill with H (lower triangle) before `factor`, in the pattern's layout.
  std::vector<double>& values() { return values_; }
  const std::vector<double>& values() const { return values_; }

  /// Factorises in place; false if a pivot is not positive (the buffer's contents are then meaningless).
  bool factor();

  /// log det of the leading part: all nodes and the first `border` border rows.
  double log_determinant(int border) const;

  /// Smallest pivot of the nodes: what is left of a diagonal entry of H given all that was eliminated before.
  double smallest_pivot() const;

  /// Replaces x (nodes, then `border` border entries) by H^-1 x, H cut off after those border rows.
  void solve(double* x, int border) const;
  /// The two halves of `solve`: L^-1 x and L^-T x.
  void solve_lower(double* x, int border) const;
  void solve_upper(double* x, int border) const;

  /// Entry (row, col) of the factor's dense tail.
  double tail(int row, int col) const {
    return values_[pattern_->tail_offset() + row + std::int64_t(col) * pattern_->tail_order()];
  }

  const EliminationPattern& pattern() const { return *pattern_; }
  const DenseKernels& kernels() const { return *kernels_; }

 private:
  const EliminationPattern* pattern_;
  const DenseKernels* kernels_;
  std::vector<double> values_;
  std::vector<double> border_columns_;  // border rows of all head columns, one column each: their P P' is one product
};

}  // namespace ranef
