#include "rows.hpp"

namespace ranef {

RowCovariance::RowCovariance(const Model& model, const ParameterMap& map, const LaplaceObjective& objective,
                             const Matrix& mode_derivatives, const Matrix& parameters,
                             const std::vector<Matrix>& matrices, const std::vector<NewTerm>& terms)
    : objective_(&objective),
      parameters_(&parameters),
      mode_derivatives_(&mode_derivatives),
      inverse_(objective.system().cholesky(), objective.system().inverse(), objective.layout().border()),
      columns_(matrices.size()),
      derivative_(map.size(), static_cast<Index>(matrices.size())),
      prior_(static_cast<Index>(matrices.size())) {
  for (std::size_t k = 0; k < matrices.size(); ++k) {
    fixed_.push_back(matrices[k] * model.predictors()[k].to_user);
    coefficient_offset_.push_back(map.coefficient_offset(k));
  }
  for (std::size_t t = 0; t < terms.size(); ++t) {
    if (!terms[t].included) continue;
    terms_.push_back(make_term(model.terms()[t], t, terms[t], map));
  }
}

RowCovariance::Term RowCovariance::make_term(const RandomTerm& design, std::size_t t, const NewTerm& rows,
                                             const ParameterMap& map) const {
  const ScaledSystem& system = objective_->system();
  const Vector theta = system.theta(t);
  Term out{&design,
           &rows,
           &objective_->layout().coordinate(static_cast<int>(t)),
           design.to_user * system.scales()[t],
           Matrix(map.size(), design.node_count() * design.width),
           design.covariance->marginal(theta, design.to_user)};
  std::vector<Matrix> scale_derivatives;
  for (Index p = 0; p < theta.size(); ++p)
    scale_derivatives.push_back(design.to_user * design.covariance->scale_derivative(theta, static_cast<int>(p)));
  for (Index node = 0; node < design.node_count(); ++node) {
    auto effects = out.effect_derivatives.middleCols(node * design.width, design.width);
    const int first = (*out.start)[node];
    effects = mode_derivatives_->middleCols(first, design.width) * out.scale.transpose();
    for (Index p = 0; p < theta.size(); ++p)
      effects.row(map.term_offset(t) + p) +=
          (scale_derivatives[p] * objective_->mode().segment(first, design.width)).transpose();
  }
  return out;
}

void RowCovariance::add_fixed(int k, Index i) {
  const auto x = fixed_[k].row(i);
  if (const Index at = coefficient_offset_[k]; at >= 0) {
    derivative_.col(k).segment(at, x.size()) += x.transpose();
    return;
  }
  const int first = objective_->layout().pattern().size();
  for (Index j = 0; j < x.size(); ++j) columns_[k].push_back({first + static_cast<int>(j), x[j]});
  derivative_.col(k) += mode_derivatives_->rightCols(x.size()) * x.transpose();
}

void RowCovariance::add_node(const Term& term, int node, const Vector& z) {
  const int k = term.design->predictor, w = term.design->width;
  for (int j = 0; j < w; ++j) columns_[k].push_back({(*term.start)[node] + j, z.dot(term.scale.col(j))});
  derivative_.col(k) += term.effect_derivatives.middleCols(Index(node) * w, w) * z;
}

void RowCovariance::add_term(const Term& term, Index i) {
  const int level = term.rows->levels[i];
  if (level == -1) return;
  const Index q = term.design->user_width();
  const std::vector<int>& column = term.rows->column;
  const bool serial = term.design->series > 1 && level >= 0;
  if (serial) {
    add_node(term, level * term.design->series + column[i], Vector::Ones(1));
    return;
  }
  Vector z = Vector::Ones(q);
  if (!column.empty()) z = Vector::Unit(q, column[i]);
  if (term.rows->basis.size() > 0) z = term.rows->basis.row(i);
  if (level >= 0)
    add_node(term, level, z);
  else
    prior_[term.design->predictor] += z.dot(term.prior * z);
}

void RowCovariance::add_random(Matrix& sum) {
  if (inverse_.add_selected(columns_, sum)) return;
  std::vector<double> key;
  for (const SparseColumn& column : columns_) {
    key.push_back(static_cast<double>(column.size()));
    for (const SparseEntry& e : column) key.insert(key.end(), {static_cast<double>(e.coordinate), e.value});
  }
  auto found = solved_.find(key);
  if (found == solved_.end()) found = solved_.emplace(std::move(key), inverse_.solved(columns_)).first;
  sum += found->second;
}

void RowCovariance::fill(Index i, Matrix& out) {
  derivative_.setZero();
  prior_.setZero();
  for (SparseColumn& column : columns_) column.clear();
  for (std::size_t k = 0; k < fixed_.size(); ++k) add_fixed(static_cast<int>(k), i);
  for (const Term& term : terms_) add_term(term, i);
  Matrix sum = derivative_.transpose() * *parameters_ * derivative_;
  add_random(sum);
  for (int a = 0; a < prior_.size(); ++a) {
    sum(a, a) += prior_[a];
    for (int b = 0; b <= a; ++b) out(i, packed_index(a, b)) = sum(a, b);
  }
}

}  // namespace ranef
