#pragma once
// What an optimiser sees of a model: a smooth function of a flat vector of free parameters.
//
// Smaller is better: values are negative log-likelihoods (or REML criteria). A point at which the function has no
// value (a mode that does not exist, a matrix that is not positive definite) returns +infinity; `failure` then says
// what happened there.

#include <limits>
#include <string>

#include "ranef/types.hpp"

namespace ranef {

inline constexpr double kNoValue = std::numeric_limits<double>::infinity();

class Objective {
 public:
  virtual ~Objective() = default;

  virtual Index size() const = 0;
  virtual double value(const Vector& point) = 0;
  /// By how much the last value may be off, because what it is computed from was itself found by iteration.
  virtual double noise() const { return 0.0; }
  /// The value with noise at the level of rounding.
  virtual double precise_value(const Vector& point) { return value(point); }
  /// At the point of the last call of `value`, which must have been finite.
  virtual Vector gradient() = 0;
  /// A positive definite guess of the Hessian at that point (after `gradient`): what a first step is scaled by.
  virtual Matrix approximate_hessian() = 0;
  /// Whether that is the expected Hessian, exactly: scoring with it needs no corrections from far away.
  virtual bool hessian_is_expected() const { return false; }
  /// Why the last value was infinite.
  virtual std::string failure() const = 0;
};

}  // namespace ranef
