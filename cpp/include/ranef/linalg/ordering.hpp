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

/// The cheapest, for factorisation plus selected inverse, of two orders: approximate minimum degree, which wins where
/// factors are nested or nearly so, and whole groups by decreasing size, which wins where two factors are crossed (the
/// largest is eliminated, block by block, and what is left is dense whatever the order).
EliminationPlan plan_elimination(const BlockGraph& graph, const Adjacency& adjacency);

}  // namespace ranef
