#pragma once
// ar1: a stationary series with standard deviation sd and correlation rho^|i-j| between times i and j.
//
// theta = (sd, x), rho = x / sqrt(1 + x^2). S = sd; Q is the precision of a unit-variance series of length T,
//
//     Q_11 = Q_TT = 1 + x^2,   Q_tt = 1 + 2 x^2,   Q_t,t+1 = -x sqrt(1 + x^2),   log det Q = (T - 1) log(1 + x^2),
//
// since 1 / (1 - rho^2) = 1 + x^2. That quotient is capped: beyond the cap a series is constant to rounding and the
// sum over it alone is known.

#include <cmath>
#include <stdexcept>

#include "ranef/ad/jet_math.hpp"
#include "ranef/covariance/covariance.hpp"

namespace ranef {

/// Largest 1 / (1 - rho^2) that a series may have.
inline constexpr double kAr1PrecisionCap = 1e8;
/// Where searches stop following x: rho then is within 5e-7 of 1 or -1, which it reaches at infinity.
inline constexpr double kAr1SearchEnd = 1e3;

struct Autoregressive {
  static constexpr BasisFreedom freedom = BasisFreedom::common;
  int length;
  int width = 1;

  int parameter_count() const { return 2; }

  Vector start(const Vector& sds) const {
    Vector theta(2);
    theta << sds[0], 0.0;
    return theta;
  }

  Vector rescaled(const Vector& theta, double factor) const {
    Vector out = theta;
    out[0] *= factor;
    return out;
  }

  Vector without_negligible(const Vector& theta, double tolerance) const {
    return without_small_sds(theta, 1, tolerance);
  }
  std::vector<std::vector<int>> null_directions(const Vector& theta) const { return zero_sds(theta, 1); }
  std::vector<int> undetermined(const Vector& theta) const {
    if (theta[0] != 0.0) return {};
    return {1};
  }

  template <class T>
  void scale(const T* theta, T* s) const {
    s[0] = theta[0];
  }

  /// Values in use: ends, interior, off-diagonal.
  template <class T>
  void precision(const T* theta, T* values) const {
    using std::sqrt;
    const T x = theta[1], square = x * x;
    values[0] = 1.0 + square;
    values[1] = 1.0 + 2.0 * square;
    values[2] = -x * sqrt(1.0 + square);
  }

  template <class T>
  T log_determinant(const T* theta) const {
    using std::log1p;
    return (length - 1.0) * log1p(theta[1] * theta[1]);
  }

  bool valid(const Vector& theta) const { return 1.0 + theta[1] * theta[1] <= kAr1PrecisionCap; }
  std::vector<int> at_limit(const Vector& theta) const {
    if (std::abs(theta[1]) < 0.9 * kAr1SearchEnd) return {};
    return {1};
  }

  std::vector<PrecisionEntry> precision_entries() const {
    std::vector<PrecisionEntry> entries;
    for (int t = 0; t < length; ++t) {
      entries.push_back({t, t, t == 0 || t == length - 1 ? 0 : 1});
      if (t > 0) entries.push_back({t, t - 1, 2});
    }
    return entries;
  }

  std::vector<ReportedParameter> reported_parameters() const {
    return {{ReportedParameter::Kind::sd, -1, -1}, {ReportedParameter::Kind::correlation, -1, -1}};
  }

  template <class T>
  void report(const T* theta, const Matrix& basis, T* out) const {
    using std::sqrt;
    out[0] = sqrt(theta[0] * theta[0]) * std::abs(basis(0, 0));
    out[1] = theta[1] / sqrt(1.0 + theta[1] * theta[1]);
  }

  Vector from_report(const Vector& values, const Matrix& basis) const {
    if (!(std::abs(values[1]) < 1.0)) throw std::invalid_argument("an autocorrelation outside (-1, 1)");
    Vector theta(2);
    theta << values[0] / std::abs(basis(0, 0)), values[1] / std::sqrt((1.0 - values[1]) * (1.0 + values[1]));
    return theta;
  }
};

/// Adds what a serial precision needs to the common adapter.
class AutoregressiveCovariance final : public CovarianceOf<Autoregressive> {
 public:
  using CovarianceOf::CovarianceOf;

  int series() const override { return structure_.length; }
  std::vector<PrecisionEntry> precision_entries() const override { return structure_.precision_entries(); }
  bool valid(const Vector& theta) const override { return structure_.valid(theta); }
  Bounds bounds() const override {
    Bounds out = Bounds::wide(structure_.parameter_count());
    out.upper[1] = kAr1SearchEnd;
    out.lower[1] = -kAr1SearchEnd;
    return out;
  }
  std::vector<int> at_limit(const Vector& theta) const override { return structure_.at_limit(theta); }

  Vector precision_values(const Vector& theta) const override {
    Vector values(3);
    structure_.precision(theta.data(), values.data());
    return values;
  }

  Matrix precision_derivatives(const Vector& theta) const override {
    Matrix out(3, 2);
    for (int p = 0; p < 2; ++p) {
      const auto point = seeded(theta, p);
      std::vector<Dual> values(3, Dual(0.0));
      structure_.precision(point.data(), values.data());
      for (int k = 0; k < 3; ++k) out(k, p) = values[k].derivative(0);
    }
    return out;
  }

  double log_determinant(const Vector& theta) const override { return structure_.log_determinant(theta.data()); }

  Vector log_determinant_gradient(const Vector& theta) const override {
    Vector out(2);
    for (int p = 0; p < 2; ++p) out[p] = structure_.log_determinant(seeded(theta, p).data()).derivative(0);
    return out;
  }

  Matrix marginal(const Vector& theta, const Matrix& basis) const override {
    const Vector values = report(theta, basis);
    Matrix out(structure_.length, structure_.length);
    for (int i = 0; i < structure_.length; ++i)
      for (int j = 0; j < structure_.length; ++j)
        out(i, j) = values[0] * values[0] * std::pow(values[1], std::abs(i - j));
    return out;
  }
};

}  // namespace ranef
