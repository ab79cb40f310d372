#include "ranef/linalg/row_rotation.hpp"

#include <cmath>

namespace ranef {

namespace {

/// A rotation of two rows that leaves nothing of the second at the first's pivot.
struct Rotation {
  double cosine, sine;

  Rotation(double& pivot, double& entry) {
    const double length = std::hypot(pivot, entry);
    cosine = pivot / length;
    sine = entry / length;
    pivot = length;
    entry = 0.0;
  }
  void apply(double& a, double& b) const {
    const double rotated = cosine * a + sine * b;
    b = cosine * b - sine * a;
    a = rotated;
  }
};

void rotate_head(const EliminationPattern& pattern, int head, double* factor, double* row) {
  const int w = pattern.width(head), count = pattern.row_count(head);
  double *block = factor + pattern.value_offset(head), *panel = block + w * w, *own = row + pattern.first(head);
  const int* rows = pattern.rows(head);
  for (int j = 0; j < w; ++j) {
    if (own[j] == 0.0) continue;
    const Rotation rotation(block[j * w + j], own[j]);
    for (int i = j + 1; i < w; ++i) rotation.apply(block[i * w + j], own[i]);
    for (int i = 0; i < count; ++i) rotation.apply(panel[i * w + j], row[rows[i]]);
  }
}

void rotate_tail(double* tail, int order, double* row) {
  for (int j = 0; j < order; ++j, tail += order) {
    if (row[j] == 0.0) continue;
    const Rotation rotation(tail[j], row[j]);
    for (int i = j + 1; i < order; ++i) rotation.apply(tail[i], row[i]);
  }
}

}  // namespace

RowRotation::RowRotation(const EliminationPattern& pattern) : pattern_(&pattern), head_of_(pattern.head_size()) {
  for (int head = 0; head < pattern.head_count(); ++head)
    for (int j = 0; j < pattern.width(head); ++j) head_of_[pattern.first(head) + j] = head;
}

void RowRotation::add(double* factor, double* row, int first) const {
  while (first < pattern_->head_size()) {
    const int head = head_of_[first];
    rotate_head(*pattern_, head, factor, row);
    if (pattern_->head_row_count(head) == 0) break;
    first = pattern_->rows(head)[0];
  }
  rotate_tail(factor + pattern_->tail_offset(), pattern_->tail_order(), row + pattern_->head_size());
}

}  // namespace ranef
