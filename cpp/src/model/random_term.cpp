#include "ranef/model/random_term.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>
#include <stdexcept>

namespace ranef {

namespace {

/// The map B with b_user = B b_ours that makes the pooled columns z B orthonormal (mean square one), or scales them.
Matrix internal_basis(const RowMatrix& basis, BasisFreedom freedom) {
  const Index q = basis.cols();
  const double n = static_cast<double>(basis.rows());
  const Matrix gram = basis.transpose() * basis / n;
  Vector scale = gram.diagonal().cwiseSqrt();
  for (Index j = 0; j < q; ++j)
    if (!(scale[j] > 0.0)) scale[j] = 1.0;
  if (freedom == BasisFreedom::common) return Matrix::Identity(q, q) / scale.mean();
  Matrix diagonal = scale.cwiseInverse().asDiagonal();
  if (freedom == BasisFreedom::diagonal) return diagonal;
  const Matrix correlation = diagonal * gram * diagonal;
  const Eigen::LLT<Matrix> factor(correlation);
  // Columns that are (nearly) dependent stay as they are: orthogonalising them would only add rounding.
  constexpr double kDependent = 1e-6;
  if (factor.info() != Eigen::Success || factor.matrixL().toDenseMatrix().diagonal().minCoeff() < kDependent)
    return diagonal;
  return diagonal * factor.matrixU().solve(Matrix::Identity(q, q));
}

}  // namespace

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
      term.basis = term.basis * term.to_user;
    }
  }
  return term;
}

void add_random_effects(const RandomTerm& term, const double* b, Index begin, Index end, double* eta) {
  const int* node = term.node.data();
  const Index w = term.width;
  switch (term.kind) {
    case BasisKind::intercept:
      for (Index i = begin; i < end; ++i) eta[i - begin] += b[node[i]];
      return;
    case BasisKind::indicator:
      for (Index i = begin; i < end; ++i) eta[i - begin] += b[node[i] * w + term.column[i]];
      return;
    case BasisKind::dense:
      const double* z = term.basis.data() + begin * w;
      for (Index i = begin; i < end; ++i, z += w) {
        double sum = 0.0;
        for (Index j = 0; j < w; ++j) sum += z[j] * b[node[i] * w + j];
        eta[i - begin] += sum;
      }
  }
}

void accumulate_transpose(const RandomTerm& term, const double* r, Index begin, Index end, double* out) {
  const int* node = term.node.data();
  const Index w = term.width;
  switch (term.kind) {
    case BasisKind::intercept:
      for (Index i = begin; i < end; ++i) out[node[i]] += r[i - begin];
      return;
    case BasisKind::indicator:
      for (Index i = begin; i < end; ++i) out[node[i] * w + term.column[i]] += r[i - begin];
      return;
    case BasisKind::dense:
      const double* z = term.basis.data() + begin * w;
      for (Index i = begin; i < end; ++i, z += w)
        for (Index j = 0; j < w; ++j) out[node[i] * w + j] += z[j] * r[i - begin];
  }
}

}  // namespace ranef
