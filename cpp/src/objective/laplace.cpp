#include "ranef/objective/laplace.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "laplace_rows.hpp"
#include "ranef/model/fixed_effects_start.hpp"
#include "ranef/objective/gaussian_rows.hpp"

namespace ranef {

namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kArmijo = 1e-4;
/// Rounding of a short sum, relative to its largest term.
constexpr double kEpsilon = 4.0 * std::numeric_limits<double>::epsilon();
constexpr int kMaxHalvings = 40;
/// Without data the pivots of H are one. A likelihood that is not log-concave can lower them; where one nears zero,
/// -1/2 log|H| has a pole that is no likelihood's (the random effect's posterior has left the shape of a Gaussian).
constexpr double kPole = 0.05;
/// Within this of the mode a Newton step is trusted more than the rounding of g, and where g or the step no longer
/// improves, rounding is what keeps it from the mode.
constexpr double kRoundingGain = 1e-6;
/// Log-likelihood above zero that a discrete response may seem to have by rounding.
constexpr double kImpossible = 1e-6;

}  // namespace

LaplaceObjective::LaplaceObjective(const Model& model, std::shared_ptr<const CrossProductLayout> layout,
                                   InnerOptions options, std::function<void()> poll)
    : model_(&model),
      layout_(std::move(layout)),
      options_(options),
      poll_(std::move(poll)),
      active_(model.active()),
      active_count_(active_ == Active::mean_only ? 1 : model.likelihood().predictor_count()),
      one_mode_(active_ == Active::mean_only && model.likelihood().is_log_concave()),
      never_positive_(model.likelihood().is_discrete() && !model.reml()),
      border_(layout_->border()),
      determinant_border_(model.joint() ? 0 : border_),
      products_(model.terms(), *layout_),
      posterior_(model.terms(), *layout_),
      system_(model.terms(), *layout_, model.kernels()),
      effects_(zero_effects(model.terms())),
      effect_gradient_(zero_effects(model.terms())) {
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const bool in_mode = k == 0 && model.mean_in_mode();
    coefficient_offset_.push_back(in_mode ? -1 : theta_first_);
    if (!in_mode) theta_first_ += model.predictors()[k].columns();
  }
  start_mode_ = Vector::Zero(layout_->pattern().size() + border_);
  if (border_ > 0) {
    border_rows_ = model.predictors()[0].matrix;
    start_mode_.tail(border_) = constant_predictors(model).head(border_);
  }
  reset_mode();
}

void LaplaceObjective::reset_mode() {
  mode_ = start_mode_;
  departure_ = {};
}

void LaplaceObjective::set_fixed_part(const Vector& point) {
  const auto& predictors = model_->predictors();
  fixed_part_.resize(model_->rows(), static_cast<Index>(predictors.size()));
  for (std::size_t k = 0; k < predictors.size(); ++k) {
    auto column = fixed_part_.col(static_cast<Index>(k));
    predictors[k].set_fixed_part(column);
    if (coefficient_offset_[k] >= 0 && predictors[k].columns() > 0)
      column.noalias() += predictors[k].matrix * point.segment(coefficient_offset_[k], predictors[k].columns());
  }
}

void LaplaceObjective::spread(const Vector& v) { system_.to_effects(v.data(), effects_); }

void LaplaceObjective::predictor_block(Index begin, Index end, Matrix& eta) const {
  const Index count = end - begin;
  eta.topRows(count) = fixed_part_.middleRows(begin, count);
  for (std::size_t t = 0; t < model_->terms().size(); ++t)
    add_random_effects(model_->terms()[t], effects_[t].data(), begin, end,
                       eta.col(model_->terms()[t].predictor).data());
}

template <class Visit>
void LaplaceObjective::for_each_block(const Vector& v, Visit visit) {
  spread(v);
  for (Index begin = 0; begin < model_->rows(); begin += kRowsPerBlock) {
    const Index end = std::min<Index>(begin + kRowsPerBlock, model_->rows()), count = end - begin;
    predictor_block(begin, end, scratch_eta_);
    if (border_ > 0) scratch_eta_.col(0).head(count) += border_rows_.middleRows(begin, count) * v.tail(border_);
    RowBlock block = model_->block(begin, end);
    for (Index k = 0; k < scratch_eta_.cols(); ++k) block.eta[static_cast<std::size_t>(k)] = scratch_eta_.col(k).data();
    model_->likelihood().second_order(block, active_, scratch_gradient_.data(), scratch_hessian_.data(), kRowsPerBlock);
    visit(begin, count);
  }
}

double LaplaceObjective::penalised(const Vector& v, Vector& gradient, bool positive_weights) {
  const int predictors = model_->likelihood().predictor_count();
  const Index stride = kRowsPerBlock;
  scratch_eta_.resize(stride, predictors);
  scratch_gradient_.resize(stride, active_count_);
  scratch_hessian_.resize(stride, packed_size(active_count_));
  spread(v);
  products_.set_zero();
  for (Vector& g : effect_gradient_) g.setZero();
  border_gradient_ = Vector::Zero(border_);
  const auto border_part = v.tail(border_);

  double sum = 0.0;
  for (Index begin = 0; begin < model_->rows(); begin += stride) {
    const Index end = std::min(begin + stride, model_->rows());
    predictor_block(begin, end, scratch_eta_);
    if (border_ > 0) scratch_eta_.col(0).head(end - begin) += border_rows_.middleRows(begin, end - begin) * border_part;
    RowBlock block = model_->block(begin, end);
    for (int k = 0; k < predictors; ++k) block.eta[k] = scratch_eta_.col(k).data();
    sum += model_->likelihood().second_order(block, active_, scratch_gradient_.data(), scratch_hessian_.data(), stride);
    if (!std::isfinite(sum)) return kNoValue;
    if (positive_weights) make_positive(scratch_hessian_, active_count_, end - begin);
    accumulate_rows(begin, end);
  }
  gradient.resize(v.size());
  system_.to_coordinates(effect_gradient_, gradient.data());
  gradient.tail(border_) = border_gradient_;
  return sum + 0.5 * system_.add_precision_product(v.data(), gradient.data());
}

void LaplaceObjective::accumulate_rows(Index begin, Index end) {
  RowWeights weights{};
  for (int c = 0; c < packed_size(active_count_); ++c) weights[c] = scratch_hessian_.col(c).data();
  const auto& terms = model_->terms();
  for (std::size_t t = 0; t < terms.size(); ++t)
    accumulate_transpose(terms[t], scratch_gradient_.col(terms[t].predictor).data(), begin, end,
                         effect_gradient_[t].data());
  accumulate_random_blocks(terms, layout_->pairs(), weights, begin, end, products_);
  if (border_ == 0) return;
  const Index count = end - begin;
  const auto rows = border_rows_.middleRows(begin, count);
  border_gradient_.noalias() += rows.transpose() * scratch_gradient_.col(0).head(count);
  products_.border_gram.noalias() += rows.transpose() * scratch_hessian_.col(0).head(count).asDiagonal() * rows;
  for (std::size_t t = 0; t < terms.size(); ++t)
    accumulate_border_blocks(terms[t], weights[packed_index(terms[t].predictor, 0)], border_rows_.row(begin).data(),
                             border_, begin, end, products_.border[t]);
}

bool LaplaceObjective::end_at(const Vector& v, const Vector& step, double current, double decrement, bool exact) {
  if (exact && system_.cholesky().smallest_pivot() < kPole) {
    failure_ = "the Laplace approximation does not hold: the data leave a random effect more uncertain than its prior";
    return false;
  }
  if (!exact) {
    failure_ = "the stationary point of the random effects is not a mode: the Hessian is not positive definite";
    return false;
  }
  // The step is taken: it squares the error of v, on which the gradient depends to first order. H stays that of
  // the point before, on which it depends far less.
  mode_ = v + step;
  at_mode_ = current - 0.5 * decrement;
  last_step_norm_ = std::sqrt(std::max(decrement, 0.0));
  return true;
}

bool LaplaceObjective::find_mode(double tolerance) {
  Vector v = mode_, gradient, trial_gradient;
  double current = penalised(v, gradient, false);
  if (!std::isfinite(current)) {
    v = start_mode_;
    current = penalised(v, gradient, false);
  }
  if (!std::isfinite(current)) {
    failure_ = "the likelihood of some row is zero";
    return false;
  }
  double last_decrement = kNoValue;
  for (int iteration = 0; iteration < options_.max_iterations; ++iteration) {
    if (poll_) poll_();
    ++inner_iterations_;
    bool exact = true;
    if (!factor(v)) {
      exact = false;
      penalised(v, gradient, true);
      if (!system_.factor(products_)) {
        failure_ = "the Hessian of the random effects is not positive definite";
        return false;
      }
    }
    Vector step = -gradient;
    system_.cholesky().solve(step.data(), border_);
    const double decrement = -gradient.dot(step);
    if (!std::isfinite(decrement)) break;
    const bool close = 0.5 * decrement < kRoundingGain;
    // Newton's method squares the decrement; one that no longer falls may be all rounding.
    const bool levelled = decrement > 0.5 * last_decrement;
    last_decrement = decrement;
    if (0.5 * decrement < tolerance || (levelled && (close || 0.5 * decrement < rounding_gain(v))))
      return end_at(v, step, current, decrement, exact);
    const double rounding =
        std::max(1e-13 * (1.0 + std::abs(current)) + kEpsilon * system_.largest_precision() * v.squaredNorm(),
                 close ? decrement : 0.0);
    double length = 1.0, trial = kNoValue;
    int halvings = 0;
    for (; halvings < kMaxHalvings; ++halvings, length *= 0.5) {
      trial = penalised(v + length * step, trial_gradient, false);
      if (std::isfinite(trial) && trial <= current - kArmijo * length * decrement + rounding) break;
    }
    if (halvings == kMaxHalvings) {
      if (close) return end_at(v, step, current, decrement, exact);
      break;
    }
    v += length * step;
    current = trial;
    std::swap(gradient, trial_gradient);
  }
  failure_ = "the mode of the random effects was not found";
  return false;
}

/// The gain that rounding promises: with eta off by its own rounding, delta, the gradient is off by J'W delta, and a
/// Newton step for that gains at most 1/2 sum of W delta^2; the product with a series' precision is rounded beside.
double LaplaceObjective::rounding_gain(const Vector& v) {
  const double of_precision = system_.largest_precision() * v.norm();
  double sum = of_precision * of_precision;
  for_each_block(v, [&](Index, Index count) {
    for (int k = 0; k < active_count_; ++k)
      sum += scratch_hessian_.col(packed_index(k, k))
                 .head(count)
                 .cwiseAbs()
                 .dot(scratch_eta_.col(k).head(count).cwiseAbs2());
  });
  return 0.5 * kEpsilon * kEpsilon * sum;
}

/// Cross products lose the coefficients' digits where random effects that are far less certain take them up.
bool LaplaceObjective::border_has_few_digits() const {
  constexpr double kFewDigits = 1e-10;
  const int first = layout_->pattern().tail_order() - border_;
  for (int j = 0; j < border_; ++j) {
    const double pivot = system_.cholesky().tail(first + j, first + j);
    if (!(pivot * pivot > kFewDigits * products_.border_gram(j, j))) return true;
  }
  return false;
}

bool LaplaceObjective::factor(const Vector& v) {
  const bool factored = system_.factor(products_);
  if (border_ == 0 || active_count_ > 1 || (factored && !border_has_few_digits())) return factored;
  if (!rotations_are_affordable(*layout_, model_->rows())) return factored;
  Vector weights(model_->rows());
  for_each_block(
      v, [&](Index begin, Index count) { weights.segment(begin, count) = scratch_hessian_.col(0).head(count); });
  if (!(weights.minCoeff() >= 0.0)) return factored;
  return factor_rows(model_->terms(), *layout_, weights.cwiseSqrt(), border_rows_, system_);
}

/// v^ moves along a straight line to first order. A line search tries several points of one direction, so the
/// movement is solved for once, while the factor of the departure is still there.
Vector LaplaceObjective::predicted_mode(const Vector& point) {
  if (forgetful_) return start_mode_;
  if (departure_.point.size() == 0) return mode_;
  const Vector direction = point - departure_.point;
  if (departure_.factor_current) {
    departure_.direction = direction;
    departure_.movement = mode_derivative(direction);
    departure_.factor_current = false;
    return departure_.mode + departure_.movement;
  }
  const double length = departure_.direction.squaredNorm();
  if (!(length > 0.0)) return mode_;
  const double share = direction.dot(departure_.direction) / length;
  if ((direction - share * departure_.direction).squaredNorm() > 1e-20 * length) return mode_;
  return departure_.mode + share * departure_.movement;
}

double LaplaceObjective::value_at(const Vector& point, double tolerance) {
  mode_ = predicted_mode(point);
  point_ = point;
  system_.set_theta(point.tail(system_.theta_size()));
  if (!system_.valid_theta()) {
    failure_ = "a correlation at the end of its range";
    return kNoValue;
  }
  set_fixed_part(point);
  if (!find_mode(tolerance)) return kNoValue;
  double value = at_mode_ + model_->constant() + 0.5 * system_.cholesky().log_determinant(determinant_border_) -
                 0.5 * system_.log_determinant_precision();
  if (model_->reml()) value -= 0.5 * border_ * kLog2Pi + model_->predictors()[0].log_volume();
  if (!std::isfinite(value)) {
    failure_ = "the log-likelihood is not finite";
    return kNoValue;
  }
  if (is_possible(value)) return value;
  failure_ =
      "the log-likelihood is positive, which that of a discrete response never is: the Laplace approximation "
      "does not hold, use a simpler model";
  return kNoValue;
}

bool LaplaceObjective::is_possible(double value) const {
  const double rounding = 1e-13 * (std::abs(at_mode_) + std::abs(model_->constant()));
  return !never_positive_ || value > -(kImpossible + rounding);
}

TermVectors LaplaceObjective::effects() const {
  TermVectors out = effects_;
  system_.to_effects(mode_.data(), out);
  return out;
}

Vector LaplaceObjective::border_coefficients() const { return mode_.tail(border_); }

Matrix LaplaceObjective::border_covariance() {
  Matrix out = Matrix::Zero(border_, border_);
  for (int j = 0; j < border_; ++j) {
    Vector unit = Vector::Zero(mode_.size());
    unit[mode_.size() - border_ + j] = 1.0;
    system_.cholesky().solve(unit.data(), border_);
    out.col(j) = unit.tail(border_);
  }
  return out;
}

}  // namespace ranef
