#include "ranef/linalg/ordering.hpp"

#include <Eigen/OrderingMethods>
#include <Eigen/SparseCore>
#include <numeric>

namespace ranef {

namespace {

// Cost model, in nanoseconds on a current x86-64 core: one multiply-add of a scattered rank-one update and of its
// counterpart in the selected inverse, the fixed cost of a head column, and one flop of LAPACK's dense Cholesky and
// inverse. Only the ratios matter.
constexpr double kScatteredMultiplyAdd = 2.0;
constexpr double kHeadColumn = 40.0;
constexpr double kDenseFlop = 0.04;
constexpr double kDenseEntry = 1.5;

double dense_cost(double order) { return kDenseFlop * order * order * order + kDenseEntry * order * order; }

}  // namespace

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

std::vector<int> minimum_degree_order(const Adjacency& adjacency) {
  const int n = adjacency.node_count();
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  if (adjacency.neighbour.empty()) return order;

  std::vector<Eigen::Triplet<double>> entries;
  entries.reserve(adjacency.neighbour.size());
  for (int u = 0; u < n; ++u)
    for (int k = adjacency.offset[u]; k < adjacency.offset[u + 1]; ++k)
      entries.emplace_back(adjacency.neighbour[k], u, 1.0);
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

int choose_head(const Adjacency& adjacency, const std::vector<int>& order, const std::vector<int>& place,
                const std::vector<int>& parent, const std::vector<int>& width, int border) {
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
  int best = 0;
  for (std::size_t c = 0; c < n; ++c) {
    const double w = width[order[c]];
    const double m = rows_below[c];
    head_cost += w * m * (m + w) * kScatteredMultiplyAdd + kHeadColumn;
    tail -= w;
    if (const double cost = head_cost + dense_cost(tail); cost < best_cost) {
      best_cost = cost;
      best = static_cast<int>(c) + 1;
    }
  }
  return best;
}

}  // namespace ranef
