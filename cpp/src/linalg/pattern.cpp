#include "ranef/linalg/pattern.hpp"

#include <algorithm>
#include <cassert>

#include "ranef/linalg/ordering.hpp"

namespace ranef {

namespace {

/// For every head column, the places (in the order) of the later nodes in it, sorted.
std::vector<std::vector<int>> head_structure(const Adjacency& adjacency, const EliminationPlan& plan) {
  const auto& [order, place, parent, head_count] = plan;
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
    : EliminationPattern(graph, plan_elimination(graph, Adjacency(graph))) {}

EliminationPattern::EliminationPattern(const BlockGraph& graph, EliminationPlan plan)
    : plan_(std::move(plan)), border_(graph.border), start_(graph.width.size()), node_width_(graph.width) {
  for (int p = 0; p < node_count(); ++p) {
    if (p == head_count()) head_size_ = size_;
    const auto node = plan_.order[p];
    start_[node] = size_;
    size_ += graph.width[node];
  }
  if (head_count() == node_count()) head_size_ = size_;

  const auto structure = head_structure(Adjacency(graph), plan_);
  place_head(structure, graph.width);
  link_targets(structure);
}

void EliminationPattern::place_head(const std::vector<std::vector<int>>& structure, const std::vector<int>& widths) {
  const int heads = head_count();
  head_width_.resize(heads);
  head_first_.resize(heads);
  head_rows_.assign(heads, 0);
  row_offset_.assign(heads + 1, 0);
  value_offset_.assign(heads + 1, 0);
  for (int c = 0; c < head_count(); ++c) {
    const auto node = plan_.order[c];
    head_width_[c] = widths[node];
    head_first_[c] = start_[node];
    for (int p : structure[c]) {
      const auto below = plan_.order[p];
      for (int j = 0; j < widths[below]; ++j) rows_.push_back(start_[below] + j);
      if (p < head_count()) head_rows_[c] += widths[below];
    }
    for (int j = 0; j < border_; ++j) rows_.push_back(size_ + j);
    row_offset_[c + 1] = static_cast<std::int64_t>(rows_.size());
    const std::int64_t w = widths[node];
    value_offset_[c + 1] = value_offset_[c] + w * (w + row_offset_[c + 1] - row_offset_[c]);
  }
  tail_offset_ = value_offset_[heads];
}

void EliminationPattern::link_targets(const std::vector<std::vector<int>>& structure) {
  target_offset_.assign(head_count() + 1, 0);
  for (int c = 0; c < head_count(); ++c) {
    const int* source = rows(c);
    const int count = row_count(c);
    int first_row = 0;
    for (int p : structure[c]) {
      if (p >= head_count()) break;
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
  const int p = plan_.place[node];
  if (p < head_count()) return {value_offset(p), width(p), 1};
  const std::int64_t at = start(node) - head_size_;
  return {tail_offset_ + at * (tail_order() + 1), 1, tail_order()};
}

BlockPlace EliminationPattern::below(int later, int earlier) const {
  assert(comes_before(earlier, later));
  const int p = plan_.place[earlier];
  if (p < head_count()) {
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
  const int p = plan_.place[node];
  if (p < head_count()) {
    const std::int64_t w = width(p);
    return {value_offset(p) + w * (w + row_count(p) - border_), static_cast<int>(w), 1};
  }
  const std::int64_t col = start(node) - head_size_;
  return {tail_offset_ + (size_ - head_size_) + col * tail_order(), 1, tail_order()};
}

}  // namespace ranef
