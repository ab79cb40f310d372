#pragma once
// us: any covariance. theta = the lower triangle of S row by row; reported: sds, then correlations.

#include <Eigen/LU>

#include "ranef/covariance/covariance.hpp"
#include "ranef/covariance/report.hpp"

namespace ranef {

struct Unstructured {
  static constexpr BasisFreedom freedom = BasisFreedom::full;
  int width;

  int parameter_count() const { return packed_size(width); }

  Vector start(const Vector& sds) const {
    Vector theta = Vector::Zero(parameter_count());
    for (int j = 0; j < width; ++j) theta[packed_index(j, j)] = sds[j];
    return theta;
  }

  Vector rescaled(const Vector& theta, double factor) const { return factor * theta; }

  Matrix root(const Vector& theta) const {
    Matrix s = Matrix::Zero(width, width);
    for (int i = 0; i < width; ++i)
      for (int j = 0; j <= i; ++j) s(i, j) = theta[packed_index(i, j)];
    return s;
  }

  /// The Cholesky factor of S S' with columns of negligible pivots set to zero.
  Vector without_negligible(const Vector& theta, double tolerance) const {
    const Matrix s = root(theta);
    return packed(semidefinite_root(s * s.transpose(), tolerance * tolerance));
  }

  std::vector<std::vector<int>> null_directions(const Vector& theta) const {
    std::vector<std::vector<int>> out;
    for (int j = 0; j < width; ++j) {
      int i = j;
      while (i < width && theta[packed_index(i, j)] == 0.0) ++i;
      if (i < width) continue;
      out.emplace_back();
      for (i = j; i < width; ++i) out.back().push_back(packed_index(i, j));
    }
    return out;
  }

  std::vector<int> undetermined(const Vector&) const { return {}; }

  template <class T>
  void scale(const T* theta, T* s) const {
    for (int i = 0; i < width; ++i)
      for (int j = 0; j <= i; ++j) s[i * width + j] = theta[packed_index(i, j)];
  }

  std::vector<ReportedParameter> reported_parameters() const {
    std::vector<ReportedParameter> out;
    for (int i = 0; i < width; ++i) out.push_back({ReportedParameter::Kind::sd, i, i});
    for (int i = 1; i < width; ++i)
      for (int j = 0; j < i; ++j) out.push_back({ReportedParameter::Kind::correlation, i, j});
    return out;
  }

  template <class T>
  void report(const T* theta, const Matrix& basis, T* out) const {
    std::vector<T> user_root(width * width, T(0.0));
    for (int i = 0; i < width; ++i)
      for (int k = 0; k < width; ++k)
        for (int j = 0; j <= k; ++j)
          user_root[i * width + j] = user_root[i * width + j] + theta[packed_index(k, j)] * basis(i, k);
    report_from_root(user_root.data(), width, out);
  }

  Vector from_report(const Vector& values, const Matrix& basis) const {
    Matrix covariance(width, width);
    int next = width;
    for (int i = 0; i < width; ++i) {
      covariance(i, i) = values[i] * values[i];
      for (int j = 0; j < i; ++j) covariance(i, j) = covariance(j, i) = values[next++] * values[i] * values[j];
    }
    const Matrix inverse = basis.inverse();
    return packed(semidefinite_root(inverse * covariance * inverse.transpose(), 0.0));
  }

 private:
  Vector packed(const Matrix& lower) const {
    Vector theta(parameter_count());
    for (int i = 0; i < width; ++i)
      for (int j = 0; j <= i; ++j) theta[packed_index(i, j)] = lower(i, j);
    return theta;
  }
};

}  // namespace ranef
