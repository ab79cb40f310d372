#pragma once
// Comparison of numbers by relative error with an absolute floor.

#include <cmath>
#include <cstdio>
#include <string>

#include "support/check.hpp"

namespace ranef::test {

/// |actual - expected| <= relative |expected| + absolute; infinities equal themselves, NaN nothing.
inline bool is_near(double actual, double expected, double relative, double absolute) {
  if (actual == expected) return true;
  return std::abs(actual - expected) <= relative * std::abs(expected) + absolute;
}

inline void check_near(double actual, double expected, double relative, double absolute, const std::string& what,
                       const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  char numbers[120];
  std::snprintf(numbers, sizeof numbers, ": got %.17g, expected %.17g (difference %.3g)", actual, expected,
                actual - expected);
  check(is_near(actual, expected, relative, absolute), what + numbers, file, line);
}

}  // namespace ranef::test
