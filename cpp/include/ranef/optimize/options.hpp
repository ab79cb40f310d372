#pragma once
// How an optimisation runs and what it reports.

#include <functional>
#include <limits>
#include <string>

#include "ranef/types.hpp"

namespace ranef {

/// A known optimum that a search is to beat; it is given up when that is out of sight.
struct Rival {
  double value = std::numeric_limits<double>::infinity();
  /// Whether a point, with its value, is on its way to that optimum.
  std::function<bool(const Vector& point, double value)> attracts;
  explicit operator bool() const { return value < std::numeric_limits<double>::infinity(); }
};

struct OptimizerOptions {
  /// Outer iterations at most.
  int max_iterations = 500;
  /// Stop when a further step is predicted to gain less log-likelihood than this.
  double gain_tolerance = 1e-8;
  Rival rival;
};

enum class Termination {
  converged,       ///< the predicted gain is below the tolerance
  stalled,         ///< no step along the search direction improves, though a gain is predicted
  max_iterations,  ///< the iterations ran out
  no_start,        ///< the objective has no value at the start
  breakdown,       ///< at a minimum where the Laplace approximation says nothing about the integral
  hopeless,        ///< given up: the rival is out of reach
  pole             ///< the objective falls towards a pole and has no minimum on the way there
};

const char* describe(Termination termination);

struct OptimizerReport {
  Termination termination = Termination::no_start;
  Vector point;
  double value = 0.0;
  Vector gradient;
  double expected_gain = 0.0;  ///< 1/2 g' H^-1 g with the quasi-Newton H
  Matrix curvature;            ///< the approximate Hessian at the end, without what was learnt
  int iterations = 0;
  int evaluations = 0;
};

/// Called once an iteration: iteration, value, gradient norm. May throw to stop.
using Progress = std::function<void(int, double, double)>;

}  // namespace ranef
