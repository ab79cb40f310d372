#include "report.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

std::vector<Vector> user_coefficients(const Model& model, const std::vector<Vector>& ours) {
  std::vector<Vector> out;
  for (std::size_t k = 0; k < ours.size(); ++k) out.push_back(model.predictors()[k].to_user * ours[k]);
  return out;
}

namespace {

/// transform * b for every level's block b.
void transform_effects(const Matrix& transform, Vector& effects) {
  if (transform.size() == 1 && transform(0, 0) == 1.0) return;
  dispatch_width(static_cast<int>(transform.rows()), [&](auto w) {
    constexpr int kWidth = fixed_width<decltype(w)>;
    const Eigen::Matrix<double, kWidth, kWidth> fixed = transform;
    const Index width = transform.rows();
    Eigen::Map<Eigen::Matrix<double, kWidth, Eigen::Dynamic>> blocks(effects.data(), width, effects.size() / width);
    for (Index g = 0; g < blocks.cols(); ++g) blocks.col(g) = (fixed * blocks.col(g)).eval();
  });
}

}  // namespace

TermVectors user_effects(const Model& model, TermVectors effects) {
  for (std::size_t t = 0; t < effects.size(); ++t) transform_effects(model.terms()[t].to_user, effects[t]);
  return effects;
}

Matrix linear_predictors(const Model& model, const FitReport& fit) {
  Matrix eta = Matrix::Zero(model.rows(), static_cast<Index>(model.predictors().size()));
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const LinearPredictor& predictor = model.predictors()[k];
    auto column = eta.col(static_cast<Index>(k));
    predictor.set_fixed_part(column);
    if (predictor.columns() > 0)
      column.noalias() +=
          predictor.matrix * predictor.to_user.triangularView<Eigen::Upper>().solve(fit.coefficients[k]);
  }
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const RandomTerm& term = model.terms()[t];
    Vector effects = fit.effects[t];
    transform_effects(term.to_user.inverse(), effects);
    add_random_effects(term, effects.data(), 0, model.rows(), eta.col(term.predictor).data());
  }
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const PredictorUnit& unit = model.predictors()[k].unit;
    auto column = eta.col(static_cast<Index>(k)).array();
    column = unit.factor * column + unit.origin;
  }
  return eta;
}

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

std::vector<Index> deficient_terms(const Model& model, const ParameterMap& map, const Vector& point) {
  constexpr double kSmallest = 1e-6;  // eigenvalue of a correlation matrix
  std::vector<Index> out;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Covariance& covariance = *model.terms()[t].covariance;
    if (covariance.basis_freedom() != BasisFreedom::full || covariance.width() < 2) continue;
    const Vector theta = point.segment(map.term_offset(t), covariance.parameter_count());
    const Index width = covariance.width();
    // The determinant of a correlation matrix is at most e times its smallest eigenvalue, and cheap by the triangular
    // S.
    const Matrix root = covariance.scale(theta);
    const double determinant = root.diagonal().cwiseAbs2().cwiseQuotient(root.rowwise().squaredNorm()).prod();
    if (determinant > 3.0 * kSmallest) continue;
    const Matrix marginal = covariance.marginal(theta, Matrix::Identity(width, width));
    const Vector inverse = marginal.diagonal().cwiseSqrt().cwiseInverse();
    const Matrix correlation = inverse.asDiagonal() * marginal * inverse.asDiagonal();
    if (!inverse.allFinite() || Eigen::SelfAdjointEigenSolver<Matrix>(correlation).eigenvalues()[0] < kSmallest)
      out.push_back(static_cast<Index>(t));
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

}  // namespace ranef
