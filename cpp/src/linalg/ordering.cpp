#include "ranef/linalg/ordering.hpp"

#include <Eigen/OrderingMethods>
#include <Eigen/SparseCore>
#include <algorithm>
#include <numeric>

namespace ranef {

Adjacency::Adjacency(const BlockGraph& graph) : offset(graph.width.size() + 1, 0) {
  for (const auto& [u, v] : graph.edges) {
    ++offset[u + 1];
    ++offset[v + 1];
  }
  std::partial_sum(offset.begin(), offset.end(), offset.begin());
  neighbour.resize(offset.back());
  std::vector<int> next(offset.begin(), offset.end() - 1);
  for (const auto& [u, v] : graph.edges) {
    neighbour[next[u]++] = v;
    neighbour[next[v]++] = u;
  }
}

namespace {

// Cost model, in nanoseconds on a current x86-64 core: one multiply-add of a scattered rank-one update and of its
// counterpart in the selected inverse, the fixed cost of a head column, and one flop of LAPACK's dense Cholesky and
// inverse. Only the ratios matter.
constexpr double kScatteredMultiplyAdd = 2.0;
constexpr double kHeadColumn = 40.0;
constexpr double kDenseFlop = 0.04;
constexpr double kDenseEntry = 1.5;
/// What finding a minimum-degree order costs an edge: cheap factorisations are not worth looking for cheaper ones.
constexpr double kMinimumDegreeEdge = 100.0;
/// Minimum degree scatters the rows of the eliminated nodes, which the model does not see.
constexpr double kClearlyCheaper = 0.6;

double dense_cost(double order) { return kDenseFlop * order * order * order + kDenseEntry * order * order; }

std::vector<int> minimum_degree_order(const Adjacency& adjacency) {
  const int n = adjacency.node_count();
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  if (adjacency.neighbour.empty()) return order;

  std::vector<Eigen::Triplet<double>> entries;
  entries.reserve(adjacency.neighbour.size() + n);
  for (int u = 0; u < n; ++u) {
    entries.emplace_back(u, u, 1.0);  // Eigen's AMD puts columns without a diagonal entry last, as dense ones
    for (int k = adjacency.offset[u]; k < adjacency.offset[u + 1]; ++k)
      entries.emplace_back(adjacency.neighbour[k], u, 1.0);
  }
  Eigen::SparseMatrix<double> graph(n, n);
  graph.setFromTriplets(entries.begin(), entries.end());
  Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, int> permutation;
  Eigen::AMDOrdering<int> amd;
  amd(graph, permutation);
  for (int place = 0; place < n; ++place) order[place] = permutation.indices()[place];
  return order;
}

std::vector<int> elimination_tree(const Adjacency& adjacency, const std::vector<int>& order,
                                  const std::vector<int>& place) {
  const std::size_t n = order.size();
  std::vector<int> parent(n, -1), ancestor(n, -1);
  for (std::size_t i = 0; i < n; ++i) {
    const auto node = order[i];
    for (int k = adjacency.offset[node]; k < adjacency.offset[node + 1]; ++k) {
      int j = place[adjacency.neighbour[k]];
      while (j != -1 && j < static_cast<int>(i)) {
        const int next = ancestor[j];
        ancestor[j] = static_cast<int>(i);
        if (next == -1) parent[j] = static_cast<int>(i);
        j = next;
      }
    }
  }
  return parent;
}

std::vector<int> order_by_group_size(const BlockGraph& graph) {
  std::vector<std::size_t> groups(graph.group_size.size());
  std::iota(groups.begin(), groups.end(), std::size_t(0));
  std::stable_sort(groups.begin(), groups.end(),
                   [&](std::size_t a, std::size_t b) { return graph.group_size[a] > graph.group_size[b]; });
  std::vector<int> first(graph.group_size.size() + 1, 0), order;
  std::partial_sum(graph.group_size.begin(), graph.group_size.end(), first.begin() + 1);
  for (const std::size_t g : groups)
    for (int node = first[g]; node < first[g + 1]; ++node) order.push_back(node);
  return order;
}

/// Sets the head's size; returns the cost in nanoseconds.
double choose_head(const BlockGraph& graph, const Adjacency& adjacency, EliminationPlan& plan) {
  const auto& [order, place, parent, head_count] = plan;
  const std::vector<int>& width = graph.width;
  const int border = graph.border;
  const std::size_t n = order.size();
  // rows_below[c]: scalar rows of column c of the factor, by walking each row's subtree of the elimination tree.
  std::vector<double> rows_below(n, border);
  std::vector<int> mark(n, -1);
  for (std::size_t i = 0; i < n; ++i) {
    mark[i] = static_cast<int>(i);
    const auto node = order[i];
    for (int k = adjacency.offset[node]; k < adjacency.offset[node + 1]; ++k) {
      int j = place[adjacency.neighbour[k]];
      while (j < static_cast<int>(i) && mark[j] != static_cast<int>(i)) {
        rows_below[j] += width[node];
        mark[j] = static_cast<int>(i);
        j = parent[j];
      }
    }
  }
  double tail = border;
  for (int w : width) tail += w;
  double head_cost = 0.0, best_cost = dense_cost(tail);
  plan.head_count = 0;
  for (std::size_t c = 0; c < n; ++c) {
    const double w = width[order[c]];
    const double m = rows_below[c];
    head_cost += w * m * (m + w) * kScatteredMultiplyAdd + kHeadColumn;
    tail -= w;
    if (const double cost = head_cost + dense_cost(tail); cost < best_cost) {
      best_cost = cost;
      plan.head_count = static_cast<int>(c) + 1;
    }
  }
  return best_cost;
}

EliminationPlan make_plan(const Adjacency& adjacency, std::vector<int> order) {
  EliminationPlan plan;
  plan.place.resize(order.size());
  for (std::size_t p = 0; p < order.size(); ++p) plan.place[order[p]] = static_cast<int>(p);
  plan.parent = elimination_tree(adjacency, order, plan.place);
  plan.order = std::move(order);
  return plan;
}

}  // namespace

EliminationPlan plan_elimination(const BlockGraph& graph, const Adjacency& adjacency) {
  EliminationPlan by_group = make_plan(adjacency, order_by_group_size(graph));
  const double group_cost = choose_head(graph, adjacency, by_group);
  if (group_cost < kMinimumDegreeEdge * static_cast<double>(graph.edges.size() + 1)) return by_group;
  EliminationPlan by_degree = make_plan(adjacency, minimum_degree_order(adjacency));
  return choose_head(graph, adjacency, by_degree) < kClearlyCheaper * group_cost ? by_degree : by_group;
}

}  // namespace ranef
