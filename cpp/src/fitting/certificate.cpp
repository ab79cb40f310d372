#include "certificate.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>

namespace ranef {

namespace {

/// Curvatures, in shares of an ordinary one, below which a direction is flat (if negative: above minus which).
constexpr double kFlat = 1e-4;

/// Inverse of the Hessian by its spectrum in ordinary units, flat directions left out.
void invert(const Vector& scale, const Vector& gradient, Certificate& out) {
  if (gradient.size() == 0) {  // nothing is free
    out.positive = true;
    return;
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(scale.asDiagonal() * out.hessian * scale.asDiagonal());
  const Vector& values = eigen.eigenvalues();
  out.positive = values.size() == 0 || values[0] > -kFlat;
  while (out.flat < values.size() && values[out.flat] <= kFlat) ++out.flat;
  const Index curved = values.size() - out.flat;
  const Matrix directions = scale.asDiagonal() * eigen.eigenvectors().rightCols(curved);
  out.covariance = directions * values.tail(curved).cwiseInverse().asDiagonal() * directions.transpose();
  out.eigenvalues = values;
  out.scale = scale;
  out.eigenvectors = eigen.eigenvectors();
  out.gain = 0.5 * gradient.dot(out.covariance * gradient);
}

}  // namespace

Certificate certify(RestrictedObjective& objective, const Vector& free, const Vector& unit, Differences kind) {
  Certificate out;
  if (!std::isfinite(objective.value(free))) return out;
  const Vector gradient = objective.gradient();
  constexpr double kLongest = 30.0;
  const Vector scale =
      objective.approximate_hessian().diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse().cwiseMin(kLongest * unit);
  DifferencedHessian differenced = difference_hessian(objective, free, gradient, scale, kind);
  objective.value(free);
  if (!differenced.ok) return out;
  out.ok = true;
  out.hessian = std::move(differenced.hessian);
  invert(scale, gradient, out);
  return out;
}

Vector natural_units(const Model& model, const ParameterMap& map, double mean_unit) {
  Vector units = Vector::Ones(map.size());
  if (const Index at = map.coefficient_offset(0); at >= 0)
    units.segment(at, model.predictors()[0].columns()).setConstant(mean_unit);
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const RandomTerm& term = model.terms()[t];
    if (term.predictor == 0)
      units.segment(map.term_offset(t), term.covariance->parameter_count()).setConstant(mean_unit);
  }
  return units;
}

Vector reported_units(const Matrix& jacobian, const Certificate& certificate) {
  const Vector out = (jacobian * certificate.scale.asDiagonal()).rowwise().norm();
  return (out.array() > 0.0).select(out, 1.0);  // one that does not move at all
}

Matrix reported_eigenvectors(const Matrix& jacobian, const Certificate& certificate) {
  return reported_units(jacobian, certificate).cwiseInverse().asDiagonal() * jacobian *
         (certificate.scale.asDiagonal() * certificate.eigenvectors);
}

std::vector<Index> flat_parameters(const Matrix& jacobian, const Certificate& certificate) {
  constexpr double kTakesPart = 0.1;
  std::vector<Index> out;
  const Matrix shares = reported_eigenvectors(jacobian, certificate).leftCols(certificate.flat).cwiseAbs();
  for (Index i = 0; i < shares.rows(); ++i)
    if ((shares.row(i).array() > kTakesPart).any()) out.push_back(i);
  return out;
}

}  // namespace ranef
