#include "ranef/model/gaussian_products.hpp"

#include <algorithm>
#include <cmath>

#include "ranef/linalg/gram.hpp"

namespace ranef {

namespace {

constexpr Index kRowsPerBlock = 1024;

Vector least_squares(const LinearPredictor& mean, const Vector& response) {
  const double n = static_cast<double>(response.size());
  Vector out = mean.matrix.transpose() * response / n;
  if (mean.offset.size() > 0) out -= mean.matrix.transpose() * mean.offset / n;
  return out;
}

/// gram += A' diag(w) A, A column by column, lower triangle at least.
void add_weighted_gram(const Eigen::Ref<const Matrix>& a, const Vector& weight, Matrix& gram) {
  if (a.cols() > kFewColumns) {
    gram.noalias() += a.transpose() * (weight.asDiagonal() * a).eval();
    return;
  }
  for (Index j = 0; j < a.cols(); ++j)
    for (Index i = j; i < a.cols(); ++i) gram(i, j) += a.col(i).cwiseProduct(weight).dot(a.col(j));
}

}  // namespace

GaussianProducts gaussian_products(const Model& model, const std::vector<TermPair>& pairs) {
  const LinearPredictor &mean = model.predictors()[0], &dispersion = model.predictors()[1];
  const int columns = static_cast<int>(mean.columns()), border = columns + 1;
  GaussianProducts out{least_squares(mean, model.response()),
                       model.weight_total() * std::log(model.unit()),
                       {model.terms(), pairs, border}};
  Vector weight;
  Matrix rows(kRowsPerBlock, border);
  RowMatrix row_by_row(kRowsPerBlock, border);
  RowWeights weights{};
  for (Index begin = 0; begin < model.rows(); begin += kRowsPerBlock) {
    const Index end = std::min(begin + kRowsPerBlock, model.rows()), count = end - begin;
    weight = Vector::Ones(count);
    if (model.weights().size() > 0) weight = model.weights().segment(begin, count);
    if (dispersion.offset.size() > 0) {
      const auto offset = dispersion.offset.segment(begin, count);
      out.log_scales += weight.dot(offset);
      weight.array() *= (-2.0 * offset.array()).exp();
    }
    rows.topLeftCorner(count, columns) = mean.matrix.middleRows(begin, count);
    auto residual = rows.col(columns).head(count);
    residual = model.response().segment(begin, count);
    if (mean.offset.size() > 0) residual -= mean.offset.segment(begin, count);
    residual.noalias() -= rows.topLeftCorner(count, columns) * out.least_squares;
    row_by_row.topRows(count) = rows.topRows(count);
    weights[0] = weight.data();
    accumulate_random_blocks(model.terms(), pairs, weights, begin, end, out.blocks);
    for (std::size_t t = 0; t < model.terms().size(); ++t)
      accumulate_border_blocks(model.terms()[t], weight.data(), row_by_row.data(), border, begin, end,
                               out.blocks.border[t]);
    add_weighted_gram(rows.topRows(count), weight, out.blocks.border_gram);
  }
  return out;
}

}  // namespace ranef
