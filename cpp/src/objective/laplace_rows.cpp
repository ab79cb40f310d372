#include "laplace_rows.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>

namespace ranef {

std::vector<Vector> zero_effects(const std::vector<RandomTerm>& terms) {
  std::vector<Vector> out;
  for (const RandomTerm& term : terms) out.push_back(Vector::Zero(Index(term.node_count()) * term.width));
  return out;
}

void make_positive(Matrix& hessian, int order, Index rows) {
  if (order == 1) {
    hessian.col(0).head(rows) = hessian.col(0).head(rows).cwiseMax(0.0);
    return;
  }
  Matrix w(order, order);
  for (Index i = 0; i < rows; ++i) {
    for (int a = 0; a < order; ++a)
      for (int b = 0; b <= a; ++b) w(a, b) = w(b, a) = hessian(i, packed_index(a, b));
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(w);
    w = eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).asDiagonal() * eigen.eigenvectors().transpose();
    for (int a = 0; a < order; ++a)
      for (int b = 0; b <= a; ++b) hessian(i, packed_index(a, b)) = w(a, b);
  }
}

namespace {

/// z_a' B z_b for one row's values and a block stored row by row with `stride` columns.
double quadratic(const RowValues& a, const double* block, int stride, const RowValues& b) {
  double sum = 0.0;
  for (int i = 0; i < a.count; ++i)
    for (int j = 0; j < b.count; ++j) sum += a.values[i] * block[(a.first + i) * stride + b.first + j] * b.values[j];
  return sum;
}

void add_own_variance(const RandomTerm& term, const Vector& posterior, Index begin, Index end, double* out) {
  if (term.kind == BasisKind::intercept) {
    for (Index i = begin; i < end; ++i) out[i - begin] += posterior[term.node[i]];
    return;
  }
  const Index w = term.width;
  for (Index i = begin; i < end; ++i) {
    const RowValues z = row_values(term, i);
    out[i - begin] += quadratic(z, posterior.data() + term.node[i] * w * w, term.width, z);
  }
}

void add_pair_variance(const RandomTerm& a, const RandomTerm& b, const TermPair& pair, const Vector& posterior,
                       double factor, Index begin, Index end, double* out) {
  if (a.kind == BasisKind::intercept && b.kind == BasisKind::intercept) {
    for (Index i = begin; i < end; ++i) out[i - begin] += factor * posterior[pair.block[i]];
    return;
  }
  const Index size = Index(a.width) * b.width;
  for (Index i = begin; i < end; ++i)
    out[i - begin] +=
        factor * quadratic(row_values(a, i), posterior.data() + pair.block[i] * size, b.width, row_values(b, i));
}

void add_border_variance(const RandomTerm& term, const Vector& posterior, const RowMatrix& x, double factor,
                         Index begin, Index end, double* out) {
  const int border = static_cast<int>(x.cols());
  for (Index i = begin; i < end; ++i) {
    const RowValues row{x.data() + i * border, 0, border};
    out[i - begin] += factor * quadratic(row_values(term, i),
                                         posterior.data() + term.node[i] * Index(term.width) * border, border, row);
  }
}

}  // namespace

void posterior_variance(const std::vector<RandomTerm>& terms, const CrossProductLayout& layout,
                        const CrossProducts& posterior, const RowMatrix& x, Index begin, Index end, Matrix& variance) {
  variance.setZero();
  for (std::size_t t = 0; t < terms.size(); ++t)
    add_own_variance(terms[t], posterior.diagonal[t], begin, end,
                     variance.col(packed_index(terms[t].predictor, terms[t].predictor)).data());
  for (std::size_t p = 0; p < layout.pairs().size(); ++p) {
    const TermPair& pair = layout.pairs()[p];
    const RandomTerm &a = terms[pair.first], &b = terms[pair.second];
    // h_kk counts both orders of the pair; h_kl with k != l is one entry of a symmetric matrix.
    const double factor = a.predictor == b.predictor ? 2.0 : 1.0;
    const int place = packed_index(std::max(a.predictor, b.predictor), std::min(a.predictor, b.predictor));
    add_pair_variance(a, b, pair, posterior.pair[p], factor, begin, end, variance.col(place).data());
  }
  if (layout.border() == 0) return;
  for (std::size_t t = 0; t < terms.size(); ++t)
    add_border_variance(terms[t], posterior.border[t], x, terms[t].predictor == 0 ? 2.0 : 1.0, begin, end,
                        variance.col(packed_index(terms[t].predictor, 0)).data());
  const auto rows = x.middleRows(begin, end - begin);
  variance.col(0).head(end - begin) += (rows * posterior.border_gram).cwiseProduct(rows).rowwise().sum();
}

Matrix outer_sum(const Vector& left, const Vector& right, const std::vector<int>& start, int width) {
  Matrix sum = Matrix::Zero(width, width);
  const double* l = left.data();
  for (const int first : start) {
    for (int i = 0; i < width; ++i)
      for (int j = 0; j < width; ++j) sum(i, j) += l[i] * right[first + j];
    l += width;
  }
  return sum;
}

}  // namespace ranef
