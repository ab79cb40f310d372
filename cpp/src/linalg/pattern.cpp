#include "ranef/linalg/pattern.hpp"

#include <algorithm>
#include <cassert>

#include "ranef/linalg/ordering.hpp"

namespace ranef {

namespace {

/// For every head column, the places (in the order) of the later nodes in it, sorted.
std::vector<std::vector<int>> head_structure(const Adjacency& adjacency, const std::vector<int>& order,
                                             const std::vector<int>& place, const std::vector<int>& parent,
                                             int head_count) {
  std::vector<std::vector<int>> structure(head_count);
  std::vector<std::vector<int>> children(head_count);
  std::vector<int> mark(order.size(), -1);
  for (int c = 0; c < head_count; ++c) {
    const auto column = c;
    mark[column] = c;
    auto add = [&](int p) {
      if (p > c && mark[p] != c) {
        mark[p] = c;
        structure[column].push_back(p);
      }
    };
    const auto node = order[column];
    for (int k = adjacency.offset[node]; k < adjacency.offset[node + 1]; ++k) add(place[adjacency.neighbour[k]]);
    for (int child : children[column])
      for (int p : structure[child]) add(p);
    std::sort(structure[column].begin(), structure[column].end());
    if (const int p = parent[column]; p != -1 && p < head_count) children[p].push_back(c);
  }
  return structure;
}

}  // namespace

EliminationPattern::EliminationPattern(const BlockGraph& graph)
    : border_(graph.border), start_(graph.width.size()), node_width_(graph.width) {
  const Adjacency adjacency(graph);
  const auto [order, place, parent, head_count] = plan_elimination(graph, adjacency);
  place_ = place;
  head_count_ = head_count;

  for (int p = 0; p < node_count(); ++p) {
    if (p == head_count_) head_size_ = size_;
    const auto node = order[p];
    start_[node] = size_;
    size_ += graph.width[node];
  }
  if (head_count_ == static_cast<int>(order.size())) head_size_ = size_;

  const auto structure = head_structure(adjacency, order, place_, parent, head_count_);
  place_head(structure, order, graph.width);
  link_targets(structure);
}

void EliminationPattern::place_head(const std::vector<std::vector<int>>& structure, const std::vector<int>& order,
                                    const std::vector<int>& widths) {
  const int heads = head_count_;
  head_width_.resize(heads);
  head_first_.resize(heads);
  head_rows_.assign(heads, 0);
  row_offset_.assign(heads + 1, 0);
  value_offset_.assign(heads + 1, 0);
  for (int c = 0; c < head_count_; ++c) {
    const auto node = order[c];
    head_width_[c] = widths[node];
    head_first_[c] = start_[node];
    for (int p : structure[c]) {
      const auto below = order[p];
      for (int j = 0; j < widths[below]; ++j) rows_.push_back(start_[below] + j);
      if (p < head_count_) head_rows_[c] += widths[below];
    }
    for (int j = 0; j < border_; ++j) rows_.push_back(size_ + j);
    row_offset_[c + 1] = static_cast<std::int64_t>(rows_.size());
    const std::int64_t w = widths[node];
    value_offset_[c + 1] = value_offset_[c] + w * (w + row_offset_[c + 1] - row_offset_[c]);
  }
  tail_offset_ = value_offset_[heads];
}

void EliminationPattern::link_targets(const std::vector<std::vector<int>>& structure) {
  target_offset_.assign(head_count_ + 1, 0);
  for (int c = 0; c < head_count_; ++c) {
    const int* source = rows(c);
    const int count = row_count(c);
    int first_row = 0;
    for (int p : structure[c]) {
      if (p >= head_count_) break;
      targets_.push_back({p, first_row, static_cast<std::int64_t>(relative_.size())});
      const int* target = rows(p);
      int position = 0;
      for (int row = first_row + width(p); row < count; ++row) {
        while (target[position] != source[row]) ++position;
        relative_.push_back(position);
      }
      first_row += width(p);
    }
    target_offset_[c + 1] = static_cast<std::int64_t>(targets_.size());
  }
}

BlockPlace EliminationPattern::diagonal(int node) const {
  const int p = place_[node];
  if (p < head_count_) return {value_offset(p), width(p), 1};
  const std::int64_t at = start(node) - head_size_;
  return {tail_offset_ + at * (tail_order() + 1), 1, tail_order()};
}

BlockPlace EliminationPattern::below(int later, int earlier) const {
  assert(comes_before(earlier, later));
  const int p = place_[earlier];
  if (p < head_count_) {
    const int* begin = rows(p);
    const int* found = std::lower_bound(begin, begin + row_count(p), start(later));
    assert(found != begin + row_count(p) && *found == start(later));
    const std::int64_t w = width(p);
    return {value_offset(p) + w * (w + (found - begin)), static_cast<int>(w), 1};
  }
  const std::int64_t row = start(later) - head_size_, col = start(earlier) - head_size_;
  return {tail_offset_ + row + col * tail_order(), 1, tail_order()};
}

BlockPlace EliminationPattern::border_rows(int node) const {
  const int p = place_[node];
  if (p < head_count_) {
    const std::int64_t w = width(p);
    return {value_offset(p) + w * (w + row_count(p) - border_), static_cast<int>(w), 1};
  }
  const std::int64_t col = start(node) - head_size_;
  return {tail_offset_ + (size_ - head_size_) + col * tail_order(), 1, tail_order()};
}

}  // namespace ranef
