#include "ranef/linalg/selected_inverse.hpp"

#include <algorithm>

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

namespace {

/// U = P D^-1, row by row: each row solves u D = p.
template <class Width>
void scale_rows(const double* block, const double* panel, int count, double* scaled, Width w) {
  for (int row = 0; row < count; ++row) {
    const double* p = panel + row * w;
    double* u = scaled + row * w;
    for (int j = w - 1; j >= 0; --j) {
      double sum = p[j];
      for (int k = j + 1; k < w; ++k) sum -= u[k] * block[k * w + j];
      u[j] = sum / block[j * w + j];
    }
  }
}

/// out += Z_RR U for the rows of one later head column: its diagonal block, and its rows below on both sides.
template <class Width>
void gather_target(const EliminationPattern& pattern, const EliminationPattern::Target& target, const double* values,
                   const double* scaled, int count, double* out, Width w) {
  const int tw = pattern.width(target.head);
  const double* diagonal = values + pattern.value_offset(target.head);
  const double* below = diagonal + tw * tw;
  const double* own_scaled = scaled + target.first_row * w;
  double* own_out = out + target.first_row * w;
  for (int i = 0; i < tw; ++i)
    for (int j = 0; j < tw; ++j)
      for (int k = 0; k < w; ++k) own_out[i * w + k] += diagonal[i * tw + j] * own_scaled[j * w + k];
  const int* relative = pattern.relative_rows(target);
  const int first_after = target.first_row + tw;
  for (int row = first_after; row < count; ++row) {
    const double* z = below + relative[row - first_after] * tw;
    for (int i = 0; i < tw; ++i)
      for (int k = 0; k < w; ++k) {
        own_out[i * w + k] += z[i] * scaled[row * w + k];
        out[row * w + k] += z[i] * own_scaled[i * w + k];
      }
  }
}

/// out += Z_RR U for the rows in the tail. Each entry of Z is read once, from the lower triangle, and serves both its
/// row and its column: these scattered reads are what the whole inverse of a crossed design waits for.
template <class Width>
void gather_tail(const double* tail, int order, int head_size, const int* rows, int count, const double* scaled,
                 double* out, Width w) {
  for (int j = 0; j < count; ++j) {
    const double* column = tail + std::int64_t(rows[j] - head_size) * order - head_size;
    const double* u = scaled + j * w;
    double* own = out + j * w;
    for (int k = 0; k < w; ++k) own[k] += column[rows[j]] * u[k];
    for (int i = j + 1; i < count; ++i) {
      const double z = column[rows[i]];
      for (int k = 0; k < w; ++k) {
        out[i * w + k] += z * u[k];
        own[k] += z * scaled[i * w + k];
      }
    }
  }
}

/// D^-T D^-1 of a lower-triangular block, both triangles.
template <class Width>
void invert_block(const double* block, double* out, Width w) {
  for (int col = 0; col < w; ++col) {
    double* x = out + col * w;  // the inverse is symmetric: its row is its column
    for (int j = 0; j < w; ++j) {
      double sum = j == col ? 1.0 : 0.0;
      for (int k = 0; k < j; ++k) sum -= block[j * w + k] * x[k];
      x[j] = sum / block[j * w + j];
    }
    for (int j = w - 1; j >= 0; --j) {
      double sum = x[j];
      for (int k = j + 1; k < w; ++k) sum -= block[k * w + j] * x[k];
      x[j] = sum / block[j * w + j];
    }
  }
}

void invert_tail(const Cholesky& factor, double* tail, int leading) {
  const EliminationPattern& pattern = factor.pattern();
  const int order = pattern.tail_order();
  const double* source = factor.values().data() + pattern.tail_offset();
  for (int col = 0; col < leading; ++col)
    std::copy(source + std::int64_t(col) * order + col, source + std::int64_t(col) * order + leading,
              tail + std::int64_t(col) * order + col);
  factor.kernels().potri_lower(leading, tail, order);
  constexpr int kTile = 32;  // mirrored tile by tile: a plain transpose of a large matrix misses cache at every entry
  for (int col0 = 0; col0 < leading; col0 += kTile)
    for (int row0 = col0; row0 < leading; row0 += kTile)
      for (int col = col0; col < std::min(col0 + kTile, leading); ++col)
        for (int row = std::max(row0, col + 1); row < std::min(row0 + kTile, leading); ++row)
          tail[col + std::int64_t(row) * order] = tail[row + std::int64_t(col) * order];
}

}  // namespace

void SelectedInverse::compute(const Cholesky& factor, int border) {
  const EliminationPattern& pattern = factor.pattern();
  double* values = values_.data();
  double* tail = values + pattern.tail_offset();
  if (pattern.tail_order() > 0) invert_tail(factor, tail, pattern.tail_order() - pattern.border() + border);
  const int dropped = pattern.border() - border;

  for (int head = pattern.head_count() - 1; head >= 0; --head) {
    dispatch_width(pattern.width(head), [&](auto w) {
      const int count = pattern.row_count(head) - dropped;
      const double* block = factor.values().data() + pattern.value_offset(head);
      scaled_.resize(static_cast<std::size_t>(count) * w);
      gathered_.assign(static_cast<std::size_t>(count) * w, 0.0);
      double* scaled = scaled_.data();
      double* gathered = gathered_.data();
      scale_rows(block, block + w * w, count, scaled, w);
      for (auto target = pattern.targets_begin(head); target != pattern.targets_end(head); ++target)
        gather_target(pattern, *target, values, scaled, count, gathered, w);
      const int skipped = pattern.head_row_count(head);
      gather_tail(tail, pattern.tail_order(), pattern.head_size(), pattern.rows(head) + skipped, count - skipped,
                  scaled + skipped * w, gathered + skipped * w, w);

      double* out = values + pattern.value_offset(head);
      invert_block(block, out, w);
      for (int row = 0; row < count; ++row)
        for (int i = 0; i < w; ++i)
          for (int j = 0; j < w; ++j) out[i * w + j] += scaled[row * w + i] * gathered[row * w + j];
      double* below = out + w * w;
      for (int k = 0; k < count * w; ++k) below[k] = -gathered[k];
      return true;
    });
  }
}

}  // namespace ranef
