#include "ranef/posterior.hpp"

#include <Eigen/QR>
#include <cmath>
#include <stdexcept>

namespace ranef {

namespace {

/// The objective, evaluated at a fit together with its gradient.
LaplaceObjective at_fit(const Model& model, Layouts& layouts, const FitReport& fit) {
  LaplaceObjective objective(model, layouts.laplace(model), InnerOptions());
  if (!std::isfinite(objective.precise_value(fit.point)))
    throw std::domain_error("the fit has no likelihood to differentiate: " + objective.failure());
  objective.gradient();
  return objective;
}

/// Covariance of `point` from that of `values`.
Matrix point_covariance(const ParameterMap& map, const FitReport& fit, const Matrix& covariance) {
  if (map.size() == 0) return {};  // no matrix that could be decomposed
  Matrix jacobian = map.jacobian(fit.point), known = covariance;
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

/// One entry of a row of J: coordinate and value.
struct Entry {
  int coordinate;
  double value;
};

class NewRows {
 public:
  NewRows(const Model& model, const LaplaceObjective& objective, const std::vector<NewTerm>& terms)
      : model_(&model), objective_(&objective), terms_(&terms) {
    for (std::size_t t = 0; t < terms.size(); ++t)
      scaled_.push_back(model.terms()[t].to_user * objective.system().scales()[t]);
  }

  /// Values of the user's block in row i of term t.
  Vector basis(std::size_t t, Index i) const {
    const NewTerm& term = (*terms_)[t];
    const Index q = model_->terms()[t].user_width();
    if (!term.column.empty()) return Vector::Unit(q, term.column[i]);
    if (term.basis.size() > 0) return term.basis.row(i);
    return Vector::Ones(1);
  }

  /// Row i of J for predictor k, sparse, and the prior variance that new levels add.
  std::vector<Entry> entries(int predictor, Index i, double& prior) const {
    std::vector<Entry> out;
    for (std::size_t t = 0; t < terms_->size(); ++t) {
      const RandomTerm& design = model_->terms()[t];
      const NewTerm& term = (*terms_)[t];
      if (!term.included || design.predictor != predictor || term.levels[i] == -1) continue;
      const Vector z = basis(t, i);
      if (term.levels[i] == -2) {
        prior += z.dot(design.covariance->marginal(objective_->system().theta(t), design.to_user) * z);
        continue;
      }
      const std::vector<int>& start = objective_->layout().coordinate(static_cast<int>(t));
      if (design.series > 1) {
        out.push_back({start[term.levels[i] * design.series + term.column[i]], scaled_[t](0, 0)});
        continue;
      }
      const Vector weight = scaled_[t].transpose() * z;
      for (Index j = 0; j < weight.size(); ++j) out.push_back({start[term.levels[i]] + static_cast<int>(j), weight[j]});
    }
    return out;
  }

  /// d eta / d theta of row i of predictor k with v held: Z dS v.
  Vector scale_derivative(int predictor, Index i) const {
    const ScaledSystem& system = objective_->system();
    Vector out = Vector::Zero(system.theta_size());
    for (std::size_t t = 0; t < terms_->size(); ++t) {
      const RandomTerm& design = model_->terms()[t];
      const NewTerm& term = (*terms_)[t];
      if (!term.included || design.predictor != predictor || term.levels[i] < 0) continue;
      const std::vector<int>& start = objective_->layout().coordinate(static_cast<int>(t));
      const int node = design.series > 1 ? term.levels[i] * design.series + term.column[i] : term.levels[i];
      const Vector z = design.series > 1 ? Vector::Constant(1, design.to_user(0, 0))
                                         : Vector(design.to_user.transpose() * basis(t, i));
      const auto v = objective_->mode().segment(start[node], design.width);
      const Vector theta = system.theta(t);
      for (Index p = 0; p < theta.size(); ++p)
        out[system.theta_offset(t) + p] += z.dot(design.covariance->scale_derivative(theta, static_cast<int>(p)) * v);
    }
    return out;
  }

 private:
  const Model* model_;
  const LaplaceObjective* objective_;
  const std::vector<NewTerm>* terms_;
  std::vector<Matrix> scaled_;  // to_user S
};

}  // namespace

std::vector<Vector> conditional_covariance(const Model& model, Layouts& layouts, const FitReport& fit) {
  LaplaceObjective objective = at_fit(model, layouts, fit);
  CrossProducts blocks(model.terms(), objective.layout());
  objective.system().invert(0);  // fixed effects in the mode count as given, as other parameters do
  objective.system().posterior_blocks(0, blocks);
  std::vector<Vector> out;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const RandomTerm& term = model.terms()[t];
    const Index w = term.width, size = w * w;
    const double* ours = blocks.diagonal[t].data();
    if (term.series > 1) {
      const Index length = term.series;
      Vector series = Vector::Zero(term.level_count * length * length);
      for (Index g = 0; g < term.node_count(); ++g)
        series[(g / length) * length * length + (g % length) * (length + 1)] =
            ours[g] * term.to_user(0, 0) * term.to_user(0, 0);
      out.push_back(std::move(series));
      continue;
    }
    Vector values(term.node_count() * size);
    for (Index g = 0; g < term.node_count(); ++g) {
      const RowMatrix block =
          term.to_user * Eigen::Map<const RowMatrix>(ours + g * size, w, w) * term.to_user.transpose();
      values.segment(g * size, size) = Eigen::Map<const Vector>(block.data(), size);
    }
    out.push_back(std::move(values));
  }
  return out;
}

Matrix row_scores(const Model& model, Layouts& layouts, const FitReport& fit) {
  Matrix out = -at_fit(model, layouts, fit).row_score();
  for (std::size_t k = 0; k < model.predictors().size(); ++k)
    out.col(static_cast<Index>(k)) /= model.predictors()[k].unit.factor;
  return out;
}

Matrix predictor_covariance(const Model& model, Layouts& layouts, const FitReport& fit, const Matrix& covariance,
                            const std::vector<Matrix>& matrices, const std::vector<NewTerm>& terms) {
  LaplaceObjective objective = at_fit(model, layouts, fit);
  const ParameterMap map(model);
  const Matrix parameters = point_covariance(map, fit, covariance);
  const int predictors = model.likelihood().predictor_count(), border = objective.layout().border();
  const Index rows = matrices[0].rows(), size = objective.mode().size();
  Matrix mode_derivatives(size, map.size());
  for (Index j = 0; j < map.size(); ++j)
    mode_derivatives.col(j) = objective.mode_derivative(Vector::Unit(map.size(), j));

  std::vector<Matrix> fixed;
  for (int k = 0; k < predictors; ++k) fixed.push_back(matrices[k] * model.predictors()[k].to_user);
  const NewRows design(model, objective, terms);
  Matrix out(rows, packed_size(predictors));
  Matrix derivative(predictors, map.size()), whitened(size, predictors);
  for (Index i = 0; i < rows; ++i) {
    derivative.setZero();
    whitened.setZero();
    Vector prior = Vector::Zero(predictors);
    for (int k = 0; k < predictors; ++k) {
      for (const Entry& e : design.entries(k, i, prior[k])) {
        whitened(e.coordinate, k) += e.value;
        derivative.row(k) += e.value * mode_derivatives.row(e.coordinate);
      }
      derivative.row(k).tail(objective.system().theta_size()) += design.scale_derivative(k, i);
      if (const Index at = map.coefficient_offset(k); at >= 0) {
        derivative.row(k).segment(at, fixed[k].cols()) += fixed[k].row(i);
      } else {
        whitened.col(k).tail(border) = fixed[k].row(i);
        derivative.row(k) += fixed[k].row(i) * mode_derivatives.bottomRows(border);
      }
      objective.system().cholesky().solve_lower(whitened.col(k).data(), border);
    }
    for (int a = 0; a < predictors; ++a)
      for (int b = 0; b <= a; ++b)
        out(i, packed_index(a, b)) = whitened.col(a).dot(whitened.col(b)) +
                                     derivative.row(a) * parameters * derivative.row(b).transpose() +
                                     (a == b ? prior[a] : 0.0);
  }
  return out;
}

}  // namespace ranef
