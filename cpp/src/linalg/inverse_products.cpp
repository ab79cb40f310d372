#include "ranef/linalg/inverse_products.hpp"

#include <algorithm>

namespace ranef {

InverseProducts::InverseProducts(const Cholesky& factor, const SelectedInverse& inverse, int border)
    : pattern_(&factor.pattern()),
      dropped_(pattern_->border() - border),
      factor_(&factor),
      inverse_(&inverse),
      owner_(pattern_->head_size()),
      position_(pattern_->size() + border, -1) {
  for (int head = 0; head < pattern_->head_count(); ++head)
    std::fill_n(owner_.begin() + pattern_->first(head), pattern_->width(head), head);
}

const double* InverseProducts::entry(int i, int j) const {
  if (i > j) std::swap(i, j);
  const double* values = inverse_->values().data();
  const int head_size = pattern_->head_size();
  if (i >= head_size)
    return values + pattern_->tail_offset() + (j - head_size) + std::int64_t(i - head_size) * pattern_->tail_order();
  const int head = owner_[i], w = pattern_->width(head), own = i - pattern_->first(head);
  const double* block = values + pattern_->value_offset(head);
  if (j < pattern_->first(head) + w) return block + own * w + (j - pattern_->first(head));
  const int* rows = pattern_->rows(head);
  const int random = pattern_->row_count(head) - pattern_->border();
  if (j >= pattern_->size()) return block + w * w + (random + j - pattern_->size()) * w + own;
  const int* found = std::lower_bound(rows, rows + random, j);
  return found != rows + random && *found == j ? block + w * w + (found - rows) * w + own : nullptr;
}

bool InverseProducts::add_selected(const std::vector<SparseColumn>& columns, Matrix& out) const {
  Matrix sum = Matrix::Zero(out.rows(), out.cols());
  for (Index a = 0; a < sum.rows(); ++a)
    for (Index b = 0; b <= a; ++b)
      for (const SparseEntry& x : columns[a])
        for (const SparseEntry& y : columns[b]) {
          const double* z = entry(x.coordinate, y.coordinate);
          if (z == nullptr) return false;
          sum(a, b) += x.value * *z * y.value;
        }
  out += sum;
  return true;
}

Matrix InverseProducts::solved(const std::vector<SparseColumn>& columns) {
  find_reach(columns);
  const Index count = static_cast<Index>(columns.size());
  x_.setZero(static_cast<Index>(reached_.size()), count);
  for (Index k = 0; k < count; ++k)
    for (const SparseEntry& e : columns[k]) x_(position_[e.coordinate], k) += e.value;
  for (const int head : heads_) forward(head);
  invert_tail();
  for (auto head = heads_.rbegin(); head != heads_.rend(); ++head) backward(*head);
  Matrix out = Matrix::Zero(count, count);
  for (Index a = 0; a < count; ++a)
    for (const SparseEntry& e : columns[a]) out.row(a) += e.value * x_.row(position_[e.coordinate]);
  for (const int coordinate : reached_) position_[coordinate] = -1;
  return out;
}

void InverseProducts::include(int coordinate) {
  if (position_[coordinate] >= 0) return;
  const auto add = [&](int at) {
    position_[at] = static_cast<int>(reached_.size());
    reached_.push_back(at);
  };
  if (coordinate >= pattern_->head_size()) {
    tail_.push_back(coordinate);
    add(coordinate);
    return;
  }
  const int head = owner_[coordinate];
  heads_.push_back(head);
  pending_.push_back(head);
  for (int k = 0; k < pattern_->width(head); ++k) add(pattern_->first(head) + k);
}

void InverseProducts::find_reach(const std::vector<SparseColumn>& columns) {
  heads_.clear();
  tail_.clear();
  reached_.clear();
  for (const SparseColumn& column : columns)
    for (const SparseEntry& e : column) include(e.coordinate);
  while (!pending_.empty()) {
    const int head = pending_.back();
    pending_.pop_back();
    for (int i = 0; i < row_count(head); ++i) include(pattern_->rows(head)[i]);
  }
  std::sort(heads_.begin(), heads_.end());
}

void InverseProducts::forward(int head) {
  const int w = pattern_->width(head), first = position_[pattern_->first(head)];
  const double* block = factor_->values().data() + pattern_->value_offset(head);
  for (int j = 0; j < w; ++j) {
    for (int k = 0; k < j; ++k) x_.row(first + j) -= block[j * w + k] * x_.row(first + k);
    x_.row(first + j) /= block[j * w + j];
  }
  const double* panel = block + w * w;
  for (int i = 0; i < row_count(head); ++i)
    for (int k = 0; k < w; ++k) x_.row(position_[pattern_->rows(head)[i]]) -= panel[i * w + k] * x_.row(first + k);
}

void InverseProducts::invert_tail() {
  const double* z = inverse_->values().data() + pattern_->tail_offset();
  const int head_size = pattern_->head_size();
  const Index count = static_cast<Index>(tail_.size());
  RowMatrix t(count, x_.cols()), solution = RowMatrix::Zero(count, x_.cols());
  for (Index i = 0; i < count; ++i) t.row(i) = x_.row(position_[tail_[i]]);
  for (Index j = 0; j < count; ++j) {
    const double* column = z + std::int64_t(tail_[j] - head_size) * pattern_->tail_order();
    for (Index i = 0; i < count; ++i) solution.row(j) += column[tail_[i] - head_size] * t.row(i);
  }
  for (Index i = 0; i < count; ++i) x_.row(position_[tail_[i]]) = solution.row(i);
}

void InverseProducts::backward(int head) {
  const int w = pattern_->width(head), first = position_[pattern_->first(head)];
  const double* block = factor_->values().data() + pattern_->value_offset(head);
  const double* panel = block + w * w;
  for (int i = 0; i < row_count(head); ++i)
    for (int k = 0; k < w; ++k) x_.row(first + k) -= panel[i * w + k] * x_.row(position_[pattern_->rows(head)[i]]);
  for (int j = w - 1; j >= 0; --j) {
    for (int k = j + 1; k < w; ++k) x_.row(first + j) -= block[k * w + j] * x_.row(first + k);
    x_.row(first + j) /= block[j * w + j];
  }
}

}  // namespace ranef
