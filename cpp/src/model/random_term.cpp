#include "ranef/model/random_term.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <array>
#include <cmath>
#include <stdexcept>

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

namespace {

constexpr double kDependent = 1e-6;

/// The rows of a basis, as many columns wide as the kernel's width says.
template <int Width>
using BasisRows = Eigen::Matrix<double, Eigen::Dynamic, Width, Width == 1 ? Eigen::ColMajor : Eigen::RowMajor>;

/// Z'Z / n.
Matrix mean_square(const RowMatrix& basis) {
  return dispatch_width(static_cast<int>(basis.cols()), [&](auto w) -> Matrix {
    constexpr int kWidth = fixed_width<decltype(w)>;
    const Eigen::Map<const BasisRows<kWidth>> rows(basis.data(), basis.rows(), basis.cols());
    Eigen::Matrix<double, kWidth, kWidth> sum = Matrix::Zero(basis.cols(), basis.cols());
    for (Index i = 0; i < rows.rows(); ++i) sum.noalias() += rows.row(i).transpose().lazyProduct(rows.row(i));
    return sum / static_cast<double>(basis.rows());
  });
}

/// The map B with b_user = B b_ours that makes the pooled columns z B orthonormal (mean square one), or scales them.
Matrix internal_basis(const RowMatrix& basis, BasisFreedom freedom) {
  const Index q = basis.cols();
  const Matrix gram = mean_square(basis);
  Vector scale = gram.diagonal().cwiseSqrt();
  for (Index j = 0; j < q; ++j)
    if (!(scale[j] > 0.0)) scale[j] = 1.0;
  if (freedom == BasisFreedom::common) return Matrix::Identity(q, q) / scale.mean();
  Matrix diagonal = scale.cwiseInverse().asDiagonal();
  if (freedom == BasisFreedom::diagonal) return diagonal;
  const Matrix correlation = diagonal * gram * diagonal;
  const Eigen::LLT<Matrix> factor(correlation);
  // Columns that are (nearly) dependent stay as they are: orthogonalising them would only add rounding.
  if (factor.info() != Eigen::Success || factor.matrixL().toDenseMatrix().diagonal().minCoeff() < kDependent)
    return diagonal;
  return diagonal * factor.matrixU().solve(Matrix::Identity(q, q));
}

/// rows <- rows * transform, in place.
void transform_rows(RowMatrix& basis, const Matrix& transform) {
  dispatch_width(static_cast<int>(basis.cols()), [&](auto w) {
    constexpr int kWidth = fixed_width<decltype(w)>;
    const Eigen::Matrix<double, kWidth, kWidth> fixed = transform;
    Eigen::Map<BasisRows<kWidth>> rows(basis.data(), basis.rows(), basis.cols());
    Eigen::Matrix<double, 1, kWidth> row = rows.row(0);
    for (Index i = 0; i < rows.rows(); ++i) {
      row.noalias() = rows.row(i).lazyProduct(fixed);
      rows.row(i) = row;
    }
  });
}

}  // namespace

namespace {

/// Lower triangular T with T' G T = I, of a Gram matrix G; a diagonal that scales where columns are nearly dependent.
Matrix lower_whitening(const Matrix& gram) {
  const Vector scale = gram.diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  const Matrix correlation = scale.asDiagonal() * gram * scale.asDiagonal();
  // G = U U' with U upper triangular, from the Cholesky factor of the reversed matrix.
  const Eigen::LLT<Matrix> reversed(correlation.reverse());
  const Matrix upper = reversed.matrixL().toDenseMatrix().reverse();
  if (reversed.info() != Eigen::Success || upper.diagonal().minCoeff() < kDependent) return scale.asDiagonal();
  const Matrix lower = upper.transpose();
  return scale.asDiagonal() *
         Matrix(lower.triangularView<Eigen::Lower>().solve(Matrix::Identity(gram.rows(), gram.cols())));
}

}  // namespace

RandomTerm with_effect_order(RandomTerm term, const std::vector<int>& order) {
  const auto q = static_cast<Index>(order.size());
  Matrix permutation = Matrix::Zero(q, q);  // b_user = permutation b_reordered
  for (Index k = 0; k < q; ++k) permutation(order[k], k) = 1.0;
  if (term.kind == BasisKind::indicator) {
    std::vector<int> place(order.size());
    for (Index k = 0; k < q; ++k) place[order[k]] = static_cast<int>(k);
    for (int& column : term.column) column = place[column];
    term.to_user *= permutation;
    return term;
  }
  const Matrix to_reordered = term.to_user.partialPivLu().solve(permutation);
  const Matrix gram = term.basis.transpose() * term.basis / static_cast<double>(term.basis.rows());
  const Matrix whitening = lower_whitening(to_reordered.transpose() * gram * to_reordered);
  transform_rows(term.basis, to_reordered * whitening);
  term.to_user = permutation * whitening;
  return term;
}

RandomTerm make_random_term(RandomTermInput input, bool keep_basis) {
  RandomTerm term;
  term.predictor = input.predictor;
  term.level_count = input.level_count;
  term.node = std::move(input.levels);
  const bool indicator = !input.column.empty();
  const int columns = indicator ? input.column_count : std::max<int>(1, static_cast<int>(input.basis.cols()));
  term.covariance = make_covariance(input.structure, columns);
  term.series = term.covariance->series();
  term.width = term.covariance->width();
  if (term.series > 1) {
    if (!indicator) throw std::invalid_argument("a serial structure needs one indicator column a row");
    for (std::size_t i = 0; i < term.node.size(); ++i) term.node[i] = term.node[i] * term.series + input.column[i];
    term.to_user = Matrix::Identity(1, 1);
    return term;
  }
  term.to_user = Matrix::Identity(columns, columns);
  if (indicator) {
    term.kind = BasisKind::indicator;
    term.column = std::move(input.column);
  } else if (input.basis.size() > 0) {
    term.kind = BasisKind::dense;
    term.basis = std::move(input.basis);
    if (!keep_basis) {
      term.to_user = internal_basis(term.basis, term.covariance->basis_freedom());
      transform_rows(term.basis, term.to_user);
    }
  }
  return term;
}

namespace {

template <class Width>
void add_dense(const RandomTerm& term, const double* b, Index begin, Index end, double* eta, Width w) {
  const int* node = term.node.data();
  const double* z = term.basis.data() + begin * w;
  for (Index i = begin; i < end; ++i, z += w) {
    const double* own = b + Index(node[i]) * w;
    double sum = 0.0;
    for (int j = 0; j < w; ++j) sum += z[j] * own[j];
    eta[i - begin] += sum;
  }
}

/// Rows of one node mostly stand together: their sum is kept in registers, not added to memory row by row.
template <class Width>
void accumulate_dense(const RandomTerm& term, const double* r, Index begin, Index end, double* out, Width w) {
  const int* node = term.node.data();
  const double* z = term.basis.data() + begin * w;
  for (Index i = begin; i < end;) {
    const int current = node[i];
    std::array<double, kMaxUnrolledWidth> sum{};
    for (; i < end && node[i] == current; ++i, z += w)
      for (int j = 0; j < w; ++j) sum[j] += z[j] * r[i - begin];
    for (int j = 0; j < w; ++j) out[Index(current) * w + j] += sum[j];
  }
}

void accumulate_wide(const RandomTerm& term, const double* r, Index begin, Index end, double* out) {
  const Index w = term.width;
  const double* z = term.basis.data() + begin * w;
  for (Index i = begin; i < end; ++i, z += w)
    for (Index j = 0; j < w; ++j) out[term.node[i] * w + j] += z[j] * r[i - begin];
}

}  // namespace

void add_random_effects(const RandomTerm& term, const double* b, Index begin, Index end, double* eta) {
  const int* node = term.node.data();
  switch (term.kind) {
    case BasisKind::intercept:
      for (Index i = begin; i < end; ++i) eta[i - begin] += b[node[i]];
      return;
    case BasisKind::indicator:
      for (Index i = begin; i < end; ++i) eta[i - begin] += b[Index(node[i]) * term.width + term.column[i]];
      return;
    case BasisKind::dense:
      dispatch_width(term.width, [&](auto w) { add_dense(term, b, begin, end, eta, w); });
  }
}

void accumulate_transpose(const RandomTerm& term, const double* r, Index begin, Index end, double* out) {
  const int* node = term.node.data();
  switch (term.kind) {
    case BasisKind::intercept:
      for (Index i = begin; i < end;) {
        const int current = node[i];
        double sum = 0.0;
        for (; i < end && node[i] == current; ++i) sum += r[i - begin];
        out[current] += sum;
      }
      return;
    case BasisKind::indicator:
      for (Index i = begin; i < end; ++i) out[Index(node[i]) * term.width + term.column[i]] += r[i - begin];
      return;
    case BasisKind::dense:
      if (term.width > kMaxUnrolledWidth) return accumulate_wide(term, r, begin, end, out);
      dispatch_width(term.width, [&](auto w) { accumulate_dense(term, r, begin, end, out, w); });
  }
}

}  // namespace ranef
