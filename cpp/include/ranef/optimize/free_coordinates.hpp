#pragma once
// An objective seen on part of its space: point = base + directions * free.
//
// Parameters held at a value, and variances found to be zero, are what lies outside. The columns of `directions` are
// orthonormal.

#include <vector>

#include "ranef/objective/objective.hpp"

namespace ranef {

struct AffineSpace {
  Vector base;
  Matrix directions;
  bool whole = false;  ///< nothing is outside: `base` is zero, `directions` the identity, and products are spared

  Vector point(const Vector& free) const {
    if (whole) return free;
    return base + directions * free;
  }
  /// Coordinates of the point of the space that is nearest to `point`.
  Vector coordinates(const Vector& point) const {
    if (whole) return point;
    return directions.transpose() * (point - base);
  }

  static AffineSpace everything(Index size) { return {Vector::Zero(size), Matrix::Identity(size, size), true}; }
  /// The part of this space in which the listed coordinates are zero; they must be free one by one.
  AffineSpace without(const std::vector<Index>& coordinates) const;
};

class RestrictedObjective final : public Objective {
 public:
  RestrictedObjective(Objective& objective, AffineSpace space) : objective_(&objective), space_(std::move(space)) {}

  Index size() const override { return space_.directions.cols(); }
  double value(const Vector& free) override { return objective_->value(space_.point(free)); }
  double noise() const override { return objective_->noise(); }
  double precise_value(const Vector& free) override { return objective_->precise_value(space_.point(free)); }
  Vector gradient() override {
    if (space_.whole) return objective_->gradient();
    return space_.directions.transpose() * objective_->gradient();
  }
  Matrix approximate_hessian() override {
    if (space_.whole) return objective_->approximate_hessian();
    return space_.directions.transpose() * objective_->approximate_hessian() * space_.directions;
  }
  bool hessian_is_expected() const override { return objective_->hessian_is_expected(); }
  std::string failure() const override { return objective_->failure(); }
  const AffineSpace& space() const { return space_; }

 private:
  Objective* objective_;
  AffineSpace space_;
};

}  // namespace ranef
