#pragma once
// Entries of H^-1 on the pattern of H, from its Cholesky factor (Takahashi, Fagan and Chen 1973).
//
// The dense tail is inverted by LAPACK. Then, from the last head column to the first, with U = P D^-1 the column's
// rows of L D^-1 and R its row set,
//
//     Z_RC = -Z_RR U,       Z_CC = D^-T D^-1 - U' Z_RC,
//
// which needs only entries of Z that the pattern already holds.

#include <vector>

#include "ranef/linalg/cholesky.hpp"

namespace ranef {

class SelectedInverse {
 public:
  explicit SelectedInverse(const EliminationPattern& pattern) : values_(pattern.value_count(), 0.0) {}

  /// Inverse of the leading part of H: all nodes and the first `border` border rows.
  void compute(const Cholesky& factor, int border);

  /// In the pattern's layout, symmetric: diagonal blocks and the tail hold both triangles.
  const std::vector<double>& values() const { return values_; }

 private:
  std::vector<double> values_;
  std::vector<double> scaled_;    // U of the current column
  std::vector<double> gathered_;  // Z_RR U
};

}  // namespace ranef
