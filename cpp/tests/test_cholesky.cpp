// The block Cholesky factor against Eigen's dense one, on every kind of
// pattern.

#include "ranef/linalg/cholesky.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>
#include <string>

#include "support/block_matrices.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr double kTolerance = 1e-12;

/// A factorised matrix beside the dense one.
struct Subject {
  EliminationPattern pattern;
  DenseKernels kernels;
  BlockMatrix matrix;
  Cholesky cholesky;
  bool factorised = false;

  Subject(const BlockGraph& graph, Generator& rng)
      : pattern(graph), matrix(random_block_matrix(graph, pattern, rng)), cholesky(pattern, kernels) {
    factor(graph);
  }
  void factor(const BlockGraph& graph) {
    scatter(graph, pattern, matrix);
    cholesky.values() = matrix.values;
    factorised = cholesky.factor();
  }
  Matrix leading(int border) const {
    return matrix.dense.topLeftCorner(pattern.size() + border, pattern.size() + border);
  }
};

template <class Law>
void for_every_graph(const std::string& law, Law test) {
  for (const NamedGraph& named : graphs_of_every_kind())
    run(named.name + ": " + law, [&] {
      Generator rng(5);
      Subject subject(named.graph, rng);
      check(subject.factorised, "factorised");
      test(subject, rng);
    });
}

Vector random_vector(Index size, Generator& rng) {
  return Vector::NullaryExpr(size, [&] { return uniform(rng); });
}

void determinant_matches(const Subject& subject, Generator&) {
  for (int border = 0; border <= subject.pattern.border(); ++border) {
    const Matrix factor = subject.leading(border).llt().matrixL();
    check_near(subject.cholesky.log_determinant(border), 2.0 * factor.diagonal().array().log().sum(), kTolerance,
               kTolerance, "with " + std::to_string(border) + " border rows");
  }
}

void smallest_pivot_matches(const Subject& subject, Generator&) {
  if (subject.pattern.size() == 0) {
    check(std::isinf(subject.cholesky.smallest_pivot()), "no node, no pivot");
    return;
  }
  const Matrix factor = subject.leading(0).llt().matrixL();
  check_near(subject.cholesky.smallest_pivot(), factor.diagonal().cwiseAbs2().minCoeff(), kTolerance, 0.0, "pivot");
}

void solutions_match(const Subject& subject, Generator& rng) {
  for (int border = 0; border <= subject.pattern.border(); ++border) {
    const Matrix h = subject.leading(border);
    const Eigen::LLT<Matrix> dense(h);
    const Vector x = random_vector(h.rows(), rng);
    Vector whole = x, lower = x, upper = x;
    subject.cholesky.solve(whole.data(), border);
    subject.cholesky.solve_lower(lower.data(), border);
    subject.cholesky.solve_upper(upper.data(), border);
    const std::string with = " with " + std::to_string(border) + " border rows";
    check_near_matrix(whole, dense.solve(x), kTolerance, "H^-1 x" + with);
    check_near_matrix(lower, dense.matrixL().solve(x), kTolerance, "L^-1 x" + with);
    check_near_matrix(upper, dense.matrixU().solve(x), kTolerance, "L^-T x" + with);
  }
}

void tail_matches(const Subject& subject, Generator&) {
  const Matrix factor = subject.leading(subject.pattern.border()).llt().matrixL();
  const int order = subject.pattern.tail_order(), first = subject.pattern.head_size();
  Matrix tail = Matrix::Zero(order, order);
  for (int j = 0; j < order; ++j)
    for (int i = j; i < order; ++i) tail(i, j) = subject.cholesky.tail(i, j);
  check_near_matrix(tail, factor.bottomRightCorner(order, order), kTolerance, "tail");
  check(first + order == subject.pattern.size() + subject.pattern.border(), "head and tail are everything");
}

void test_extreme_splits() {
  run("wide blocks of one factor are all head, a complete graph is all tail", [] {
    Generator rng(1);
    const Subject independent(single_factor(40, 6, 0), rng);
    check(independent.pattern.head_count() == 40 && independent.pattern.tail_order() == 0, "empty tail");
    determinant_matches(independent, rng);
    solutions_match(independent, rng);
    const Subject complete(random_graph(40, 1.1, 1, 2, rng), rng);
    check(complete.pattern.head_count() == 0 && complete.pattern.tail_order() == 42, "empty head");
    determinant_matches(complete, rng);
    solutions_match(complete, rng);
  });
}

void test_indefinite() {
  for (const NamedGraph& named : graphs_of_every_kind())
    run(named.name +
            ": a matrix that is not positive definite is refused, "
            "wherever the pivot fails",
        [&] {
          Generator rng(9);
          Subject subject(named.graph, rng);
          const Matrix positive = subject.matrix.dense;
          const Index order = positive.rows();
          for (const Index at : {Index(0), order / 2, order - 1})
            for (const double bad : {-1.0, 0.0, std::numeric_limits<double>::quiet_NaN()}) {
              subject.matrix.dense = positive;
              subject.matrix.dense(at, at) = bad;
              subject.factor(named.graph);
              check(!subject.factorised, "entry " + std::to_string(at) + " = " + std::to_string(bad));
            }
          subject.matrix.dense = positive;
          subject.factor(named.graph);
          check(subject.factorised, "factorises again afterwards");
          determinant_matches(subject, rng);
        });
}

void test_extreme_scales() {
  run("the determinant of pivots beyond the range of their product is finite "
      "and right",
      [] {
        const BlockGraph graph = single_factor(8, 1, 0);
        for (const double pivot : {1e-150, 1e150}) {
          Generator rng(2);
          Subject subject(graph, rng);
          subject.matrix.dense = pivot * Matrix::Identity(8, 8);
          subject.factor(graph);
          check(subject.factorised, "factorised");
          check_near(subject.cholesky.log_determinant(0), 8.0 * std::log(pivot), 1e-14, 0.0, "log determinant");
        }
      });
}

}  // namespace

int main() {
  for_every_graph("log determinants of all leading parts", determinant_matches);
  for_every_graph("smallest pivot", smallest_pivot_matches);
  for_every_graph("solutions", solutions_match);
  for_every_graph("the dense tail of the factor", tail_matches);
  test_extreme_splits();
  test_indefinite();
  test_extreme_scales();
  return finish();
}
