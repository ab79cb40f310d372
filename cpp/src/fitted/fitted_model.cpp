#include "ranef/fitted_model.hpp"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <cmath>
#include <stdexcept>

#include "ranef/linalg/inverse_products.hpp"
#include "rows.hpp"

namespace ranef {

FittedModel::FittedModel(const Model& model, Layouts& layouts, const FitReport& fit, const InnerOptions& options,
                         std::function<void()> poll)
    : model_(&model), layouts_(&layouts), fit_(&fit), poll_(std::move(poll)), map_(model), options_(options) {}

LaplaceObjective& FittedModel::objective() {
  if (!objective_) objective_.emplace(*model_, layouts_->laplace(*model_), options_, poll_);
  return *objective_;
}

LaplaceObjective& FittedModel::evaluated() {
  if (evaluated_) return *objective_;
  if (fit_->point.size() != map_.size()) throw std::domain_error("the search found no estimates: " + fit_->failure);
  if (!std::isfinite(objective().precise_value(fit_->point)))
    throw std::domain_error("the log-likelihood has no value at the estimates: " + objective_->failure());
  objective_->gradient();
  evaluated_ = true;
  return *objective_;
}

Matrix FittedModel::point_covariance(const Matrix& covariance) const {
  if (map_.size() == 0) return {};  // no matrix that could be decomposed
  Matrix jacobian = map_.jacobian(fit_->point), known = covariance;
  for (Index i = 0; i < known.rows(); ++i) {
    if (std::isfinite(known(i, i)) && jacobian.row(i).allFinite()) continue;
    known.row(i).setZero();
    known.col(i).setZero();
    jacobian.row(i).setZero();
    jacobian(i, i) = 1.0;
  }
  const Matrix inverse = jacobian.completeOrthogonalDecomposition().pseudoInverse();
  return inverse * known * inverse.transpose();
}

Matrix FittedModel::mode_derivatives(const Matrix& point_covariance) {
  Matrix out = Matrix::Zero(map_.size(), evaluated().mode().size());
  for (Index j = 0; j < map_.size(); ++j) {
    if (poll_) poll_();
    if (point_covariance(j, j) != 0.0) out.row(j) = objective_->mode_derivative(Vector::Unit(map_.size(), j));
  }
  return out;
}

Matrix FittedModel::border_columns() {
  const Index border = evaluated().layout().border(), size = objective_->mode().size();
  Matrix out = Matrix::Zero(border, size);
  for (Index j = 0; j < border; ++j) {
    Vector column = Vector::Unit(size, size - border + j);
    objective_->system().cholesky().solve(column.data(), static_cast<int>(border));
    out.row(j) = column;
  }
  return out;
}

namespace {

/// Covariance of a series' values: all pairs, also those that H does not link.
void series_blocks(const RandomTerm& term, const std::vector<int>& start, InverseProducts& inverse,
                   const std::function<void()>& poll, Vector& out) {
  const Index length = term.series;
  for (Index level = 0; level < term.level_count; ++level) {
    if (poll) poll();
    std::vector<SparseColumn> columns;
    for (Index k = 0; k < length; ++k) columns.push_back({{start[level * length + k], term.to_user(0, 0)}});
    Eigen::Map<Matrix>(out.data() + level * length * length, length, length) = inverse.solved(columns);
  }
}

}  // namespace

std::vector<Vector> FittedModel::conditional_covariance() {
  ScaledSystem& system = evaluated().system();
  CrossProducts blocks(model_->terms(), objective_->layout());
  system.invert(0);  // fixed effects in the mode count as given, as other parameters do
  system.posterior_blocks(0, blocks);
  std::vector<Vector> out;
  for (std::size_t t = 0; t < model_->terms().size(); ++t) {
    const RandomTerm& term = model_->terms()[t];
    const Index w = term.width, q = term.user_width();
    Vector values(term.level_count * q * q);
    if (term.series > 1) {
      InverseProducts inverse(system.cholesky(), system.inverse(), 0);
      series_blocks(term, objective_->layout().coordinate(static_cast<int>(t)), inverse, poll_, values);
      values *= system.scales()[t](0, 0) * system.scales()[t](0, 0);
    } else {
      for (Index g = 0; g < term.node_count(); ++g) {
        const Eigen::Map<const RowMatrix> ours(blocks.diagonal[t].data() + g * w * w, w, w);
        Eigen::Map<RowMatrix>(values.data() + g * w * w, w, w) = term.to_user * ours * term.to_user.transpose();
      }
    }
    out.push_back(std::move(values));
  }
  return out;
}

Matrix FittedModel::row_scores() {
  Matrix out = -evaluated().row_score();
  for (std::size_t k = 0; k < model_->predictors().size(); ++k)
    out.col(static_cast<Index>(k)) /= model_->predictors()[k].unit.factor;
  return out;
}

Matrix FittedModel::parameter_covariance(const Matrix& covariance) {
  const Matrix parameters = point_covariance(covariance);
  const Index border = evaluated().layout().border(), count = map_.size();
  Matrix out(border + count, border + count);
  out.bottomRightCorner(count, count) = covariance;
  if (border == 0) return out;
  const Matrix& to_user = model_->predictors()[0].to_user;
  const Matrix moved = mode_derivatives(parameters).rightCols(border);
  const Matrix jacobian = map_.jacobian(fit_->point);
  out.topLeftCorner(border, border) =
      to_user * (objective_->border_covariance() + moved.transpose() * parameters * moved) * to_user.transpose();
  out.topRightCorner(border, count) = to_user * moved.transpose() * parameters * jacobian.transpose();
  for (Index j = 0; j < count; ++j)
    if (!std::isfinite(covariance(j, j))) out.col(border + j).head(border).setConstant(covariance(j, j));
  out.bottomLeftCorner(count, border) = out.topRightCorner(border, count).transpose();
  return out;
}

Matrix FittedModel::predictor_covariance(const Matrix& covariance, const std::vector<Matrix>& matrices,
                                         const std::vector<NewTerm>& terms, BorderMovement movement) {
  const Matrix parameters = point_covariance(covariance);
  Matrix derivatives = mode_derivatives(parameters);
  const int border = objective_->layout().border();
  if (movement == BorderMovement::none && border > 0) {
    // The modes' movement given b: (v, b) moves back along H^-1 E until b is where it was.
    const Matrix columns = border_columns();
    const Matrix back = columns.rightCols(border).llt().solve(derivatives.rightCols(border).transpose());
    derivatives -= back.transpose() * columns;
    derivatives.rightCols(border).setZero();
  }
  objective_->system().invert(border);
  RowCovariance rows(*model_, map_, *objective_, derivatives, parameters, matrices, terms);
  Matrix out(matrices[0].rows(), packed_size(model_->likelihood().predictor_count()));
  constexpr Index kPollRows = 1024;
  for (Index i = 0; i < out.rows(); ++i) {
    if (poll_ && i % kPollRows == 0) poll_();
    rows.fill(i, out);
  }
  return out;
}

}  // namespace ranef
