#pragma once
// The contract of a covariance structure: theta -> scale S and prior precision Q of one block of random effects.
//
// A level's random effects are b = S v with v ~ N(0, Q^-1), so Var(b) = S Q^-1 S'. Most structures put everything
// in S and leave Q = I; serial structures on long series have S = sd and a sparse Q, the precision of a series with
// unit variance.
//
// theta holds raw standard deviations and Cholesky entries, free in sign, so a variance of zero is an ordinary
// point. What the user sees ("reported" parameters) are standard deviations >= 0, then correlations, computed from
// theta and `basis`, the map from the columns the core works with (scaled, for `us` orthogonalised, so that
// rescaling or shifting a covariate changes nothing) to the user's: b_user = basis b.
//
// A structure is a small class of templates over the scalar type; `CovarianceOf` adds the derivatives by jets. The
// simplest, independent effects with one standard deviation each:
//
//     struct Diagonal {
//       int width;
//       int parameter_count() const { return width; }
//       template <class T> void scale(const T* theta, T* s) const { s[j * width + j] = theta[j] for all j }
//       ...
//     };

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "ranef/ad/jet.hpp"
#include "ranef/optimize/bounds.hpp"
#include "ranef/types.hpp"

namespace ranef {

/// How the core may transform a block's columns without leaving the structure's family of covariances.
enum class BasisFreedom {
  full,      ///< any invertible map (us)
  diagonal,  ///< every column its own scale
  common     ///< one scale for all
};

/// One stored entry (row >= col) of the precision of a series, and which of the distinct values it has.
struct PrecisionEntry {
  int row;
  int col;
  int value;
};

/// A reported parameter: a standard deviation (row == col) or a correlation; -1, -1 where all columns share it.
struct ReportedParameter {
  enum class Kind { sd, correlation } kind;
  int row;
  int col;
};

class Covariance {
 public:
  virtual ~Covariance() = default;

  /// Columns of a block of S, and length of a series that Q couples (1: Q = I and blocks are independent).
  virtual int width() const = 0;
  virtual int series() const { return 1; }
  virtual BasisFreedom basis_freedom() const = 0;

  virtual int parameter_count() const = 0;
  /// A start with the given standard deviations (one a column of the block, or one for all), nothing correlated.
  virtual Vector start(const Vector& sds) const = 0;
  Vector start(double sd) const { return start(Vector::Constant(width(), sd)); }
  /// theta of the same structure with all standard deviations multiplied by `factor`.
  virtual Vector rescaled(const Vector& theta, double factor) const = 0;
  /// theta with every scale direction smaller than `tolerance` set to zero, which leaves S'S alone otherwise.
  virtual Vector without_negligible(const Vector& theta, double tolerance) const = 0;
  /// Scale directions that are zero in theta: parameters that vanish together, and in which the likelihood is even.
  virtual std::vector<std::vector<int>> null_directions(const Vector& theta) const = 0;
  /// Parameters on which nothing depends while those directions are zero.
  virtual std::vector<int> undetermined(const Vector&) const { return {}; }

  /// S (width x width) and dS / dtheta_p.
  virtual Matrix scale(const Vector& theta) const = 0;
  virtual Matrix scale_derivative(const Vector& theta, int p) const = 0;

  /// Distinct values of Q's entries, their derivative, log det Q of one series and its gradient.
  virtual std::vector<PrecisionEntry> precision_entries() const { return {}; }
  virtual Vector precision_values(const Vector&) const { return {}; }
  virtual Matrix precision_derivatives(const Vector&) const { return {}; }
  virtual double log_determinant(const Vector&) const { return 0.0; }
  virtual Vector log_determinant_gradient(const Vector& theta) const { return Vector::Zero(theta.size()); }
  /// Ends of theta's ranges, where any has one.
  virtual Bounds bounds() const { return Bounds::none(); }
  /// Parameters that have reached the end of their range.
  virtual std::vector<int> at_limit(const Vector&) const { return {}; }
  /// False where the structure has no valid value (a correlation too near to +-1).
  virtual bool valid(const Vector&) const { return true; }

  virtual std::vector<ReportedParameter> reported_parameters() const = 0;
  virtual Vector report(const Vector& theta, const Matrix& basis) const = 0;
  virtual Matrix report_jacobian(const Vector& theta, const Matrix& basis) const = 0;
  /// The theta that reports `values`; throws std::invalid_argument if there is none.
  virtual Vector from_report(const Vector& values, const Matrix& basis) const = 0;
  /// Marginal covariance of a block as the user sees it (a series: of its `series()` values).
  virtual Matrix marginal(const Vector& theta, const Matrix& basis) const = 0;
};

/// Names: us, diag, homdiag, cs, ar1. `columns` is the number of columns of the user's block.
std::shared_ptr<const Covariance> make_covariance(const std::string& name, int columns);

/// The two answers for structures whose first `count` parameters are standard deviations.
inline Vector without_small_sds(Vector theta, int count, double tolerance) {
  for (int p = 0; p < count; ++p)
    if (std::abs(theta[p]) < tolerance) theta[p] = 0.0;
  return theta;
}

inline std::vector<std::vector<int>> zero_sds(const Vector& theta, int count) {
  std::vector<std::vector<int>> out;
  for (int p = 0; p < count; ++p)
    if (theta[p] == 0.0) out.push_back({p});
  return out;
}

/// Derivatives of a structure's templates by forward differentiation, one parameter at a time.
template <class Structure>
class CovarianceOf : public Covariance {
 public:
  explicit CovarianceOf(Structure structure) : structure_(std::move(structure)) {}

  int width() const override { return structure_.width; }
  BasisFreedom basis_freedom() const override { return Structure::freedom; }
  int parameter_count() const override { return structure_.parameter_count(); }
  using Covariance::start;
  Vector start(const Vector& sds) const override { return structure_.start(sds); }
  Vector rescaled(const Vector& theta, double factor) const override { return structure_.rescaled(theta, factor); }
  Vector without_negligible(const Vector& theta, double tolerance) const override {
    return structure_.without_negligible(theta, tolerance);
  }
  std::vector<std::vector<int>> null_directions(const Vector& theta) const override {
    return structure_.null_directions(theta);
  }
  std::vector<int> undetermined(const Vector& theta) const override { return structure_.undetermined(theta); }

  Matrix scale(const Vector& theta) const override {
    RowMatrix s = RowMatrix::Zero(width(), width());
    structure_.scale(theta.data(), s.data());
    return s;
  }

  Matrix scale_derivative(const Vector& theta, int p) const override {
    std::vector<Dual> s(width() * width(), Dual(0.0));
    const std::vector<Dual> point = seeded(theta, p);
    structure_.scale(point.data(), s.data());
    Matrix out(width(), width());
    for (int i = 0; i < width(); ++i)
      for (int j = 0; j < width(); ++j) out(i, j) = s[i * width() + j].derivative(0);
    return out;
  }

  std::vector<ReportedParameter> reported_parameters() const override { return structure_.reported_parameters(); }

  Vector report(const Vector& theta, const Matrix& basis) const override {
    Vector out(parameter_count());
    structure_.report(theta.data(), basis, out.data());
    return out;
  }

  Matrix report_jacobian(const Vector& theta, const Matrix& basis) const override {
    const int count = parameter_count();
    Matrix jacobian(count, count);
    for (int p = 0; p < count; ++p) {
      const std::vector<Dual> point = seeded(theta, p);
      std::vector<Dual> out(count, Dual(0.0));
      structure_.report(point.data(), basis, out.data());
      for (int i = 0; i < count; ++i) jacobian(i, p) = out[i].derivative(0);
    }
    return jacobian;
  }

  Vector from_report(const Vector& values, const Matrix& basis) const override {
    return structure_.from_report(values, basis);
  }

  Matrix marginal(const Vector& theta, const Matrix& basis) const override {
    const Matrix root = basis * scale(theta);
    return root * root.transpose();
  }

 protected:
  using Dual = Jet<1, 1>;

  static std::vector<Dual> seeded(const Vector& theta, int p) {
    std::vector<Dual> point;
    point.reserve(theta.size());
    for (Index i = 0; i < theta.size(); ++i) point.push_back(i == p ? Dual::variable(0, theta[i]) : Dual(theta[i]));
    return point;
  }

  Structure structure_;
};

}  // namespace ranef
