#pragma once
// Ends of the ranges of an optimiser's coordinates.
//
// A coordinate at an end beyond which the objective falls is blocked: it is left where it is while the others move, and
// let go when the objective falls towards the inside (Bertsekas 1982). A step is no longer than the room before the
// first end that it meets.

#include "ranef/types.hpp"

namespace ranef {

struct Bounds {
  Vector lower, upper;  ///< infinite where a coordinate has no end; empty: no coordinate has one

  static Bounds none() { return {}; }
  /// Room for ends of `size` coordinates, none of which has one yet.
  static Bounds wide(Index size);

  bool empty() const { return lower.size() == 0; }
  Vector clamp(const Vector& point) const;
  /// The blocked coordinates, given the objective's gradient.
  Eigen::Array<bool, Eigen::Dynamic, 1> blocked(const Vector& point, const Vector& gradient) const;
  /// The longest multiple of `direction` that stays inside.
  double room(const Vector& point, const Vector& direction) const;
};

}  // namespace ranef
