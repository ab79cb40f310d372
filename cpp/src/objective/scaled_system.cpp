#include "ranef/objective/scaled_system.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

namespace {

using Scale = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// out = S' A S, lower triangle, A symmetric row by row.
template <class Width>
void scale_diagonal(const double* s, const double* a, const BlockPlace& place, double* values, double prior, Width w) {
  double* out = values + place.offset;
  if constexpr (std::is_same_v<Width, std::integral_constant<int, 1>>) {
    *out = s[0] * s[0] * a[0] + prior;
  } else {
    for (int j = 0; j < w; ++j)
      for (int i = j; i < w; ++i) {
        double sum = i == j ? prior : 0.0;
        for (int k = i; k < w; ++k) {
          double inner = 0.0;
          for (int l = j; l < w; ++l) inner += a[k * w + l] * s[l * w + j];
          sum += s[k * w + i] * inner;
        }
        out[i * place.row_stride + j * place.col_stride] = sum;
      }
  }
}

/// Row by row product helpers on small dense blocks; m x k times k x n, with strides for the second factor.
void multiply_add(const double* a, int m, int k, const double* b, int b_row, int b_col, int n, double* out) {
  for (int i = 0; i < m; ++i)
    for (int l = 0; l < k; ++l)
      for (int j = 0; j < n; ++j) out[i * n + j] += a[i * k + l] * b[l * b_row + j * b_col];
}

}  // namespace

ScaledSystem::ScaledSystem(const std::vector<RandomTerm>& terms, const CrossProductLayout& layout,
                           const DenseKernels& kernels)
    : terms_(&terms), layout_(&layout), theta_offset_{0}, cholesky_(layout.pattern(), kernels),
      inverse_(layout.pattern()) {
  for (const RandomTerm& term : terms) {
    theta_offset_.push_back(theta_offset_.back() + term.covariance->parameter_count());
    entries_.push_back(term.covariance->precision_entries());
  }
  scales_.resize(terms.size());
  precisions_.resize(terms.size());
}

Vector ScaledSystem::theta(std::size_t term) const {
  return theta_.segment(theta_offset_[term], theta_offset_[term + 1] - theta_offset_[term]);
}

void ScaledSystem::set_theta(const Vector& theta) {
  theta_ = theta;
  valid_ = true;
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Covariance& covariance = *(*terms_)[t].covariance;
    const Vector own = this->theta(t);
    valid_ = valid_ && covariance.valid(own);
    scales_[t] = covariance.scale(own);
    precisions_[t] = {covariance.precision_values(own), covariance.precision_derivatives(own)};
  }
}

void ScaledSystem::assemble(const CrossProducts& products) {
  double* values = cholesky_.values().data();
  std::fill(cholesky_.values().begin(), cholesky_.values().end(), 0.0);
  const int border = layout_->border();

  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const RandomTerm& term = (*terms_)[t];
    const Scale s = scales_[t];
    const double prior = term.series > 1 ? 0.0 : 1.0;
    dispatch_width(term.width, [&](auto w) {
      for (int g = 0; g < term.node_count(); ++g)
        scale_diagonal(s.data(), products.diagonal[t].data() + Index(g) * w * w, layout_->diagonal(static_cast<int>(t))[g],
                       values, prior, w);
      for (int g = 0; border > 0 && g < term.node_count(); ++g) {
        const double* a = products.border[t].data() + Index(g) * w * border;
        const BlockPlace& place = layout_->border_rows(static_cast<int>(t))[g];
        double* out = values + place.offset;
        for (int j = 0; j < border; ++j)
          for (int k = 0; k < w; ++k) {
            double sum = 0.0;
            for (int l = k; l < w; ++l) sum += a[l * border + j] * s(l, k);
            out[j * place.row_stride + k * place.col_stride] = sum;
          }
      }
    });
    if (term.series > 1) add_precision(t);
  }

  for (std::size_t p = 0; p < layout_->pairs().size(); ++p) {
    const TermPair& pair = layout_->pairs()[p];
    const Matrix &sa = scales_[pair.first], &sb = scales_[pair.second];
    const Index wa = sa.rows(), wb = sb.rows();
    const double* a = products.pair[p].data();
    if (wa == 1 && wb == 1) {
      const double factor = sa(0, 0) * sb(0, 0);
      for (std::size_t k = 0; k < pair.place.size(); ++k) values[pair.place[k].offset] = factor * a[k];
      continue;
    }
    for (std::size_t k = 0; k < pair.place.size(); ++k, a += wa * wb) {
      const BlockPlace& place = pair.place[k];
      for (Index i = 0; i < wa; ++i)
        for (Index j = 0; j < wb; ++j) {
          double sum = 0.0;
          for (Index l = i; l < wa; ++l)
            for (Index m = j; m < wb; ++m) sum += sa(l, i) * a[l * wb + m] * sb(m, j);
          values[place.offset + i * place.row_stride + j * place.col_stride] = sum;
        }
    }
  }

  const EliminationPattern& pattern = layout_->pattern();
  const std::int64_t order = pattern.tail_order(), first = order - border;
  for (int j = 0; j < border; ++j)
    for (int i = j; i < border; ++i)
      values[pattern.tail_offset() + (first + i) + (first + j) * order] = products.border_gram(i, j);
}

void ScaledSystem::add_precision(std::size_t term) {
  const RandomTerm& design = (*terms_)[term];
  const auto& diagonal = layout_->diagonal(static_cast<int>(term));
  const auto& link = layout_->series_link(static_cast<int>(term));
  double* values = cholesky_.values().data();
  for (int level = 0; level < design.level_count; ++level)
    for (const PrecisionEntry& entry : entries_[term]) {
      const double q = precisions_[term].values[entry.value];
      if (entry.row == entry.col)
        values[diagonal[level * design.series + entry.row].offset] += q;
      else
        values[link[level * (design.series - 1) + entry.col].offset] += q;
    }
}

bool ScaledSystem::factor(const CrossProducts& products) {
  assemble(products);
  return cholesky_.factor();
}

void ScaledSystem::invert(int border) { inverse_.compute(cholesky_, border); }

double ScaledSystem::log_determinant_precision() const {
  double sum = 0.0;
  for (std::size_t t = 0; t < terms_->size(); ++t)
    if ((*terms_)[t].series > 1) sum += (*terms_)[t].level_count * (*terms_)[t].covariance->log_determinant(theta(t));
  return sum;
}

void ScaledSystem::to_effects(const double* v, TermVectors& effects) const {
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Matrix& s = scales_[t];
    const Index w = s.rows();
    const std::vector<int>& start = layout_->coordinate(static_cast<int>(t));
    double* out = effects[t].data();
    for (std::size_t g = 0; g < start.size(); ++g, out += w)
      for (Index i = 0; i < w; ++i) {
        double sum = 0.0;
        for (Index j = 0; j <= i; ++j) sum += s(i, j) * v[start[g] + j];
        out[i] = sum;
      }
  }
}

void ScaledSystem::to_coordinates(const TermVectors& gradients, double* out) const {
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Matrix& s = scales_[t];
    const Index w = s.rows();
    const std::vector<int>& start = layout_->coordinate(static_cast<int>(t));
    const double* in = gradients[t].data();
    for (std::size_t g = 0; g < start.size(); ++g, in += w)
      for (Index j = 0; j < w; ++j) {
        double sum = 0.0;
        for (Index i = j; i < w; ++i) sum += s(i, j) * in[i];
        out[start[g] + j] = sum;
      }
  }
}

double ScaledSystem::add_precision_product(const double* v, double* out) const {
  double quadratic = 0.0;
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const RandomTerm& term = (*terms_)[t];
    const std::vector<int>& start = layout_->coordinate(static_cast<int>(t));
    if (term.series == 1) {
      for (int first : start)
        for (int j = first; j < first + term.width; ++j) {
          out[j] += v[j];
          quadratic += v[j] * v[j];
        }
      continue;
    }
    for (int level = 0; level < term.level_count; ++level)
      for (const PrecisionEntry& entry : entries_[t]) {
        const double q = precisions_[t].values[entry.value];
        const int row = start[level * term.series + entry.row], col = start[level * term.series + entry.col];
        out[row] += q * v[col];
        quadratic += (row == col ? 1.0 : 2.0) * q * v[row] * v[col];
        if (row != col) out[col] += q * v[row];
      }
  }
  return quadratic;
}

ScaledSystem::Change ScaledSystem::change(const Vector& direction, const double* v) const {
  Change out;
  out.precision_product = Vector::Zero(layout_->pattern().size());
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const RandomTerm& term = (*terms_)[t];
    const Vector own = theta(t), step = direction.segment(theta_offset_[t], own.size());
    Matrix scale = Matrix::Zero(term.width, term.width);
    for (Index p = 0; p < own.size(); ++p)
      scale += step[p] * term.covariance->scale_derivative(own, static_cast<int>(p));
    const std::vector<int>& start = layout_->coordinate(static_cast<int>(t));
    Vector effects(Index(term.node_count()) * term.width);
    for (std::size_t g = 0; g < start.size(); ++g)
      effects.segment(static_cast<Index>(g) * term.width, term.width) =
          scale * Eigen::Map<const Vector>(v + start[g], term.width);
    if (term.series > 1) {
      const Vector values = precisions_[t].derivatives * step;
      for (int level = 0; level < term.level_count; ++level)
        for (const PrecisionEntry& entry : entries_[t]) {
          const int row = start[level * term.series + entry.row], col = start[level * term.series + entry.col];
          out.precision_product[row] += values[entry.value] * v[col];
          if (row != col) out.precision_product[col] += values[entry.value] * v[row];
        }
    }
    out.scales.push_back(std::move(scale));
    out.effects.push_back(std::move(effects));
  }
  return out;
}

void ScaledSystem::add_scale_change(const Change& change, const TermVectors& gradients, double* out) const {
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Index w = change.scales[t].rows();
    const std::vector<int>& start = layout_->coordinate(static_cast<int>(t));
    for (std::size_t g = 0; g < start.size(); ++g)
      Eigen::Map<Vector>(out + start[g], w) +=
          change.scales[t].transpose() * gradients[t].segment(static_cast<Index>(g) * w, w);
  }
}

void ScaledSystem::posterior_blocks(int border, CrossProducts& out) const {
  const double* z = inverse_.values().data();
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Scale s = scales_[t];
    const int index = static_cast<int>(t);
    dispatch_width((*terms_)[t].width, [&](auto w) {
      double* block = out.diagonal[t].data();
      for (const BlockPlace& place : layout_->diagonal(index)) {
        for (int i = 0; i < w; ++i)
          for (int j = 0; j < w; ++j) {
            double sum = 0.0;
            for (int k = 0; k <= i; ++k)
              for (int l = 0; l <= j; ++l)
                sum += s(i, k) * z[place.offset + k * place.row_stride + l * place.col_stride] * s(j, l);
            block[i * w + j] = sum;
          }
        block += w * w;
      }
    });
    if (border == 0) continue;
    const Index w = s.rows();
    double* block = out.border[t].data();
    for (const BlockPlace& place : layout_->border_rows(index)) {
      for (Index i = 0; i < w; ++i)
        for (int j = 0; j < border; ++j) {
          double sum = 0.0;
          for (Index k = 0; k <= i; ++k) sum += s(i, k) * z[place.offset + j * place.row_stride + k * place.col_stride];
          block[i * border + j] = sum;
        }
      block += w * border;
    }
  }
  for (std::size_t p = 0; p < layout_->pairs().size(); ++p) {
    const TermPair& pair = layout_->pairs()[p];
    const Matrix &sa = scales_[pair.first], &sb = scales_[pair.second];
    double* block = out.pair[p].data();
    if (sa.size() == 1 && sb.size() == 1) {
      const double factor = sa(0, 0) * sb(0, 0);
      for (std::size_t k = 0; k < pair.place.size(); ++k) block[k] = factor * z[pair.place[k].offset];
      continue;
    }
    for (const BlockPlace& place : pair.place)
      for (Index i = 0; i < sa.rows(); ++i)
        for (Index j = 0; j < sb.rows(); ++j) {
          double sum = 0.0;
          for (Index k = 0; k <= i; ++k)
            for (Index l = 0; l <= j; ++l)
              sum += sa(i, k) * z[place.offset + k * place.row_stride + l * place.col_stride] * sb(j, l);
          *block++ = sum;
        }
  }
  if (border > 0) {
    const EliminationPattern& pattern = layout_->pattern();
    const std::int64_t order = pattern.tail_order(), first = order - pattern.border();
    for (int i = 0; i < border; ++i)
      for (int j = 0; j < border; ++j)
        out.border_gram(i, j) = z[pattern.tail_offset() + first + i + (first + j) * order];
  }
}

namespace {

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
      const double variance = row == col ? z[diagonal[node + entry.row].offset]
                                         : z[link[level * (design.series - 1) + entry.col].offset];
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
  Vector gradient(theta_size());
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Vector own = theta(t);
    for (Index p = 0; p < own.size(); ++p)
      gradient[theta_offset_[t] + p] =
          direct[t].cwiseProduct((*terms_)[t].covariance->scale_derivative(own, static_cast<int>(p))).sum();
    if ((*terms_)[t].series > 1)
      gradient.segment(theta_offset_[t], own.size()) += precision_gradient(t, v, adjoint, scale);
  }
  return gradient;
}

namespace {

/// Sums over the nodes of a term of K and of K (x) K, K = I - Z: w x w and, by entry pairs, w^2 x w^2.
struct ReliabilityMoments {
  Matrix first, second;
};

template <class Width>
ReliabilityMoments reliability_moments(const std::vector<BlockPlace>& places, const double* z, Width w) {
  const Index size = Index(w) * w;
  std::vector<double> k(size), first(size, 0.0), second(size * size, 0.0);
  for (const BlockPlace& place : places) {
    for (int i = 0; i < w; ++i)
      for (int j = 0; j < w; ++j)
        k[i * w + j] = (i == j ? 1.0 : 0.0) - z[place.offset + i * place.row_stride + j * place.col_stride];
    for (int a = 0; a < w * w; ++a) {
      first[a] += k[a];
      for (int b = 0; b < w * w; ++b) second[a * (w * w) + b] += k[a] * k[b];
    }
  }
  return {Eigen::Map<const Matrix>(first.data(), w, w), Eigen::Map<const Matrix>(second.data(), size, size)};
}

/// sum over nodes of tr(K F K G), all symmetric.
double trace_product(const Matrix& second, const Matrix& f, const Matrix& g) {
  const Index w = f.rows();
  double sum = 0.0;
  for (Index a = 0; a < w; ++a)
    for (Index b = 0; b < w; ++b)
      for (Index c = 0; c < w; ++c)
        for (Index d = 0; d < w; ++d) sum += second(a * w + b, c * w + d) * f(b, c) * g(d, a);
  return sum;
}

}  // namespace

ScaledSystem::Information ScaledSystem::approximate_information() const {
  constexpr double kFloor = 1e-3;  // a term the data say nothing about still gets a finite first step
  Information out{Matrix::Zero(theta_size(), theta_size()), Vector::Zero(theta_size())};
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const RandomTerm& term = (*terms_)[t];
    const ReliabilityMoments k = dispatch_width(term.width, [&](auto w) {
      return reliability_moments(layout_->diagonal(static_cast<int>(t)), inverse_.values().data(), w);
    });
    const Vector own = theta(t);
    Matrix regular = scales_[t];
    for (Index j = 0; j < term.width; ++j)
      if (std::abs(regular(j, j)) < kFloor) regular(j, j) = kFloor;
    const Matrix inverse = regular.inverse();
    std::vector<Matrix> relative;
    for (Index p = 0; p < own.size(); ++p) {
      const Matrix e = inverse * term.covariance->scale_derivative(own, static_cast<int>(p));
      relative.push_back(e + e.transpose());
    }
    const Index at = theta_offset_[t];
    for (Index p = 0; p < own.size(); ++p) {
      out.slope[at + p] = 0.5 * k.first.cwiseProduct(relative[p]).sum();
      for (Index q = 0; q <= p; ++q)
        out.information(at + p, at + q) = out.information(at + q, at + p) =
            0.5 * trace_product(k.second, relative[p], relative[q]);
    }
    if (term.series > 1) {  // the autocorrelation's own information, (T - 1) / (1 + x^2)^2 a level
      const double x = own[1], share = k.first(0, 0) / term.node_count();
      out.information(at + 1, at + 1) +=
          term.level_count * (term.series - 1) * share * share / ((1.0 + x * x) * (1.0 + x * x));
    }
  }
  out.information.diagonal().array() += kFloor;
  return out;
}

}  // namespace ranef
