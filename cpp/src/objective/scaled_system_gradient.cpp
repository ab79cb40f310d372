#include "ranef/objective/scaled_system.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

namespace {

using Scale = RowMatrix;

/// Row by row product helpers on small dense blocks; m x k times k x n, with strides for the second factor.
void multiply_add(const double* a, int m, int k, const double* b, int b_row, int b_col, int n, double* out) {
  for (int i = 0; i < m; ++i)
    for (int l = 0; l < k; ++l)
      for (int j = 0; j < n; ++j) out[i * n + j] += a[i * k + l] * b[l * b_row + j * b_col];
}

/// Adds A_gg S Z_gg over the nodes of one term.
template <class Width>
void add_diagonal_trace(const Scale& s, const double* a, const std::vector<BlockPlace>& places, const double* z,
                        Matrix& out, Width w) {
  if constexpr (std::is_same_v<Width, std::integral_constant<int, 1>>) {
    double sum = 0.0;
    for (std::size_t g = 0; g < places.size(); ++g) sum += a[g] * z[places[g].offset];
    out(0, 0) += s(0, 0) * sum;
  } else {
    std::vector<double> scaled(w * w);
    for (const BlockPlace& place : places) {
      for (int l = 0; l < w; ++l)
        for (int j = 0; j < w; ++j) {
          double sum = 0.0;
          for (int m = 0; m <= l; ++m) sum += s(l, m) * z[place.offset + m * place.row_stride + j * place.col_stride];
          scaled[l * w + j] = sum;
        }
      for (int i = 0; i < w; ++i)
        for (int j = 0; j < w; ++j) {
          double sum = 0.0;
          for (int l = 0; l < w; ++l) sum += a[i * w + l] * scaled[l * w + j];
          out(i, j) += sum;
        }
      a += w * w;
    }
  }
}

/// Adds A_ab S_b Z_ba to the first term's trace and A_ba S_a Z_ab to the second's.
void add_pair_trace(const TermPair& pair, const double* a, const double* z, const Matrix& sa, const Matrix& sb,
                    Matrix& out_a, Matrix& out_b) {
  const int wa = static_cast<int>(sa.rows()), wb = static_cast<int>(sb.rows());
  if (wa == 1 && wb == 1) {
    double sum = 0.0;
    for (std::size_t k = 0; k < pair.place.size(); ++k) sum += a[k] * z[pair.place[k].offset];
    out_a(0, 0) += sb(0, 0) * sum;
    out_b(0, 0) += sa(0, 0) * sum;
    return;
  }
  const Scale row_a = sa, row_b = sb;
  std::vector<double> block(wa * wb), transposed(wa * wb), product_a(wa * wa, 0.0), product_b(wb * wb, 0.0);
  std::vector<double> scaled(wa * wb);
  for (const BlockPlace& place : pair.place) {
    for (int i = 0; i < wa; ++i)
      for (int j = 0; j < wb; ++j) {
        block[i * wb + j] = z[place.offset + i * place.row_stride + j * place.col_stride];
        transposed[j * wa + i] = a[i * wb + j];
      }
    std::fill(scaled.begin(), scaled.end(), 0.0);  // S_b Z_ba: wb x wa
    multiply_add(row_b.data(), wb, wb, block.data(), 1, wb, wa, scaled.data());
    multiply_add(a, wa, wb, scaled.data(), wa, 1, wa, product_a.data());
    std::fill(scaled.begin(), scaled.end(), 0.0);  // S_a Z_ab: wa x wb
    multiply_add(row_a.data(), wa, wa, block.data(), wb, 1, wb, scaled.data());
    multiply_add(transposed.data(), wb, wa, scaled.data(), wb, 1, wb, product_b.data());
    a += wa * wb;
  }
  out_a += Eigen::Map<const Scale>(product_a.data(), wa, wa);
  out_b += Eigen::Map<const Scale>(product_b.data(), wb, wb);
}

/// Adds A_gx Z_xg over the nodes of one term; x the border.
void add_border_trace(const double* a, const std::vector<BlockPlace>& places, const double* z, int stored_border,
                      int border, Matrix& out) {
  const Index w = out.rows();
  for (const BlockPlace& place : places) {
    for (Index i = 0; i < w; ++i)
      for (Index j = 0; j < w; ++j)
        for (int k = 0; k < border; ++k)
          out(i, j) += a[i * stored_border + k] * z[place.offset + k * place.row_stride + j * place.col_stride];
    a += w * stored_border;
  }
}

}  // namespace

Vector ScaledSystem::precision_gradient(std::size_t term, const double* v, const double* adjoint, double scale) const {
  const RandomTerm& design = (*terms_)[term];
  const int index = static_cast<int>(term);
  const auto& start = layout_->coordinate(index);
  const auto& diagonal = layout_->diagonal(index);
  const auto& link = layout_->series_link(index);
  const double* z = inverse_.values().data();
  Vector weight = Vector::Zero(precisions_[term].values.size());
  for (int level = 0; level < design.level_count; ++level)
    for (const PrecisionEntry& entry : entries_[term]) {
      const int node = level * design.series;
      const int row = start[node + entry.row], col = start[node + entry.col];
      const double variance =
          row == col ? z[diagonal[node + entry.row].offset] : z[link[level * (design.series - 1) + entry.col].offset];
      double m = 0.5 * variance + 0.5 * scale * v[row] * v[col];
      if (adjoint != nullptr) m -= 0.5 * (adjoint[row] * v[col] + v[row] * adjoint[col]);
      weight[entry.value] += (row == col ? 1.0 : 2.0) * m;
    }
  return precisions_[term].derivatives.transpose() * weight -
         0.5 * design.level_count * design.covariance->log_determinant_gradient(theta(term));
}

Vector ScaledSystem::theta_gradient(const CrossProducts& products, std::vector<Matrix> direct, const double* v,
                                    const double* adjoint, double scale, int border) const {
  const double* z = inverse_.values().data();
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Scale s = scales_[t];
    const int index = static_cast<int>(t);
    dispatch_width((*terms_)[t].width, [&](auto w) {
      add_diagonal_trace(s, products.diagonal[t].data(), layout_->diagonal(index), z, direct[t], w);
    });
    if (border > 0)
      add_border_trace(products.border[t].data(), layout_->border_rows(index), z, layout_->border(), border, direct[t]);
  }
  for (std::size_t p = 0; p < layout_->pairs().size(); ++p) {
    const TermPair& pair = layout_->pairs()[p];
    add_pair_trace(pair, products.pair[p].data(), z, scales_[pair.first], scales_[pair.second], direct[pair.first],
                   direct[pair.second]);
  }
  return contract(direct, v, adjoint, scale);
}

Vector ScaledSystem::contract(const std::vector<Matrix>& by_scale, const double* v, const double* adjoint,
                              double scale) const {
  Vector gradient(theta_size());
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Vector own = theta(t);
    for (Index p = 0; p < own.size(); ++p)
      gradient[theta_offset_[t] + p] =
          by_scale[t].cwiseProduct((*terms_)[t].covariance->scale_derivative(own, static_cast<int>(p))).sum();
    if ((*terms_)[t].series > 1)
      gradient.segment(theta_offset_[t], own.size()) += precision_gradient(t, v, adjoint, scale);
  }
  return gradient;
}

bool ScaledSystem::scales_are_regular() const {
  constexpr double kSingular = 1e-8;
  for (const Matrix& s : scales_)
    if (!(s.diagonal().cwiseAbs().minCoeff() > kSingular * s.cwiseAbs().maxCoeff())) return false;
  return true;
}

/// S' d/dS = sum over nodes of I - Q Z - scale Q v v'.
Vector ScaledSystem::theta_gradient_at_solution(const double* v, double scale) const {
  const double* z = inverse_.values().data();
  std::vector<Matrix> by_scale;
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const RandomTerm& term = (*terms_)[t];
    const int index = static_cast<int>(t);
    const std::vector<int>& start = layout_->coordinate(index);
    const std::vector<BlockPlace>& places = layout_->diagonal(index);
    const Index w = term.width;
    Matrix sum = Matrix::Zero(w, w);
    for (std::size_t g = 0; g < start.size() && term.series == 1; ++g)
      for (Index i = 0; i < w; ++i)
        for (Index j = 0; j < w; ++j)
          sum(i, j) += (i == j ? 1.0 : 0.0) -
                       z[places[g].offset + i * places[g].row_stride + j * places[g].col_stride] -
                       scale * v[start[g] + i] * v[start[g] + j];
    if (term.series > 1) sum(0, 0) = series_excess(t, v, scale);
    by_scale.push_back(scales_[t].transpose().triangularView<Eigen::Upper>().solve(sum));
  }
  return contract(by_scale, v, nullptr, scale);
}

/// tr(I - Q Z) - scale v'Qv over the series of one term.
double ScaledSystem::series_excess(std::size_t term, const double* v, double scale) const {
  const RandomTerm& design = (*terms_)[term];
  const int index = static_cast<int>(term);
  const double* z = inverse_.values().data();
  double sum = design.node_count();
  for (int level = 0; level < design.level_count; ++level)
    for (const PrecisionEntry& entry : entries_[term]) {
      const int node = level * design.series;
      const int row = layout_->coordinate(index)[node + entry.row], col = layout_->coordinate(index)[node + entry.col];
      const bool diagonal = entry.row == entry.col;
      const double variance = diagonal ? z[layout_->diagonal(index)[node + entry.row].offset]
                                       : z[layout_->series_link(index)[level * (design.series - 1) + entry.col].offset];
      sum -= (diagonal ? 1.0 : 2.0) * precisions_[term].values[entry.value] * (variance + scale * v[row] * v[col]);
    }
  return sum;
}

}  // namespace ranef
