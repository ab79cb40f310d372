#include <cmath>
#include <limits>

#include "ranef/objective/grouped_gaussian.hpp"
#include "ranef/objective/profiled_gaussian.hpp"
#include "report.hpp"

namespace ranef {

namespace {

std::unique_ptr<ProfiledObjective> profiled_objective(const Model& model, Layouts& layouts) {
  if (auto grouped = make_grouped_gaussian(model)) return grouped;
  return std::make_unique<ProfiledGaussian>(model, layouts.profiled(model));
}

}  // namespace

FitReport fit_profiled(const Model& model, Layouts& layouts, const FitRequest& request) {
  const std::unique_ptr<ProfiledObjective> built = profiled_objective(model, layouts);
  ProfiledObjective& objective = *built;
  const ParameterMap map(model);
  const LinearPredictor& dispersion = model.predictors()[1];
  Index at = 0;
  Vector start = objective.moment_start();
  if (request.start.size() > 0) {
    const Vector point = map.to_point(request.start);
    const double sigma = std::exp(dispersion.matrix(0, 0) * point[map.coefficient_offset(1)] + dispersion.level);
    for (std::size_t t = 0; t < model.terms().size(); ++t) {
      const Covariance& covariance = *model.terms()[t].covariance;
      const Index count = covariance.parameter_count();
      start.segment(at, count) = covariance.rescaled(point.segment(map.term_offset(t), count), 1.0 / sigma);
      at += count;
    }
  }
  const BoundaryReport found = minimise_with_boundary(objective, model, AffineSpace::everything(objective.size()),
                                                      start, 0, 1.0, request.options.optimizer, request.progress);
  FitReport out;
  copy_optimizer(found, out);
  if (found.optimizer.termination == Termination::no_start) {
    out.failure = objective.failure();
    return out;
  }
  out.loglik = -objective.value(found.point);
  const double sigma = std::sqrt(objective.residual_variance());
  std::vector<Vector> coefficients{objective.coefficients(),
                                   Vector::Constant(1, (std::log(sigma) - dispersion.level) / dispersion.matrix(0, 0))};
  out.point.resize(map.size());
  for (std::size_t k = 0; k < 2; ++k)
    if (map.coefficient_offset(k) >= 0)
      out.point.segment(map.coefficient_offset(k), coefficients[k].size()) = coefficients[k];
  at = 0;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Index count = model.terms()[t].covariance->parameter_count();
    out.point.segment(map.term_offset(t), count) =
        model.terms()[t].covariance->rescaled(found.point.segment(at, count), sigma);
    at += count;
  }
  out.values = map.to_values(out.point);
  out.coefficients = user_coefficients(model, coefficients);
  const Index p = coefficients[0].size();
  out.coefficient_covariance = Matrix::Constant(p + 1, p + 1, std::numeric_limits<double>::quiet_NaN());
  const Matrix& to_user = model.predictors()[0].to_user;
  out.coefficient_covariance.topLeftCorner(p, p) = to_user * objective.coefficient_covariance() * to_user.transpose();

  out.effects = user_effects(model, objective.effects());
  std::vector<Index> held = found.at_zero;
  for (Index& h : held) h += map.theta_offset();
  out.at_zero = reported_zeros(model, map, out.point, held);
  out.at_limit = reported_limits(model, map, out.point);
  out.deficient = deficient_terms(model, map, out.point);
  return out;
}

}  // namespace ranef
