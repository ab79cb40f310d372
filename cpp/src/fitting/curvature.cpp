#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "certificate.hpp"
#include "free_space.hpp"
#include "ranef/fitted_model.hpp"
#include "ranef/objective/gaussian_point.hpp"
#include "report.hpp"
#include "start.hpp"

namespace ranef {

CurvatureReport report_curvature(const ParameterMap& map, const Vector& point, const AffineSpace& space,
                                 const Certificate& certificate, const std::vector<Index>& at_zero) {
  CurvatureReport out;
  out.covariance = Matrix::Constant(map.size(), map.size(), std::numeric_limits<double>::quiet_NaN());
  out.undetermined = at_zero;
  if (!certificate.ok) return out;
  if (certificate.hessian.size() == 0) {  // every parameter is held
    out.covariance.setZero();
    return out;
  }
  out.hessian = certificate.hessian;
  out.eigenvalues = certificate.eigenvalues;
  const Matrix root = map.jacobian(point).array().isFinite().select(map.jacobian(point), 0.0) * space.directions;
  out.units = reported_units(root, certificate);
  out.eigenvectors = reported_eigenvectors(root, certificate);
  if (!certificate.positive) return out;
  out.covariance = root * certificate.covariance * root.transpose();
  for (const Index f : flat_parameters(root, certificate))
    if (std::find(out.undetermined.begin(), out.undetermined.end(), f) == out.undetermined.end())
      out.undetermined.push_back(f);
  for (const Index z : out.undetermined) {
    out.covariance.row(z).setConstant(std::numeric_limits<double>::quiet_NaN());
    out.covariance.col(z).setConstant(std::numeric_limits<double>::quiet_NaN());
  }
  return out;
}

std::unique_ptr<Objective> FittedModel::cheaper_objective() {
  if (!model_->profiled()) return nullptr;
  auto out = std::make_unique<GaussianPoint>(*model_, layouts_->profiled(*model_), poll_);
  if (!out->has_digits(fit_->point)) return nullptr;
  return out;
}

bool is_doubtful(const FitReport& fit) {
  constexpr double kDoubtful = 1e-3;
  const Matrix& information = fit.search_information;
  if (information.rows() != fit.search_point.size()) return true;
  if (information.size() == 0) return false;
  const Vector size = fit.search_point.cwiseAbs().cwiseMin(1.0).cwiseMax(0.1);
  const Vector scale = information.diagonal().cwiseSqrt().cwiseInverse().cwiseMin(30.0 * size);
  const Matrix scaled = scale.asDiagonal() * information * scale.asDiagonal();
  return !(Eigen::SelfAdjointEigenSolver<Matrix>(scaled).eigenvalues()[0] > kDoubtful);
}

CurvatureReport FittedModel::curvature(const std::vector<bool>& fixed) {
  const Model& model = *model_;
  const ParameterMap& map = map_;
  const FitReport& fit = *fit_;
  if (fit.point.size() != map.size() || fit.tiny_residual) return report_curvature(map, fit.point, {}, {}, fit.at_zero);
  AffineSpace space = free_space(model, map, fit.point, fit.values, fixed);
  std::vector<Index> held;
  Index at = map.theta_offset();
  for (const RandomTerm& term : model.terms()) {
    const Index count = term.covariance->parameter_count();
    const Vector theta = fit.point.segment(at, count);
    const auto groups = term.covariance->null_directions(theta);
    for (const auto& group : groups)
      for (int p : group) held.push_back(at + p);
    if (!groups.empty())
      for (int p : term.covariance->undetermined(theta)) held.push_back(at + p);
    for (int p : term.covariance->at_limit(theta)) held.push_back(at + p);
    at += count;
  }
  space = space.without(held);
  for (const Index h : held) space.base[h] = fit.point[h];
  const std::unique_ptr<Objective> from_products = cheaper_objective();
  evaluated_ = evaluated_ && from_products;  // else the objective moves away from the fit
  RestrictedObjective restricted(from_products ? *from_products : objective(), space);
  const Vector units = natural_units(model, map, ordinary_scale(fit_fixed_effects(model), 0));
  const Certificate certificate = certify(restricted, space.coordinates(fit.point),
                                          space.directions.transpose().cwiseAbs() * units, Differences::central);
  return report_curvature(map, fit.point, space, certificate, fit.at_zero);
}

}  // namespace ranef
