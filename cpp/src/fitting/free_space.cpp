#include "free_space.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <stdexcept>

namespace ranef {

AffineSpace free_space(const Model& model, const ParameterMap& map, const Vector& point, const Vector& values,
                       const std::vector<bool>& fixed) {
  AffineSpace space = AffineSpace::everything(map.size());
  if (fixed.empty()) return space;
  Index free = 0;
  space.whole = false;
  space.base = Vector::Zero(map.size());
  Matrix directions = Matrix::Zero(map.size(), map.size());
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const Index at = map.coefficient_offset(k), p = model.predictors()[k].columns();
    if (at < 0 || p == 0) continue;
    const Matrix upper = model.predictors()[k].to_user.triangularView<Eigen::Upper>().solve(Matrix::Identity(p, p));
    Matrix open(p, p);
    Index count = 0;
    for (Index j = 0; j < p; ++j) {
      if (fixed[at + j])
        space.base.segment(at, p) += upper.col(j) * values[at + j];
      else
        open.col(count++) = upper.col(j);
    }
    if (count > 0) {
      const Matrix basis =
          Eigen::HouseholderQR<Matrix>(open.leftCols(count)).householderQ() * Matrix::Identity(p, count);
      directions.block(at, free, p, count) = basis;
    }
    free += count;
  }
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Index at = map.term_offset(t), count = model.terms()[t].covariance->parameter_count();
    const auto held = std::count(fixed.begin() + at, fixed.begin() + at + count, true);
    const bool joint = model.terms()[t].covariance->basis_freedom() == BasisFreedom::full && count > 1;
    if (held > 0 && held < count && joint)
      throw std::invalid_argument(
          "an unstructured term of several effects can only be held as a whole: fix all its standard deviations and "
          "correlations, or write the term as diag(...) or in separate terms");
    for (Index j = 0; j < count; ++j) {
      if (fixed[at + j])
        space.base[at + j] = point[at + j];
      else
        directions(at + j, free++) = 1.0;
    }
  }
  space.directions = directions.leftCols(free);
  return space;
}

}  // namespace ranef
