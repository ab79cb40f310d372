#pragma once
// The aliases every other header uses.

#include <Eigen/Core>

namespace ranef {

using Index = Eigen::Index;
using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using IntVector = Eigen::Matrix<int, Eigen::Dynamic, 1>;
using ConstVectorRef = Eigen::Ref<const Vector>;
using ConstMatrixRef = Eigen::Ref<const Matrix>;

/// Linear predictors of one observation: mean, dispersion, shape, zero inflation.
inline constexpr int kMaxPredictors = 4;

/// Place of (row, col), row >= col, in a symmetric matrix stored as packed rows of its lower triangle.
constexpr int packed_index(int row, int col) { return row * (row + 1) / 2 + col; }
constexpr int packed_size(int order) { return order * (order + 1) / 2; }

}  // namespace ranef
