#pragma once
// Comparison of vectors and matrices, relative to the largest expected entry.

#include <algorithm>
#include <string>

#include "ranef/types.hpp"
#include "support/near.hpp"

namespace ranef::test {

/// Same shape, and every |actual - expected| <= tolerance * (1 + largest
/// |expected|).
inline void check_near_matrix(const Matrix& actual, const Matrix& expected, double tolerance, const std::string& what,
                              const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const bool same_shape = actual.rows() == expected.rows() && actual.cols() == expected.cols();
  check(same_shape, what + ": shape", file, line);
  if (!same_shape || expected.size() == 0) return;
  Index row = 0, col = 0;
  const Matrix error = (actual - expected).cwiseAbs();
  const double worst = error.hasNaN() ? NAN : error.maxCoeff(&row, &col);
  const std::string at = what + " (" + std::to_string(row) + ", " + std::to_string(col) + ")";
  check(worst <= tolerance * (1.0 + expected.cwiseAbs().maxCoeff()),
        at + ": got " + std::to_string(actual(row, col)) + ", expected " + std::to_string(expected(row, col)) +
            " (difference " + std::to_string(worst) + ")",
        file, line);
}

}  // namespace ranef::test
