#include "ranef/linalg/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ranef/linalg/gram.hpp"
#include "ranef/linalg/log_sum.hpp"
#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

namespace {

/// Cholesky factor of a w x w block, row by row, in place; false if a pivot is not positive.
template <class Width>
bool factor_block(double* block, Width w) {
  if constexpr (std::is_same_v<Width, std::integral_constant<int, 1>>) {
    if (!(*block > 0.0)) return false;
    *block = std::sqrt(*block);
    return true;
  }
  for (int j = 0; j < w; ++j) {
    double pivot = block[j * w + j];
    for (int k = 0; k < j; ++k) pivot -= block[j * w + k] * block[j * w + k];
    if (!(pivot > 0.0)) return false;
    pivot = std::sqrt(pivot);
    block[j * w + j] = pivot;
    for (int i = j + 1; i < w; ++i) {
      double sum = block[i * w + j];
      for (int k = 0; k < j; ++k) sum -= block[i * w + k] * block[j * w + k];
      block[i * w + j] = sum / pivot;
    }
  }
  return true;
}

/// x <- D^-1 x for a lower-triangular block D.
template <class Width>
void solve_block_lower(const double* block, double* x, Width w) {
  for (int j = 0; j < w; ++j) {
    double sum = x[j];
    for (int k = 0; k < j; ++k) sum -= block[j * w + k] * x[k];
    x[j] = sum / block[j * w + j];
  }
}

/// Every row p of the panel becomes D^-1 p.
template <class Width>
void solve_panel(const double* block, double* panel, int count, Width w) {
  if constexpr (std::is_same_v<Width, std::integral_constant<int, 1>>) {
    const double inverse = 1.0 / *block;
    for (int row = 0; row < count; ++row) panel[row] *= inverse;
  } else if constexpr (std::is_same_v<Width, std::integral_constant<int, 2>>) {
    const double first = 1.0 / block[0], below = block[2], second = 1.0 / block[3];
    for (int row = 0; row < count; ++row, panel += 2) {
      panel[0] *= first;
      panel[1] = (panel[1] - below * panel[0]) * second;
    }
  } else {
    for (int row = 0; row < count; ++row) solve_block_lower(block, panel + row * w, w);
  }
}

/// x <- D^-T x.
template <class Width>
void solve_block_upper(const double* block, double* x, Width w) {
  for (int j = w - 1; j >= 0; --j) {
    double sum = x[j];
    for (int k = j + 1; k < w; ++k) sum -= block[k * w + j] * x[k];
    x[j] = sum / block[j * w + j];
  }
}

template <class Width>
double dot(const double* a, const double* b, Width w) {
  double sum = 0.0;
  for (int k = 0; k < w; ++k) sum += a[k] * b[k];
  return sum;
}

/// Subtracts P P' from a later head column: its diagonal block and its rows.
template <class Width>
void update_target(const EliminationPattern& pattern, const EliminationPattern::Target& target, const double* panel,
                   int row_count, double* values, Width w) {
  const int target_width = pattern.width(target.head);
  double* diagonal = values + pattern.value_offset(target.head);
  double* below = diagonal + target_width * target_width;
  const double* own = panel + target.first_row * w;
  for (int i = 0; i < target_width; ++i)
    for (int j = 0; j <= i; ++j) diagonal[i * target_width + j] -= dot(own + i * w, own + j * w, w);
  const int* relative = pattern.relative_rows(target);
  const int first_after = target.first_row + target_width;
  for (int row = first_after; row < row_count; ++row) {
    double* out = below + relative[row - first_after] * target_width;
    for (int j = 0; j < target_width; ++j) out[j] -= dot(panel + row * w, own + j * w, w);
  }
}

/// Subtracts P P' from the dense tail (lower triangle), the block of border rows alone left out.
template <class Width>
void update_tail(const double* panel, const int* rows, int count, int border, int head_size, double* tail, int order,
                 Width w) {
  const int random = count - border;
  const double* border_panel = panel + random * w;
  for (int j = 0; j < random; ++j) {
    double* column = tail + std::int64_t(rows[j] - head_size) * order - head_size;
    const double* pj = panel + j * w;
    for (int i = j; i < random; ++i) column[rows[i]] -= dot(panel + i * w, pj, w);
    double* below = column + head_size + order - border;
    for (int i = 0; i < border; ++i) below[i] -= dot(border_panel + i * w, pj, w);
  }
}

template <class Width>
bool eliminate(const EliminationPattern& pattern, int head, double* values, double* border_columns, Width w) {
  double* block = values + pattern.value_offset(head);
  if (!factor_block(block, w)) return false;
  double* panel = block + w * w;
  const int count = pattern.row_count(head);
  solve_panel(block, panel, count, w);
  for (auto target = pattern.targets_begin(head); target != pattern.targets_end(head); ++target)
    update_target(pattern, *target, panel, count, values, w);
  const int skipped = pattern.head_row_count(head);
  update_tail(panel + skipped * w, pattern.rows(head) + skipped, count - skipped, pattern.border(), pattern.head_size(),
              values + pattern.tail_offset(), pattern.tail_order(), w);
  const double* border_panel = panel + (count - pattern.border()) * w;
  double* collected = border_columns + pattern.first(head);
  for (int i = 0; i < pattern.border(); ++i)
    for (int k = 0; k < w; ++k) collected[i * std::int64_t(pattern.head_size()) + k] = border_panel[i * w + k];
  return true;
}

}  // namespace

bool Cholesky::factor() {
  double* values = values_.data();
  for (int head = 0; head < pattern_->head_count(); ++head) {
    const bool ok = dispatch_width(
        pattern_->width(head), [&](auto w) { return eliminate(*pattern_, head, values, border_columns_.data(), w); });
    if (!ok) return false;
  }
  const int order = pattern_->tail_order(), border = pattern_->border();
  if (border > 0 && pattern_->head_size() > 0) {
    double* corner = values + pattern_->tail_offset() + std::int64_t(order - border) * (order + 1);
    const int rows = pattern_->head_size();
    subtract_gram(*kernels_, {border_columns_.data(), rows}, rows, border, {corner, order});
  }
  return order == 0 || kernels_->potrf_lower(order, values + pattern_->tail_offset(), order);
}

double Cholesky::log_determinant(int border) const {
  LogSum sum;
  for (int head = 0; head < pattern_->head_count(); ++head) {
    const double* block = values_.data() + pattern_->value_offset(head);
    const int w = pattern_->width(head);
    for (int j = 0; j < w; ++j) sum.add(block[j * w + j]);
  }
  const int leading = pattern_->tail_order() - pattern_->border() + border;
  for (int j = 0; j < leading; ++j) sum.add(tail(j, j));
  return 2.0 * sum.total();
}

double Cholesky::smallest_pivot() const {
  double smallest = std::numeric_limits<double>::infinity();
  for (int head = 0; head < pattern_->head_count(); ++head) {
    const double* block = values_.data() + pattern_->value_offset(head);
    const int w = pattern_->width(head);
    for (int j = 0; j < w; ++j) smallest = std::min(smallest, block[j * w + j]);
  }
  for (int j = 0; j < pattern_->tail_order() - pattern_->border(); ++j) smallest = std::min(smallest, tail(j, j));
  return smallest * smallest;
}

void Cholesky::solve_lower(double* x, int border) const {
  const int limit = pattern_->size() + border;
  for (int head = 0; head < pattern_->head_count(); ++head) {
    const double* block = values_.data() + pattern_->value_offset(head);
    dispatch_width(pattern_->width(head), [&](auto w) {
      double* own = x + pattern_->first(head);
      solve_block_lower(block, own, w);
      const double* panel = block + w * w;
      const int* rows = pattern_->rows(head);
      const int count = pattern_->row_count(head);
      for (int i = 0; i < count && rows[i] < limit; ++i) x[rows[i]] -= dot(panel + i * w, own, w);
      return true;
    });
  }
  const int order = pattern_->tail_order(), leading = order - pattern_->border() + border;
  Eigen::Map<const Matrix, 0, Eigen::OuterStride<>> factor(values_.data() + pattern_->tail_offset(), leading, leading,
                                                           Eigen::OuterStride<>(order));
  Eigen::Map<Vector> tail_part(x + pattern_->head_size(), leading);
  factor.triangularView<Eigen::Lower>().solveInPlace(tail_part);
}

void Cholesky::solve_upper(double* x, int border) const {
  const int limit = pattern_->size() + border;
  const int order = pattern_->tail_order(), leading = order - pattern_->border() + border;
  Eigen::Map<const Matrix, 0, Eigen::OuterStride<>> factor(values_.data() + pattern_->tail_offset(), leading, leading,
                                                           Eigen::OuterStride<>(order));
  Eigen::Map<Vector> tail_part(x + pattern_->head_size(), leading);
  factor.transpose().triangularView<Eigen::Upper>().solveInPlace(tail_part);
  for (int head = pattern_->head_count() - 1; head >= 0; --head) {
    const double* block = values_.data() + pattern_->value_offset(head);
    dispatch_width(pattern_->width(head), [&](auto w) {
      double* own = x + pattern_->first(head);
      const double* panel = block + w * w;
      const int* rows = pattern_->rows(head);
      const int count = pattern_->row_count(head);
      for (int i = 0; i < count && rows[i] < limit; ++i)
        for (int k = 0; k < w; ++k) own[k] -= panel[i * w + k] * x[rows[i]];
      solve_block_upper(block, own, w);
      return true;
    });
  }
}

void Cholesky::solve(double* x, int border) const {
  solve_lower(x, border);
  solve_upper(x, border);
}

}  // namespace ranef
