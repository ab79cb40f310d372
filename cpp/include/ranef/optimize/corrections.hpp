#pragma once
// What the last steps taught about the Hessian: BFGS corrections to whatever inverse Hessian they are applied to
// (Nocedal and Wright 2006, algorithm 7.4).

#include <Eigen/Cholesky>
#include <deque>

#include "ranef/types.hpp"

namespace ranef {

class Corrections {
 public:
  /// Keeps as many pairs as a dense matrix of `size` has parameters to learn several times over.
  explicit Corrections(Index size);

  /// A step and the gradient's change over it; `approximation`: what is corrected.
  void add(const Vector& step, const Vector& change, const Matrix& approximation);
  void clear() { pairs_.clear(); }
  bool empty() const { return pairs_.empty(); }

  /// The corrected inverse of `hessian` times g.
  Vector apply(const Eigen::LLT<Matrix>& hessian, Vector g) const;

 private:
  struct Pair {
    Vector step, change;
    double weight;
  };
  std::size_t capacity_;
  std::deque<Pair> pairs_;
};

}  // namespace ranef
