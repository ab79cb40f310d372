#include "ranef/objective/profiled_gaussian.hpp"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>

namespace ranef {

namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr Index kRowsPerBlock = 1024;

/// log |det to_user|: the change of variables from the model's columns to the user's.
double log_volume(const LinearPredictor& predictor) {
  return predictor.to_user.diagonal().cwiseAbs().array().log().sum();
}

}  // namespace

ProfiledGaussian::ProfiledGaussian(const Model& model, std::shared_ptr<const CrossProductLayout> layout)
    : model_(&model),
      layout_(std::move(layout)),
      columns_(static_cast<int>(model.predictors()[0].columns())),
      effective_rows_(model.weight_total() - (model.reml() ? columns_ : 0)),
      products_(model.terms(), *layout_),
      system_(model.terms(), *layout_, model.kernels()) {
  accumulate();
  if (model.reml()) constant_ -= log_volume(model.predictors()[0]);
}

void ProfiledGaussian::accumulate() {
  const LinearPredictor &mean = model_->predictors()[0], &dispersion = model_->predictors()[1];
  const double n = static_cast<double>(model_->rows());
  const Vector& response = model_->response();
  least_squares_ = mean.matrix.transpose() * response / n;
  if (mean.offset.size() > 0) least_squares_ -= mean.matrix.transpose() * mean.offset / n;

  const int border = columns_ + 1;
  Vector weight;
  RowMatrix rows(kRowsPerBlock, border), weighted(kRowsPerBlock, border);
  RowWeights weights{};
  for (Index begin = 0; begin < model_->rows(); begin += kRowsPerBlock) {
    const Index end = std::min(begin + kRowsPerBlock, model_->rows()), count = end - begin;
    weight = Vector::Ones(count);
    if (model_->weights().size() > 0) weight = model_->weights().segment(begin, count);
    if (dispersion.offset.size() > 0) {
      const auto offset = dispersion.offset.segment(begin, count);
      constant_ += weight.dot(offset);
      weight.array() *= (-2.0 * offset.array()).exp();
    }
    rows.topLeftCorner(count, columns_) = mean.matrix.middleRows(begin, count);
    auto residual = rows.col(columns_).head(count);
    residual = response.segment(begin, count);
    if (mean.offset.size() > 0) residual -= mean.offset.segment(begin, count);
    residual.noalias() -= rows.topLeftCorner(count, columns_) * least_squares_;
    weights[0] = weight.data();
    accumulate_random_blocks(model_->terms(), *layout_, weights, begin, end, products_);
    for (std::size_t t = 0; t < model_->terms().size(); ++t)
      accumulate_border_blocks(model_->terms()[t], weight.data(), rows.data(), border, begin, end, products_.border[t]);
    weighted.topRows(count) = weight.asDiagonal() * rows.topRows(count);
    products_.border_gram.noalias() += weighted.topRows(count).transpose() * rows.topRows(count);
  }
}

/// With z a column of a term in one level, q = sum over levels of (z'y)^2 / z'z has the expectation
///     E q = levels sigma^2 + sum over columns u, levels h of sigma_u^2 (z'u_h)^2 / z'z,
/// and E y'y = n sigma^2 + sum_u sigma_u^2 u'u: linear equations for the variances.
Vector ProfiledGaussian::moment_start() const {
  constexpr double kSmallest = 0.05, kLargest = 3.0;  // relative standard deviations worth starting from
  const auto& terms = model_->terms();
  const int border = columns_ + 1;
  std::vector<Index> first{0};
  for (const RandomTerm& term : terms) first.push_back(first.back() + term.width);
  const Index columns = first.back();
  Matrix equations = Matrix::Zero(columns + 1, columns + 1);
  Vector squares = Vector::Zero(columns + 1);

  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Index w = terms[t].width;
    const double* a = products_.diagonal[t].data();
    for (Index g = 0; g < terms[t].node_count(); ++g, a += w * w)
      for (Index j = 0; j < w; ++j) {
        const double own = a[j * w + j], cross = products_.border[t][(g * w + j) * border + columns_];
        if (!(own > 0.0)) continue;
        squares[first[t] + j] += cross * cross / own;
        equations(first[t] + j, columns) += 1.0;
        equations(columns, first[t] + j) += own;
        for (Index k = 0; k < w; ++k) equations(first[t] + j, first[t] + k) += a[j * w + k] * a[j * w + k] / own;
      }
  }
  for (std::size_t p = 0; p < layout_->pairs().size(); ++p) {
    const TermPair& pair = layout_->pairs()[p];
    const Index wa = terms[pair.first].width, wb = terms[pair.second].width;
    const double* a = products_.pair[p].data();
    for (std::size_t k = 0; k < pair.first_node.size(); ++k)
      for (Index i = 0; i < wa; ++i)
        for (Index j = 0; j < wb; ++j, ++a) {
          const double of_first = products_.diagonal[pair.first][(pair.first_node[k] * wa + i) * wa + i];
          const double of_second = products_.diagonal[pair.second][(pair.second_node[k] * wb + j) * wb + j];
          const Index row = first[pair.first] + i, col = first[pair.second] + j;
          if (of_first > 0.0) equations(row, col) += *a * *a / of_first;
          if (of_second > 0.0) equations(col, row) += *a * *a / of_second;
        }
  }
  squares[columns] = products_.border_gram(columns_, columns_);
  equations(columns, columns) = model_->weight_total();
  const Vector variances = equations.completeOrthogonalDecomposition().solve(squares);
  const double residual = std::max(variances[columns], 0.05 * squares[columns] / model_->weight_total());

  Vector theta(size());
  Index at = 0;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Vector sds = (variances.segment(first[t], terms[t].width) / residual)
                           .cwiseMax(0.0)
                           .cwiseSqrt()
                           .cwiseMax(kSmallest)
                           .cwiseMin(kLargest);
    const Vector own = terms[t].covariance->start(sds);
    theta.segment(at, own.size()) = own;
    at += own.size();
  }
  return theta;
}

double ProfiledGaussian::value(const Vector& theta) {
  system_.set_theta(theta);
  if (!system_.valid_theta()) {
    failure_ = "a correlation at the end of its range";
    return kNoValue;
  }
  if (!system_.factor(products_)) {
    failure_ = "the penalised least-squares problem is singular (no residual variation is left)";
    return kNoValue;
  }
  const int last = layout_->pattern().tail_order() - 1;
  const double pivot = system_.cholesky().tail(last, last);
  residual_squares_ = pivot * pivot;
  const double log_determinant =
      system_.cholesky().log_determinant(model_->reml() ? columns_ : 0) - system_.log_determinant_precision();
  const double value =
      0.5 * (log_determinant + effective_rows_ * (1.0 + kLog2Pi + std::log(residual_squares_ / effective_rows_))) +
      constant_;
  return std::isfinite(value) ? value : kNoValue;
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

Vector ProfiledGaussian::gradient() {
  solve();
  const TermVectors residual = residual_products();
  const double scale = effective_rows_ / residual_squares_;
  std::vector<Matrix> direct;
  for (std::size_t t = 0; t < model_->terms().size(); ++t) {
    const Index w = model_->terms()[t].width;
    const std::vector<int>& start = layout_->coordinate(static_cast<int>(t));
    Matrix sum = Matrix::Zero(w, w);
    for (std::size_t g = 0; g < start.size(); ++g)
      for (Index i = 0; i < w; ++i)
        for (Index j = 0; j < w; ++j) sum(i, j) += residual[t][static_cast<Index>(g) * w + i] * solution_[start[g] + j];
    direct.push_back(-scale * sum);
  }
  const int border = model_->reml() ? columns_ : 0;
  system_.invert(border);
  return system_.theta_gradient(products_, std::move(direct), solution_.data(), nullptr, scale, border);
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
  const int first = layout_->pattern().size() - layout_->pattern().head_size();
  Matrix factor = Matrix::Zero(columns_, columns_);
  for (int j = 0; j < columns_; ++j)
    for (int i = j; i < columns_; ++i) factor(i, j) = system_.cholesky().tail(first + i, first + j);
  const Matrix inverse = factor.triangularView<Eigen::Lower>().solve(Matrix::Identity(columns_, columns_));
  return residual_variance() * inverse.transpose() * inverse;
}

}  // namespace ranef
