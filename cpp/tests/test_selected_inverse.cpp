// Every entry that the selected inverse holds against the dense inverse.

#include "ranef/linalg/selected_inverse.hpp"

#include <Eigen/LU>
#include <string>

#include "support/block_matrices.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr double kTolerance = 1e-11;

/// The stored entries of the leading part, each compared where it stands in the
/// dense inverse.
void compare_stored(const EliminationPattern& pattern, const std::vector<double>& values, const Matrix& inverse) {
  const Index limit = inverse.rows();
  for (int head = 0; head < pattern.head_count(); ++head) {
    const Index w = pattern.width(head), first = pattern.first(head);
    const double* block = values.data() + pattern.value_offset(head);
    for (Index i = 0; i < w; ++i)
      for (Index j = 0; j < w; ++j)
        check_near(block[i * w + j], inverse(first + i, first + j), kTolerance, kTolerance, "diagonal block");
    for (Index r = 0; r < pattern.row_count(head); ++r) {
      const Index row = pattern.rows(head)[r];
      for (Index j = 0; row < limit && j < w; ++j)
        check_near(block[w * w + r * w + j], inverse(row, first + j), kTolerance, kTolerance, "row of a head column");
    }
  }
  const Index order = pattern.tail_order(), leading = limit - pattern.head_size();
  for (Index j = 0; j < leading; ++j)
    for (Index i = 0; i < leading; ++i)
      check_near(values[std::size_t(pattern.tail_offset() + i + j * order)],
                 inverse(pattern.head_size() + i, pattern.head_size() + j), kTolerance, kTolerance, "tail");
}

void compare_all_borders(const BlockGraph& graph, Generator& rng) {
  const EliminationPattern pattern(graph);
  const DenseKernels kernels;
  BlockMatrix matrix = random_block_matrix(graph, pattern, rng);
  scatter(graph, pattern, matrix);
  Cholesky cholesky(pattern, kernels);
  cholesky.values() = matrix.values;
  check(cholesky.factor(), "factorised");
  SelectedInverse selected(pattern);
  for (int border = graph.border; border >= 0; --border) {
    selected.compute(cholesky, border);
    const Index order = pattern.size() + border;
    compare_stored(pattern, selected.values(), matrix.dense.topLeftCorner(order, order).inverse());
  }
}

}  // namespace

int main() {
  for (const NamedGraph& named : graphs_of_every_kind())
    run(named.name + ": the selected inverse holds entries of the inverse", [&] {
      Generator rng(17);
      compare_all_borders(named.graph, rng);
    });
  run("random graphs of random widths", [] {
    Generator rng(23);
    for (int trial = 0; trial < 30; ++trial)
      compare_all_borders(random_graph(10 + trial, 2.5 / (10.0 + trial), 1 + trial % 6, trial % 4, rng), rng);
  });
  return finish();
}
