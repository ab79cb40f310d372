#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "laplace_rows.hpp"
#include "ranef/objective/laplace.hpp"

namespace ranef {

namespace {

/// Least information of a direction, in shares of the largest; and how much of the largest counts for that. (Huge
/// counts know a slope within groups to their own precision, and the mean of the groups to that of the groups.)
constexpr double kLeastInformation = 1e-8;
constexpr double kLargestInformation = 1e6;

/// Nearest positive definite matrix in the sense of reversed and floored eigenvalues.
Matrix positive_definite(const Matrix& symmetric) {
  if (symmetric.size() == 0) return symmetric;
  Eigen::SelfAdjointEigenSolver<Matrix> eigen(symmetric);
  const Vector values = eigen.eigenvalues().cwiseAbs();
  const double floor = kLeastInformation * std::min(std::max(1.0, values.maxCoeff()), kLargestInformation);
  return eigen.eigenvectors() * values.cwiseMax(floor).asDiagonal() * eigen.eigenvectors().transpose();
}

}  // namespace

void LaplaceObjective::sweep_third_order() {
  const int predictors = model_->likelihood().predictor_count();
  const Index n = model_->rows(), stride = kRowsPerBlock;
  row_gradient_.resize(n, predictors);
  row_hessian_.resize(n, packed_size(predictors));
  row_contraction_.resize(n, predictors);
  spread(mode_);
  Matrix eta(stride, predictors), variance(stride, packed_size(active_count_));
  Matrix gradient(stride, predictors), hessian(stride, packed_size(predictors)), contraction(stride, predictors);
  hessian.setZero();
  for (Index begin = 0; begin < n; begin += stride) {
    const Index end = std::min(begin + stride, n), count = end - begin;
    predictor_block(begin, end, eta);
    if (border_ > 0) eta.col(0).head(count) += border_rows_.middleRows(begin, count) * mode_.tail(border_);
    posterior_variance(model_->terms(), *layout_, posterior_, border_rows_, begin, end, variance);
    RowBlock block = model_->block(begin, end);
    for (int k = 0; k < predictors; ++k) block.eta[k] = eta.col(k).data();
    model_->likelihood().third_order(block, active_, variance.data(), gradient.data(), hessian.data(),
                                     contraction.data(), stride);
    row_gradient_.middleRows(begin, count) = gradient.topRows(count);
    row_hessian_.middleRows(begin, count) = hessian.topRows(count);
    row_contraction_.middleRows(begin, count) = contraction.topRows(count);
  }
}

TermVectors LaplaceObjective::sums_by_effect(const Matrix& rows) const {
  TermVectors sums = zero_effects(model_->terms());
  for (std::size_t t = 0; t < model_->terms().size(); ++t)
    accumulate_transpose(model_->terms()[t], rows.col(model_->terms()[t].predictor).data(), 0, model_->rows(),
                         sums[t].data());
  return sums;
}

Vector LaplaceObjective::transpose_product(const Matrix& rows) { return transpose_product(rows, sums_by_effect(rows)); }

Vector LaplaceObjective::transpose_product(const Matrix& rows, const TermVectors& sums) const {
  Vector out(mode_.size());
  system_.to_coordinates(sums, out.data());
  if (border_ > 0) out.tail(border_) = border_rows_.transpose() * rows.col(0);
  return out;
}

Matrix LaplaceObjective::product(const Vector& coordinates) const {
  TermVectors effects = effects_;
  system_.to_effects(coordinates.data(), effects);
  Matrix out = Matrix::Zero(model_->rows(), active_count_);
  for (std::size_t t = 0; t < model_->terms().size(); ++t)
    add_random_effects(model_->terms()[t], effects[t].data(), 0, model_->rows(),
                       out.col(model_->terms()[t].predictor).data());
  if (border_ > 0) out.col(0) += border_rows_ * coordinates.tail(border_);
  return out;
}

Vector LaplaceObjective::gradient() {
  const auto& terms = model_->terms();
  system_.invert(determinant_border_);
  system_.posterior_blocks(determinant_border_, posterior_);
  sweep_third_order();

  determinant_score_ = transpose_product(row_contraction_);
  const TermVectors scores = sums_by_effect(row_gradient_);
  Vector residual = transpose_product(row_gradient_, scores);
  system_.add_precision_product(mode_.data(), residual.data());
  // The mode that was found is H^-1 residual beside the exact one, where the gradient is wanted.
  Vector adjoint = determinant_score_ + residual;
  system_.cholesky().solve(adjoint.data(), border_);
  adjoint_norm_ = std::sqrt(std::max(0.0, adjoint.dot(determinant_score_)));
  // r_k = l'_k + t_k - sum_b W_kb (J a)_b
  Matrix& r = row_score_ = row_gradient_ + row_contraction_;
  const Matrix ja = product(adjoint);
  for (Index k = 0; k < r.cols(); ++k)
    for (int b = 0; b < active_count_; ++b)
      r.col(k) -=
          row_hessian_.col(packed_index(std::max<int>(static_cast<int>(k), b), std::min<int>(static_cast<int>(k), b)))
              .cwiseProduct(ja.col(b));

  Vector out(size());
  for (std::size_t k = 0; k < model_->predictors().size(); ++k)
    if (coefficient_offset_[k] >= 0)
      out.segment(coefficient_offset_[k], model_->predictors()[k].columns()) =
          model_->predictors()[k].matrix.transpose() * r.col(static_cast<Index>(k));

  std::vector<Matrix> direct;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    Vector with_r = Vector::Zero(effects_[t].size());
    accumulate_transpose(terms[t], r.col(terms[t].predictor).data(), 0, model_->rows(), with_r.data());
    direct.push_back(outer_sum(with_r, mode_, layout_->coordinate(static_cast<int>(t)), terms[t].width) -
                     outer_sum(scores[t], adjoint, layout_->coordinate(static_cast<int>(t)), terms[t].width));
  }
  out.tail(system_.theta_size()) =
      system_.theta_gradient(products_, std::move(direct), mode_.data(), adjoint.data(), 1.0, determinant_border_);
  departure_ = {point_, mode_, {}, {}, true};
  return out;
}

TermVectors LaplaceObjective::skewness() const {
  TermVectors out;
  const double* inverse = system_.inverse().values().data();
  for (std::size_t t = 0; t < model_->terms().size(); ++t) {
    const int w = model_->terms()[t].width;
    const std::vector<int>& start = layout_->coordinate(static_cast<int>(t));
    const std::vector<BlockPlace>& places = layout_->diagonal(static_cast<int>(t));
    Vector of_term(static_cast<Index>(start.size()) * w);
    for (std::size_t g = 0; g < start.size(); ++g)
      for (int j = 0; j < w; ++j) {
        const double variance = inverse[places[g].offset + j * (places[g].row_stride + places[g].col_stride)];
        of_term[static_cast<Index>(g) * w + j] = 2.0 * determinant_score_[start[g] + j] * std::sqrt(variance);
      }
    out.push_back(std::move(of_term));
  }
  return out;
}

Matrix LaplaceObjective::approximate_hessian() {
  const int predictors = model_->likelihood().predictor_count();
  const Matrix weights = full_row_hessian();
  Matrix information = Matrix::Zero(size(), size());
  Matrix cross(mode_.size(), theta_first_), solved;
  const auto at = [&](int k, int l) { return weights.col(packed_index(std::max(k, l), std::min(k, l))); };
  for (int k = 0; k < predictors; ++k) {
    if (coefficient_offset_[k] < 0) continue;
    const Matrix& x = model_->predictors()[k].matrix;
    for (Index j = 0; j < x.cols(); ++j) {
      Matrix weighted(model_->rows(), predictors);
      for (int l = 0; l < predictors; ++l) weighted.col(l) = at(k, l).cwiseProduct(x.col(j));
      cross.col(coefficient_offset_[k] + j) = transpose_product(weighted);
      for (int l = 0; l < predictors; ++l)
        if (coefficient_offset_[l] >= 0)
          information.block(coefficient_offset_[l], coefficient_offset_[k] + j, model_->predictors()[l].columns(), 1) =
              model_->predictors()[l].matrix.transpose() * weighted.col(l);
    }
  }
  solved = cross;
  for (Index j = 0; j < solved.cols(); ++j) system_.cholesky().solve(solved.col(j).data(), border_);
  information.topLeftCorner(theta_first_, theta_first_) -= cross.transpose() * solved;
  information.topLeftCorner(theta_first_, theta_first_) =
      positive_definite(information.topLeftCorner(theta_first_, theta_first_));
  information.bottomRightCorner(system_.theta_size(), system_.theta_size()) =
      system_.approximate_information().information;
  return information;
}

Matrix LaplaceObjective::full_row_hessian() {
  const int predictors = model_->likelihood().predictor_count();
  const Index stride = kRowsPerBlock;
  Matrix out(model_->rows(), packed_size(predictors));
  Matrix eta(stride, predictors), gradient(stride, predictors), hessian(stride, packed_size(predictors));
  spread(mode_);
  for (Index begin = 0; begin < model_->rows(); begin += stride) {
    const Index end = std::min(begin + stride, model_->rows()), count = end - begin;
    predictor_block(begin, end, eta);
    if (border_ > 0) eta.col(0).head(count) += border_rows_.middleRows(begin, count) * mode_.tail(border_);
    RowBlock block = model_->block(begin, end);
    for (int k = 0; k < predictors; ++k) block.eta[k] = eta.col(k).data();
    model_->likelihood().second_order(block, Active::all, gradient.data(), hessian.data(), stride);
    out.middleRows(begin, count) = hessian.topRows(count);
  }
  return out;
}

Vector LaplaceObjective::mode_derivative(const Vector& direction) {
  const auto& terms = model_->terms();
  Matrix eta_change = Matrix::Zero(model_->rows(), model_->likelihood().predictor_count());
  for (std::size_t k = 0; k < model_->predictors().size(); ++k)
    if (coefficient_offset_[k] >= 0)
      eta_change.col(static_cast<Index>(k)) =
          model_->predictors()[k].matrix * direction.segment(coefficient_offset_[k], model_->predictors()[k].columns());
  ScaledSystem::Change change = system_.change(direction.tail(system_.theta_size()), mode_.data());
  TermVectors sums = zero_effects(terms);
  for (std::size_t t = 0; t < terms.size(); ++t) {
    add_random_effects(terms[t], change.effects[t].data(), 0, model_->rows(),
                       eta_change.col(terms[t].predictor).data());
    accumulate_transpose(terms[t], row_gradient_.col(terms[t].predictor).data(), 0, model_->rows(), sums[t].data());
  }
  Matrix weighted = Matrix::Zero(model_->rows(), active_count_);
  for (int a = 0; a < active_count_; ++a)
    for (Index k = 0; k < eta_change.cols(); ++k)
      weighted.col(a) +=
          row_hessian_.col(packed_index(std::max<int>(static_cast<int>(k), a), std::min<int>(static_cast<int>(k), a)))
              .cwiseProduct(eta_change.col(k));
  Vector rhs = transpose_product(weighted);
  system_.add_scale_change(change, sums, rhs.data());
  rhs.head(change.precision_product.size()) += change.precision_product;
  rhs = -rhs;
  system_.cholesky().solve(rhs.data(), border_);
  return rhs;
}

}  // namespace ranef
