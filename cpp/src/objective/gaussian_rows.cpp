#include "ranef/objective/gaussian_rows.hpp"

#include <algorithm>
#include <cmath>

namespace ranef {

bool rotations_are_affordable(const CrossProductLayout& layout, Index rows) {
  constexpr double kRotations = 1e9;
  const double order = layout.pattern().tail_order();
  return static_cast<double>(rows) * order * order < kRotations;
}

bool factor_rows(const std::vector<RandomTerm>& terms, const CrossProductLayout& layout, const Vector& root_weight,
                 const RowMatrix& border, ScaledSystem& system) {
  if (!system.factor_precision()) return false;
  const RowRotation rotation(layout.pattern());
  const int nodes = layout.pattern().size();
  Vector row = Vector::Zero(nodes + layout.border());
  double* factor = system.cholesky().values().data();
  for (Index i = 0; i < root_weight.size(); ++i) {
    int first = nodes;
    for (std::size_t t = 0; t < terms.size(); ++t) {
      const Matrix& s = system.scales()[t];
      const int at = layout.coordinate(static_cast<int>(t))[terms[t].node[i]];
      const RowValues z = row_values(terms[t], i);
      for (int k = 0; k < z.count; ++k)
        for (int j = 0; j <= z.first + k; ++j) row[at + j] += root_weight[i] * z.values[k] * s(z.first + k, j);
      first = std::min(first, at);
    }
    row.tail(layout.border()) = root_weight[i] * border.row(i).transpose();
    rotation.add(factor, row.data(), first);
  }
  return true;
}

GaussianRows::GaussianRows(const Model& model, const CrossProductLayout& layout, const Vector& least_squares)
    : model_(&model),
      layout_(&layout),
      root_weight_(Vector::Ones(model.rows())),
      border_(model.rows(), layout.border()) {
  const LinearPredictor &mean = model.predictors()[0], &dispersion = model.predictors()[1];
  if (model.weights().size() > 0) root_weight_ = model.weights().cwiseSqrt();
  if (dispersion.offset.size() > 0) root_weight_.array() *= (-dispersion.offset.array()).exp();
  const Index p = mean.columns();
  border_.leftCols(p) = mean.matrix;
  border_.col(p) = model.response() - mean.matrix * least_squares;
  if (mean.offset.size() > 0) border_.col(p) -= mean.offset;
}

bool GaussianRows::factor(ScaledSystem& system) const {
  return factor_rows(model_->terms(), *layout_, root_weight_, border_, system);
}

TermVectors GaussianRows::residual_products(const TermVectors& effects, const Vector& coefficients) const {
  const Index n = model_->rows();
  const Index p = coefficients.size();
  Vector fitted = border_.leftCols(p) * coefficients;
  for (std::size_t t = 0; t < effects.size(); ++t)
    add_random_effects(model_->terms()[t], effects[t].data(), 0, n, fitted.data());
  const Vector weighted = root_weight_.cwiseAbs2().cwiseProduct(border_.col(p) - fitted);
  TermVectors out;
  for (std::size_t t = 0; t < effects.size(); ++t) {
    out.push_back(Vector::Zero(effects[t].size()));
    accumulate_transpose(model_->terms()[t], weighted.data(), 0, n, out[t].data());
  }
  return out;
}

}  // namespace ranef
