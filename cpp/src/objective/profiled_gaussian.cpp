#include "ranef/objective/profiled_gaussian.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace ranef {

namespace {

constexpr double kLog2Pi = 1.8378770664093454836;

}  // namespace

ProfiledGaussian::ProfiledGaussian(const Model& model, std::shared_ptr<const CrossProductLayout> layout)
    : ProfiledGaussian(model, layout, gaussian_products(model, layout->pairs())) {}

ProfiledGaussian::ProfiledGaussian(const Model& model, std::shared_ptr<const CrossProductLayout> layout,
                                   GaussianProducts data)
    : model_(&model),
      layout_(std::move(layout)),
      columns_(static_cast<int>(model.predictors()[0].columns())),
      effective_rows_(model.weight_total() - (model.reml() ? columns_ : 0)),
      constant_(data.log_scales - (model.reml() ? model.predictors()[0].log_volume() : 0.0)),
      least_squares_(std::move(data.least_squares)),
      products_(std::move(data.blocks)),
      system_(model.terms(), *layout_, model.kernels()) {}

double ProfiledGaussian::value(const Vector& theta) {
  if (!factor_at(theta)) return kNoValue;
  read_residual();
  apply_hold();
  const double log_determinant =
      system_.cholesky().log_determinant(model_->reml() ? columns_ : 0) - system_.log_determinant_precision();
  const double value =
      0.5 * (log_determinant + effective_rows_ * (1.0 + kLog2Pi + std::log(residual_squares_ / effective_rows_))) +
      constant_;
  return std::isfinite(value) ? value : kNoValue;
}

bool ProfiledGaussian::factor_at(const Vector& theta) {
  if (factored_.size() > 0 && factored_ == theta) return true;
  factored_.resize(0);
  inverted_ = false;
  system_.set_theta(theta);
  if (!system_.valid_theta()) {
    failure_ = "a correlation at the end of its range";
    return false;
  }
  if (!factor()) {
    failure_ = "the penalised least-squares problem is singular (no residual variation is left)";
    return false;
  }
  factored_ = theta;
  return true;
}

bool ProfiledGaussian::factor() {
  by_rows_ = false;
  if (system_.factor(products_)) {
    read_residual();
    if (residual_share() > kFewDigits) return true;
  }
  if (!rotations_are_affordable(*layout_, model_->rows())) return residual_squares_ > 0.0;
  if (!rows_) rows_.emplace(*model_, *layout_, least_squares_);
  by_rows_ = rows_->factor(system_);
  read_residual();
  return by_rows_ && residual_squares_ > 0.0;
}

void ProfiledGaussian::read_residual() {
  const int last = layout_->pattern().tail_order() - 1;
  const double pivot = system_.cholesky().tail(last, last);
  residual_squares_ = pivot * pivot;
}

/// Cholesky factors of cross products lose the square of what rotations lose.
double ProfiledGaussian::residual_error() const {
  return std::numeric_limits<double>::epsilon() / (by_rows_ ? std::sqrt(residual_share()) : residual_share());
}

void ProfiledGaussian::hold(const Vector& combination, double value) {
  held_ = combination;
  held_value_ = value;
}

void ProfiledGaussian::hold(const Vector& coefficients) { held_coefficients_ = coefficients; }

Matrix ProfiledGaussian::coefficient_factor() const {
  const int first = layout_->pattern().size() - layout_->pattern().head_size();
  Matrix factor = Matrix::Zero(columns_, columns_);
  for (int j = 0; j < columns_; ++j)
    for (int i = j; i < columns_; ++i) factor(i, j) = system_.cholesky().tail(first + i, first + j);
  return factor;
}

Matrix ProfiledGaussian::coefficient_products() const {
  const Matrix factor = coefficient_factor();
  return factor * factor.transpose();
}

void ProfiledGaussian::apply_hold() {
  if (held_.size() == 0 && held_coefficients_.size() == 0) return;
  held_shift_ = held_.size() > 0 ? shift_to_combination() : shift_to_coefficients();
  residual_squares_ += held_shift_.squaredNorm();
}

Vector ProfiledGaussian::shift_to_combination() const {
  const int first = layout_->pattern().size() - layout_->pattern().head_size();
  const int last = layout_->pattern().tail_order() - 1;
  const Vector direction = coefficient_factor().triangularView<Eigen::Lower>().solve(held_);
  double gap = held_value_ - held_.dot(least_squares_);
  for (int j = 0; j < columns_; ++j) gap -= direction[j] * system_.cholesky().tail(last, first + j);
  return direction * (gap / direction.squaredNorm());
}

Vector ProfiledGaussian::shift_to_coefficients() const {
  const int first = layout_->pattern().size() - layout_->pattern().head_size();
  const int last = layout_->pattern().tail_order() - 1;
  Vector shift = coefficient_factor().transpose() * (held_coefficients_ - least_squares_);
  for (int j = 0; j < columns_; ++j) shift[j] -= system_.cholesky().tail(last, first + j);
  return shift;
}

void ProfiledGaussian::solve() {
  const EliminationPattern& pattern = layout_->pattern();
  solution_.resize(pattern.size() + columns_);
  const double* values = system_.cholesky().values().data();
  for (int head = 0; head < pattern.head_count(); ++head) {
    const int w = pattern.width(head);
    const double* last_row = values + pattern.value_offset(head) + w * (w + pattern.row_count(head) - 1);
    std::copy(last_row, last_row + w, solution_.data() + pattern.first(head));
  }
  const int last = pattern.tail_order() - 1;
  for (int col = 0; col < last; ++col) solution_[pattern.head_size() + col] = system_.cholesky().tail(last, col);
  if (held_shift_.size() > 0) solution_.tail(columns_) += held_shift_;
  system_.cholesky().solve_upper(solution_.data(), columns_);
}

TermVectors ProfiledGaussian::effects() const {
  TermVectors out;
  for (const RandomTerm& term : model_->terms()) out.push_back(Vector(Index(term.node_count()) * term.width));
  system_.to_effects(solution_.data(), out);
  return out;
}

/// Z'W (y - X beta - Z b), node by node.
TermVectors ProfiledGaussian::residual_products() const {
  const auto& terms = model_->terms();
  const TermVectors effects = this->effects();
  TermVectors out;
  const int border = columns_ + 1;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Index w = terms[t].width, size = terms[t].node_count() * w;
    Vector r(size);
    const double* cross = products_.border[t].data();
    const double* a = products_.diagonal[t].data();
    for (Index i = 0; i < size; ++i, cross += border, a += w) {
      double sum = cross[columns_];
      for (int k = 0; k < columns_; ++k) sum -= cross[k] * solution_[layout_->pattern().size() + k];
      const double* b = effects[t].data() + i / w * w;
      for (Index j = 0; j < w; ++j) sum -= a[j] * b[j];
      r[i] = sum;
    }
    out.push_back(std::move(r));
  }
  for (std::size_t p = 0; p < layout_->pairs().size(); ++p) {
    const TermPair& pair = layout_->pairs()[p];
    const Index wa = terms[pair.first].width, wb = terms[pair.second].width;
    const double* a = products_.pair[p].data();
    for (std::size_t k = 0; k < pair.first_node.size(); ++k)
      for (Index i = 0; i < wa; ++i)
        for (Index j = 0; j < wb; ++j, ++a) {
          const Index first = pair.first_node[k] * wa + i, second = pair.second_node[k] * wb + j;
          out[pair.first][first] -= *a * effects[pair.second][second];
          out[pair.second][second] -= *a * effects[pair.first][first];
        }
  }
  return out;
}

Vector ProfiledGaussian::gradient() { return gradient_at(effective_rows_ / residual_squares_); }

void ProfiledGaussian::invert() {
  if (!inverted_) system_.invert(model_->reml() ? columns_ : 0);
  inverted_ = true;
}

Vector ProfiledGaussian::gradient_at(double inverse_variance) {
  solve();
  const int border = model_->reml() ? columns_ : 0;
  if (by_rows_ && system_.scales_are_regular()) {
    invert();
    return system_.theta_gradient_at_solution(solution_.data(), inverse_variance);
  }
  const TermVectors residual =
      by_rows_ ? rows_->residual_products(effects(), solution_.tail(columns_)) : residual_products();
  std::vector<Matrix> direct;
  for (std::size_t t = 0; t < model_->terms().size(); ++t) {
    const Index w = model_->terms()[t].width;
    const std::vector<int>& start = layout_->coordinate(static_cast<int>(t));
    Matrix sum = Matrix::Zero(w, w);
    for (std::size_t g = 0; g < start.size(); ++g)
      for (Index i = 0; i < w; ++i)
        for (Index j = 0; j < w; ++j) sum(i, j) += residual[t][static_cast<Index>(g) * w + i] * solution_[start[g] + j];
    direct.push_back(-inverse_variance * sum);
  }
  invert();
  return system_.theta_gradient(products_, std::move(direct), solution_.data(), nullptr, inverse_variance, border);
}

Matrix ProfiledGaussian::approximate_hessian() {
  const ScaledSystem::Information at = system_.approximate_information();
  const Matrix profiled = at.information - 2.0 / effective_rows_ * at.slope * at.slope.transpose();
  return profiled.llt().info() == Eigen::Success ? profiled : at.information;
}

Vector ProfiledGaussian::coefficients() {
  solve();
  return least_squares_ + solution_.tail(columns_);
}

Matrix ProfiledGaussian::coefficient_covariance() const {
  const Matrix factor = coefficient_factor();
  const Matrix inverse = factor.triangularView<Eigen::Lower>().solve(Matrix::Identity(columns_, columns_));
  return residual_variance() * inverse.transpose() * inverse;
}

}  // namespace ranef
