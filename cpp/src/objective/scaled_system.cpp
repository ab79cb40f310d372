#include "ranef/objective/scaled_system.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

namespace {

using Scale = RowMatrix;

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

}  // namespace

ScaledSystem::ScaledSystem(const std::vector<RandomTerm>& terms, const CrossProductLayout& layout,
                           const DenseKernels& kernels)
    : terms_(&terms),
      layout_(&layout),
      theta_offset_{0},
      cholesky_(layout.pattern(), kernels),
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
        scale_diagonal(s.data(), products.diagonal[t].data() + Index(g) * w * w,
                       layout_->diagonal(static_cast<int>(t))[g], values, prior, w);
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

bool ScaledSystem::factor_precision() {
  double* values = cholesky_.values().data();
  std::fill(cholesky_.values().begin(), cholesky_.values().end(), 0.0);
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const Index w = (*terms_)[t].width;
    for (const BlockPlace& place : layout_->diagonal(static_cast<int>(t)))
      for (Index j = 0; (*terms_)[t].series == 1 && j < w; ++j)
        values[place.offset + j * (place.row_stride + place.col_stride)] = 1.0;
    if ((*terms_)[t].series > 1) add_precision(t);
  }
  const EliminationPattern& pattern = layout_->pattern();
  const std::int64_t order = pattern.tail_order();
  double* border = values + pattern.tail_offset() + (order - layout_->border()) * (order + 1);
  for (int j = 0; j < layout_->border(); ++j) border[j * (order + 1)] = 1.0;
  if (!cholesky_.factor()) return false;
  for (int j = 0; j < layout_->border(); ++j) border[j * (order + 1)] = 0.0;
  return true;
}

void ScaledSystem::invert(int border) { inverse_.compute(cholesky_, border); }

double ScaledSystem::largest_precision() const {
  double largest = 0.0;
  for (const SeriesPrecision& precision : precisions_)
    if (precision.values.size() > 0) largest = std::max(largest, precision.values.cwiseAbs().maxCoeff());
  return largest;
}

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

}  // namespace ranef
