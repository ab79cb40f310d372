// Orders of elimination: valid for every graph, and without fill where an order
// without fill exists.

#include "ranef/linalg/ordering.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "support/block_matrices.hpp"
#include "support/check.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

EliminationPlan plan(const BlockGraph& graph) { return plan_elimination(graph, Adjacency(graph)); }

/// Later places that each column of the factor reaches, by eliminating one node
/// after the other.
std::vector<std::set<int>> eliminate(const BlockGraph& graph, const EliminationPlan& plan) {
  std::vector<std::set<int>> column(graph.width.size());
  for (const auto& [a, b] : graph.edges) {
    const int p = plan.place[std::size_t(a)], q = plan.place[std::size_t(b)];
    column[std::size_t(std::min(p, q))].insert(std::max(p, q));
  }
  for (const std::set<int>& reached : column) {
    if (reached.empty()) continue;
    const int parent = *reached.begin();
    for (const int p : reached)
      if (p != parent) column[std::size_t(parent)].insert(p);
  }
  return column;
}

std::size_t fill(const BlockGraph& graph, const EliminationPlan& plan) {
  std::size_t entries = 0;
  for (const std::set<int>& reached : eliminate(graph, plan)) entries += reached.size();
  return entries - graph.edges.size();
}

void is_valid(const BlockGraph& graph) {
  const EliminationPlan p = plan(graph);
  const int n = int(graph.width.size());
  std::vector<int> sorted = p.order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> all(std::size_t(n), 0);
  std::iota(all.begin(), all.end(), 0);
  check(sorted == all, "the order has every node once");
  check(int(p.place.size()) == n && int(p.parent.size()) == n, "sizes");
  for (int i = 0; i < n; ++i) check(p.place[std::size_t(p.order[std::size_t(i)])] == i, "place is the order's inverse");
  check(p.head_count >= 0 && p.head_count <= n, "the head is part of the nodes");
  const auto columns = eliminate(graph, p);
  for (std::size_t i = 0; i < columns.size(); ++i)
    check(p.parent[i] == (columns[i].empty() ? -1 : *columns[i].begin()), "the parent is the first place reached");
}

/// Pupils in classes in schools; every pupil also meets its school.
BlockGraph three_levels(int schools, int classes, int pupils) {
  const int class_count = schools * classes, pupil_count = class_count * pupils;
  BlockGraph graph;
  graph.group_size = {pupil_count, class_count, schools};
  graph.width.assign(std::size_t(pupil_count + class_count + schools), 1);
  for (int i = 0; i < pupil_count; ++i) {
    graph.edges.emplace_back(i, pupil_count + i / pupils);
    graph.edges.emplace_back(i, pupil_count + class_count + i / (pupils * classes));
  }
  for (int c = 0; c < class_count; ++c)
    graph.edges.emplace_back(pupil_count + c, pupil_count + class_count + c / classes);
  return graph;
}

/// The same graph with its nodes numbered at random, as one group: no order can
/// be read off the numbering.
BlockGraph renumbered(BlockGraph graph, Generator& rng) {
  std::vector<int> number(graph.width.size());
  std::iota(number.begin(), number.end(), 0);
  std::shuffle(number.begin(), number.end(), rng);
  for (auto& [a, b] : graph.edges) {
    a = number[std::size_t(a)];
    b = number[std::size_t(b)];
  }
  std::shuffle(graph.edges.begin(), graph.edges.end(), rng);
  graph.group_size = {int(graph.width.size())};
  return graph;
}

void test_adjacency() {
  run("the adjacency lists hold each edge from both ends", [] {
    for (const NamedGraph& named : graphs_of_every_kind()) {
      const Adjacency adjacency(named.graph);
      std::multiset<std::pair<int, int>> expected, listed;
      for (const auto& [a, b] : named.graph.edges) {
        expected.emplace(a, b);
        expected.emplace(b, a);
      }
      for (int u = 0; u < adjacency.node_count(); ++u)
        for (int k = adjacency.offset[std::size_t(u)]; k < adjacency.offset[std::size_t(u) + 1]; ++k)
          listed.emplace(u, adjacency.neighbour[std::size_t(k)]);
      check(listed == expected, named.name);
    }
  });
}

void test_nested() {
  run("nested factors in their groups are eliminated without fill", [] {
    const BlockGraph graph = three_levels(5, 6, 8);
    is_valid(graph);
    check(fill(graph, plan(graph)) == 0, "fill " + std::to_string(fill(graph, plan(graph))));
  });
  run("nested factors are eliminated with next to no fill whatever the numbers "
      "of their nodes",
      [] {
        // Degrees are approximate: near a school's end, ties between it and its
        // last class may cost an entry.
        constexpr std::size_t kTies = 6;
        Generator rng(3);
        for (int trial = 0; trial < 10; ++trial) {
          const BlockGraph graph = renumbered(three_levels(6, 8, 10), rng);
          is_valid(graph);
          check(fill(graph, plan(graph)) <= kTies, "fill " + std::to_string(fill(graph, plan(graph))));
        }
      });
  run("the hub of a star comes last although all others meet it", [] {
    Generator rng(4);
    const BlockGraph graph = renumbered(nested_factors(1, 400, 1, 1, 0), rng);
    check(fill(graph, plan(graph)) == 0, "fill");
  });
  run("chains numbered at random are eliminated with little fill", [] {
    Generator rng(6);
    const BlockGraph graph = renumbered(chains(5, 80, 0), rng);
    is_valid(graph);
    check(fill(graph, plan(graph)) < graph.edges.size(), "fill " + std::to_string(fill(graph, plan(graph))));
  });
}

void test_crossed() {
  run("of two crossed factors the larger is eliminated first, as head; the "
      "smaller is the dense tail",
      [] {
        Generator rng(8);
        for (const bool larger_first : {true, false}) {
          const int a = larger_first ? 300 : 40, b = larger_first ? 40 : 300;
          const BlockGraph graph = crossed_factors(a, b, 0.3, 1, 1, 2, rng);
          is_valid(graph);
          const EliminationPlan p = plan(graph);
          check(p.head_count > 250 && p.head_count <= 300, "head of " + std::to_string(p.head_count));
          for (int i = 0; i < 300; ++i) {
            const bool in_first = p.order[std::size_t(i)] < a;
            check(in_first == larger_first, "the larger factor comes first");
          }
        }
      });
}

void test_minimum_degree_of_large_random_graphs() {
  run("sparse random graphs, large enough for both orders to be tried, have "
      "valid orders",
      [] {
        Generator rng(10);
        for (const double degree : {1.0, 3.0, 6.0}) is_valid(random_graph(400, degree / 400.0, 3, 1, rng));
      });
}

}  // namespace

int main() {
  for (const NamedGraph& named : graphs_of_every_kind())
    run(named.name + ": the order of elimination is valid", [&] { is_valid(named.graph); });
  test_adjacency();
  test_nested();
  test_crossed();
  test_minimum_degree_of_large_random_graphs();
  return finish();
}
