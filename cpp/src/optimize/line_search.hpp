#pragma once
// A weak Wolfe line search (Nocedal and Wright 2006, chapter 3) within bounds.

#include "ranef/objective/objective.hpp"
#include "ranef/optimize/bounds.hpp"

namespace ranef {

struct Step {
  bool ok = false;
  double value = 0.0;
  Vector point, gradient;
};

/// Where a search stands.
struct Departure {
  const Vector& point;
  double value;
  const Vector& gradient;
};

/// Bisection between the longest step known to be too short and the shortest known to be too long.
Step line_search(Objective& objective, const Departure& from, const Vector& direction, const Bounds& bounds,
                 int& evaluations);

}  // namespace ranef
