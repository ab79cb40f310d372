#pragma once
// Graphs of blocks of every kind that models give rise to, and random positive
// definite matrices on them, dense beside the layout under test.

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "ranef/linalg/pattern.hpp"

namespace ranef::test {

using Generator = std::mt19937_64;

inline double uniform(Generator& rng, double low = -1.0, double high = 1.0) {
  return std::uniform_real_distribution<double>(low, high)(rng);
}

struct NamedGraph {
  std::string name;
  BlockGraph graph;
};

/// One factor: no edges.
inline BlockGraph single_factor(int levels, int width, int border) {
  return {std::vector<int>(std::size_t(levels), width), {levels}, {}, border};
}

/// Outer levels, each with `per` nodes of its own; their widths may differ.
inline BlockGraph nested_factors(int outer, int per, int outer_width, int inner_width, int border) {
  BlockGraph graph{{}, {outer * per, outer}, {}, border};
  graph.width.assign(std::size_t(outer * per), inner_width);
  graph.width.insert(graph.width.end(), std::size_t(outer), outer_width);
  for (int i = 0; i < outer * per; ++i) graph.edges.emplace_back(outer * per + i / per, i);
  return graph;
}

/// Two factors whose levels meet with a probability; edges in either
/// orientation.
inline BlockGraph crossed_factors(int first, int second, double density, int first_width, int second_width, int border,
                                  Generator& rng) {
  BlockGraph graph{{}, {first, second}, {}, border};
  graph.width.assign(std::size_t(first), first_width);
  graph.width.insert(graph.width.end(), std::size_t(second), second_width);
  for (int i = 0; i < first; ++i)
    for (int j = first; j < first + second; ++j) {
      if (uniform(rng, 0.0, 1.0) > density) continue;
      if (uniform(rng) > 0.0) {
        graph.edges.emplace_back(i, j);
      } else {
        graph.edges.emplace_back(j, i);
      }
    }
  return graph;
}

/// Series of `length` nodes, each linked to the one before.
inline BlockGraph chains(int series, int length, int border) {
  BlockGraph graph = single_factor(series * length, 1, border);
  for (int node = 0; node < series * length; ++node)
    if (node % length > 0) graph.edges.emplace_back(node - 1, node);
  return graph;
}

/// Any two nodes meet with a probability; widths from 1 to `widest`.
inline BlockGraph random_graph(int nodes, double density, int widest, int border, Generator& rng) {
  BlockGraph graph = single_factor(nodes, 1, border);
  for (int& w : graph.width) w = std::uniform_int_distribution<int>(1, widest)(rng);
  for (int i = 1; i < nodes; ++i)
    for (int j = 0; j < i; ++j)
      if (uniform(rng, 0.0, 1.0) < density) graph.edges.emplace_back(i, j);
  return graph;
}

inline std::vector<NamedGraph> graphs_of_every_kind() {
  Generator rng(71);
  std::vector<NamedGraph> out;
  for (const int border : {0, 1, 5}) {
    const std::string with = ", border " + std::to_string(border);
    for (int width = 1; width <= 6; ++width)
      out.push_back({"one factor, width " + std::to_string(width) + with, single_factor(30, width, border)});
    out.push_back({"nested" + with, nested_factors(6, 5, 1, 2, border)});
    out.push_back({"nested, wide outer" + with, nested_factors(4, 12, 4, 1, border)});
    out.push_back({"crossed" + with, crossed_factors(60, 12, 0.2, 1, 1, border, rng)});
    out.push_back({"crossed, blocks" + with, crossed_factors(50, 6, 0.3, 2, 3, border, rng)});
    out.push_back({"chains" + with, chains(4, 25, border)});
    out.push_back({"sparse" + with, random_graph(80, 0.02, 4, border, rng)});
    out.push_back({"dense" + with, random_graph(25, 0.9, 2, border, rng)});
  }
  out.push_back({"border alone", {{}, {}, {}, 3}});
  return out;
}

/// A symmetric matrix in the order of elimination, zero where the graph has no
/// edge.
struct BlockMatrix {
  Matrix dense;
  std::vector<double> values;  ///< the same in the pattern's layout, lower triangle
};

/// Positive definite: every diagonal entry exceeds the sum of the others in its
/// row.
inline BlockMatrix random_block_matrix(const BlockGraph& graph, const EliminationPattern& pattern, Generator& rng) {
  const Index order = pattern.size() + graph.border;
  BlockMatrix out{Matrix::Zero(order, order), std::vector<double>(std::size_t(pattern.value_count()), 0.0)};
  const auto fill = [&](Index row, Index col, Index rows, Index cols) {
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j) out.dense(row + i, col + j) = out.dense(col + j, row + i) = uniform(rng);
  };
  const auto width = [&](int node) { return Index(graph.width[std::size_t(node)]); };
  for (int node = 0; node < pattern.node_count(); ++node) {
    fill(pattern.start(node), pattern.start(node), width(node), width(node));
    fill(pattern.size(), pattern.start(node), graph.border, width(node));
  }
  for (const auto& [a, b] : graph.edges) fill(pattern.start(a), pattern.start(b), width(a), width(b));
  fill(pattern.size(), pattern.size(), graph.border, graph.border);
  for (Index i = 0; i < order; ++i) out.dense(i, i) = out.dense.row(i).cwiseAbs().sum() + uniform(rng, 0.1, 2.0);
  return out;
}

/// Copies the dense matrix into the layout: through the places of nodes, edges
/// and border.
inline void scatter(const BlockGraph& graph, const EliminationPattern& pattern, BlockMatrix& matrix) {
  const auto width = [&](int node) { return Index(graph.width[std::size_t(node)]); };
  const auto put = [&](const BlockPlace& place, Index row, Index col, Index rows, Index cols) {
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j)
        matrix.values[std::size_t(place.offset + i * place.row_stride + j * place.col_stride)] =
            matrix.dense(row + i, col + j);
  };
  for (int node = 0; node < pattern.node_count(); ++node) {
    put(pattern.diagonal(node), pattern.start(node), pattern.start(node), width(node), width(node));
    if (graph.border > 0)
      put(pattern.border_rows(node), pattern.size(), pattern.start(node), graph.border, width(node));
  }
  for (auto [later, earlier] : graph.edges) {
    if (pattern.comes_before(later, earlier)) std::swap(later, earlier);
    put(pattern.below(later, earlier), pattern.start(later), pattern.start(earlier), width(later), width(earlier));
  }
  const Index tail = pattern.tail_order(), first = tail - graph.border;
  put({pattern.tail_offset() + first * (tail + 1), 1, int(tail)}, pattern.size(), pattern.size(), graph.border,
      graph.border);
}

}  // namespace ranef::test
