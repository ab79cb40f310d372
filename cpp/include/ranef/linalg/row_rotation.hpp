#pragma once
// Rows rotated into a Cholesky factor: L L' grows by r r' without ever being formed.
//
// Cross products lose the square of what is small beside what is large. Rotations do not: with a residual sd 1e-7 of
// the random effects', the last pivot of a Cholesky factor of cross products has no digits left, that of rotated rows
// nine.
//
//     [ L' ]   rotations   [ L_new' ]
//     [ r' ]  ----------> [   0    ]         (George and Heath 1980)
//
// The coordinates of a row meet in the pattern, so the rotations stay within it: along the path from the first of them
// to the tail.

#include <vector>

#include "ranef/linalg/pattern.hpp"

namespace ranef {

class RowRotation {
 public:
  explicit RowRotation(const EliminationPattern& pattern);

  /// `row` has the pattern's nodes and border as coordinates, `first` the first that is not zero; it is zero
  /// afterwards.
  void add(double* factor, double* row, int first) const;

 private:
  const EliminationPattern* pattern_;
  std::vector<int> head_of_;  // place in the order of elimination, of every coordinate of the head
};

}  // namespace ranef
