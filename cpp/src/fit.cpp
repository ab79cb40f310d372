#include "ranef/fit.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "ranef/model/fixed_effects_start.hpp"
#include "ranef/objective/profiled_gaussian.hpp"

namespace ranef {

namespace {

/// Starting standard deviations, as shares of the response's own scale.
constexpr double kStartScale = 0.5;
struct StartScale {
  double mean;   ///< for random effects in the mean
  double other;  ///< and in other predictors
};
constexpr StartScale kStartScales[] = {{1.0, 1.0}, {1.0, 0.1}, {0.1, 0.1}, {4.0, 4.0}};
/// A fit is certified when the exact curvature predicts less gain than this.
constexpr double kCertifiedGain = 1e-6;
constexpr int kMaxPolish = 4;

Index total_columns(const Model& model) {
  Index total = 0;
  for (const LinearPredictor& p : model.predictors()) total += p.columns();
  return total;
}

/// An ordinary scale for random effects in a predictor.
double ordinary_scale(const FixedEffectsStart& start, int predictor) {
  const double scale = start.scale[predictor];
  if (!(std::isfinite(scale) && scale > 1e-12 && scale < 1e12)) return 1.0;
  // Log dispersions and logits of zero inflation have a scale of their own, and working residuals that are wild.
  return predictor == 0 ? scale : std::min(scale, 1.0);
}

Vector starting_point(const Model& model, const ParameterMap& map, const FixedEffectsStart& start, StartScale factor) {
  Vector point = Vector::Zero(map.size());
  for (std::size_t k = 0; k < start.coefficients.size(); ++k)
    if (const Index at = map.coefficient_offset(k); at >= 0)
      point.segment(at, start.coefficients[k].size()) = start.coefficients[k];
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const RandomTerm& term = model.terms()[t];
    const double sd =
        kStartScale * (term.predictor == 0 ? factor.mean : factor.other) * ordinary_scale(start, term.predictor);
    point.segment(map.term_offset(t), term.covariance->parameter_count()) = term.covariance->start(sd);
  }
  return point;
}

/// What stays free when the parameters in `fixed` keep their place in `values`.
AffineSpace free_space(const Model& model, const ParameterMap& map, const Vector& point, const Vector& values,
                       const std::vector<bool>& fixed) {
  AffineSpace space = AffineSpace::everything(map.size());
  if (fixed.empty()) return space;
  Index free = 0;
  space.base = Vector::Zero(map.size());
  Matrix directions = Matrix::Zero(map.size(), map.size());
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const Index at = map.coefficient_offset(k), p = model.predictors()[k].columns();
    if (at < 0 || p == 0) continue;
    const Matrix upper = model.predictors()[k].to_user.triangularView<Eigen::Upper>().solve(Matrix::Identity(p, p));
    Matrix open(p, p);
    Index count = 0;
    for (Index j = 0; j < p; ++j) {
      if (fixed[at + j])
        space.base.segment(at, p) += upper.col(j) * values[at + j];
      else
        open.col(count++) = upper.col(j);
    }
    if (count > 0) {
      const Matrix basis = Eigen::HouseholderQR<Matrix>(open.leftCols(count)).householderQ() * Matrix::Identity(p, count);
      directions.block(at, free, p, count) = basis;
    }
    free += count;
  }
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Index at = map.term_offset(t), count = model.terms()[t].covariance->parameter_count();
    const auto held = std::count(fixed.begin() + at, fixed.begin() + at + count, true);
    const bool joint = model.terms()[t].covariance->basis_freedom() == BasisFreedom::full && count > 1;
    if (held > 0 && held < count && joint)
      throw std::invalid_argument(
          "an unstructured term of several effects can only be held as a whole: fix all its standard deviations and "
          "correlations, or write the term as diag(...) or in separate terms");
    for (Index j = 0; j < count; ++j) {
      if (fixed[at + j])
        space.base[at + j] = point[at + j];
      else
        directions(at + j, free++) = 1.0;
    }
  }
  space.directions = directions.leftCols(free);
  return space;
}

std::vector<Vector> user_coefficients(const Model& model, const std::vector<Vector>& ours) {
  std::vector<Vector> out;
  for (std::size_t k = 0; k < ours.size(); ++k) out.push_back(model.predictors()[k].to_user * ours[k]);
  return out;
}

TermVectors user_effects(const Model& model, TermVectors effects) {
  for (std::size_t t = 0; t < effects.size(); ++t) {
    const Matrix& to_user = model.terms()[t].to_user;
    if (to_user.size() == 1 && to_user(0, 0) == 1.0) continue;
    const Index w = to_user.rows();
    for (Index g = 0; g < effects[t].size(); g += w)
      effects[t].segment(g, w) = (to_user * effects[t].segment(g, w)).eval();
  }
  return effects;
}

/// Parameters of `values` that a zero variance fixes or leaves undetermined.
std::vector<Index> reported_zeros(const Model& model, const ParameterMap& map, const Vector& point,
                                  const std::vector<Index>& held) {
  std::vector<Index> out;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Index at = map.term_offset(t), count = model.terms()[t].covariance->parameter_count();
    const bool any = std::any_of(held.begin(), held.end(), [&](Index h) { return h >= at && h < at + count; });
    if (!any) continue;
    const auto reported = model.terms()[t].covariance->reported_parameters();
    const Vector values = map.to_values(point).segment(at, count);
    for (Index j = 0; j < count; ++j) {
      const bool sd = reported[j].kind == ReportedParameter::Kind::sd;
      const bool held_here = std::find(held.begin(), held.end(), at + j) != held.end();
      const bool at_edge = !sd && !(std::abs(values[j]) < 1.0 - 1e-8);
      if ((sd && values[j] == 0.0) || at_edge || (!sd && reported[j].row < 0 && held_here)) out.push_back(at + j);
    }
  }
  return out;
}

std::vector<Index> reported_limits(const Model& model, const ParameterMap& map, const Vector& point) {
  std::vector<Index> out;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Covariance& covariance = *model.terms()[t].covariance;
    for (const int p : covariance.at_limit(point.segment(map.term_offset(t), covariance.parameter_count())))
      out.push_back(map.term_offset(t) + p);
  }
  return out;
}

void copy_optimizer(const BoundaryReport& from, FitReport& to) {
  to.termination = from.optimizer.termination;
  to.gradient = from.optimizer.gradient;
  to.expected_gain = from.optimizer.expected_gain;
  to.iterations = from.optimizer.iterations;
  to.evaluations = from.optimizer.evaluations;
}

FitReport fit_profiled(const Model& model, Layouts& layouts, const FitRequest& request) {
  ProfiledGaussian objective(model, layouts.profiled(model));
  const ParameterMap map(model);
  Index at = 0;
  Vector start = objective.moment_start();
  if (request.start.size() > 0) {
    const Vector point = map.to_point(request.start);
    const double sigma = std::exp(model.predictors()[1].matrix(0, 0) * point[map.coefficient_offset(1)]);
    for (std::size_t t = 0; t < model.terms().size(); ++t) {
      const Covariance& covariance = *model.terms()[t].covariance;
      const Index count = covariance.parameter_count();
      start.segment(at, count) = covariance.rescaled(point.segment(map.term_offset(t), count), 1.0 / sigma);
      at += count;
    }
  }
  const BoundaryReport found =
      minimise_with_boundary(objective, model, AffineSpace::everything(objective.size()), start, 0, 1.0,
                             request.options.optimizer, request.progress);
  FitReport out;
  copy_optimizer(found, out);
  if (found.optimizer.termination == Termination::no_start) {
    out.failure = objective.failure();
    return out;
  }
  out.loglik = -objective.value(found.point);
  const double sigma = std::sqrt(objective.residual_variance());
  std::vector<Vector> coefficients{objective.coefficients(),
                                   Vector::Constant(1, std::log(sigma) / model.predictors()[1].matrix(0, 0))};
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
  out.coefficient_covariance.topLeftCorner(p, p) =
      to_user * objective.coefficient_covariance() * to_user.transpose();

  TermVectors effects = objective.effects();
  out.linear_predictors = Matrix::Zero(model.rows(), 2);
  for (int k = 0; k < 2; ++k) {
    const LinearPredictor& predictor = model.predictors()[k];
    if (predictor.offset.size() > 0) out.linear_predictors.col(k) = predictor.offset;
    out.linear_predictors.col(k) += predictor.matrix * coefficients[k];
  }
  for (std::size_t t = 0; t < model.terms().size(); ++t)
    add_random_effects(model.terms()[t], effects[t].data(), 0, model.rows(), out.linear_predictors.col(0).data());
  out.effects = user_effects(model, std::move(effects));
  std::vector<Index> held = found.at_zero;
  for (Index& h : held) h += map.theta_offset();
  out.at_zero = reported_zeros(model, map, out.point, held);
  out.at_limit = reported_limits(model, map, out.point);
  return out;
}

/// Second derivatives at the end of a search, in its free coordinates, and what they say.
struct Certificate {
  bool ok = false;        ///< the objective has values all around
  bool positive = false;  ///< no direction in which it falls
  Matrix hessian;
  Matrix covariance;      ///< inverse of the Hessian on the directions in which it is not flat
  Matrix flat;            ///< unit directions along which the objective does not change, by columns
  double gain = 0.0;      ///< what a Newton step would still gain
};

/// Curvatures, in shares of an ordinary one, below which a direction is flat (if negative: above minus which).
constexpr double kFlat = 1e-4;

/// Inverse of the Hessian by its spectrum in ordinary units, flat directions left out.
void invert(const Vector& scale, const Vector& gradient, Certificate& out) {
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(scale.asDiagonal() * out.hessian * scale.asDiagonal());
  const Vector& values = eigen.eigenvalues();
  out.positive = values.size() == 0 || values[0] > -kFlat;
  Index flat = 0;
  while (flat < values.size() && values[flat] <= kFlat) ++flat;
  const Index curved = values.size() - flat;
  const Matrix directions = scale.asDiagonal() * eigen.eigenvectors().rightCols(curved);
  out.covariance = directions * values.tail(curved).cwiseInverse().asDiagonal() * directions.transpose();
  out.flat = (scale.asDiagonal() * eigen.eigenvectors().leftCols(flat)).colwise().normalized();
  out.gain = 0.5 * gradient.dot(out.covariance * gradient);
}

/// `unit`: lengths beyond which nothing is ordinary, one a coordinate.
Certificate certify(RestrictedObjective& objective, const Vector& free, const Vector& unit, Differences kind) {
  Certificate out;
  if (!std::isfinite(objective.value(free))) return out;
  const Vector gradient = objective.gradient();
  constexpr double kLongest = 30.0;
  const Vector scale = objective.approximate_hessian().diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse().cwiseMin(kLongest * unit);
  DifferencedHessian differenced = difference_hessian(objective, free, gradient, scale, kind);
  objective.value(free);
  if (!differenced.ok) return out;
  out.ok = true;
  out.hessian = std::move(differenced.hessian);
  invert(scale, gradient, out);
  return out;
}

/// The natural unit of every coordinate of a point: of the mean's for its coefficients and random effects, else one.
Vector natural_units(const Model& model, const ParameterMap& map, double mean_unit) {
  Vector units = Vector::Ones(map.size());
  if (const Index at = map.coefficient_offset(0); at >= 0)
    units.segment(at, model.predictors()[0].columns()).setConstant(mean_unit);
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const RandomTerm& term = model.terms()[t];
    if (term.predictor == 0) units.segment(map.term_offset(t), term.covariance->parameter_count()).setConstant(mean_unit);
  }
  return units;
}

/// Reported parameters that move along the flat directions (columns, in the coordinates of a point).
std::vector<Index> flat_parameters(const Matrix& jacobian, const Matrix& flat, const Vector& units) {
  constexpr double kTakesPart = 0.1;
  std::vector<Index> out;
  const Matrix moved = units.cwiseInverse().asDiagonal() * (jacobian * flat);
  for (Index i = 0; i < moved.rows(); ++i)
    for (Index j = 0; j < moved.cols(); ++j)
      if (std::abs(moved(i, j)) > kTakesPart * moved.col(j).cwiseAbs().maxCoeff()) {
        out.push_back(i);
        break;
      }
  return out;
}

/// A fit with the random effects outside the mean held at zero, then those given a small standard deviation.
Vector start_from_mean_terms(LaplaceObjective& objective, const Model& model, const ParameterMap& map,
                             const FixedEffectsStart& fixed_start, const FitRequest& request) {
  constexpr StartScale kSmall{1.0, 0.1};
  const Vector start = starting_point(model, map, fixed_start, kSmall);
  std::vector<Index> held;
  for (std::size_t t = 0; t < model.terms().size(); ++t)
    for (int p = 0; model.terms()[t].predictor != 0 && p < model.terms()[t].covariance->parameter_count(); ++p)
      held.push_back(map.term_offset(t) + p);
  const AffineSpace space = AffineSpace::everything(map.size()).without(held);
  RestrictedObjective restricted(objective, space);
  const OptimizerReport found =
      minimise(restricted, space.coordinates(start), request.options.optimizer, request.progress);
  Vector point = space.point(found.point);
  for (const Index h : held) point[h] = start[h];
  return point;
}

FitReport fit_laplace(const Model& model, Layouts& layouts, const FitRequest& request) {
  const ParameterMap map(model);
  LaplaceObjective objective(model, layouts.laplace(model), request.options.inner, request.poll);
  const FixedEffectsStart fixed_start = fit_fixed_effects(model);
  const double unit = ordinary_scale(fixed_start, 0);

  // The caller's start, if any, then ordinary ones of different sizes, until one converges; in the end from the fit
  // without random effects outside the mean.
  std::vector<Vector> starts;
  if (request.start.size() > 0) starts.push_back(map.to_point(request.start));
  if (request.fixed.empty()) {
    for (const StartScale& factor : kStartScales) starts.push_back(starting_point(model, map, fixed_start, factor));
    if (model.active() == Active::all) starts.emplace_back();
  }
  BoundaryReport found;
  for (Vector& start : starts) {
    objective.reset_mode();
    if (start.size() == 0) start = start_from_mean_terms(objective, model, map, fixed_start, request);
    BoundaryReport attempt =
        minimise_with_boundary(objective, model, free_space(model, map, start, request.start, request.fixed), start,
                               map.theta_offset(), unit, request.options.optimizer, request.progress);
    const bool converged = attempt.optimizer.termination == Termination::converged;
    const bool better = found.optimizer.termination == Termination::no_start ||
                        (attempt.optimizer.termination != Termination::no_start &&
                         attempt.optimizer.value < found.optimizer.value);
    attempt.optimizer.evaluations += found.optimizer.evaluations;
    attempt.optimizer.iterations += found.optimizer.iterations;
    if (converged || better) found = std::move(attempt);
    if (converged) break;
  }

  FitReport out;
  copy_optimizer(found, out);
  out.inner_iterations = objective.inner_iterations();
  if (found.optimizer.termination == Termination::no_start) {
    out.failure = objective.failure();
    return out;
  }

  RestrictedObjective restricted(objective, found.space);
  Vector free = found.optimizer.point;
  const Vector units = natural_units(model, map, unit);
  const Vector free_units = found.space.directions.transpose().cwiseAbs() * units;
  Certificate certificate = certify(restricted, free, free_units, Differences::forward);
  for (int polish = 0; polish < kMaxPolish && found.optimizer.termination != Termination::max_iterations &&
                       certificate.ok && certificate.positive && certificate.gain > kCertifiedGain;
       ++polish) {
    restricted.value(free);
    const Vector gradient = restricted.gradient();
    const double before = restricted.precise_value(free);
    const Vector trial = free - certificate.covariance * gradient;
    const double after = restricted.precise_value(trial);
    if (!(after < before)) break;
    free = trial;
    found.optimizer.value = after;
    certificate = certify(restricted, free, free_units, Differences::forward);
    out.evaluations += 1 + static_cast<int>(free.size());
  }
  out.evaluations += static_cast<int>(free.size());
  if (certificate.ok && certificate.positive && certificate.gain <= kCertifiedGain &&
      out.termination == Termination::stalled)
    out.termination = Termination::converged;

  out.point = found.space.point(free);
  out.loglik = -objective.precise_value(out.point);
  out.gradient = found.space.directions.transpose() * objective.gradient();
  out.curvature_positive = certificate.ok && certificate.positive;
  out.expected_gain = out.curvature_positive ? certificate.gain : out.expected_gain;
  out.values = map.to_values(out.point);

  std::vector<Vector> coefficients;
  const Index total = total_columns(model);
  Matrix covariance = Matrix::Constant(total, total, std::numeric_limits<double>::quiet_NaN());
  if (out.curvature_positive) {
    const Matrix all = found.space.directions * certificate.covariance * found.space.directions.transpose();
    const Index outside = model.reml() ? model.predictors()[0].columns() : 0;
    covariance.setZero();
    covariance.bottomRightCorner(total - outside, total - outside) = all.topLeftCorner(total - outside, total - outside);
    if (outside > 0) {
      // The integrated coefficients: their variance given the rest, and how they move with the rest.
      Matrix movement(outside, free.size());
      for (Index j = 0; j < free.size(); ++j)
        movement.col(j) = objective.mode_derivative(found.space.directions.col(j)).tail(outside);
      covariance.topLeftCorner(outside, outside) =
          objective.border_covariance() + movement * certificate.covariance * movement.transpose();
    }
  }
  Matrix to_user = Matrix::Zero(total, total);
  Index at = 0;
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const Index p = model.predictors()[k].columns();
    coefficients.push_back(map.coefficient_offset(k) >= 0 ? Vector(out.point.segment(map.coefficient_offset(k), p))
                                                          : objective.border_coefficients());
    to_user.block(at, at, p, p) = model.predictors()[k].to_user;
    at += p;
  }
  out.coefficients = user_coefficients(model, coefficients);
  out.coefficient_covariance = to_user * covariance * to_user.transpose();
  const Index integrated = model.reml() ? model.predictors()[0].columns() : 0;
  for (const Index f : flat_parameters(map.jacobian(out.point), found.space.directions * certificate.flat, units)) {
    if (f >= map.theta_offset()) continue;
    out.coefficient_covariance.row(integrated + f).setConstant(std::numeric_limits<double>::quiet_NaN());
    out.coefficient_covariance.col(integrated + f).setConstant(std::numeric_limits<double>::quiet_NaN());
  }
  out.effects = user_effects(model, objective.effects());
  out.linear_predictors = objective.linear_predictors();
  out.at_zero = reported_zeros(model, map, out.point, found.at_zero);
  out.at_limit = reported_limits(model, map, out.point);
  return out;
}

}  // namespace

std::shared_ptr<const CrossProductLayout> Layouts::profiled(const Model& model) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!profiled_)
    profiled_ = std::make_shared<CrossProductLayout>(model.terms(), model.rows(),
                                                     static_cast<int>(model.predictors()[0].columns()) + 1);
  return profiled_;
}

std::shared_ptr<const CrossProductLayout> Layouts::laplace(const Model& model) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!laplace_)
    laplace_ = std::make_shared<CrossProductLayout>(
        model.terms(), model.rows(), model.reml() ? static_cast<int>(model.predictors()[0].columns()) : 0);
  return laplace_;
}

FitReport fit(const Model& model, Layouts& layouts, const FitRequest& request) {
  const bool any_fixed = std::any_of(request.fixed.begin(), request.fixed.end(), [](bool f) { return f; });
  return model.profiled() && !any_fixed ? fit_profiled(model, layouts, request) : fit_laplace(model, layouts, request);
}

Vector starting_values(const Model& model, Layouts&) {
  const ParameterMap map(model);
  return map.to_values(starting_point(model, map, fit_fixed_effects(model), kStartScales[0]));
}

double log_likelihood(const Model& model, Layouts& layouts, const Vector& values) {
  LaplaceObjective objective(model, layouts.laplace(model), InnerOptions());
  return -objective.precise_value(ParameterMap(model).to_point(values));
}

Vector log_likelihood_gradient(const Model& model, Layouts& layouts, const Vector& values) {
  const ParameterMap map(model);
  LaplaceObjective objective(model, layouts.laplace(model), InnerOptions());
  const Vector point = map.to_point(values);
  if (!std::isfinite(objective.precise_value(point)))
    throw std::domain_error("the log-likelihood has no value there: " + objective.failure());
  return -map.jacobian(point).transpose().partialPivLu().solve(objective.gradient());
}

CurvatureReport curvature(const Model& model, Layouts& layouts, const FitReport& fit, const std::vector<bool>& fixed) {
  const ParameterMap map(model);
  LaplaceObjective objective(model, layouts.laplace(model), InnerOptions());
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
    at += count;
  }
  space = space.without(held);
  for (const Index h : held) space.base[h] = fit.point[h];
  RestrictedObjective restricted(objective, space);
  const Vector units = natural_units(model, map, ordinary_scale(fit_fixed_effects(model), 0));
  const Certificate certificate = certify(restricted, space.coordinates(fit.point),
                                          space.directions.transpose().cwiseAbs() * units, Differences::central);

  CurvatureReport out;
  out.covariance = Matrix::Constant(map.size(), map.size(), std::numeric_limits<double>::quiet_NaN());
  out.undetermined = fit.at_zero;
  if (!certificate.ok) return out;
  out.hessian = certificate.hessian;
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(certificate.hessian);
  out.eigenvalues = eigen.eigenvalues();
  const Matrix jacobian = map.jacobian(fit.point).array().isFinite().select(map.jacobian(fit.point), 0.0);
  out.eigenvectors = jacobian * space.directions * eigen.eigenvectors();
  if (!certificate.positive) return out;
  const Matrix root = jacobian * space.directions;
  out.covariance = root * certificate.covariance * root.transpose();
  for (const Index f : flat_parameters(jacobian, space.directions * certificate.flat, units))
    if (std::find(out.undetermined.begin(), out.undetermined.end(), f) == out.undetermined.end())
      out.undetermined.push_back(f);
  for (const Index z : out.undetermined) {
    out.covariance.row(z).setConstant(std::numeric_limits<double>::quiet_NaN());
    out.covariance.col(z).setConstant(std::numeric_limits<double>::quiet_NaN());
  }
  return out;
}

}  // namespace ranef
