#pragma once
// diag: independent effects, one standard deviation each. homdiag: one standard deviation for all.

#include "ranef/covariance/covariance.hpp"

namespace ranef {

struct Diagonal {
  static constexpr BasisFreedom freedom = BasisFreedom::diagonal;
  int width;

  int parameter_count() const { return width; }
  Vector start(const Vector& sds) const { return sds; }
  Vector rescaled(const Vector& theta, double factor) const { return factor * theta; }

  Vector without_negligible(const Vector& theta, double tolerance) const {
    return without_small_sds(theta, width, tolerance);
  }
  std::vector<std::vector<int>> null_directions(const Vector& theta) const { return zero_sds(theta, width); }
  std::vector<int> undetermined(const Vector&) const { return {}; }

  template <class T>
  void scale(const T* theta, T* s) const {
    for (int j = 0; j < width; ++j) s[j * width + j] = theta[j];
  }

  std::vector<ReportedParameter> reported_parameters() const {
    std::vector<ReportedParameter> out;
    for (int j = 0; j < width; ++j) out.push_back({ReportedParameter::Kind::sd, j, j});
    return out;
  }

  template <class T>
  void report(const T* theta, const Matrix& basis, T* out) const {
    using std::sqrt;
    for (int j = 0; j < width; ++j) out[j] = sqrt(theta[j] * theta[j]) * std::abs(basis(j, j));
  }

  Vector from_report(const Vector& values, const Matrix& basis) const {
    return values.cwiseQuotient(basis.diagonal().cwiseAbs());
  }
};

struct HomogeneousDiagonal {
  static constexpr BasisFreedom freedom = BasisFreedom::common;
  int width;

  int parameter_count() const { return 1; }
  Vector start(const Vector& sds) const { return Vector::Constant(1, sds.mean()); }
  Vector rescaled(const Vector& theta, double factor) const { return factor * theta; }
  Vector without_negligible(const Vector& theta, double tolerance) const {
    return without_small_sds(theta, 1, tolerance);
  }
  std::vector<std::vector<int>> null_directions(const Vector& theta) const { return zero_sds(theta, 1); }
  std::vector<int> undetermined(const Vector&) const { return {}; }

  template <class T>
  void scale(const T* theta, T* s) const {
    for (int j = 0; j < width; ++j) s[j * width + j] = theta[0];
  }

  std::vector<ReportedParameter> reported_parameters() const { return {{ReportedParameter::Kind::sd, -1, -1}}; }

  template <class T>
  void report(const T* theta, const Matrix& basis, T* out) const {
    using std::sqrt;
    out[0] = sqrt(theta[0] * theta[0]) * std::abs(basis(0, 0));
  }

  Vector from_report(const Vector& values, const Matrix& basis) const { return values / std::abs(basis(0, 0)); }
};

}  // namespace ranef
