#pragma once
// Fits with one parameter held, each started from its neighbours.

#include <algorithm>
#include <map>
#include <memory>

#include "held_parameter.hpp"
#include "ranef/profile.hpp"

namespace ranef {

class Profiler {
 public:
  Profiler(const Model& model, Layouts& layouts, const ProfileRequest& request);

  /// The best fit with the parameter at `value`; not ok where there is none.
  ProfilePoint at(double value);

  double lowest() const { return held_.lowest(); }
  double highest() const { return held_.highest(); }
  /// The nearest value of the parameter's range.
  double inside(double value) const { return std::clamp(value, lowest(), highest()); }
  /// Points met on one side of the estimate, from the inside outwards.
  std::vector<ProfilePoint> known(double sign) const;
  const ProfilePoint& better() const { return better_; }
  const std::string& failure() const { return failure_; }

 private:
  struct Solved {
    Vector point;  // in the objective's coordinates
    ProfilePoint report;
  };

  static Model arranged(const Model& model, const ProfileRequest& request);
  Objective& objective();
  Vector from_values(const Vector& values) const;
  Vector to_values(const Vector& point);
  AffineSpace space(double value);
  Vector predicted(double value) const;
  bool search(const AffineSpace& space, const Vector& start, BoundaryReport& best);
  ProfilePoint record(double value, const Vector& point, double loglik);

  ProfileRequest request_;
  Model model_;
  ParameterMap map_;
  Parameter parameter_;
  std::unique_ptr<GaussianLikelihood> gaussian_;
  std::unique_ptr<LaplaceObjective> laplace_;
  HeldParameter held_;
  double scale_unit_ = 1.0;
  std::map<double, Solved> solved_;
  ProfilePoint better_;
  std::string failure_;
};

}  // namespace ranef
