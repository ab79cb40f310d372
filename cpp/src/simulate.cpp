#include "ranef/simulate.hpp"

#include <Eigen/LU>

#include "ranef/covariance/report.hpp"
#include "ranef/random/normal.hpp"

namespace ranef {

namespace {

/// Root of the covariance of a level's effects, all of its series at once.
Matrix level_root(const RandomTerm& term, const Vector& theta) {
  if (term.series == 1) return term.covariance->scale(theta);
  return semidefinite_root(term.covariance->marginal(theta, Matrix::Identity(1, 1)), 0.0);
}

/// From effects of the user's columns, level by level, to those of the model's.
Vector model_effects(const RandomTerm& term, const Vector& user) {
  const Index w = term.to_user.rows();
  const Eigen::PartialPivLU<Matrix> map(term.to_user);
  Vector out(user.size());
  for (Index at = 0; at < user.size(); at += w) out.segment(at, w) = map.solve(user.segment(at, w));
  return out;
}

}  // namespace

Simulator::Simulator(const Model& model, const Truth& truth) : model_(&model) {
  const ParameterMap map(model);
  const Vector point = map.to_point(truth.values);
  fixed_part_ = Matrix::Zero(model.rows(), static_cast<Index>(model.predictors().size()));
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const LinearPredictor& predictor = model.predictors()[k];
    auto column = fixed_part_.col(static_cast<Index>(k));
    predictor.set_fixed_part(column);
    if (predictor.columns() > 0)
      column += predictor.matrix * predictor.to_user.triangularView<Eigen::Upper>().solve(truth.coefficients[k]);
  }
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const RandomTerm& term = model.terms()[t];
    const bool kept = !truth.keep.empty() && truth.keep[t];
    const Vector theta = point.segment(map.term_offset(t), term.covariance->parameter_count());
    roots_.push_back(kept ? Matrix() : level_root(term, theta));
    if (kept)
      add_random_effects(term, model_effects(term, truth.effects[t]).data(), 0, model.rows(),
                         fixed_part_.col(term.predictor).data());
  }
}

Vector Simulator::draw(Rng& rng) const {
  Matrix eta = fixed_part_;
  for (std::size_t t = 0; t < roots_.size(); ++t) {
    if (roots_[t].size() == 0) continue;
    const RandomTerm& term = model_->terms()[t];
    const Index q = roots_[t].rows();
    Vector effects(term.level_count * q), z(q);
    for (Index at = 0; at < effects.size(); at += q) {
      for (double& entry : z) entry = draw_normal(rng);
      effects.segment(at, q).noalias() = roots_[t] * z;
    }
    add_random_effects(term, effects.data(), 0, model_->rows(), eta.col(term.predictor).data());
  }
  RowBlock block = model_->block(0, model_->rows());
  for (Index k = 0; k < eta.cols(); ++k) block.eta[static_cast<std::size_t>(k)] = eta.col(k).data();
  Vector response(model_->rows());
  model_->likelihood().simulate(block, rng, response.data());
  return response * model_->unit();
}

}  // namespace ranef
