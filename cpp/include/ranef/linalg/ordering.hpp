#pragma once
// Order of elimination: approximate minimum degree, then where the sparse head ends and the dense tail begins.

#include <vector>

#include "ranef/linalg/pattern.hpp"

namespace ranef {

/// Nodes adjacent to each node, as compressed lists.
struct Adjacency {
  std::vector<int> offset;  ///< node_count + 1
  std::vector<int> neighbour;

  explicit Adjacency(const BlockGraph& graph);
  int node_count() const { return static_cast<int>(offset.size()) - 1; }
};

/// order[place] = node. A graph without edges keeps its own order.
std::vector<int> minimum_degree_order(const Adjacency& adjacency);

/// parent[place]: the first later node that a column of the factor reaches; -1 for roots.
std::vector<int> elimination_tree(const Adjacency& adjacency, const std::vector<int>& order,
                                  const std::vector<int>& place);

/// Number of head nodes that makes factorisation plus selected inverse cheapest.
int choose_head(const Adjacency& adjacency, const std::vector<int>& order, const std::vector<int>& place,
                const std::vector<int>& parent, const std::vector<int>& width, int border);

}  // namespace ranef
