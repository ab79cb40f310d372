#pragma once
// Standard deviations and correlations of L L', for structures that report an unstructured covariance.

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "ranef/types.hpp"

namespace ranef {

/// out = sds of the rows of L (row by row, width x width), then the correlations (1,0), (2,0), (2,1), ...
template <class T>
void report_from_root(const T* root, int width, T* out) {
  using std::sqrt;
  auto inner = [&](int i, int j) {
    T sum(0.0);
    for (int k = 0; k < width; ++k) sum = sum + root[i * width + k] * root[j * width + k];
    return sum;
  };
  for (int i = 0; i < width; ++i) out[i] = sqrt(inner(i, i));
  int next = width;
  for (int i = 1; i < width; ++i)
    for (int j = 0; j < i; ++j) out[next++] = inner(i, j) / (out[i] * out[j]);
}

/// Lower triangle L with L L' = `covariance`, which may be singular: a pivot that is not above `negligible` or
/// rounding leaves a column of zeros. Throws std::invalid_argument if the matrix is not positive semidefinite.
inline Matrix semidefinite_root(const Matrix& covariance, double negligible) {
  const Index n = covariance.rows();
  Matrix root = Matrix::Zero(n, n);
  for (Index j = 0; j < n; ++j) {
    const double rounding = 1e-12 * std::abs(covariance(j, j));
    const double pivot = covariance(j, j) - root.row(j).head(j).squaredNorm();
    if (pivot < -1e3 * rounding) throw std::invalid_argument("correlations that no covariance matrix has");
    if (pivot <= std::max(rounding, negligible)) continue;
    root(j, j) = std::sqrt(pivot);
    for (Index i = j + 1; i < n; ++i)
      root(i, j) = (covariance(i, j) - root.row(i).head(j).dot(root.row(j).head(j))) / root(j, j);
  }
  return root;
}

}  // namespace ranef
