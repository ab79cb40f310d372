#pragma once
// cs: every effect its own standard deviation, one correlation rho for all pairs (glmmTMB's heterogeneous `cs`).
//
// theta = the sds, then x. A k x k matrix of equal correlations is positive definite for -1/(k-1) < rho < 1, and
// rho = a + (1 - a) / (1 + exp(-x)) with a = -1/(k-1). S = diag(sd) chol(R), and the Cholesky factor of such an R
// has a closed form: below the diagonal, a column is constant. Scales of different signs would reverse correlations,
// and rho would no longer be that of all pairs: the sds are bounded by zero, where the likelihood is not even in them.

#include <cmath>
#include <stdexcept>

#include "ranef/ad/jet_math.hpp"
#include "ranef/covariance/covariance.hpp"

namespace ranef {

/// Largest |x|: rho then is within 2e-8 of an end of its range, which it reaches at infinity.
inline constexpr double kCompoundSymmetryEnd = 18.0;

struct CompoundSymmetry {
  static constexpr BasisFreedom freedom = BasisFreedom::diagonal;
  int width;

  int parameter_count() const { return width + 1; }
  double lowest() const { return -1.0 / (width - 1); }
  /// x at which rho is zero.
  double uncorrelated() const { return -std::log(width - 1.0); }

  Vector start(const Vector& sds) const {
    Vector theta(width + 1);
    theta << sds, uncorrelated();
    return theta;
  }

  Vector rescaled(const Vector& theta, double factor) const {
    Vector out = theta;
    out.head(width) *= factor;
    return out;
  }

  Vector without_negligible(const Vector& theta, double tolerance) const {
    return without_small_sds(theta, width, tolerance);
  }
  std::vector<std::vector<int>> null_directions(const Vector& theta) const { return zero_sds(theta, width); }
  /// With fewer than two effects left there is nothing to correlate.
  std::vector<int> undetermined(const Vector& theta) const {
    if ((theta.head(width).array() != 0.0).count() >= 2) return {};
    return {width};
  }

  template <class T>
  T correlation(const T& x) const {
    using std::exp;
    return lowest() + (1.0 - lowest()) / (1.0 + exp(-x));
  }

  template <class T>
  void scale(const T* theta, T* s) const {
    using std::sqrt;
    const T rho = correlation(theta[width]);
    T explained(0.0);  // sum of squares of a row of the factor left of the current column
    for (int j = 0; j < width; ++j) {
      const T pivot = sqrt(1.0 - explained);
      const T below = (rho - explained) / pivot;
      s[j * width + j] = theta[j] * pivot;
      for (int i = j + 1; i < width; ++i) s[i * width + j] = theta[i] * below;
      explained = explained + below * below;
    }
  }

  std::vector<ReportedParameter> reported_parameters() const {
    std::vector<ReportedParameter> out;
    for (int j = 0; j < width; ++j) out.push_back({ReportedParameter::Kind::sd, j, j});
    // Two effects have one correlation, which belongs to the pair; more share theirs.
    out.push_back({ReportedParameter::Kind::correlation, width == 2 ? 1 : -1, width == 2 ? 0 : -1});
    return out;
  }

  template <class T>
  void report(const T* theta, const Matrix& basis, T* out) const {
    using std::sqrt;
    for (int j = 0; j < width; ++j) out[j] = sqrt(theta[j] * theta[j]) * std::abs(basis(j, j));
    out[width] = correlation(theta[width]);
  }

  Vector from_report(const Vector& values, const Matrix& basis) const {
    Vector theta(width + 1);
    theta.head(width) = values.head(width).cwiseQuotient(basis.diagonal().cwiseAbs());
    const double share = (values[width] - lowest()) / (1.0 - lowest());
    if (!(share > 0.0 && share < 1.0)) throw std::invalid_argument("a compound-symmetry correlation out of its range");
    theta[width] = std::log(share / (1.0 - share));
    return theta;
  }
};

/// Adds the bounds of the sds, and the ends of the correlation, to the common adapter.
class CompoundSymmetryCovariance final : public CovarianceOf<CompoundSymmetry> {
 public:
  using CovarianceOf::CovarianceOf;

  Bounds bounds() const override {
    Bounds out = Bounds::wide(structure_.parameter_count());
    out.lower.head(structure_.width).setZero();
    out.upper[structure_.width] = kCompoundSymmetryEnd;
    out.lower[structure_.width] = -kCompoundSymmetryEnd;
    return out;
  }
  std::vector<int> at_limit(const Vector& theta) const override {
    if (std::abs(theta[structure_.width]) < 0.9 * kCompoundSymmetryEnd) return {};
    return {structure_.width};
  }
};

}  // namespace ranef
