#pragma once
// Where every entry of the penalised Hessian H and of its Cholesky factor lives: computed once a model.
//
// H is a symmetric matrix of blocks. A node is one level of one random term, `width` columns wide; an edge joins
// two nodes that share a row of data or an entry of the prior precision. After the nodes come `border` dense rows
// (fixed effects that are solved for together with the random effects, and the response of a Gaussian model).
//
// The nodes are put in a fill-reducing order and split in two. The first ones, the head, are eliminated one at a
// time as sparse block columns; from some node on the Schur complement is nearly dense, and that tail is one dense
// matrix, together with the border. Example, students (head) crossed with three lecturers (tail), border x:
//
//        s1  s2 | l1 l2 l3  x
//   s1   o
//   s2   .   o
//   l1   o   .  | o
//   l2   o   o  | o  o
//   l3   .   o  | o  o  o          o stored, . a zero that is never touched
//   x    o   o  | o  o  o  o
//
// All values stand in one buffer: for each head node its width x width diagonal block (row by row) followed by its
// rows below (each `width` values), then the tail, column-major, lower triangle. Factor and inverse use the same
// layout, so one set of positions serves all of them.

#include <cstdint>
#include <utility>
#include <vector>

#include "ranef/types.hpp"

namespace ranef {

/// Nodes, their widths, and the pairs of nodes that meet; each pair once, in any orientation.
struct BlockGraph {
  std::vector<int> width;
  std::vector<int> group_size;  ///< nodes stand in groups (random terms) of these sizes, one after the other
  std::vector<std::pair<int, int>> edges;
  int border = 0;
};

/// A rectangular block inside the value buffer: entry (row, col) at offset + row * row_stride + col * col_stride.
struct BlockPlace {
  std::int64_t offset = 0;
  int row_stride = 1;
  int col_stride = 1;
};

/// order[place] = node; place[node]; parent[place]: the first later node that a column of the factor reaches, -1 for
/// roots; and how many nodes, from the first, make the sparse head.
struct EliminationPlan {
  std::vector<int> order, place, parent;
  int head_count = 0;
};

class EliminationPattern {
 public:
  /// A later head node that a head column updates.
  struct Target {
    int head;               ///< place of the target in the order of elimination
    int first_row;          ///< where its rows start among the rows of the updating column
    std::int64_t relative;  ///< where `relative_rows` lists the places, in the target, of all rows after it
  };

  explicit EliminationPattern(const BlockGraph& graph);
  /// By a plan for the same nodes and edges, whatever the border.
  EliminationPattern(const BlockGraph& graph, EliminationPlan plan);

  const EliminationPlan& plan() const { return plan_; }
  int node_count() const { return static_cast<int>(start_.size()); }
  int head_count() const { return plan_.head_count; }
  int border() const { return border_; }
  /// Scalar rows of the nodes (border excluded), and how many of them belong to the head.
  int size() const { return size_; }
  int head_size() const { return head_size_; }
  int tail_order() const { return size_ - head_size_ + border_; }
  std::int64_t value_count() const { return tail_offset_ + std::int64_t(tail_order()) * tail_order(); }
  std::int64_t tail_offset() const { return tail_offset_; }

  /// First scalar coordinate of a node in the order of elimination.
  int start(int node) const { return start_[node]; }

  BlockPlace diagonal(int node) const;
  /// Block with the rows of `later` and the columns of `earlier`; `later` must come after `earlier` in the order.
  BlockPlace below(int later, int earlier) const;
  bool comes_before(int a, int b) const { return start(a) < start(b); }
  /// Border rows of a node's columns.
  BlockPlace border_rows(int node) const;

  // Head columns, by place in the order of elimination.
  int width(int head) const { return head_width_[head]; }
  int first(int head) const { return head_first_[head]; }
  int row_count(int head) const { return static_cast<int>(row_offset_[head + 1] - row_offset_[head]); }
  const int* rows(int head) const { return rows_.data() + row_offset_[head]; }
  /// Rows of a head column that belong to the head; the rest belong to the tail and the border.
  int head_row_count(int head) const { return head_rows_[head]; }
  std::int64_t value_offset(int head) const { return value_offset_[head]; }
  const Target* targets_begin(int head) const { return targets_.data() + target_offset_[head]; }
  const Target* targets_end(int head) const { return targets_.data() + target_offset_[head + 1]; }
  const int* relative_rows(const Target& target) const { return relative_.data() + target.relative; }

 private:
  void place_head(const std::vector<std::vector<int>>& structure, const std::vector<int>& widths);
  void link_targets(const std::vector<std::vector<int>>& structure);

  EliminationPlan plan_;
  int border_ = 0;
  int size_ = 0;
  int head_size_ = 0;
  std::int64_t tail_offset_ = 0;
  std::vector<int> start_;       // node -> first coordinate
  std::vector<int> node_width_;  // node -> width
  std::vector<int> head_width_, head_first_, head_rows_;
  std::vector<std::int64_t> row_offset_, value_offset_, target_offset_;
  std::vector<int> rows_, relative_;
  std::vector<Target> targets_;
};

}  // namespace ranef
