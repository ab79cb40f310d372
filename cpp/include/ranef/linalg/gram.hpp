#pragma once
// Products A'A of tall matrices with few columns, which a BLAS packs at greater cost than it multiplies them.

#include "ranef/linalg/dense_kernels.hpp"
#include "ranef/types.hpp"

namespace ranef {

/// More columns than this are left to the dense kernels.
inline constexpr int kFewColumns = 8;

/// C <- C - A'A, lower triangle, A (rows x columns) column by column.
inline void subtract_gram(const DenseKernels& kernels, ConstBlock a, int rows, int columns, Block c) {
  if (columns > kFewColumns) {
    kernels.syrk_lower(Transpose::yes, columns, rows, -1.0, a, 1.0, c);
    return;
  }
  const auto column = [&](int j) { return Eigen::Map<const Vector>(a.data + Index(j) * a.ld, rows); };
  for (int j = 0; j < columns; ++j)
    for (int i = j; i < columns; ++i) c.data[i + j * c.ld] -= column(i).dot(column(j));
}

}  // namespace ranef
